"""Edits of people that can be undone at any later time: rename, merge, split, move, name strangers.

Each edit is one transaction with one journal entry, whose document says what to put back: faces
with the person they came from, a name, a person who was merged away or made. Deleting a person
empties the documents of all entries that name them, so what was deleted cannot come back.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict

from sqlalchemy import Connection, delete, insert, select, update

from retrieval.catalogue.changes import lock_collection, log_changes
from retrieval.catalogue.edits import Edit, entry_of, listed, read
from retrieval.catalogue.enrolment import insert_person
from retrieval.catalogue.events import erasing as events
from retrieval.catalogue.lookups import numbered, person_by_id, same_person, taken
from retrieval.catalogue.names import clean_external_id, clean_name, spelled
from retrieval.catalogue.records import JournalEntry, Move, Person
from retrieval.catalogue.schema import chunks, faces, journal, journal_people, now, people
from retrieval.errors import AlreadyExists, InputError, NotFound


def rename(
    connection: Connection, collection_id: int, meant: int | Person, new_name: str
) -> Person:
    """Give a person another name; the same name again changes nothing.

    Raises:
        NotFound: no such person.
        NameInvalid, AlreadyExists: the name cannot be shown, or is taken.
    """
    person, _ = _renamed(connection, collection_id, meant, new_name)
    return person_by_id(connection, collection_id, person.id)


def number(
    connection: Connection, collection_id: int, meant: int | Person, new_number: str
) -> Person:
    """Give a person an employee number, or another one.

    Raises:
        NotFound: there is no such person, or they are called otherwise now.
        AlreadyExists: somebody else has the number.
        InputError, NameInvalid: the number is empty, or cannot be shown.
    """
    person, _ = _numbered(connection, collection_id, meant, new_number)
    return person_by_id(connection, collection_id, person.id)


def rename_and_number(
    connection: Connection,
    collection_id: int,
    names: Iterable[tuple[Person, str]],
    numbers: Iterable[tuple[Person, str]],
) -> list[JournalEntry]:
    """Give people other names and numbers, all or none; each edit can be undone.

    Numbers come first, since they tell apart who will have one name.

    Raises:
        NotFound: somebody is not there, or called otherwise now.
        NameInvalid, AlreadyExists: a name or a number cannot be shown, or is taken.
    """
    edits = [_numbered(connection, collection_id, *each) for each in numbers]
    edits += [_renamed(connection, collection_id, *each) for each in names]
    return [entry for _, entry in edits if entry is not None]


def _renamed(
    connection: Connection, collection_id: int, meant: int | Person, new_name: str
) -> tuple[Person, JournalEntry | None]:
    """The person as before, and the edit; None where the name is the same."""
    lock_collection(connection, collection_id)
    new_name = clean_name(new_name, "person's name")
    person = same_person(connection, collection_id, meant, or_called=new_name)
    if new_name == person.name:
        return person, None
    _check_free(connection, collection_id, new_name, person)
    set_name(connection, person.id, new_name)
    edit = Edit({person.id: new_name}, renamed=(person.id, person.name, new_name))
    return person, write(connection, collection_id, "rename", edit)


def _numbered(
    connection: Connection, collection_id: int, meant: int | Person, new_number: str
) -> tuple[Person, JournalEntry | None]:
    """The person as before, and the edit; None where the number is the same."""
    lock_collection(connection, collection_id)
    person = same_person(connection, collection_id, meant)
    cleaned = clean_external_id(new_number)
    if cleaned is None:
        raise InputError("The employee number is empty. Give one with at least one character.")
    if cleaned == person.external_id:
        return person, None
    owner = numbered(connection, collection_id, cleaned)
    if owner is not None:
        raise AlreadyExists(f"The number {cleaned} is {owner.name}'s. Nobody else can have it.")
    set_number(connection, person.id, cleaned)
    edit = Edit({person.id: person.name}, numbered=(person.id, person.external_id, cleaned))
    return person, write(connection, collection_id, "number", edit)


def cover(connection: Connection, collection_id: int, meant: int | Person, face_id: int) -> Person:
    """Let one of a person's faces stand for them; no entry: another choice undoes it.

    Raises:
        NotFound: there is no such person, they are called otherwise now, or the face is not theirs.
    """
    lock_collection(connection, collection_id)
    person = same_person(connection, collection_id, meant)
    owner = connection.scalar(select(faces.c.person_id).where(faces.c.id == face_id))
    if owner != person.id:
        raise NotFound(f"{person.name} has no photo with the face {face_id} any more.")
    chosen = update(people).where(people.c.id == person.id)
    connection.execute(chosen.values(cover=face_id))
    return person


def dismiss(
    connection: Connection, collection_id: int, finding: str, whom: Iterable[int]
) -> JournalEntry:
    """Say that what was found about people is no fault.

    Raises:
        NotFound: one of them is not there any more.
    """
    lock_collection(connection, collection_id)
    concerned = [person_by_id(connection, collection_id, person_id) for person_id in whom]
    edit = Edit({person.id: person.name for person in concerned}, dismissed=finding)
    return write(connection, collection_id, "dismiss", edit)


def dismissed(connection: Connection, collection_id: int) -> set[str]:
    """The findings that were dismissed, and not brought back."""
    query = select(journal.c.document).where(
        journal.c.collection_id == collection_id,
        journal.c.kind == "dismiss",
        journal.c.undone_at.is_(None),
        journal.c.document.is_not(None),
    )
    return {str(read(document).dismissed) for document in connection.scalars(query)}


def merge(
    connection: Connection, collection_id: int, meant: int | Person, meant_into: int | Person
) -> JournalEntry:
    """Give all faces of a person to another one, who keeps name and external id.

    Raises:
        NotFound: one of them is not there.
        InputError: both are the same person.
    """
    lock_collection(connection, collection_id)
    merged = same_person(connection, collection_id, meant)
    into = same_person(connection, collection_id, meant_into)
    person_id, into_id = merged.id, into.id
    if person_id == into_id:
        raise InputError("A person cannot be merged with themselves. Give two different people.")
    edit = Edit({person_id: merged.name, into_id: into.name})
    moving = connection.scalars(select(faces.c.id).where(faces.c.person_id == person_id)).all()
    edit.moves = [(face_id, person_id, into_id) for face_id in sorted(moving)]
    edit.removed = {
        "id": merged.id,
        "name": merged.name,
        "external_id": merged.external_id,
        "created_at": merged.created_at.isoformat(),
    }
    assign(connection, collection_id, dict.fromkeys(moving, into_id))
    edit.seen = events.merge_people(connection, person_id, into_id)
    connection.execute(delete(people).where(people.c.id == person_id))
    return write(connection, collection_id, "merge", edit)


def split(
    connection: Connection,
    collection_id: int,
    meant: int | Person,
    face_ids: Iterable[int],
    new_name: str,
) -> JournalEntry:
    """Make a new person of some of a person's faces.

    Raises:
        NotFound: no such person or face.
        NameInvalid, AlreadyExists: the name cannot be shown, or is taken.
        InputError: no faces, or somebody else's.
    """
    lock_collection(connection, collection_id)
    person = same_person(connection, collection_id, meant)
    person_id = person.id
    new_name = clean_name(new_name, "person's name")
    _check_free(connection, collection_id, new_name)
    owners = _owners(connection, collection_id, face_ids)
    _check_owner(owners, person)
    made = insert_person(connection, collection_id, new_name)
    edit = Edit({person_id: person.name, made: new_name}, made=made)
    edit.moves = [(face_id, person_id, made) for face_id in sorted(owners)]
    assign(connection, collection_id, dict.fromkeys(owners, made))
    return write(connection, collection_id, "split", edit)


def move(connection: Connection, collection_id: int, moves: Iterable[Move]) -> JournalEntry:
    """Give faces to other people as one edit, which is undone as one.

    Raises:
        NotFound: no such person or face; nothing is moved.
        InputError: no faces, somebody else's, or all are that person's already.
    """
    lock_collection(connection, collection_id)
    moving: dict[int, tuple[int, int]] = {}
    names: dict[int, str] = {}
    there = set()
    for each in moves:
        to = same_person(connection, collection_id, each.to)
        owners = _owners(connection, collection_id, each.faces)
        if each.of is not None:
            _check_owner(owners, same_person(connection, collection_id, each.of))
        there.add(to.name)
        for face_id, owner in owners.items():
            if face_id in moving:
                raise InputError(f"Face {face_id} cannot be moved twice at once.")
            if owner != to.id:
                moving[face_id] = owner, to.id
                names[to.id] = to.name
    if not moving:
        whose = " and ".join(sorted(there))
        raise InputError(f"All of these faces are {whose}'s already. There is nothing to move.")
    sources = {owner for owner, _ in moving.values()}
    query = select(people.c.id, people.c.name).where(people.c.id.in_(sources))
    edit = Edit(names | {row.id: row.name for row in connection.execute(query)})
    edit.moves = [(face_id, owner, to) for face_id, (owner, to) in sorted(moving.items())]
    assign(connection, collection_id, {face_id: to for face_id, (_, to) in moving.items()})
    return write(connection, collection_id, "move", edit)


def entries(
    connection: Connection, collection_id: int, limit: int | None = None
) -> list[JournalEntry]:
    """The journal, newest entry first."""
    query = select(journal).where(journal.c.collection_id == collection_id)
    return [
        entry_of(row)
        for row in connection.execute(query.order_by(journal.c.id.desc()).limit(limit))
    ]


def _check_free(
    connection: Connection, collection_id: int, name: str, whose: Person | None = None
) -> None:
    """See that a name is free, or its owners are told from this person by their numbers."""
    number, own = (None, None) if whose is None else (whose.external_id, whose.id)
    other = taken(connection, collection_id, name, number, own)
    if other is not None:
        raise AlreadyExists(
            f"There is a person {other.called!r} already. Take another name, merge the two, or give"
            " both an employee number."
        )


def set_name(connection: Connection, person_id: int, name: str) -> None:
    """Write a clean name down."""
    connection.execute(update(people).where(people.c.id == person_id).values(spelled(name)))


def set_number(connection: Connection, person_id: int, number: str | None) -> None:
    """Write a clean number down."""
    chosen = update(people).where(people.c.id == person_id)
    connection.execute(chosen.values(external_id=number))


def _check_owner(owners: Mapping[int, int], person: Person) -> None:
    """See that all faces are this person's."""
    others = [face_id for face_id, owner in owners.items() if owner != person.id]
    if others:
        raise InputError(
            f"Faces {listed(others)} are not {person.name}'s. "
            f"See rollcall people show {person.name!r}."
        )


def _owners(connection: Connection, collection_id: int, face_ids: Iterable[int]) -> dict[int, int]:
    """Each face's person; NotFound if one is not in the collection, InputError for no face."""
    wanted = set(face_ids)
    if not wanted:
        raise InputError("No face was given. Give at least one; see rollcall people show.")
    query = select(faces.c.id, faces.c.person_id).where(faces.c.collection_id == collection_id)
    owners = {
        face_id: person_id
        for some in chunks(wanted)
        for face_id, person_id in connection.execute(query.where(faces.c.id.in_(some)))
    }
    missing = wanted - owners.keys()
    if missing:
        raise NotFound(f"There are no faces {listed(missing)} in this collection.")
    return owners


def assign(connection: Connection, collection_id: int, owners: Mapping[int, int]) -> None:
    """Give each face to a person, and tell the indexes."""
    by_person: defaultdict[int, list[int]] = defaultdict(list)
    for face_id, person_id in owners.items():
        by_person[person_id].append(face_id)
    for person_id, face_ids in by_person.items():
        for some in chunks(face_ids):
            chosen = update(faces).where(faces.c.id.in_(some))
            connection.execute(chosen.values(person_id=person_id))
    log_changes(connection, collection_id, sorted(owners))


def write(connection: Connection, collection_id: int, kind: str, edit: Edit) -> JournalEntry:
    """Write an edit into the journal, in the transaction that made it."""
    row = {
        "collection_id": collection_id,
        "kind": kind,
        "document": asdict(edit),
        "created_at": now(),
    }
    written = connection.execute(insert(journal).returning(journal), row).one()
    concerned = [{"entry_id": written.id, "person_id": person_id} for person_id in edit.names]
    connection.execute(insert(journal_people), concerned)
    return entry_of(written)
