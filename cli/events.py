"""`events`: photos of an occasion, and what was found in them."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cli.event_photos import add_photos, day_of, expected_of, show_roll, sources, summary
from cli.options import Queue, Run, Writes, Yes, command
from retrieval.errors import SettingInvalid
from retrieval.values import counted

if TYPE_CHECKING:
    from retrieval.catalogue.events.records import Verdict
    from retrieval.events.shown import Named

events = typer.Typer(help="Photos of an occasion: who was there.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="EVENT", help="Its name, or its id (7 or #7).")]
Photos = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[PHOTO...]", help="Photos and videos, folders of them, ZIP files: paths or URLs."
    ),
]
Day = Annotated[
    datetime | None,
    typer.Option("--date", formats=["%Y-%m-%d"], help="When it was; else its photos tell."),
]
Expect = Annotated[
    str | None,
    typer.Option(
        "--expect",
        metavar="all|FILE",
        help="Who was expected: everybody enrolled, or a file with a name or number per line.",
    ),
]
KeepPhotos = Annotated[
    bool, typer.Option("--keep-photos", help="Keep copies of the photos as well.")
]
Days = Annotated[
    int | None, typer.Option("--days", min=1, max=100_000, help="Delete it after so many days.")
]
Judge = Annotated[str, typer.Option("--as", metavar="WHO", help="Who says so, for the history.")]


def register(app: typer.Typer) -> None:
    """Add the command group to the app."""
    app.add_typer(events, name="events")


@command(events, "create")
def create_event(
    run: Run,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the event.")],
    photos: Photos = None,
    day: Day = None,
    expect: Expect = None,
    keep_photos: KeepPhotos = False,
    days: Days = None,
    queue: Queue = False,
) -> None:
    """Make an event, with photos or without."""
    found = sources(run, photos or [])
    with run.service() as service:
        service.ensure_collection()
        expected = expected_of(run, service.events, expect)
        event = service.events.create(
            name, day=day_of(day), expected=expected, keep_photos=keep_photos, days=days
        )
        add_photos(run, service.events, event, photos or [], found, queue=queue)


@command(events, "add")
def add_to_event(run: Run, event: Name, photos: Photos = None, queue: Queue = False) -> None:
    """Add photos to an event; those that it has are left alone, so this goes on after a stop."""
    found = sources(run, photos or [])
    with run.service() as service:
        into = service.events.find(event)
        add_photos(run, service.events, into, photos or [], found, queue=queue)


@command(events, "list")
def list_events(run: Run) -> None:
    """List the events, the latest first."""
    with run.service() as service:
        found = service.events.all()
    rows = [
        (e.event.id, e.event.name, e.event.day, e.size.photos, e.size.rejected, e.size.appearances)
        for e in found
    ]
    columns = ("id", "event", "day", "photos", "rejected", "faces")
    run.emit({"events": [e.document() for e in found]}, lambda: run.table(columns, rows))


@command(events, "show")
def show_event(run: Run, event: Name) -> None:
    """Show an event: who was there, who is to check, absent or unknown."""
    from retrieval.events.shown import photo_document

    with run.service() as service:
        roll = service.events.roll(service.events.find(event))
        rejected = service.events.photos(roll.event, rejected=True)
        remarked = service.events.remarked(roll.event)
    document = {
        **roll.document(),
        "rejects": [photo_document(each) for each in rejected],
        "remarked": [photo_document(each) for each in remarked],
    }

    def show() -> None:
        show_roll(run, roll)
        if rejected:
            rows = [(each.photo, each.code, each.message) for each in rejected]
            run.table(("photo", "reason", "what to do"), rows, title="Not taken")
        if remarked:
            said = [(each.photo, each.message) for each in remarked]
            run.table(("video", "remark"), said, title="Videos")

    run.emit(document, show)


@command(events, "update")
def update_event(
    run: Run,
    event: Name,
    name: Annotated[str | None, typer.Option("--name", help="Another name.")] = None,
    day: Day = None,
    expect: Expect = None,
    days: Days = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change; change nothing.")
    ] = False,
) -> None:
    """Decide an event anew with the people and thresholds of now; verdicts stay."""
    if dry_run and any(given is not None for given in (name, day, expect, days)):
        raise SettingInvalid("--dry-run says what deciding anew would change, and nothing else.")
    with run.service() as service:
        found = service.events.find(event)
        if dry_run:
            changes = service.events.would_change(found)
        else:
            expected = expected_of(run, service.events, expect)
            found = service.events.change(
                found, name=name, day=day_of(day), expected=expected, days=days
            )
            changes = service.events.update(found)
    rows = [
        (each.face, each.before or "nobody", each.after or "nobody") for each in changes.changes
    ]

    def show() -> None:
        run.print(f"{counted(len(rows), 'face')} {'would change' if dry_run else 'changed'}.")
        if rows:
            run.table(("face", "was", "is"), rows)
        if changes.left:
            run.print(
                f"{counted(changes.left, 'face')} of the model from before, whose photos or videos"
                " cannot be read any more: they stay as they were decided."
            )

    run.emit(changes.document(), show)


@command(events, "delete")
def delete_event(run: Run, event: Name, yes: Yes = False) -> None:
    """Delete an event with its faces, pictures and verdicts, for good."""
    with run.service() as service:
        found = service.events.find(event)
        shown = service.events.show(found)
        question = f"Delete {found.name!r} with {counted(shown.size.photos, 'photo')}?"
        if not run.confirm(question, yes):
            return
        count = service.events.delete(found)
    run.emit(
        {"deleted": found.name, "photos": count},
        lambda: run.print(f"Deleted {found.name} with {counted(count, 'photo')}.", markup=False),
    )


@command(events, "find")
def find_photos(
    run: Run,
    person: Annotated[list[str], typer.Option("--person", metavar="NAME", help="Once per person.")],
) -> None:
    """Find photos of events that show all of these people."""
    with run.service() as service:
        found = service.events.together(person)
    rows = [(each.event.name, each.event.day, photo) for each in found for photo in each.photos]
    run.emit(
        {"events": [each.document() for each in found]},
        lambda: run.table(("event", "day", "photo"), rows),
    )


@command(events, "faces")
def list_faces(
    run: Run,
    event: Name,
    after: Annotated[int, typer.Option("--after", min=0, help="Go on after this face.")] = 0,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="At most so many.")] = None,
) -> None:
    """List an event's faces with who they are, and the ids that `judge` takes."""
    with run.service() as service:
        found = service.events.appearances(service.events.find(event), after=after, limit=limit)
    rows = [
        (
            each.appearance.id,
            Path(each.appearance.photo.photo).name,
            _stay(each),
            each.appearance.face,
            each.person or ("nobody of ours" if each.nobodys else each.decision.value),
            None if each.certainty is None else each.certainty.value,
            each.appearance.group,
            each.appearance.reason,
        )
        for each in found
    ]
    columns = ("id", "photo", "from and to", "face", "person", "how sure", "group", "why")
    run.emit({"faces": [each.document() for each in found]}, lambda: run.table(columns, rows))


def _stay(named: "Named") -> str:
    """From and to when a face was seen in a video."""
    from retrieval.photos.videos import clock

    seen = named.appearance.seconds
    return "" if seen is None else f"{clock(seen.first)} to {clock(seen.last)}"


@command(events, "judge")
def judge_faces(
    run: Run,
    event: Name,
    verdict: Annotated[
        Literal["right", "not", "is", "nobody"],
        typer.Argument(
            metavar="right|not|is|nobody",
            help="It is who it says; it is not this person; it is --person; it is nobody of ours.",
        ),
    ],
    faces: Annotated[list[int], typer.Argument(metavar="FACE...", help="Ids of `events faces`.")],
    person: Annotated[
        str | None, typer.Option("--person", metavar="NAME", help="Whose it is, or is not.")
    ] = None,
    number: Annotated[
        str | None, typer.Option("--number", help="Employee number of somebody new.")
    ] = None,
    group: Annotated[
        bool, typer.Option("--group", help="It holds for the whole group of each face.")
    ] = False,
    teach: Annotated[
        bool, typer.Option("--teach", help="Enrol the faces as photos of that person.")
    ] = False,
    judge: Judge = "command line",
) -> None:
    """Say what a face is: it wins over every later computation, and can be undone."""
    from retrieval.catalogue.events.records import VerdictKind
    from retrieval.events.verdicts import Judgement

    told = Judgement(
        VerdictKind(verdict),
        tuple(faces),
        person=person,
        external_id=number,
        group=group,
        teach=teach,
    )
    with run.service() as service:
        found = service.events.judge(service.events.find(event), told, judge)

    def show() -> None:
        whom = "nobody of ours" if found.person is None else found.person
        says = {"right": "right", "is": f"{whom}", "not": f"not {whom}", "nobody": "nobody of ours"}
        run.print(
            f"{counted(len(found.faces), 'face')}: {says[verdict]} (verdict {found.act}).",
            markup=False,
        )
        if found.taught or found.not_taught:
            run.print(f"Enrolled {counted(found.taught, 'photo')}.")
        if found.not_taught:
            run.table(("face", "not enrolled"), list(found.not_taught))

    run.emit(found.document(), show)


@command(events, "undo")
def undo_verdict(
    run: Run,
    event: Name,
    verdict: Annotated[
        int | None, typer.Option("--verdict", help="From `events history`; the newest if unset.")
    ] = None,
    judge: Judge = "command line",
) -> None:
    """Take back what was said of faces, the newest by default."""
    from retrieval.events.shown import undone_document

    with run.service() as service:
        undone = service.events.undo(service.events.find(event), verdict, judge)
    run.emit(
        undone_document(undone),
        lambda: run.print(f"Undone: verdict {undone[0].act} on {counted(len(undone), 'face')}."),
    )


@command(events, "history")
def show_history(run: Run, event: Name) -> None:
    """List what was said of an event's faces, oldest first."""
    from retrieval.events.shown import history_document

    with run.service() as service:
        said = service.events.history(service.events.find(event))
        names = service.catalogue.names(each.person for each in said if each.person is not None)
    rows = [_verdict_row(each, names) for each in said]
    columns = ("verdict", "face", "said", "person", "by", "at", "undone by")
    run.emit(history_document(said, names), lambda: run.table(columns, rows))


@command(events, "export")
def export_event(
    run: Run,
    event: Name,
    out: Annotated[
        Path,
        typer.Option("--out", metavar="FILE", help=".xlsx, .csv, .html or .json."),
        Writes.FILE,
    ],
) -> None:
    """Write an event's roll to a file."""
    from retrieval.events.exports import form_of, write

    form_of(out)
    with run.service() as service:
        roll = service.events.roll(service.events.find(event))
        write(roll, out, form_of(out))
    run.emit(
        {"event": roll.event.name, "out": str(out)},
        lambda: run.print(f"{out}: {summary(roll)}", markup=False),
    )


def _verdict_row(each: "Verdict", names: dict[int, str]) -> tuple[object, ...]:
    person = None if each.person is None else names.get(each.person, "(deleted)")
    said = each.act, each.appearance, each.kind.value, person, each.judge
    return (*said, each.at, each.undone_by)
