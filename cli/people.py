"""`people`, `photos`, `collections`: what is enrolled."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.moved_photos import moved
from cli.options import DryRun, Run, Writes, Yes, command
from cli.people_sync import sync
from retrieval.errors import NotFound
from retrieval.values import counted

if TYPE_CHECKING:
    from retrieval.catalogue.records import EnrolledFace
    from retrieval.people.editing import Planned
    from retrieval.service import Service

people = typer.Typer(help="Who is enrolled.", no_args_is_help=True)
photos = typer.Typer(help="The photos that are enrolled.", no_args_is_help=True)
collections = typer.Typer(
    help="Collections of people, each with a model of its own.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Of the collection.")]
Who = Annotated[
    str, typer.Argument(metavar="PERSON", help="Name, employee number, or the id as id:7.")
]
ChosenPhotos = Annotated[
    list[str],
    typer.Argument(metavar="PHOTO...", help="Path, start of the SHA-256, or the face's id."),
]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="At most so many rows.")]


def register(app: typer.Typer) -> None:
    """Add the command groups to the app."""
    app.add_typer(people, name="people")
    app.add_typer(photos, name="photos")
    app.add_typer(collections, name="collections")


@command(people, "list")
def list_people(
    run: Run,
    search: Annotated[
        str | None, typer.Option("--search", help="Only names that contain this.")
    ] = None,
    after: Annotated[str | None, typer.Option("--after", help="Go on after this name.")] = None,
    limit: Limit = None,
) -> None:
    """List people with the number of their photos."""
    from retrieval.catalogue.documents import PersonRow
    from retrieval.catalogue.people_pages import Order, Wanted, behind_name

    with run.service() as service:
        behind = None if after is None else behind_name(after)
        wanted = Wanted(search=search)
        found, _ = service.catalogue.page_of_people(
            service.collection.id, wanted, Order.NAME, behind, limit
        )
        portraits = service.catalogue.portraits(person.id for person in found)
    rows = [(p.name, p.external_id, p.faces, p.id, p.created_at) for p in found]
    document = {"people": [asdict(PersonRow.of(p, portraits.get(p.id))) for p in found]}
    run.emit(document, lambda: run.table(("person", "number", "photos", "id", "since"), rows))


@command(people, "show")
def show_person(run: Run, name: Who) -> None:
    """Show a person's photos, and at which events the person was seen."""
    from retrieval.people.showing import shown

    with run.service() as service:
        person = service.person(name)
        found = shown(service, person)
    rows = [(f.photo, f"{f.size_px:.0f}", f"{f.score:.2f}", f.sha256[:12]) for f in found.photos]

    def show() -> None:
        run.table(("photo", "face px", "detection", "sha256"), rows, title=person.called)
        if found.seen:
            where = [
                (each["event"], each["day"], len(each["photos"]), ", ".join(each["photos"]))
                for each in found.seen
            ]
            run.table(("event", "day", "photos", "which"), where, title="Seen")

    run.emit(found, show)


@command(people, "rename")
def rename(
    run: Run,
    name: Who,
    new_name: Annotated[str, typer.Argument(metavar="NEW-NAME", help="Of the person from now on.")],
    dry_run: DryRun = False,
) -> None:
    """Give a person another name; can be undone."""
    from retrieval.catalogue.documents import NamedPerson

    with run.service() as service:
        person = service.person(name)
        if dry_run:
            told = asdict(NamedPerson.of(person))
            _tell(run, f"Would rename {person.called} to {new_name}.", told)
            return
        renamed = service.rename(person, new_name)
    told = asdict(NamedPerson.of(renamed))
    _tell(run, f"{person.called} is now {renamed.called}.", told)


@command(people, "merge")
def merge(
    run: Run,
    name: Who,
    into: Annotated[str, typer.Argument(metavar="INTO", help="Who keeps the name.")],
    dry_run: DryRun = False,
) -> None:
    """Give all faces of a person to another one; can be undone."""
    from retrieval.people.editing import plan_merge

    with run.service() as service:
        _edit(run, plan_merge(service, name, into), dry_run)


@command(people, "move")
def move(
    run: Run,
    name: Who,
    to: Annotated[str, typer.Argument(metavar="TO", help="Whose they are to be.")],
    chosen: ChosenPhotos,
    dry_run: DryRun = False,
) -> None:
    """Give some of a person's photos to another person; can be undone."""
    from retrieval.people.editing import plan_move

    with run.service() as service:
        _edit(run, plan_move(service, name, chosen, to), dry_run)


@command(people, "split")
def split(
    run: Run,
    name: Who,
    new_name: Annotated[str, typer.Argument(metavar="NEW-NAME", help="Of the new person.")],
    chosen: ChosenPhotos,
    dry_run: DryRun = False,
) -> None:
    """Make a new person of some of a person's photos; can be undone."""
    from retrieval.people.editing import plan_split

    with run.service() as service:
        _edit(run, plan_split(service, name, chosen, new_name), dry_run)


def _edit(run: Run, planned: "Planned", dry_run: bool) -> None:
    from retrieval.catalogue.documents import Edit

    preview = planned.preview
    if dry_run:
        _tell(run, f"Would do: {preview.sentence()}.", {"preview": preview.document()})
        return
    entry = planned.apply()
    _tell(
        run,
        f"Done: {entry.summary}. `rollcall people undo {entry.id}` takes it back.",
        {**asdict(Edit.of(entry)), "preview": preview.document()},
    )


@command(people, "number")
def number(
    run: Run,
    name: Who,
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="The employee number.")],
) -> None:
    """Give a person an employee number, which tells namesakes apart; can be undone."""
    from retrieval.catalogue.documents import NamedPerson

    with run.service() as service:
        person = service.catalogue.number_person(
            service.collection.id, service.person(name), number
        )
    told = asdict(NamedPerson.of(person))
    _tell(run, f"{person.name} has the number {person.external_id}.", told)


command(people, "sync")(sync)


@command(people, "history")
def history(run: Run, limit: Limit = 20) -> None:
    """List edits of people, newest first."""
    from retrieval.catalogue.documents import Edit

    with run.service() as service:
        entries = service.catalogue.journal(service.collection.id, limit)
    rows = [(e.id, e.created_at, e.summary, "undone" if e.undone_at else "") for e in entries]
    document = {"edits": [asdict(Edit.of(e)) for e in entries]}
    run.emit(document, lambda: run.table(("entry", "when", "what", ""), rows))


@command(people, "undo")
def undo(
    run: Run,
    entry: Annotated[
        int | None, typer.Argument(metavar="[ENTRY]", help="Of the history; the newest.")
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Take back a rename, merge, move, split or naming of strangers, at any later time."""
    from retrieval.catalogue.documents import Edit

    with run.service() as service:
        collection = service.collection.id
        if dry_run:
            known = service.catalogue.journal(collection)
            shown = [e for e in known if (e.id == entry if entry else not e.undone_at)][:1]
            what = shown[0].summary if shown else "nothing"
            _tell(run, f"Would take back: {what}.", {"summary": what})
            return
        meant = service.catalogue.newest_edit(collection) if entry is None else entry
        undone = service.catalogue.undo(collection, meant)
    _tell(run, f"Took back: {undone.summary}.", asdict(Edit.of(undone)))


@command(people, "delete")
def delete(
    run: Run,
    name: Who,
    yes: Yes = False,
    receipt: Annotated[
        Path | None,
        typer.Option("--receipt", metavar="FILE", help="Write what was erased, and the check."),
        Writes.FILE,
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Delete a person for good: faces, vectors, and the index's entries. Cannot be undone."""
    from retrieval.people.deletions import forget_with_receipt
    from retrieval.people.receipts import write_receipt

    with run.service() as service:
        person = service.person(name)
        document = {"id": person.id, "person": person.name, "faces": person.faces}
        whom = f"{person.called} and {counted(person.faces, 'photo')} for good"
        if dry_run:
            _tell(run, f"Would delete {whom}.", document)
            return
        if not run.confirm(f"Delete {whom}?", yes):
            return
        proof = forget_with_receipt(service, person, run.settings.home)
    if receipt is not None:
        write_receipt(proof, receipt)
        run.remark(f"receipt: {receipt}")
    _tell(run, f"Deleted {person.called}: {proof.summary}.", {**document, **asdict(proof)})
    run.rejected = not proof.clean


command(people, "remove", hidden=True)(delete)  # as many call it


def _tell(run: Run, sentence: str, document: dict[str, Any]) -> None:
    run.emit(document, lambda: run.print(sentence, markup=False))


@command(photos, "list")
def list_photos(
    run: Run,
    person: Annotated[
        str | None, typer.Option("--person", metavar="NAME", help="Only this person's.")
    ] = None,
    limit: Limit = None,
) -> None:
    """List enrolled photos."""
    from retrieval.catalogue.documents import EnrolledPhoto

    with run.service() as service:
        found = service.catalogue.photos(service.collection.id, person=person, limit=limit)
    rows = [(f.id, f.photo, f.called, f"{f.width}x{f.height}", f.sha256[:12]) for f in found]
    document = {"photos": [asdict(EnrolledPhoto.of(face)) for face in found]}
    run.emit(document, lambda: run.table(("number", "photo", "person", "size", "sha256"), rows))


command(photos, "moved")(moved)


@command(photos, "remove")
def remove_photo(
    run: Run,
    photo: Annotated[
        str,
        typer.Argument(
            metavar="PHOTO", help="Path, number as `photos list` shows it, or start of the SHA-256."
        ),
    ],
    yes: Yes = False,
) -> None:
    """Remove one photo from the collection; the file itself stays."""
    with run.service() as service:
        found = _photo(service, photo)
        if not run.confirm(f"Remove {found.photo} of {found.called} from the collection?", yes):
            return
        erased = service.remove_photo(found)
    run.emit(
        {"photo": found.photo, "sha256": list(erased.photos)},
        lambda: run.print(f"Removed {found.photo} from the collection.", markup=False),
    )


def _photo(service: "Service", photo: str) -> "EnrolledFace":
    """The photo that is meant; its path also as seen from the working directory."""
    from retrieval.photos.urls import absolute

    collection = service.collection.id
    try:
        return service.catalogue.find_photo(collection, photo)
    except NotFound:
        found = str(absolute(Path(photo)))
        if found == photo or not Path(photo).exists():
            raise
        return service.catalogue.find_photo(collection, found)


@command(collections, "list")
def list_collections(run: Run) -> None:
    """List collections with their models."""
    from retrieval.catalogue.documents import CollectionRow

    with run.service() as service:
        found = [(c, service.catalogue.counts(c.id)) for c in service.catalogue.collections()]
    rows = [(c.name, n.people, n.faces, c.detector, c.embedder, c.fingerprint) for c, n in found]
    document = {"collections": [asdict(CollectionRow.of(c, n)) for c, n in found]}
    columns = ("collection", "people", "faces", "detector", "model", "fingerprint")
    run.emit(document, lambda: run.table(columns, rows))


@command(collections, "show")
def show_collection(run: Run, name: Name) -> None:
    """Show a collection's models and how much it holds."""
    from retrieval.catalogue.documents import CollectionRow

    with run.service() as service:
        found = service.catalogue.collection(name)
        counts = service.catalogue.counts(found.id)
        other = service.catalogue.other_models.find(found.id)
    document = {
        **asdict(CollectionRow.of(found, counts)),
        "photos": counts.photos,
        "precision": found.precision,
        "mirror": found.mirror,
        "dimension": found.dimension,
        "other_model": None if other is None else other.fingerprint,
        "created_at": found.created_at,
    }
    run.emit(document, lambda: run.table(("", found.name), _fields(document)))


def _fields(document: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(name.replace("_", " "), value) for name, value in list(document.items())[2:]]


@command(collections, "create")
def create_collection(run: Run, name: Name) -> None:
    """Create a collection with the models that the settings ask for."""
    from retrieval.catalogue.documents import CollectionRow

    with run.service() as service:
        made = service.create_collection(name)
        holds = service.catalogue.counts(made.id)
    run.emit(
        asdict(CollectionRow.of(made, holds)),
        lambda: run.print(f"Created {made.name}: {made.detector}, {made.embedder}."),
    )


@command(collections, "delete")
def delete_collection(run: Run, name: Name, yes: Yes = False) -> None:
    """Delete a collection with all its people for good."""
    with run.service() as service:
        found = service.catalogue.collection(name)
        people_count = service.catalogue.counts(found.id).people
        if not run.confirm(
            f"Delete {name} with {counted(people_count, 'person', 'people')} for good?", yes
        ):
            return
        service.delete_collection(found)
    run.emit(
        {"id": found.id, "collection": found.name},
        lambda: run.print(f"Deleted {found.name}.", markup=False),
    )
