"""`bench serve`: the HTTP service under load."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import Run

if TYPE_CHECKING:
    from retrieval.benchmarks.serve import ServeTimes


def serve(
    run: Run,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder a person.")],
    clients: Annotated[
        list[int] | None, typer.Option("--clients", min=1, help="At a time; 1, 8 and 32.")
    ] = None,
    seconds: Annotated[float, typer.Option("--seconds", min=1, help="Of each load.")] = 30.0,
) -> None:
    """Load the HTTP service, and compare it with the same questions asked in this process.

    Enrols the folder's people in a home folder of its own, which is deleted afterwards.
    """
    from retrieval.benchmarks.serve import run as measure
    from retrieval.build import build_service

    with tempfile.TemporaryDirectory(prefix="rollcall-") as made:
        home = Path(made)
        models = run.settings.home.absolute() / "models"
        models.mkdir(parents=True, exist_ok=True)
        (home / "models").symlink_to(models, target_is_directory=True)
        run.change(home=home)
        with build_service(run.settings, remark=run.remark) as service:
            times = measure(
                service,
                home,
                folder,
                clients=clients or (1, 8, 32),
                seconds=seconds,
                say=run.remark,
            )
    run.emit(times.document(), lambda: _show(run, times))


def _show(run: Run, times: "ServeTimes") -> None:
    rows = [
        (
            load.clients,
            f"{load.photos_per_s:.1f}",
            f"{times.of_in_process(load):.2f}",
            f"{load.p50_ms:.0f}",
            f"{load.p95_ms:.0f}",
            f"{load.p99_ms:.0f}",
            load.refused,
            sum(load.failed.values()),
            *(
                ()
                if load.memory is None
                else (load.memory.warm, load.memory.middle, load.memory.end)
            ),
        )
        for load in times.loads
    ]
    columns = (
        *("clients", "photos/s", "of in-process", "p50 ms", "p95 ms", "p99 ms"),
        *("503", "failed", "MB warm", "middle", "end"),
    )
    title = (
        f"{times.photos} photos of {times.people} people; in-process {times.in_process_per_s:.1f}/s"
    )
    run.table(columns, rows, title=title)
    for holds, text in times.verdicts():
        run.print(f"{'yes' if holds else 'NO'}: {text}")
