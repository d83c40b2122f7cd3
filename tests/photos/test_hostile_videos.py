"""Videos that want to take memory or time, or to confuse: limits hold, and each says what it is."""

import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from retrieval.errors import PhotoTooLarge, PhotoUnreadable
from retrieval.photos.video_rules import Pace, VideoLimits
from retrieval.photos.videos import opened
from retrieval.values import Source
from tests.made_videos import squares, write_video

LIMITS = VideoLimits()
MB = 1 << 20

# Looks at every frame of a video; says by how much the process grew, and what was wrong with it.
MEASURED = """
import re, sys
from pathlib import Path
from retrieval.errors import PhotoError
from retrieval.photos.videos import opened
from retrieval.photos.video_rules import Pace, VideoLimits
from retrieval.values import Source

def height():
    return 1024 * int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])

def look(path):
    try:
        with opened(Source(path.name, path), VideoLimits(max_pixels=int(sys.argv[3]))) as video:
            return sum(1 for _ in video.sampled(Pace(1000))), video.ends_early
    except PhotoError as error:
        return 0, str(error)

look(Path(sys.argv[1]))  # so that nothing is loaded any more
Path("/proc/self/clear_refs").write_text("5")
before = height()
frames, why = look(Path(sys.argv[2]))
print(height() - before, frames, why)
"""


def moving(count, **size):
    return [squares(((250, 6, 6), 20 + 5 * n, 40), **size) for n in range(count)]


def looked(path, pace=None, limits=LIMITS):
    with opened(Source(path.name, path), limits) as video:
        return [frame.second for frame in video.sampled(pace or Pace())], video


def encoded(path, frames, codec="libx264", **options):
    """Frames as a bare stream, without a container that says when each is shown."""
    with av.open(str(path), "w", format="h264") as file:
        stream = file.add_stream(codec, rate=10, options=options)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        file.mux(stream.encode())
    return path


def growth(small, path, max_pixels):
    """By how many bytes a process grows that looks at a video; frames; what was wrong with it."""
    command = [sys.executable, "-c", MEASURED, str(small), str(path), str(max_pixels)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    grown, frames, why = done.stdout.split(" ", 2)
    return int(grown), int(frames), why.strip()


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="asks Linux for memory")
def test_huge_frames_are_refused_before_one_is_made(tmp_path):
    small = write_video(tmp_path / "small.mp4", moving(5))
    huge = tmp_path / "huge.y4m"
    huge.write_bytes(b"YUV4MPEG2 W30000 H30000 F25:1 C420\nFRAME\n" + bytes(100))
    grown, frames, why = growth(small, huge, 40_000_000)
    assert frames == 0
    assert "no video" in why or "max_video_pixels" in why
    assert grown < 100 * MB


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="asks Linux for memory")
def test_a_stream_whose_frames_become_huge_is_read_as_far_as_they_are_not(tmp_path):
    small = encoded(tmp_path / "small.h264", moving(5))
    large = [np.zeros((6000, 6000, 3), np.uint8)]  # 162 MB, decoded and turned to RGB
    huge = encoded(tmp_path / "huge.h264", large, preset="ultrafast")
    both = tmp_path / "both.mpg"
    both.write_bytes(small.read_bytes() + huge.read_bytes())
    grown, frames, why = growth(small, both, 1_000_000)
    assert frames >= 2
    assert "damaged" in why or "max_video_pixels" in why
    assert grown < 100 * MB


def test_a_clock_of_a_hundred_thousand_frames_a_second_is_looked_at_by_time(tmp_path):
    at = [n / 90_000 for n in range(200)]
    path = write_video(tmp_path / "fast.mp4", moving(200), seconds=at)
    seconds, video = looked(path)
    assert video.frames == 200
    assert len(seconds) == 1
    with pytest.raises(PhotoTooLarge, match="max_video_frames"):
        looked(path, limits=VideoLimits(max_frames=100))


def test_a_clock_that_begins_below_zero_jumps_back_or_is_missing_goes_on(tmp_path):
    below = write_video(tmp_path / "below.mkv", moving(20), seconds=[n / 10 - 1 for n in range(20)])
    seconds, _ = looked(below, Pace(10))
    assert seconds[0] == 0
    assert seconds[-1] == pytest.approx(1.9, abs=0.11)
    missing = encoded(tmp_path / "missing.h264", moving(20))
    seconds, video = looked(missing, Pace(1000))
    assert video.frames == 20
    assert seconds == sorted(seconds)
    assert 0.5 < seconds[-1] < 3


def test_recordings_that_were_put_together_are_looked_at_to_the_end(tmp_path):
    part = write_video(tmp_path / "part.ts", moving(20)).read_bytes()
    whole = tmp_path / "whole.ts"
    whole.write_bytes(2 * part)
    seconds, video = looked(whole, Pace(10))
    assert video.frames == 40
    assert len(seconds) >= 36
    assert seconds[-1] == pytest.approx(3.9, abs=0.11)


def test_a_clock_that_jumps_ahead_by_a_year_is_over_the_limit(tmp_path):
    path = write_video(tmp_path / "jump.mkv", moving(3), seconds=[0, 0.1, 365 * 86_400])
    with pytest.raises(PhotoTooLarge, match="max_video_hours"):
        looked(path)


def test_a_video_of_key_frames_alone_and_one_without_any_but_the_first(tmp_path):
    for name, distance in (("keys.mp4", "1"), ("deltas.mp4", "9999")):
        path = tmp_path / name
        with av.open(str(path), "w") as file:
            stream = file.add_stream("libx264", rate=10, options={"g": distance})
            stream.height, stream.width, stream.pix_fmt = 240, 640, "yuv420p"
            for frame in moving(20):
                file.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            file.mux(stream.encode())
        seconds, video = looked(path)
        assert (video.frames, video.ends_early) == (20, None)
        assert len(seconds) == 10


def test_subtitles_and_sound_beside_the_pictures_change_nothing(tmp_path):
    plain = write_video(tmp_path / "plain.mkv", moving(20), sound=True)
    words = tmp_path / "words.srt"
    words.write_text("1\n00:00:00,100 --> 00:00:01,500\nHello <b>there</b>\n")
    path, packets = tmp_path / "titled.mkv", []
    with av.open(str(path), "w") as file, av.open(str(plain)) as shown, av.open(str(words)) as said:
        for source in (shown, said):
            streams = [file.add_stream_from_template(stream) for stream in source.streams]
            packets += [
                (packet, streams[packet.stream.index])
                for packet in source.demux()
                if packet.pts is not None
            ]
        for packet, stream in packets:
            packet.stream = stream
            file.mux(packet)
    seconds, video = looked(path)
    assert (video.frames, video.ends_early) == (20, None)
    assert seconds == looked(plain)[0]


def test_a_file_of_subtitles_alone_holds_no_pictures(tmp_path):
    path = tmp_path / "words.mkv"
    path.write_text("1\n00:00:00,100 --> 00:00:01,500\nHello\n")
    with pytest.raises(PhotoUnreadable, match="no video"):
        looked(path)


def test_random_bytes_in_the_midst_cost_these_frames_and_no_others(tmp_path):
    whole = write_video(tmp_path / "whole.mkv", moving(60))
    data = bytearray(whole.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 200] = np.random.default_rng(0).bytes(200)
    (tmp_path / "hurt.mkv").write_bytes(data)
    seconds, video = looked(tmp_path / "hurt.mkv")
    assert len(seconds) >= 10
    assert video.ends_early is None or "damaged" in video.ends_early
