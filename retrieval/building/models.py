"""Settings -> networks: which ones a collection takes, and how they are loaded."""

import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.errors import SettingInvalid
from retrieval.protocols import Detector, Embedder
from retrieval.settings import Settings
from retrieval.values import Gate

if TYPE_CHECKING:
    from retrieval.catalogue.records import Collection
    from retrieval.collection.pipeline import Pipeline
    from retrieval.faces.finder import Finder
    from retrieval.faces.given import GivenFace
    from retrieval.faces.liveness import Liveness
    from retrieval.faces.onet import ONet
    from retrieval.inference.manifest import EmbedderEntry, Manifest, Precision
    from retrieval.inference.store import ModelStore
    from retrieval.photos.video_rules import VideoRules

# What `auto` takes: the first that is there without a download, see docs/tuning.md.
DETECTORS = ("yunet", "mtcnn")
# What `rollcall models pull` brings without a name: with what is installed, the best models.
RECOMMENDED = ("yunet", "mobilefacenet")
# A face, of the embedder that `auto` takes at most: three times as long as dlib's network alone
# takes is worth half of its misses, eight times is not.
_MOST_MS = 10.0


def build_models(settings: Settings) -> "ModelStore":
    """The manifest, with the user's own entries, and the files that exist of it."""
    from retrieval.inference.manifest import load_manifest
    from retrieval.inference.store import ModelStore

    return ModelStore(
        settings.home / "models", load_manifest(settings.home / "models.toml"), _export
    )


def _export(
    entry: "EmbedderEntry", precision: "Precision", weights: Path, origin: str, target: Path
) -> None:
    """Export an embedder; only now are the exporters loaded, which takes 0.2 s."""
    from retrieval.embeddings.export.exporters import export

    export(entry, precision, weights, origin, target)


def build_detector(settings: Settings, name: str, threads: int) -> Detector:
    """Load a detector.

    Raises:
        NotFound: the manifest has none of that name.
        ModelError: its files are not there or damaged.
    """
    files = build_models(settings).detector_files(name)
    detector: Detector
    if name == "yunet":
        from retrieval.faces.yunet import YuNet

        detector = YuNet(files["network"], threads=threads)
    elif name == "mtcnn":
        from retrieval.faces.mtcnn import Mtcnn

        detector = Mtcnn(files["pnet"], files["rnet"], files["onet"], threads=threads)
    else:
        from retrieval.faces.haar import Haar

        detector = Haar(files["cascade"], files["onet"], threads=threads)
    return detector


def build_finder(settings: Settings, name: str) -> "Finder":
    """Load a detector, and what decides where it looks; raises as `build_detector` does."""
    from retrieval.faces.finder import Finder

    opinion = None
    if name == "yunet":  # the others have asked O-Net themselves
        from retrieval.faces.confirming import SecondOpinion

        def load() -> "ONet":
            from retrieval.faces.onet import ONet

            return ONet(build_models(settings).detector_files("mtcnn")["onet"])

        opinion = SecondOpinion(load)
    return Finder(
        build_detector(settings, name, 1),
        settings.detail,
        working_px=settings.working_px,
        opinion=opinion,
    )


def build_liveness(settings: Settings) -> "Liveness":
    """Load what tells live faces from pictures of faces.

    Raises:
        ModelError: its file is not there or damaged.
    """
    from retrieval.faces.liveness import Liveness

    return Liveness(build_models(settings).detector_files("antispoof")["network"])


def build_given_face(settings: Settings) -> "GivenFace":
    """Load what finds the landmarks of a face whose box is given.

    Raises:
        ModelError: its file is not there or damaged.
    """
    from retrieval.faces.given import GivenFace

    return GivenFace(build_models(settings).detector_files("mtcnn")["onet"])


def build_embedder(
    settings: Settings, name: str, precision: str | None = None, mirror: bool | None = None
) -> Embedder:
    """Load an embedder, exporting it first where that needs no download.

    Raises:
        NotFound: the manifest has none of that name.
        ModelError: its files are not there or damaged.
    """
    from retrieval.embeddings.joined import JoinedEmbedder

    models = build_models(settings)
    variant = chosen_precision(models.manifest, name, precision or settings.precision)
    mirrored = settings.mirror if mirror is None else mirror
    if name not in models.manifest.joined:
        return _network(settings, models, name, variant, mirrored)
    parts = models.manifest.joined[name].parts
    networks = [
        _network(
            settings,
            models,
            part.name,
            models.variant(part.name, variant),
            mirrored and part.mirror,
        )
        for part in parts
    ]
    return JoinedEmbedder(
        name, [(own, part.weight) for own, part in zip(networks, parts, strict=True)]
    )


def _network(
    settings: Settings, models: "ModelStore", name: str, precision: "Precision", mirror: bool
) -> Embedder:
    from retrieval.embeddings.onnx_embedder import OnnxEmbedder

    return OnnxEmbedder(
        name,
        models.manifest.embedder(name),
        models.file(name, precision),
        precision=precision,
        mirror=mirror,
        batch_size=settings.batch_size,
        threads=threads_of(settings),
        provider=settings.provider,
    )


def chosen_detector(settings: Settings) -> str:
    """The detector that a new collection takes."""
    models = build_models(settings)
    if settings.detector != "auto":
        return settings.detector
    return next(name for name in DETECTORS if models.available(name))


def best_embedder(models: "ModelStore") -> str:
    """The embedder that a new collection takes: of those that are there and fast, the best."""
    return next(name for name in _by_measure(models) if models.available(name))


def embedder_remark(models: "ModelStore", name: str) -> str:
    """In a line: what that embedder misses, and what a better one would."""
    best = _by_measure(models)[0]
    said = f"embedder {name} (auto): misses {_missed(models, name)} of 100 people on LFW"
    if name == best:
        return said
    return f"{said}; `rollcall models pull` brings one that misses {_missed(models, best)}"


def _by_measure(models: "ModelStore") -> list[str]:
    """Embedders by what they miss on LFW, best first; only those that take little time."""
    manifest = models.manifest
    measured = {name: manifest.any_embedder(name).lfw for name in manifest.embedder_names}
    rates = {name: found.fnir for name, found in measured.items() if found and found.ms <= _MOST_MS}
    return sorted(rates, key=lambda name: rates[name])


def _missed(models: "ModelStore", name: str) -> str:
    figures = models.manifest.any_embedder(name).lfw
    return "?" if figures is None else f"{100 * figures.fnir:.0f}"


def build_pipeline(settings: Settings, detector: str, embedder: Embedder) -> "Pipeline":
    """What goes from photos to vectors: one detector per thread, and the embedder."""
    import cv2

    from retrieval.collection.pipeline import Pipeline

    cv2.setNumThreads(1)  # photos are prepared side by side, one thread per photo
    return Pipeline(
        build_finder(settings, detector),
        embedder,
        threads=threads_of(settings),
        load_given_face=partial(build_given_face, settings),
        max_pixels=settings.max_pixels,
        max_bytes=settings.max_photo_bytes,
        memory_bytes=settings.memory_bytes,
        min_face_px=settings.min_face_px,
    )


def other_model(
    settings: Settings, collection: "Collection", name: str, precision: str | None = None
) -> "Collection":
    """A collection as it would be with another embedder, which is loaded to know it.

    Raises:
        NotFound: the manifest has none of that name.
        SettingInvalid: the embedder has no such variant.
        ModelError: its files are not there or damaged.
    """
    variant = chosen_precision(
        build_models(settings).manifest, name, precision or settings.precision
    )
    embedder = build_embedder(settings, name, variant, collection.mirror)
    return replace(
        collection,
        embedder=name,
        precision=variant,
        fingerprint=embedder.fingerprint,
        dimension=embedder.dimension,
        generation="",
    )


def threads_of(settings: Settings) -> int:
    """The number of threads: the setting, or the cores that this process may use."""
    return settings.threads or len(os.sched_getaffinity(0))


def video_rules(settings: Settings) -> "VideoRules":
    """How videos are looked at: limits and pace."""
    from retrieval.photos.video_rules import Pace, VideoLimits, VideoRules

    limits = VideoLimits(
        settings.max_video_bytes,
        settings.max_video_pixels,
        settings.max_video_hours * 3600,
        settings.max_video_frames,
    )
    return VideoRules(limits, Pace(settings.video_fps))


def default_gate(manifest: "Manifest", name: str) -> Gate:
    """Threshold and margin of an embedder where nothing is calibrated.

    Raises:
        NotFound: no such embedder.
    """
    decision = manifest.any_embedder(name).decision
    origin = "measured" if decision.measured else "not measured by us"
    return Gate(
        decision.threshold,
        decision.margin,
        f"default of {name}, {origin}",
        decision.photo_threshold,
        decision.person_threshold,
        decision.unlike,
    )


def chosen_precision(manifest: "Manifest", name: str, wanted: str) -> "Precision":
    """The variant of an embedder's weights that a new collection takes.

    Raises:
        NotFound: no such embedder.
        SettingInvalid: the embedder has no such variant.
    """
    precisions = manifest.any_embedder(name).precisions
    for precision in precisions:  # best first
        if wanted in ("auto", precision):
            return precision
    raise SettingInvalid(
        f"{name} has no {wanted} variant, only {', '.join(precisions)}: set ROLLCALL_PRECISION."
    )
