"""`bench serve`, `bench attacks`: the HTTP service under load, and under attack."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import Run
from retrieval.errors import SettingInvalid

if TYPE_CHECKING:
    from retrieval.benchmarks.bystander import Outcome
    from retrieval.benchmarks.mixed import Soak
    from retrieval.benchmarks.serve import ServeTimes
    from retrieval.service import Service

_EMBEDDERS = ("dlib-resnet", "mobilefacenet")  # that --mixed goes over to, from any other

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder per person.")]


def serve(
    run: Run,
    folder: Folder,
    clients: Annotated[
        list[int] | None, typer.Option("--clients", min=1, help="At a time; 1, 8 and 32.")
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option("--seconds", min=1, help="Of each load, 30; of --mixed, 300."),
    ] = None,
    mixed: Annotated[
        bool,
        typer.Option("--mixed", help="8 clients ask and edit at once, and a model is changed."),
    ] = False,
) -> None:
    """Load the HTTP service, and compare it with the same questions asked in this process.

    Enrols the folder's people in a home folder of its own, which is deleted afterwards. With
    --mixed clients identify, enrol, rename, merge, undo, delete and calibrate in two collections
    for five minutes, while one of them goes over to another model; exit code 1 if an answer was
    5xx or named the wrong person, or memory grew by more than 10 %.
    """
    if mixed:
        if clients:
            raise SettingInvalid("--clients does not go with --mixed, which has 8.")
        _soak(run, folder, seconds or 300.0)
        return
    from retrieval.benchmarks.serve import run as measure

    with _own_home(run) as service:
        times = measure(
            service,
            run.settings.home,
            folder,
            clients=clients or (1, 8, 32),
            seconds=seconds or 30.0,
            say=run.remark,
        )
    run.emit(times.document(), lambda: _show(run, times))


def _soak(run: Run, folder: Path, seconds: float) -> None:
    from retrieval.benchmarks.mixed import run as soak

    with _own_home(run) as service:
        first = service.ensure_collection().embedder
        other = next(name for name in _EMBEDDERS if name != first)
        found = soak(run.settings, folder, other=other, seconds=seconds, say=run.remark)
    run.rejected = not all(holds for holds, _ in found.verdicts())
    run.emit(found.document(), lambda: _show_soak(run, found))


def _show_soak(run: Run, found: "Soak") -> None:
    rows = [(kind, _counted(seen)) for kind, seen in sorted(found.seen.statuses.items())]
    run.table(("request", "answers"), rows, title=f"{found.seconds:.0f} s of 8 clients")
    for sentence in [*found.seen.wrong, *found.seen.faults][:20]:
        run.print(sentence, markup=False)
    if found.minutes_mb:
        run.print(f"MB per minute: {', '.join(f'{each:.0f}' for each in found.minutes_mb)}")
    for holds, text in found.verdicts():
        run.print(f"{'yes' if holds else 'NO'}: {text}", markup=False)


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


def attacks(
    run: Run,
    folder: Folder,
    photos: Annotated[
        int, typer.Option("--photos", min=1, help="Malformed photos to send.")
    ] = 10_000,
) -> None:
    """Attack the HTTP service, and see whether it holds and answers others meanwhile.

    Enrols the folder's people in a home folder of its own, which is deleted afterwards. Exit code 1
    if an attack was not answered as it should be, if the service held 1 GB of memory or more, or if
    others waited longer than 2 s.
    """
    from retrieval.benchmarks.attacks import run as attack

    with _own_home(run) as service:
        outcomes = attack(service, run.settings.home, folder, photos=photos, say=run.remark)
    held = all(each.held and each.modest and each.prompt for each in outcomes)
    run.rejected = not held
    document = {"held": held, "attacks": [outcome.document() for outcome in outcomes]}
    run.emit(document, lambda: _show_attacks(run, outcomes))


def _show_attacks(run: Run, outcomes: "Sequence[Outcome]") -> None:
    rows = [
        (
            outcome.attack.name,
            "yes" if outcome.held and outcome.modest and outcome.prompt else "NO",
            _counted(outcome.statuses),
            _counted(outcome.bystander),
            f"{outcome.slowest_ms:.0f}",
            outcome.memory_mb,
            outcome.peak_mb,
        )
        for outcome in outcomes
    ]
    columns = ("attack", "held", "answers", "to others", "slowest ms", "memory MB", "peak MB")
    run.table(columns, rows)


def _counted(statuses: Mapping[int, int]) -> str:
    return ", ".join(f"{count:,} x {status or 'closed'}" for status, count in statuses.items())


@contextmanager
def _own_home(run: Run) -> "Iterator[Service]":
    """A service over an empty home folder that has this home's models; deleted afterwards."""
    from retrieval.building import build_service

    with tempfile.TemporaryDirectory(prefix="rollcall-") as made:
        home = Path(made)
        models = run.settings.home.absolute() / "models"
        models.mkdir(parents=True, exist_ok=True)
        (home / "models").symlink_to(models, target_is_directory=True)
        run.change(home=home)
        with build_service(run.settings, remark=run.remark) as service:
            yield service
