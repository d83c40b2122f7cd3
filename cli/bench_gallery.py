"""`bench few-shot`, `clusters`, `visual-words`: methods compared on folders of faces."""

from pathlib import Path
from typing import Annotated

import typer

from cli.bench_report import Out, Queued, Seed, measure
from cli.options import Run, command

Folder = Annotated[
    Path, typer.Argument(metavar="DIR", help="A folder per person: DIR/<person>/*.jpg")
]
Draws = Annotated[int, typer.Option("--draws", min=1, help="Of people and photos.")]


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
        typer.Option("--photos", min=1, help="Photos per person; 1, 2, 3 and 5 if unset."),
    ] = None,
    draws: Draws = 60,
    seed: Seed = 0,
    out: Out = None,
    queue: Queued = False,
) -> None:
    """Compare classifiers with comparing photos, by photos per person, with strangers about."""
    from retrieval.benchmarks.few_shot import PHOTOS

    counts = sorted(set(photos or PHOTOS))
    options = {"folder": str(folder.absolute()), "photos": counts, "draws": draws, "seed": seed}
    measure(run, "few-shot", options, out=out, queue=queue)


def clusters(
    run: Run,
    folder: Folder,
    draws: Draws = 20,
    seed: Seed = 0,
    out: Out = None,
    queue: Queued = False,
) -> None:
    """Compare k-means clusters, as the project began, with our inverted lists."""
    options = {"folder": str(folder.absolute()), "draws": draws, "seed": seed}
    measure(run, "clusters", options, out=out, queue=queue)


def visual_words(
    run: Run,
    folder: Folder,
    events: Annotated[int, typer.Option("--events", min=2, help="Events of a company.")] = 16,
    photos: Annotated[int, typer.Option("--photos", min=2, help="Photos of an event.")] = 5,
    seed: Seed = 0,
    out: Out = None,
    queue: Queued = False,
) -> None:
    """Find photos by the words that they share: faces or local features, presence or TF-IDF."""
    options = {"folder": str(folder.absolute()), "events": events, "photos": photos, "seed": seed}
    measure(run, "visual-words", options, out=out, queue=queue)
