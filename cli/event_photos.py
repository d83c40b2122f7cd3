"""What `events` and `roll` share: photos in, who was expected, the roll on a terminal."""

import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.options import Run
from cli.videos import Within
from retrieval.values import counted

if TYPE_CHECKING:
    from datetime import date

    from retrieval.catalogue.events.records import Event
    from retrieval.events.answers import Roll
    from retrieval.events.events import Events
    from retrieval.events.intake import PhotoTaken
    from retrieval.events.shown import Expected
    from retrieval.values import Location, Source


def day_of(day: datetime | None) -> "date | None":
    """A day without its time."""
    return None if day is None else day.date()


def expected_of(run: Run, door: "Events", expect: str | None) -> "Expected | None":
    """Who was expected, as `--expect` says it; tells of entries that are nobody.

    Raises:
        DataInvalid: the file cannot be read.
    """
    from retrieval.catalogue.events.records import Expects
    from retrieval.errors import DataInvalid
    from retrieval.events.shown import Expected

    if expect is None:
        return None
    if expect == "all":
        return Expected(Expects.EVERYBODY)
    try:
        entries = Path(expect).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataInvalid(
            f"The list {expect} cannot be read: {error}. Give `all`, or a text file with a name or"
            " an employee number per line."
        ) from error
    expected = door.expect(entries)
    if expected.unknown:
        run.remark(
            f"{len(expected.unknown)} of {expect} are not enrolled, and are left out:"
            f" {', '.join(expected.unknown[:20])}"
        )
    return expected


def add_photos(
    run: Run,
    door: "Events",
    event: "Event",
    photos: Sequence[str],
    found: "Iterator[Source]",
    *,
    queue: bool = False,
) -> None:
    """Add photos, show how far it is, and print what became of them.

    Args:
        run: the command.
        door, event: what they are added to.
        photos: as the user names them.
        found: those below, see `sources`.
        queue: whether workers take them.
    """
    if queue and photos:
        from cli.events_queued import add_queued

        add_queued(run, event, photos, found)
        return
    taken: list[PhotoTaken] = []
    if photos:
        taken = list(taken_photos(run, door, event, found))
        tell_keeping(run, door)
    rejected = [each for each in taken if each.outcome == "rejected"]
    added = [each for each in taken if each.outcome == "added"]
    known = len(taken) - len(added) - len(rejected)
    run.rejected = bool(rejected)
    document: dict[str, Any] = {
        **door.show(door.find(event.id)).document(),
        "added": len(added),
        "known": known,
        "rejects": [each.document() for each in rejected],
    }

    def show() -> None:
        run.print(
            f"{event.name} (event {event.id}): {counted(len(added), 'photo')} with"
            f" {counted(sum(each.faces for each in added), 'face')} added; {known} known before;"
            f" {len(rejected)} not taken.",
            markup=False,
        )
        if rejected:
            rows = [(each.photo, each.code, each.message) for each in rejected]
            run.table(("photo", "reason", "what to do"), rows, title="Not taken")

    run.emit(document, show)


def taken_photos(
    run: Run, door: "Events", event: "Event", found: "Iterator[Source]"
) -> "Iterator[PhotoTaken]":
    """Add photos and videos, show how far it is, and say of which video only a part was seen."""
    with run.progress("looking for faces", None) as advance:
        within = Within(run, advance)
        for each in door.add(event, within.passing(found), within):
            advance(1)
            if each.outcome == "added" and each.message is not None:
                run.remark(f"{each.photo}: {each.message}")
            yield each


def tell_keeping(run: Run, door: "Events") -> None:
    """Say what is kept of strangers."""
    days = door.stranger_days
    if days:
        run.remark(
            f"faces that are nobody's are kept for {counted(days, 'day')}, then forgotten"
            " (ROLLCALL_UNKNOWN_DAYS)"
        )


def sources(run: Run, photos: Sequence[str]) -> "Iterator[Source]":
    """The photos that are named, below folders, and in ZIP files; asked for before events are made.

    Raises:
        DataInvalid: no photo lies there, or nothing at all.
    """
    from retrieval.errors import DataInvalid
    from retrieval.photos.urls import location_of

    if not photos:
        return iter(())
    places = [location_of(named) for named in photos]
    if all(isinstance(place, Path) and not os.path.lexists(place) for place in places):
        raise DataInvalid(f"There is nothing at {', '.join(photos)}. Check the path.")
    found = _sources(run, places)
    first = next(found, None)
    if first is None:
        raise DataInvalid(f"No photos found in {', '.join(photos)}.")
    return chain([first], found)


def _sources(run: Run, places: "Sequence[Location]") -> "Iterator[Source]":
    from retrieval.photos.folders import photos_at
    from retrieval.photos.zips import photos_in_zip
    from retrieval.values import Source

    for place in places:
        if str(place).lower().endswith(".zip") and isinstance(place, Path) and place.is_file():
            yield from photos_in_zip(
                str(place),
                max_bytes=run.settings.max_archive_bytes,
                max_photo_bytes=run.settings.max_photo_bytes,
            )
        else:
            yield from (Source(str(photo), photo) for photo in photos_at(place, videos=True))


def summary(roll: "Roll") -> str:
    """The roll in one line."""
    parts = [f"{len(roll.present)} present", f"{len(roll.to_check)} to check"]
    parts += [f"{len(roll.absent)} absent"] if roll.event.expects.value != "nobody" else []
    strangers = sum(not group.nobodys for group in roll.unknown)
    parts += [
        f"{counted(strangers, 'unknown group')}",
        f"{counted(len(roll.unusable), 'face')} too small, blurred or turned away to tell",
    ]
    return ", ".join(parts)


def people_rows(roll: "Roll") -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """The roll's people as a table, head and rows; `in videos` only where there are some."""
    head = ("standing", "number", "name", "photos", "how sure", "confirmed by", "why")
    rows: list[tuple[object, ...]] = [
        (
            line.standing.value,
            line.external_id,
            line.person,
            line.photos or None,
            None if line.certainty is None else line.certainty.value,
            line.confirmed_by,
            line.why,
        )
        for line in roll.lines
    ]
    if not any(line.videos for line in roll.lines):
        return head, rows
    stays = ["; ".join(map(str, line.videos)) or None for line in roll.lines]
    return (*head, "in videos"), [(*row, stay) for row, stay in zip(rows, stays, strict=True)]


def show_roll(run: Run, roll: "Roll") -> None:
    """Print the roll."""
    day = "" if roll.event.day is None else f", {roll.event.day.isoformat()}"
    run.print(f"{roll.event.name}{day} (event {roll.event.id}): {summary(roll)}.", markup=False)
    run.table(*people_rows(roll))
    if roll.unknown:
        groups = [
            (group.group, len(group.faces), group.photos, "nobody of ours" if group.nobodys else "")
            for group in roll.unknown
        ]
        run.table(("group", "faces", "photos", "said"), groups, title="Unknown")
    if roll.outdated is not None:
        run.remark(f"the roll may change: {roll.outdated} (`rollcall events update`)")
