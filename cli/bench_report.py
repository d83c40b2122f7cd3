"""What all benchmarks do with a result: print it, and write it where `--out` says."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import Run

if TYPE_CHECKING:
    from retrieval.benchmarks.report import Report

Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Write an HTML report, JSON and PNG plots there."),
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Of everything that is drawn.")]


def finish(
    run: Run, name: str, result: Mapping[str, Any], report: "Report", out: Path | None
) -> None:
    """Print the report's tables, or the result with `--json`; write both with `--out`."""
    files = [] if out is None else report.write_folder(out, name, result)
    document = {**result, "files": [str(path) for path in files]} if files else result
    run.emit(document, lambda: _show(run, report, files))


def _show(run: Run, report: "Report", files: list[Path]) -> None:
    for number, table in enumerate(report.tables):
        if number:
            run.print()
        run.table(table.columns, table.cells(), title=table.caption)
    for path in files:
        run.print(f"wrote {path}", markup=False)
