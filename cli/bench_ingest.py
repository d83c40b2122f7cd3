"""`bench ingest`: bulk ingestion, in-process and through the queue, beside the rivals."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import Run
from retrieval.errors import DataInvalid, SettingInvalid

if TYPE_CHECKING:
    from worker.benchmarks import IngestMemory, IngestTimes


def ingest(
    run: Run,
    photos: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PHOTOS...", help="Photos, or folders of photos."),
    ] = None,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Medians over so many.")] = 3,
    memory: Annotated[
        bool,
        typer.Option("--memory", help="Memory from 1,000 to 20,000 generated photos instead."),
    ] = False,
) -> None:
    """Seconds per photo: in-process, one worker, one per core, and the installed rivals."""
    from worker.benchmarks import measure_memory, measure_times

    if memory == bool(photos):
        raise SettingInvalid("Give photos to measure times with, or --memory: one of the two.")
    if memory:
        with run.progress("measuring", 2) as advance:
            figures = measure_memory(run.settings, progress=advance)
        document = {"memory": [figure.document() for figure in figures]}
        run.emit(document, lambda: _show_memory(run, figures))
        return
    paths = list(_below(photos or []))
    if not paths:
        raise DataInvalid("No photos found there.")
    with run.progress("measuring", 3 * rounds) as advance:
        times = measure_times(run.settings, paths, rounds=rounds, progress=advance)
    run.emit(times.document(), lambda: _show_times(run, times))


def _show_times(run: Run, times: "IngestTimes") -> None:
    ours = [
        ("rollcall, in-process, one thread", times.in_process),
        ("rollcall, queue, one worker", times.one_worker),
        (f"rollcall, queue, {times.processes} workers", times.workers),
    ]
    rows = [
        (name, f"{seconds:.4f}", f"{seconds / times.workers:.2f}")
        for name, seconds in [*ours, *times.rivals.items()]
    ]
    columns = ("system", "seconds per photo", f"times the {times.processes} workers'")
    run.table(columns, rows, title=f"{times.photos} photos")
    run.print(
        f"the queue costs {times.queue_overhead:+.1%} with one worker; {times.processes} workers"
        f" are {times.speed_up:.2f} times as fast as one"
    )


def _show_memory(run: Run, figures: "list[IngestMemory]") -> None:
    rows = [(f"{f.photos:,}", f"{f.producer / 1e6:.0f}", f"{f.worker / 1e6:.0f}") for f in figures]
    run.table(("photos", "producer MB", "worker MB"), rows)
    first, last = figures[0], figures[-1]
    run.print(
        f"producer {last.producer / first.producer - 1:+.1%},"
        f" worker {last.worker / first.worker - 1:+.1%}"
    )


def _below(photos: list[Path]) -> list[Path]:
    from retrieval.photos.folders import photos_at

    return [photo for path in photos for photo in photos_at(path)]
