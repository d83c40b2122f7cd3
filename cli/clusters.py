"""`clusters`: the inverted index itself, cluster -> photos."""

from typing import Annotated

import typer

from cli.options import Run, command


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    command(app)(clusters)


def clusters(
    run: Run,
    k: Annotated[
        int | None,
        typer.Option("--k", min=1, help="How many clusters; as many as people if not given."),
    ] = None,
) -> None:
    """Print the inverted index: the photos of each cluster of vectors."""
    with run.service() as service:
        found = service.clusters(k)
    rows = [
        (number, len(photos), len({p.person for p in photos}), ", ".join(p.photo for p in photos))
        for number, photos in enumerate(found)
    ]
    document = {
        "clusters": [
            [{"photo": photo.photo, "person": photo.person} for photo in photos] for photos in found
        ]
    }
    run.emit(document, lambda: run.table(("cluster", "photos", "people", "which"), rows))
