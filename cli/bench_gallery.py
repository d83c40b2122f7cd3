"""`bench few-shot`, `clusters`, `visual-words`: methods compared on folders of faces."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.bench_report import Out, Seed, finish
from cli.options import Run, command

if TYPE_CHECKING:
    from retrieval.benchmarks.face_folder import FaceFolder

Folder = Annotated[
    Path, typer.Argument(metavar="DIR", help="A folder a person: DIR/<person>/*.jpg")
]


def register(app: typer.Typer) -> None:
    """Add the commands to the group `bench`."""
    command(app, "few-shot")(few_shot)
    command(app, "clusters")(clusters)
    command(app, "visual-words")(visual_words)


def few_shot(
    run: Run,
    folder: Folder,
    photos: Annotated[
        list[int] | None,
        typer.Option("--photos", min=1, help="Photos a person; 1, 2, 3 and 5 if unset."),
    ] = None,
    draws: Annotated[int, typer.Option("--draws", min=1, help="Of people and photos.")] = 60,
    seed: Seed = 0,
    out: Out = None,
) -> None:
    """Compare classifiers with comparing photos, by photos a person, with strangers about."""
    from retrieval.benchmarks import few_shot as module

    faces = _faces(run, folder)
    with run.progress("comparing", draws) as advance:
        result = module.run(faces, draws, sorted(set(photos or module.PHOTOS)), seed, advance)
    finish(run, "few-shot", result, module.report(result), out)


def clusters(
    run: Run,
    folder: Folder,
    draws: Annotated[int, typer.Option("--draws", min=1, help="Of people and photos.")] = 20,
    seed: Seed = 0,
    out: Out = None,
) -> None:
    """Compare k-means clusters, as the project began, with our inverted lists."""
    from retrieval.benchmarks import clusters as module

    faces = _faces(run, folder)
    with run.progress("comparing", draws) as advance:
        result = module.run(faces, draws, seed, advance)
    finish(run, "clusters", result, module.report(result), out)


def visual_words(
    run: Run,
    folder: Folder,
    events: Annotated[int, typer.Option("--events", min=2, help="Events of a company.")] = 16,
    photos: Annotated[int, typer.Option("--photos", min=2, help="Photos of an event.")] = 5,
    seed: Seed = 0,
    out: Out = None,
) -> None:
    """Find photos by the words that they share: faces or local features, presence or TF-IDF."""
    from retrieval.benchmarks import visual_words as module
    from retrieval.benchmarks.face_folder import photos_of_people
    from retrieval.benchmarks.group_photos import read_portraits

    portraits = read_portraits(
        photos_of_people(folder),
        max_pixels=run.settings.max_pixels,
        max_bytes=run.settings.max_photo_bytes,
    )
    total = len(module.COMPANIES) * events * photos
    with run.service() as service:
        service.ensure_collection()
        with run.progress("finding faces", total) as advance:
            result = module.run(service.pipeline, portraits, events, photos, seed, advance)
    finish(run, "visual-words", result, module.report(result), out)


def _faces(run: Run, folder: Path) -> "FaceFolder":
    from retrieval.benchmarks.face_folder import photos_of_people, read

    photos = photos_of_people(folder)
    with run.service() as service:
        service.ensure_collection()
        with run.progress("embedding", len(photos)) as advance:
            faces = read(service.pipeline, photos, advance)
    if faces.skipped:
        run.remark(f"{len(faces.skipped)} photos without one clear face are left out.")
    return faces
