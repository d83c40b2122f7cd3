"""`roll`, `presence`, `thumbnails`: the list in one command, over several events, and pictures."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.event_photos import (
    day_of,
    expected_of,
    show_roll,
    sources,
    summary,
    taken_photos,
    tell_keeping,
)
from cli.events import Day, Expect, KeepPhotos
from cli.options import Run, Writes, command
from retrieval.errors import AlreadyExists
from retrieval.values import counted

if TYPE_CHECKING:
    from retrieval.catalogue.events.records import Event

_TRIES = 20  # names that are taken


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    command(app)(roll)
    command(app)(presence)
    command(app)(thumbnails)


def roll(
    run: Run,
    photos: Annotated[
        list[str],
        typer.Argument(metavar="PHOTO...", help="Photos, folders of photos, ZIP files."),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help=".xlsx, .csv, .html or .json."),
        Writes.FILE,
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Of the event; else the moment is its name.")
    ] = None,
    day: Day = None,
    expect: Expect = None,
    keep_photos: KeepPhotos = False,
) -> None:
    """Say who was there, from all photos of an occasion: makes an event and writes its roll."""
    from retrieval.events.exports import form_of, write

    if out is not None:
        form_of(out)
    found = sources(run, photos)
    with run.service() as service:
        service.ensure_collection()
        door = service.events
        create = partial(
            door.create,
            day=day_of(day),
            expected=expected_of(run, door, expect),
            keep_photos=keep_photos,
        )
        event = create(name) if name else _called_by_moment(create)
        for each in taken_photos(run, door, event, found):
            if each.outcome == "rejected":
                run.rejected = True
                run.remark(f"not taken: {each.photo}: {each.message}")
        who = door.roll(event)
        if out is not None:
            write(who, out, form_of(out))
        tell_keeping(run, door)
    document = {**who.document(), "out": None if out is None else str(out)}
    run.emit(document, lambda: show_roll(run, who))
    written = "" if out is None else f"{out}: {summary(who)}; "
    run.remark(f"{written}event {event.id} {event.name!r}: `rollcall events show {event.id}`")


def presence(
    run: Run,
    first: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help=".xlsx, .csv or .json."),
        Writes.FILE,
    ] = None,
) -> None:
    """Say who was at which events: a row per person, a column per event."""
    from retrieval.events.exports import form_of, presence_bytes, put

    form = None if out is None else form_of(out)
    with run.service() as service:
        found = service.events.presence(day_of(first), day_of(last))
    if out is not None and form is not None:
        put(out, presence_bytes(found, form))
    columns = ("number", "name", "present", *(event.name for event in found.events))
    rows = [
        (
            line.external_id,
            line.person,
            line.present,
            *(None if each is None else each.value for each in line.standings),
        )
        for line in found.lines
    ]
    run.emit(found.document(), lambda: run.table(columns, rows))
    size = f"{counted(len(rows), 'person', 'people')} at {counted(len(found.events), 'event')}"
    run.remark(size if out is None else f"{out}: {size}")
    if found.undated:
        run.remark(
            f"without {counted(len(found.undated), 'event')} of no day:"
            f" `rollcall events update {found.undated[0].id} --date DATE` gives it one"
        )


def thumbnails(run: Run) -> None:
    """Make pictures of enrolled faces that have none, from kept copies or where photos lie."""
    with run.service() as service, run.progress("cutting faces", None) as advance:
        made, left = service.fill_pictures(
            advance,
            max_pixels=run.settings.max_pixels,
            max_bytes=run.settings.max_photo_bytes,
        )
    document = {"made": made, "left": left}

    def show() -> None:
        gone = f"; the photos of {left} cannot be read any more" if left else ""
        run.print(f"{made} pictures were made{gone}.")

    run.emit(document, show)


def _called_by_moment(create: "Callable[[str], Event]") -> "Event":
    """Make an event that nobody named; one of the same second gets a number."""
    moment = f"Photos of {datetime.now().astimezone():%Y-%m-%d %H:%M:%S}"
    for number in range(1, _TRIES):
        with suppress(AlreadyExists):
            return create(moment if number == 1 else f"{moment} ({number})")
    return create(f"{moment} ({_TRIES})")
