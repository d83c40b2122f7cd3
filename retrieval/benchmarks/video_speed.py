"""How fast a video is watched, and whether memory stays flat over hours of it."""

import resource
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from retrieval.benchmarks.progress import Advance
from retrieval.benchmarks.videos import HEIGHT, WIDTH, Walker, draw
from retrieval.service import Service
from retrieval.values import Source

_FPS = 25


def write(walkers: list[Walker], seconds: float, path: Path) -> None:
    """Write a composed video of 720p, H.264, 25 frames per second."""
    import av

    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=_FPS, options={"preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(int(seconds * _FPS)):
            picture, _ = draw(walkers, number / _FPS)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(stream.encode())


def watch(
    service: Service, walkers: list[Walker], seconds: float, hours: float, advance: Advance
) -> dict[str, Any]:
    """Watch a composed video for its speed, and a long one made of it for its memory.

    Args:
        service: that watches.
        walkers: of the video.
        seconds: that the video lasts.
        hours: of video that are watched for its memory, the same again and again; 0 for none.
        advance: is told of each second of that.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "walk.mp4"
        write(walkers, seconds, path)
        source = Source("walk.mp4", path)
        service.identify_video(source)  # networks warm up
        begun, cpu = time.perf_counter(), time.process_time()
        answer = service.identify_video(source)
        took, used = time.perf_counter() - begun, time.process_time() - cpu
        found: dict[str, Any] = {
            "seconds": round(answer.seconds, 1),
            "frames_looked_at": answer.looked,
            "tracks": len(answer.tracks),
            "took_s": round(took, 2),
            "cpu_s": round(used, 2),
            "times_real_time": round(answer.seconds / took, 2),
        }
        if hours:
            found["memory"] = _memory(service, path, hours * 3600, advance)
        return found


def _memory(service: Service, short: Path, seconds: float, advance: Advance) -> dict[str, Any]:
    """Watch one long video, made of many times the short one, as any video is watched."""
    path, process = short.with_name("long.mp4"), psutil.Process()
    repeat(short, seconds, path)
    rows: list[float] = []

    def reached(second: float, length: float | None) -> None:
        rows.append(process.memory_info().rss / 2**20)
        advance(max(int(second) - advanced[0], 0))
        advanced[0] = max(int(second), advanced[0])

    advanced = [0]
    cpu = time.process_time()
    answer = service.identify_video(Source("long.mp4", path), advance=reached)
    tenth = max(len(rows) // 10, 1)
    return {
        "hours": round(answer.seconds / 3600, 4),
        "frames_looked_at": answer.looked,
        "tracks": len(answer.tracks),
        "cpu_s": round(time.process_time() - cpu, 1),
        "first_tenth_mb": round(float(np.mean(rows[:tenth])), 1),
        "last_tenth_mb": round(float(np.mean(rows[-tenth:])), 1),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10, 1),
    }


def repeat(short: Path, seconds: float, path: Path) -> None:
    """Write a video again and again into another, as it is, until that lasts so long."""
    import av

    with av.open(str(path), "w") as long:
        stream, ends, base = None, 0, Fraction(1)
        while stream is None or ends * base < seconds:
            with av.open(str(short)) as file:
                shown = file.streams.video[0]
                if stream is None:
                    stream, base = long.add_stream_from_template(shown), shown.time_base or base
                begins = ends
                for packet in file.demux(shown):
                    if packet.pts is None or packet.dts is None:  # the end
                        continue
                    packet.pts, packet.dts = packet.pts + begins, packet.dts + begins
                    ends = max(ends, packet.pts + (packet.duration or 0))
                    packet.stream = stream
                    long.mux(packet)
            if ends == begins:
                return
