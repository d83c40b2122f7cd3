"""Where the time of a question goes: stage by stage, and what our layers add to the networks."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from retrieval.benchmarks.timing import Stopwatch
from retrieval.collection.active_model import CANDIDATES
from retrieval.collection.photo_faces import FoundFaces
from retrieval.errors import DataInvalid
from retrieval.identities.decide import decide
from retrieval.protocols import Embedder
from retrieval.service import Service
from retrieval.values import Floats, Pixels, Source

RAW_BATCH = 32
STAGES = ("decode", "detect", "align", "embed", "search", "decide")


@dataclass(frozen=True, slots=True)
class PipelineTimes:
    """What one run measured; times are medians over the rounds.

    Attributes:
        photos, faces: how many were asked about, and found.
        stage_ms: milliseconds per photo by stage.
        identify_ms: milliseconds per photo of the whole `identify`, one photo at a time.
        identify_ratio: whole `identify` over the sum of its stages.
        embed_faces_per_s: faces through our embedder, batch 32 (a mirrored face is two passes).
        raw_passes_per_s: forward passes of the bare ONNX Runtime session, batch 32.
        embed_ratio: our forward passes per second over the bare session's.
    """

    photos: int
    faces: int
    stage_ms: dict[str, float]
    identify_ms: float
    identify_ratio: float
    embed_faces_per_s: float
    raw_passes_per_s: float
    embed_ratio: float

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "photos": self.photos,
            "faces": self.faces,
            "stage_ms": {stage: round(ms, 3) for stage, ms in self.stage_ms.items()},
            "identify_ms": round(self.identify_ms, 3),
            "identify_over_stages": round(self.identify_ratio, 3),
            "embed_faces_per_s": round(self.embed_faces_per_s, 1),
            "raw_passes_per_s": round(self.raw_passes_per_s, 1),
            "embed_over_raw": round(self.embed_ratio, 3),
        }


def run(
    service: Service,
    model: Path,
    paths: Sequence[Path],
    *,
    threads: int,
    rounds: int = 5,
    progress: Callable[[], None] = lambda: None,
) -> PipelineTimes:
    """Measure the stages of `identify` on these photos.

    Args:
        service: over a collection, which may be empty.
        model: the embedder's ONNX file, for the bare session.
        paths: photos.
        threads: of the bare session; the service's own.
        rounds: each measures every photo once by stages and once as a whole, in turn.
        progress: called after each round.

    Raises:
        DataInvalid: no photo could be read.
    """
    sources = [Source(str(path), path) for path in paths]
    readable = [s for s, answer in zip(sources, service.identify(sources), strict=True)
                if answer.error is None]  # fmt: skip
    if not readable:
        raise DataInvalid("None of the photos can be read: there is nothing to measure.")
    by_stage: list[dict[str, float]] = []
    whole: list[float] = []
    chips: list[Pixels] = []
    for _ in range(rounds):
        watch = Stopwatch()
        chips = [_by_stages(service, source, watch).chips for source in readable]
        by_stage.append(watch.seconds)
        started = time.perf_counter()
        for source in readable:
            service.identify([source])
        whole.append(time.perf_counter() - started)
        progress()
    per_photo = 1000 / len(readable)
    ours, raw = _embedding(service.pipeline.embedder, model, np.concatenate(chips), threads, rounds)
    passes = 2 if service.collection.mirror else 1
    ratios = [total / sum(stages.values()) for total, stages in zip(whole, by_stage, strict=True)]
    return PipelineTimes(
        photos=len(readable),
        faces=sum(map(len, chips)),
        stage_ms={
            stage: statistics.median(round_[stage] for round_ in by_stage) * per_photo
            for stage in STAGES
        },
        identify_ms=statistics.median(whole) * per_photo,
        identify_ratio=statistics.median(ratios),
        embed_faces_per_s=statistics.median(ours),
        raw_passes_per_s=statistics.median(raw),
        embed_ratio=statistics.median(
            own * passes / bare for own, bare in zip(ours, raw, strict=True)
        ),
    )


def _by_stages(service: Service, source: Source, watch: Stopwatch) -> FoundFaces:
    pipeline, gallery = service.pipeline, service.gallery
    with watch("decode"):
        photo = pipeline.open(source)
        photo.at_least(pipeline.working_px)
    with watch("detect"):
        detections = pipeline.detect(photo)
    with watch("align"):
        found = pipeline.align(photo, detections)
    with watch("embed"):
        (faces,) = pipeline.embed([found])
    with watch("search"):
        gallery.catch_up()
        hits = gallery.search(faces.vectors, CANDIDATES)
    with watch("decide"):
        decide(hits, faces.quality.reasons, service.gate)
    return found


def _embedding(
    embedder: Embedder, model: Path, chips: Pixels, threads: int, rounds: int
) -> tuple[list[float], list[float]]:
    """Faces per second through the embedder, and passes per second of the bare session, in turn."""
    if not len(chips):
        raise DataInvalid("No face was found in these photos: embedding cannot be measured.")
    batch = chips[np.arange(RAW_BATCH) % len(chips)]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(model), options)
    wanted = session.get_inputs()[0]
    feed = {wanted.name: batch if wanted.type == "tensor(uint8)" else _floats(batch, wanted.shape)}
    ours, raw = [], []
    for _ in range(rounds + 1):  # the first warms up
        ours.append(_rate(lambda: embedder.embed(batch)))
        raw.append(_rate(lambda: session.run(None, feed)))
    return ours[1:], raw[1:]


def _floats(batch: Pixels, shape: Sequence[Any]) -> Floats:
    scaled: Floats = ((batch.astype(np.float32) - 127.5) / 128).astype(np.float32)
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2)) if shape[1] == 3 else scaled


def _rate(call: Callable[[], object], at_least_s: float = 0.5) -> float:
    """Rows of a batch per second."""
    calls, started = 0, time.perf_counter()
    while (passed := time.perf_counter() - started) < at_least_s:
        call()
        calls += 1
    return calls * RAW_BATCH / passed
