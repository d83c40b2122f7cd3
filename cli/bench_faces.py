"""`bench faces`: how often people are named, rightly."""

from pathlib import Path
from typing import Annotated

import typer

from cli.bench_report import Out, Seed, finish
from cli.options import Run, command


def register(bench: typer.Typer) -> None:
    """Add the command to the group."""
    command(bench)(faces)


def faces(
    run: Run,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder a person, with photos.")],
    draws: Annotated[int, typer.Option("--draws", min=2, help="Of people and photos.")] = 60,
    photos: Annotated[
        int, typer.Option("--photos", min=1, help="Enrolled a person; the others are asked about.")
    ] = 5,
    fpir: Annotated[
        float, typer.Option("--fpir", min=1e-5, max=0.5, help="Wanted of the calibration.")
    ] = 0.01,
    seed: Seed = 0,
    out: Out = None,
) -> None:
    """Accuracy on known people and strangers, drawn many times from a folder of people."""
    from retrieval.benchmarks import faces as benchmark
    from retrieval.benchmarks.face_folder import photos_of_people, read
    from retrieval.benchmarks.faces_report import report

    paths = photos_of_people(folder)
    with run.service() as service:
        service.ensure_collection()
        with run.progress("photos", len(paths)) as advance:
            found = read(service.pipeline, paths, advance)
    with run.progress("draws", draws) as advance:
        result = benchmark.run(found, draws, photos, seed, fpir, advance)
    finish(run, "faces", {**result}, report(result), out)
