"""`calibrate`: threshold and margin from the collection's own photos."""

from typing import Annotated

import typer

from cli.bench_report import Out
from cli.options import Run, command


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    command(app)(calibrate)


def calibrate(
    run: Run,
    fpir: Annotated[
        float,
        typer.Option("--fpir", help="Share of strangers' faces that may be named at most."),
    ] = 0.01,
    reset: Annotated[
        bool, typer.Option("--reset", help="Go back to the model's default threshold.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Measure; change nothing.")] = False,
    out: Out = None,
) -> None:
    """Choose threshold and margin from the collection's own photos, and say what they are worth."""
    from retrieval.benchmarks.quality_report import calibration_report, calibration_table
    from retrieval.upkeep.calibration import (
        calibrate_collection,
        calibration_shown,
        forget_calibration,
    )

    with run.service() as service:
        if reset:
            forget_calibration(service)
            now = calibration_shown(service)
            text = f"The threshold is {now['threshold']:.3f} again ({now['source']})."
            run.emit(now, lambda: run.print(text, markup=False))
            return
        found = calibrate_collection(service, fpir, keep=not dry_run)
        name = service.collection.name
    document = {**found.document(), "collection": name, "kept": not dry_run}
    files = []
    if out is not None:
        files = calibration_report(found, name).write_folder(out, "calibration", document)
        document["files"] = [str(path) for path in files]

    def show() -> None:
        table = calibration_table(found)
        run.table(table.columns, table.cells(), title=f"Calibration of {name}")
        if table.caption:
            run.print(table.caption)
        for path in files:
            run.print(f"wrote {path}", markup=False)
        if dry_run:
            run.print("Nothing was changed: --dry-run.")

    run.emit(document, show)
