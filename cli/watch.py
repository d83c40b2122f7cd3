"""`watch`: a folder whose new photos and videos are taken as they come."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import Run, command
from retrieval.errors import NotFound, SettingInvalid, StoreError
from retrieval.photos.kinds import has_photo_ending, has_video_ending

if TYPE_CHECKING:
    from retrieval.files.watching import Mark, Taken
    from retrieval.service import Service

_FIRST_PAUSE_S, _MOST_PAUSE_S = 1.0, 30.0  # before a file is tried again


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    command(app)(watch)


def watch(
    run: Run,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="With the folders below it.")],
    event: Annotated[
        str | None, typer.Option("--event", metavar="EVENT", help="Put them into this event.")
    ] = None,
    enrol: Annotated[
        bool,
        typer.Option("--enroll", help="Enrol them: FOLDER/<person>/photo.jpg is that person's."),
    ] = False,
    settled: Annotated[
        float,
        typer.Option("--settled", min=0.2, help="Seconds unchanged: then a file is complete."),
    ] = 2.0,
    once: Annotated[
        bool, typer.Option("--once", help="End when all that is there was taken.")
    ] = False,
) -> None:
    """Take new files of a folder when they are complete, once each, until Ctrl-C."""
    from retrieval.files.watching import Taken, check_folder, complete

    if (event is None) == (not enrol):
        raise SettingInvalid("Say what is to be done with the files: --event EVENT, or --enroll.")
    place = folder.resolve()
    check_folder(place)
    with run.service() as service:
        service.ensure_collection()
        number = None if event is None else service.events.find(event).id
        taken = Taken(_list_of(run, place, number))
        found = complete(
            place,
            taken,
            has_photo_ending if enrol else _is_wanted,
            threading.Event(),
            settled_s=settled,
            once=once,
            tell=run.remark,
        )
        try:
            run.remark(f"watching {place}; Ctrl-C ends")
            for path, mark in found:
                take = partial(_take, run, service, place, number, taken, path, mark)
                take() if once else _in_time(run, take)
        except NotFound as error:
            if number is None:
                raise
            raise NotFound(f"Watching ends: {event!r} was deleted meanwhile.") from error
        finally:
            taken.close()
            if number is not None:
                with suppress(NotFound):  # it was deleted
                    service.events.settle(service.events.find(number))


def _is_wanted(name: str) -> bool:
    return has_photo_ending(name) or has_video_ending(name)


def _list_of(run: Run, folder: Path, event: int | None) -> Path:
    """Where it is written down which files were taken, for this folder and this event."""
    from hashlib import sha256

    told = f"{run.settings.collection}\n{'enroll' if event is None else event}\n{folder}"
    name = sha256(told.encode()).hexdigest()[:16]
    return run.settings.home / "watched" / f"{name}.jsonl"


def _take(
    run: Run,
    service: "Service",
    folder: Path,
    event: int | None,
    taken: "Taken",
    path: Path,
    mark: "Mark",
) -> None:
    """Take a file, and write down that it was taken once that is so."""
    if event is None:
        outcome, why = _enrol(service, folder, path)
    else:
        outcome, why = _add(run, service, event, path)
    taken.add(path, mark)
    run.rejected |= outcome == "rejected"
    run.print(f"{path.relative_to(folder)}: {outcome}{f' ({why})' if why else ''}", markup=False)


def _in_time(run: Run, take: Callable[[], None]) -> None:
    """Take a file as soon as the catalogue can: a backup, or a full disk, ends no watching."""
    pause = 0.0
    while True:
        try:
            take()
        except StoreError as error:
            if not pause:
                run.remark(f"{error} The folder's files wait meanwhile.")
            pause = min(2 * pause or _FIRST_PAUSE_S, _MOST_PAUSE_S)
            time.sleep(pause)
            continue
        if pause:
            run.remark("it goes on")
        return


def _add(run: Run, service: "Service", event: int, path: Path) -> tuple[str, str | None]:
    from cli.videos import Within
    from retrieval.values import Source, counted

    within = Within(run, None)
    sources = within.passing(iter([Source(str(path), path)]))
    (told,) = service.events.take(service.events.find(event), sources, within)
    if told.outcome != "added":
        return told.outcome, told.message
    return told.outcome, "; ".join(filter(None, (counted(told.faces, "face"), told.message)))


def _enrol(service: "Service", folder: Path, path: Path) -> tuple[str, str | None]:
    from retrieval.collection.enrolments import EnrolItem

    parts = path.relative_to(folder).parts
    if len(parts) < 2:
        return "rejected", "it lies in no person's folder"
    (result,) = service.enrol([EnrolItem(parts[0], str(path), path)])
    return result.outcome, result.message or result.person
