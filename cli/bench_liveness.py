"""`bench liveness`: live faces and composed pictures of faces, by the liveness network."""

from pathlib import Path
from typing import Annotated

import typer

from cli.bench_report import Seed
from cli.options import Run, command
from retrieval.errors import DataInvalid


def register(bench: typer.Typer) -> None:
    """Add the command to the group."""
    command(bench)(liveness)


def liveness(
    run: Run,
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Photos of live faces, in any folders.")
    ],
    photos: Annotated[int, typer.Option("--photos", min=1, help="To take of them.")] = 200,
    seed: Seed = 0,
) -> None:
    """How many live faces, and how many composed pictures of faces, are called pictures."""
    import numpy as np

    from retrieval.benchmarks.liveness import measure
    from retrieval.building import build_detector, build_liveness, chosen_detector
    from retrieval.photos.folders import photos_at

    found = sorted(photos_at(folder))
    if not found:
        raise DataInvalid(f"{folder} has no photos. Give a folder with photos of faces.")
    chosen = np.random.default_rng(seed).permutation(len(found))[:photos].tolist()
    detector = build_detector(run.settings, chosen_detector(run.settings), 1)
    network = build_liveness(run.settings)
    with run.progress("photos", len(chosen)) as advance:
        figures = measure(network, detector, [found[n] for n in chosen], seed, advance)
    rows = [
        (each.what, each.faces, each.lost, f"{each.pictures:.1%}", f"{each.mean:.2f}")
        for each in figures
    ]
    columns = ("", "faces", "lost", "called a picture", "mean score")
    document = {"figures": [each.document() for each in figures]}
    run.emit(document, lambda: run.table(columns, rows))
