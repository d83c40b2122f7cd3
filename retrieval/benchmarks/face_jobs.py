"""The benchmarks on folders of faces by name."""

from pathlib import Path

from retrieval.benchmarks import clusters, few_shot, visual_words
from retrieval.benchmarks.face_folder import FaceFolder, photos_of_people, read
from retrieval.benchmarks.group_photos import read_portraits
from retrieval.benchmarks.jobs import Benchmark, Options
from retrieval.benchmarks.progress import Advance
from retrieval.building import build_service
from retrieval.settings import Settings


def _faces(settings: Settings, options: Options, advance: Advance) -> FaceFolder:
    """Embed a folder's photos with the collection's models."""
    photos = photos_of_people(Path(options["folder"]))
    with build_service(settings) as service:
        service.ensure_collection()
        return read(service.pipeline, photos, advance)


def _photos(options: Options) -> int:
    return len(photos_of_people(Path(options["folder"])))


def _few_shot(settings: Settings, options: Options, advance: Advance) -> few_shot.FewShot:
    faces = _faces(settings, options, advance)
    return few_shot.run(faces, options["draws"], options["photos"], options["seed"], advance)


def _clusters(settings: Settings, options: Options, advance: Advance) -> clusters.Clusters:
    faces = _faces(settings, options, advance)
    return clusters.run(faces, options["draws"], options["seed"], advance)


def _visual_words(
    settings: Settings, options: Options, advance: Advance
) -> visual_words.VisualWords:
    portraits = read_portraits(
        photos_of_people(Path(options["folder"])),
        max_pixels=settings.max_pixels,
        max_bytes=settings.max_photo_bytes,
    )
    with build_service(settings) as service:
        service.ensure_collection()
        return visual_words.run(
            service.pipeline,
            portraits,
            options["events"],
            options["photos"],
            options["seed"],
            advance,
        )


BENCHMARKS = {
    "few-shot": Benchmark(
        _few_shot, few_shot.report, lambda options: _photos(options) + int(options["draws"])
    ),
    "clusters": Benchmark(
        _clusters, clusters.report, lambda options: _photos(options) + int(options["draws"])
    ),
    "visual-words": Benchmark(
        _visual_words,
        visual_words.report,
        lambda options: len(visual_words.COMPANIES) * options["events"] * options["photos"],
    ),
}
