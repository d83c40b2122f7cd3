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
