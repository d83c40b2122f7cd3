"""How fast a video is watched, and whether memory stays flat over hours of it."""

import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from retrieval.benchmarks.progress import Advance
from retrieval.benchmarks.videos import HEIGHT, WIDTH, Walker, draw
from retrieval.collection.tracks.following import BATCH, Follower
from retrieval.collection.tracks.tracker import TrackRule
from retrieval.photos.videos import Frame, VideoRules, opened
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
    """Watch a composed video, once for its speed and again and again for its memory.

    Args:
        service: that watches.
        walkers: of the video.
        seconds: that the video lasts.
        hours: of video that are watched in a loop; 0 for none.
        advance: is told of each time through.
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
            found["memory"] = _loop(service, source, hours, advance)
        return found


def _loop(service: Service, source: Source, hours: float, advance: Advance) -> dict[str, Any]:
    """Follow one endless video made of many times the same: its tracks never begin anew."""
    rules, process = service.video_rules, psutil.Process()
    follower = Follower(TrackRule.of(service.active_model.lens.gate()))
    rows, watched = [], 0.0
    while watched < hours * 3600:
        for batch in _batches(source, rules, watched):
            faces = service.active_model.pipeline.look([frame.pixels for frame in batch])
            for frame, each in zip(batch, faces, strict=True):
                follower.step(frame, each)
            last = batch[-1].second
        watched = last + 1.0
        rows.append(process.memory_info().rss / 2**20)
        advance(1)
    tenth = rows[: max(len(rows) // 10, 1)]
    return {
        "hours": round(watched / 3600, 2),
        "first_tenth_mb": round(float(np.mean(tenth)), 1),
        "last_tenth_mb": round(float(np.mean(rows[-len(tenth) :])), 1),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10, 1),
        "tracks": len(follower.tracks),
    }


def _batches(source: Source, rules: VideoRules, offset: float) -> Iterator[list[Frame]]:
    with opened(source, rules.limits) as video:
        batch: list[Frame] = []
        for frame in video.sampled(rules.pace):
            batch.append(Frame(frame.number, frame.second + offset, frame.pixels, frame.cut))
            if len(batch) == BATCH:
                yield batch
                batch = []
        if batch:
            yield batch
