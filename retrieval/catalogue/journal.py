"""Edits of people that can be undone at any later time: rename, merge, split and move.

Each edit is one transaction with one journal entry, whose document says what to put back: faces
with the person they came from, a name, a person who was merged away or made. An undo checks that
what the edit left still stands, puts it back, and marks the entry. Photos that were removed since
stay away; a later edit in the way is named. Deleting a person empties the documents of all entries
that name them, so what was deleted cannot come back.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from retrieval.catalogue.changes import lock_collection, log_changes
from retrieval.catalogue.edits import Edit, listed, obstacle_to_undo, present, read
from retrieval.catalogue.enrolment import insert_person
from retrieval.catalogue.events import erasing as events
from retrieval.catalogue.lookups import numbered, person_by_id, same_person, taken
from retrieval.catalogue.names import clean_external_id, clean_name, spelled
from retrieval.catalogue.records import JournalEntry, Move, Person
from retrieval.catalogue.schema import chunks, faces, journal, journal_people, now, people
from retrieval.errors import AlreadyExists, InputError, NotFound, UndoImpossible


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

    Raises:
        NotFound: somebody is not there, or called otherwise now.
        NameInvalid, AlreadyExists: a name or a number cannot be shown, or is taken.
    """
    edits = [_renamed(connection, collection_id, *each) for each in names]
    edits += [_numbered(connection, collection_id, *each) for each in numbers]
    return [entry for _, entry in edits if entry is not None]


def _renamed(
    connection: Connection, collection_id: int, meant: int | Person, new_name: str
) -> tuple[Person, JournalEntry | None]:
    """The person as before, and the edit; None where the name is the same."""
    lock_collection(connection, collection_id)
    person = same_person(connection, collection_id, meant)
    new_name = clean_name(new_name, "person's name")
    if new_name == person.name:
        return person, None
    _check_free(connection, collection_id, new_name, person)
    _set_name(connection, person.id, new_name)
    edit = Edit({person.id: new_name}, renamed=(person.id, person.name, new_name))
    return person, _write(connection, collection_id, "rename", edit)


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
    _set_number(connection, person.id, cleaned)
    edit = Edit({person.id: person.name}, numbered=(person.id, person.external_id, cleaned))
    return person, _write(connection, collection_id, "number", edit)


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
    return _write(connection, collection_id, "dismiss", edit)


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
    _assign(connection, collection_id, dict.fromkeys(moving, into_id))
    edit.seen = events.merge_people(connection, person_id, into_id)
    connection.execute(delete(people).where(people.c.id == person_id))
    return _write(connection, collection_id, "merge", edit)


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
    _assign(connection, collection_id, dict.fromkeys(owners, made))
    return _write(connection, collection_id, "split", edit)


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
    _assign(connection, collection_id, {face_id: to for face_id, (_, to) in moving.items()})
    return _write(connection, collection_id, "move", edit)


def entries(
    connection: Connection, collection_id: int, limit: int | None = None
) -> list[JournalEntry]:
    """The journal, newest entry first."""
    query = select(journal).where(journal.c.collection_id == collection_id)
    return [
        _entry(row) for row in connection.execute(query.order_by(journal.c.id.desc()).limit(limit))
    ]


def newest(connection: Connection, collection_id: int) -> int:
    """The newest edit that can be undone; NotFound if there is none."""
    return int(_undoable(connection, collection_id, None).id)


def undo(connection: Connection, collection_id: int, entry_id: int | None = None) -> JournalEntry:
    """Undo an edit, whatever came after it, if what it left still stands.

    Ids, names, external ids and the faces' people are again as before the edit; photos that were
    removed since stay away.

    Args:
        connection: of a transaction that writes.
        collection_id: whose.
        entry_id: the edit; None for the newest that stands.

    Raises:
        NotFound: no such edit, or none at all.
        UndoImpossible: later edits, new enrolments or a deletion are in the way; which.
    """
    lock_collection(connection, collection_id)
    row = _undoable(connection, collection_id, entry_id)
    edit = read(row.document)
    _check_undo(connection, collection_id, row, edit)
    if edit.removed is not None:
        _put_back(connection, collection_id, edit.removed)
        into = next(person for person in edit.names if person != edit.removed["id"])
        events.unmerge_people(connection, edit.seen, edit.removed["id"], into)
    before = {face_id: owner for face_id, owner, _ in edit.moves}
    still = present(connection, before)
    _assign(connection, collection_id, {face_id: before[face_id] for face_id in still})
    if edit.made is not None:
        connection.execute(delete(people).where(people.c.id == edit.made))
    if edit.renamed is not None:
        _set_name(connection, edit.renamed[0], edit.renamed[1])
    if edit.numbered is not None:
        _set_number(connection, edit.numbered[0], edit.numbered[1])
    connection.execute(update(journal).where(journal.c.id == row.id).values(undone_at=now()))
    return _entry(connection.execute(select(journal).where(journal.c.id == row.id)).one())


def _undoable(connection: Connection, collection_id: int, entry_id: int | None) -> Row[Any]:
    """The entry that is meant: the given one, or the newest that was not undone."""
    query = select(journal).where(journal.c.collection_id == collection_id)
    if entry_id is None:
        # JSON null and SQL null are the same here: the column is declared with none_as_null.
        open_entries = query.where(journal.c.undone_at.is_(None), journal.c.document.is_not(None))
        row = connection.execute(open_entries.order_by(journal.c.id.desc()).limit(1)).one_or_none()
        if row is None:
            raise NotFound("There is no edit that could be undone.")
        return row
    row = connection.execute(query.where(journal.c.id == entry_id)).one_or_none()
    if row is None:
        raise NotFound(f"There is no edit {entry_id}. See rollcall people history.")
    if row.document is None:
        raise UndoImpossible(
            f"Edit {entry_id} ({row.kind}) cannot be undone: it concerned a person who was "
            "deleted since, and deletion is final."
        )
    if row.undone_at is not None:
        raise UndoImpossible(f"Edit {entry_id} ({row.kind}) was undone at {row.undone_at}.")
    return row


def _check_undo(connection: Connection, collection_id: int, row: Row[Any], edit: Edit) -> None:
    """Raise UndoImpossible where what the edit left does not stand any more."""
    obstacle = obstacle_to_undo(connection, collection_id, edit)
    if obstacle is None:
        return
    reason, concerned = obstacle
    later = (
        select(journal.c.id, journal.c.kind)
        .join(journal_people, journal_people.c.entry_id == journal.c.id)
        .where(journal.c.id > row.id, journal.c.undone_at.is_(None))
        .where(journal_people.c.person_id.in_(concerned))
        .distinct()
        .order_by(journal.c.id.desc())
    )
    edits = [f"{entry.id} ({entry.kind})" for entry in connection.execute(later)]
    advice = f"Undo edit {', '.join(edits)} first." if edits else "Put that right first."
    raise UndoImpossible(f"Edit {row.id} ({row.kind}) cannot be undone: {reason}. {advice}")


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


def _set_name(connection: Connection, person_id: int, name: str) -> None:
    connection.execute(update(people).where(people.c.id == person_id).values(spelled(name)))


def _set_number(connection: Connection, person_id: int, number: str | None) -> None:
    chosen = update(people).where(people.c.id == person_id)
    connection.execute(chosen.values(external_id=number))


def _put_back(connection: Connection, collection_id: int, removed: Mapping[str, Any]) -> None:
    """Insert a person again who was merged away, under the old id."""
    row = dict(removed) | {
        "collection_id": collection_id,
        **spelled(removed["name"]),
        "created_at": datetime.fromisoformat(removed["created_at"]),
    }
    connection.execute(insert(people), row)


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


def _assign(connection: Connection, collection_id: int, owners: Mapping[int, int]) -> None:
    """Give each face to a person, and tell the indexes."""
    by_person: defaultdict[int, list[int]] = defaultdict(list)
    for face_id, person_id in owners.items():
        by_person[person_id].append(face_id)
    for person_id, face_ids in by_person.items():
        for some in chunks(face_ids):
            chosen = update(faces).where(faces.c.id.in_(some))
            connection.execute(chosen.values(person_id=person_id))
    log_changes(connection, collection_id, sorted(owners))


def _write(connection: Connection, collection_id: int, kind: str, edit: Edit) -> JournalEntry:
    row = {
        "collection_id": collection_id,
        "kind": kind,
        "document": asdict(edit),
        "created_at": now(),
    }
    written = connection.execute(insert(journal).returning(journal), row).one()
    concerned = [{"entry_id": written.id, "person_id": person_id} for person_id in edit.names]
    connection.execute(insert(journal_people), concerned)
    return _entry(written)


def _entry(row: Row[Any]) -> JournalEntry:
    edit = Edit({}) if row.document is None else read(row.document)
    return JournalEntry(
        id=row.id,
        kind=row.kind,
        summary=_summary(row.kind, edit) if edit.names else "concerned a deleted person",
        people=tuple(sorted(edit.names)),
        faces=tuple(face_id for face_id, _, _ in edit.moves),
        created_at=row.created_at,
        undone_at=row.undone_at,
        erased=row.document is None,
    )


def _summary(kind: str, edit: Edit) -> str:
    if edit.renamed is not None:
        return f"renamed {edit.renamed[1]} to {edit.renamed[2]}"
    if edit.removed is not None:
        into = next(name for key, name in edit.names.items() if key != edit.removed["id"])
        return f"merged {edit.removed['name']} into {into}"
    if edit.numbered is not None:
        return f"gave {edit.names[edit.numbered[0]]} the number {edit.numbered[2]}"
    if edit.dismissed is not None:
        return f"dismissed {edit.dismissed} about {' and '.join(edit.names.values())}"
    sources = {owner for _, owner, _ in edit.moves}
    whose = " and ".join(edit.names[person_id] for person_id in sorted(sources))
    to = " and ".join(edit.names[to] for to in sorted({to for _, _, to in edit.moves}))
    faces_moved = f"{len(edit.moves)} face{'s' if len(edit.moves) > 1 else ''}"
    return f"{'split' if kind == 'split' else 'moved'} {faces_moved} of {whose} to {to}"
