"""Videos as files: what they say of themselves, their frames, and what is refused."""

import hashlib
from fractions import Fraction

import numpy as np
import pytest

from retrieval.errors import PhotoTooLarge, PhotoUnreadable
from retrieval.photos.video_rules import Pace, VideoLimits
from retrieval.photos.videos import clock, opened
from retrieval.values import Source
from tests.made_videos import squares, write_video

LIMITS = VideoLimits()


def noise(seed, shape=(120, 160, 3)):
    coarse = np.random.default_rng(seed).integers(0, 255, (8, 8, 1)).astype(np.uint8)
    return np.ascontiguousarray(
        np.broadcast_to(np.kron(coarse[..., 0], np.ones((15, 20), np.uint8))[..., None], shape)
    )


def moving(count):
    return [squares(((250, 6, 6), 20 + 8 * n, 40), width=320) for n in range(count)]


def sampled(path, pace=None, limits=LIMITS):
    with opened(Source(path.name, path), limits) as video:
        return list(video.sampled(pace or Pace())), video


def refused(path, limits=LIMITS):
    with pytest.raises((PhotoUnreadable, PhotoTooLarge)) as error:
        sampled(path, limits=limits)
    return str(error.value)


def test_frames_are_taken_by_time_and_say_when_they_are_shown(tmp_path):
    path = write_video(tmp_path / "a.mp4", moving(36), fps=20)
    frames, video = sampled(path, Pace(5))
    assert [round(frame.second, 1) for frame in frames] == [round(0.2 * n, 1) for n in range(9)]
    assert video.frames == 36
    assert video.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert video.ends_early is None


def test_a_variable_frame_rate_keeps_each_frames_own_time(tmp_path):
    times = [0, 0.1, 0.2, 3.0, 3.1, 9.0]
    path = write_video(tmp_path / "v.mp4", moving(6), seconds=times)
    frames, _ = sampled(path, Pace(10))
    assert [round(frame.second, 1) for frame in frames] == times


def test_a_picture_that_stands_still_is_looked_at_once_in_a_second(tmp_path):
    path = write_video(tmp_path / "s.mp4", [noise(1)] * 60, fps=20)
    frames, _ = sampled(path, Pace(10, 1.0))
    assert [round(frame.second) for frame in frames] == [0, 1, 2]


def test_a_new_scene_is_looked_at_at_once_and_said_to_be_one(tmp_path):
    path = write_video(tmp_path / "c.mp4", [noise(1)] * 7 + [noise(2)] * 7, fps=10)
    frames, _ = sampled(path, Pace(2))
    assert [(round(frame.second, 1), frame.cut) for frame in frames if frame.cut] == [(0.7, True)]


def flashed(count, *bright):
    """A scene that moves on, lit by flashes."""
    frames = moving(count)
    for number in bright:
        frames[number] = np.full_like(frames[number], 250)
        frames[number][::2, : 20 * number % 300] = 255
    return frames


@pytest.mark.parametrize("bright", [(7,), (7, 8), (3, 4, 12, 20, 21)])
def test_flashes_are_no_cuts_and_are_not_looked_at(tmp_path, bright):
    path = write_video(tmp_path / "f.mp4", flashed(30, *bright), fps=20)
    frames, video = sampled(path, Pace(20))
    assert [frame.number for frame in frames] == [n for n in range(30) if n not in bright]
    assert not any(frame.cut for frame in frames)
    assert video.frames == 30


def test_what_a_flash_goes_over_to_is_another_scene(tmp_path):
    shots = [[noise(seed)] * 6 for seed in (1, 2, 3)]
    white = [np.full((120, 160, 3), 250, np.uint8)]
    path = write_video(tmp_path / "f.mp4", [*shots[0], *white, *shots[1], *shots[2]], fps=20)
    frames, _ = sampled(path, Pace(20, 0.01))
    assert {6, 7, 13} <= {frame.number for frame in frames if frame.cut} <= {6, 7, 8, 13}
    path = write_video(tmp_path / "end.mp4", [*shots[0], *white], fps=20)
    frames, _ = sampled(path, Pace(20, 0.01))
    assert frames[-1].number == 6, "what comes last is no flash"


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_frames_stand_upright_whatever_side_the_phone_was_on(tmp_path, rotation):
    lying = np.full((96, 160, 3), 128, np.uint8)
    lying[:32, :32] = (250, 6, 6)  # the chip's left upper corner
    path = write_video(tmp_path / "r.mp4", [lying] * 3, rotation=rotation)
    frames, video = sampled(path)
    upright = np.rot90(lying, rotation // 90)
    assert frames[0].pixels.shape == upright.shape
    assert (video.info.width, video.info.height) == upright.shape[1::-1]
    assert np.abs(frames[0].pixels.astype(int) - upright).mean() < 12


def test_pixels_that_are_no_squares_are_widened(tmp_path):
    path = write_video(tmp_path / "dvd.mp4", moving(3), wide=Fraction(64, 45), rotation=90)
    frames, video = sampled(path)
    assert frames[0].pixels.shape == (round(320 * 64 / 45), 240, 3)
    assert (video.info.width, video.info.height) == (240, round(320 * 64 / 45))


def test_a_recording_whose_clock_began_before_its_pictures_is_whole(tmp_path):
    times = [60 + n / 10 for n in range(20)]
    path = write_video(tmp_path / "late.mkv", moving(20), seconds=times)
    frames, video = sampled(path)
    assert (round(frames[0].second, 1), round(frames[-1].second, 1)) == (0.0, 1.8)
    assert video.ends_early is None


def test_a_recording_that_was_cut_out_of_a_stream_is_seen_from_its_first_whole_picture(tmp_path):
    shown = [squares(((250, 6, 6), abs(n % 60 - 30), 0), width=128, height=96) for n in range(270)]
    stream = write_video(tmp_path / "s.ts", shown, fps=25).read_bytes()
    cut = tmp_path / "cut.ts"
    cut.write_bytes(stream[len(stream) // 50 + 77 :])
    frames, video = sampled(cut)
    assert video.frames == 270 - 250  # where the encoder made the next one
    assert frames[0].second == 0


def test_a_file_of_sound_alone_says_that_it_holds_no_pictures(tmp_path):
    path = write_video(tmp_path / "song.mp4", [], sound=True)
    assert "sound only" in refused(path)


def test_what_is_no_video_says_so(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"not a video at all, just text" * 100)
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n")
    (tmp_path / "concat.mp4").write_text("ffconcat version 1.0\nfile /etc/passwd\n")
    assert "no video" in refused(tmp_path / "a.mp4")
    assert "empty" in refused(tmp_path / "empty.mp4")
    assert "no such file" in refused(tmp_path / "gone.mp4")
    assert "no file but" in refused(tmp_path)
    for name in ("list.m3u8", "concat.mp4"):  # a list of other files is never followed
        assert "no video" in refused(tmp_path / name)


def test_a_video_that_breaks_off_gives_what_it_has_and_says_until_when(tmp_path):
    whole = write_video(tmp_path / "w.ts", [noise(n) for n in range(60)], fps=10)
    data = whole.read_bytes()
    half = tmp_path / "half.mkv"
    write_video(tmp_path / "w.mkv", [noise(n) for n in range(60)], fps=10)
    data = (tmp_path / "w.mkv").read_bytes()
    half.write_bytes(data[: len(data) // 2])
    frames, video = sampled(half)
    assert frames
    assert "damaged" in video.ends_early or "end is missing" in video.ends_early
    cut_mp4 = tmp_path / "cut.mp4"
    write_video(cut_mp4, [noise(n) for n in range(30)], fps=10)
    cut_mp4.write_bytes(cut_mp4.read_bytes()[:-2000])  # its index stands at the end
    assert "no video" in refused(cut_mp4)


def test_what_is_above_a_limit_is_refused_with_the_setting_that_raises_it(tmp_path):
    path = write_video(tmp_path / "a.mp4", [noise(n) for n in range(30)], fps=10)
    assert "max_video_hours" in refused(path, VideoLimits(max_seconds=1))
    assert "max_video_frames" in refused(path, VideoLimits(max_frames=10))
    assert "max_video_pixels" in refused(path, VideoLimits(max_pixels=1000))
    assert "max_video_bytes" in refused(path, VideoLimits(max_bytes=100))


def test_a_stream_that_never_ends_is_given_up_at_the_limit(tmp_path):
    endless = tmp_path / "endless.ts"  # says nothing of how long it is
    write_video(endless, [noise(n) for n in range(50)], fps=10)
    with pytest.raises(PhotoTooLarge, match="max_video_hours"):
        sampled(endless, limits=VideoLimits(max_seconds=2))


def test_bytes_are_read_as_a_file_is(tmp_path):
    path = write_video(tmp_path / "a.mp4", moving(5))
    with opened(Source("upload.mp4", path.read_bytes()), LIMITS) as video:
        assert len(list(video.sampled(Pace()))) >= 2


def test_seconds_are_written_as_a_clock():
    assert [clock(second) for second in (0, 12.9, 100, 3723)] == [
        "00:00",
        "00:12",
        "01:40",
        "1:02:03",
    ]
