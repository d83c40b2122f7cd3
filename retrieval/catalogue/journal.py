"""Edits of people that can be undone at any later time: rename, merge, split and move.

Each edit is one transaction with one journal entry, whose document says what to put back: faces
with the person they came from, a name, a person who was merged away or made. An undo checks that
what the edit left still stands, puts it back, and marks the entry. Photos that were removed since
stay away; a later edit in the way is named. Deleting a person empties the documents of all entries
that name them, so what was deleted cannot come back.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from retrieval.catalogue.changes import lock_collection, log_changes
from retrieval.catalogue.enrolment import insert_person
from retrieval.catalogue.events import erasing as events
from retrieval.catalogue.lookups import person_by_id, same_person
from retrieval.catalogue.names import clean_name, folded
from retrieval.catalogue.records import JournalEntry, Move, Person
from retrieval.catalogue.schema import chunks, faces, journal, journal_people, now, people
from retrieval.errors import AlreadyExists, InputError, NotFound, UndoImpossible


@dataclass(slots=True)
class _Edit:
    """What an edit did, as its document keeps it.

    Attributes:
        names: of everybody concerned, by id, as they were called then.
        moves: (face, from person, to person).
        renamed: (person, name before, name after).
        removed: the row of a person who was merged away.
        made: a person who was made by the edit.
        seen: rows of events that were the merged person's, by table.
    """

    names: dict[int, str]
    moves: list[tuple[int, int, int]] = field(default_factory=list)
    renamed: tuple[int, str, str] | None = None
    removed: dict[str, Any] | None = None
    made: int | None = None
    seen: dict[str, list[int]] = field(default_factory=dict)


def rename(
    connection: Connection, collection_id: int, meant: int | Person, new_name: str
) -> Person:
    """Give a person another name; see `Catalogue.rename_person`."""
    lock_collection(connection, collection_id)
    person = same_person(connection, collection_id, meant)
    person_id = person.id
    new_name = clean_name(new_name, "person's name")
    if new_name == person.name:
        return person
    _check_free(connection, collection_id, new_name)
    _set_name(connection, person_id, new_name)
    edit = _Edit({person_id: new_name}, renamed=(person_id, person.name, new_name))
    _write(connection, collection_id, "rename", edit)
    return person_by_id(connection, collection_id, person_id)


def merge(
    connection: Connection, collection_id: int, meant: int | Person, meant_into: int | Person
) -> JournalEntry:
    """Make one person of two; see `Catalogue.merge_people`."""
    lock_collection(connection, collection_id)
    merged = same_person(connection, collection_id, meant)
    into = same_person(connection, collection_id, meant_into)
    person_id, into_id = merged.id, into.id
    if person_id == into_id:
        raise InputError("A person cannot be merged with themselves. Give two different people.")
    edit = _Edit({person_id: merged.name, into_id: into.name})
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
    """Make a new person of some of a person's faces; see `Catalogue.split_person`."""
    lock_collection(connection, collection_id)
    person = same_person(connection, collection_id, meant)
    person_id = person.id
    new_name = clean_name(new_name, "person's name")
    _check_free(connection, collection_id, new_name)
    owners = _owners(connection, collection_id, face_ids)
    _check_owner(owners, person)
    made = insert_person(connection, collection_id, new_name)
    edit = _Edit({person_id: person.name, made: new_name}, made=made)
    edit.moves = [(face_id, person_id, made) for face_id in sorted(owners)]
    _assign(connection, collection_id, dict.fromkeys(owners, made))
    return _write(connection, collection_id, "split", edit)


def move(connection: Connection, collection_id: int, moves: Iterable[Move]) -> JournalEntry:
    """Give faces to other people, as one edit; see `Catalogue.move_all`."""
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
    edit = _Edit(names | {row.id: row.name for row in connection.execute(query)})
    edit.moves = [(face_id, owner, to) for face_id, (owner, to) in sorted(moving.items())]
    _assign(connection, collection_id, {face_id: to for face_id, (_, to) in moving.items()})
    return _write(connection, collection_id, "move", edit)


def entries(connection: Connection, collection_id: int, limit: int | None) -> list[JournalEntry]:
    """The journal, newest entry first."""
    query = select(journal).where(journal.c.collection_id == collection_id)
    return [
        _entry(row) for row in connection.execute(query.order_by(journal.c.id.desc()).limit(limit))
    ]


def newest(connection: Connection, collection_id: int) -> int:
    """The newest edit that can be undone; see `Catalogue.newest_edit`."""
    return int(_undoable(connection, collection_id, None).id)


def undo(connection: Connection, collection_id: int, entry_id: int | None) -> JournalEntry:
    """Put back what an edit changed; see `Catalogue.undo`."""
    lock_collection(connection, collection_id)
    row = _undoable(connection, collection_id, entry_id)
    edit = _read(row.document)
    _check_undo(connection, collection_id, row, edit)
    if edit.removed is not None:
        _put_back(connection, collection_id, edit.removed)
        into = next(person for person in edit.names if person != edit.removed["id"])
        events.unmerge_people(connection, edit.seen, edit.removed["id"], into)
    before = {face_id: owner for face_id, owner, _ in edit.moves}
    still = _present(connection, before)
    _assign(connection, collection_id, {face_id: before[face_id] for face_id in still})
    if edit.made is not None:
        connection.execute(delete(people).where(people.c.id == edit.made))
    if edit.renamed is not None:
        _set_name(connection, edit.renamed[0], edit.renamed[1])
    connection.execute(update(journal).where(journal.c.id == row.id).values(undone_at=now()))
    return _entry(connection.execute(select(journal).where(journal.c.id == row.id)).one())


def names_of(connection: Connection, collection_id: int, person_id: int) -> set[str]:
    """The names that a person has had, of people merged into this one as well.

    Names that others have now are left out.
    """
    every = same_people(connection, person_id)
    entries = select(journal_people.c.entry_id).where(journal_people.c.person_id.in_(every))
    found = set(connection.scalars(select(people.c.name).where(people.c.id == person_id)))
    for document in connection.scalars(select(journal.c.document).where(journal.c.id.in_(entries))):
        if document is None:
            continue
        edit = _read(document)
        found.update(name for each, name in edit.names.items() if each in every)
        if edit.renamed is not None:
            found.update(edit.renamed[1:])
        if edit.removed is not None:
            found.add(edit.removed["name"])
    others = select(people.c.name).where(
        people.c.collection_id == collection_id,
        people.c.id != person_id,
        people.c.name.in_(found),
    )
    return found - set(connection.scalars(others))


def same_people(connection: Connection, person_id: int) -> set[int]:
    """Ids of a person and of all who were merged into them, or into one of these."""
    every: set[int] = set()
    new = {person_id}
    while new:
        every |= new
        entries = select(journal_people.c.entry_id).where(journal_people.c.person_id.in_(new))
        query = select(journal.c.document).where(
            journal.c.id.in_(entries),
            journal.c.kind == "merge",
            journal.c.undone_at.is_(None),
            journal.c.document.is_not(None),
        )
        edits = [_read(document) for document in connection.scalars(query)]
        merged = {
            edit.removed["id"]
            for edit in edits
            if edit.removed is not None and (edit.names.keys() - {edit.removed["id"]}) & every
        }
        new = merged - every
    return every


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


def _check_undo(connection: Connection, collection_id: int, row: Row[Any], edit: _Edit) -> None:
    """Raise UndoImpossible where what the edit left does not stand any more."""
    obstacle = (
        _moved_on(connection, edit)
        or _source_gone(connection, edit)
        or _made_has_more(connection, edit)
        or _renamed_again(connection, edit)
        or _name_taken(connection, collection_id, edit)
    )
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


Obstacle = tuple[str, set[int]]  # what is in the way, and the ids of the people concerned


def _moved_on(connection: Connection, edit: _Edit) -> Obstacle | None:
    """Faces are with another person than the one that the edit gave them to."""
    present = _present(connection, [face_id for face_id, _, _ in edit.moves])
    moved = {
        face_id: {present[face_id], to}
        for face_id, _, to in edit.moves
        if face_id in present and present[face_id] != to
    }
    if not moved:
        return None
    return f"faces {_listed(moved)} were moved since", set().union(*moved.values())


def _source_gone(connection: Connection, edit: _Edit) -> Obstacle | None:
    """A person to whom faces, or a name, should go back is not there any more."""
    needed = {owner for _, owner, _ in edit.moves} | {to for _, _, to in edit.moves}
    if edit.renamed is not None:
        needed.add(edit.renamed[0])
    if edit.removed is not None:
        needed.discard(edit.removed["id"])
    known = set(connection.scalars(select(people.c.id).where(people.c.id.in_(needed))))
    missing = needed - known
    if not missing:
        return None
    names = ", ".join(edit.names[person_id] for person_id in sorted(missing))
    return f"{names} is not there any more", missing


def _made_has_more(connection: Connection, edit: _Edit) -> Obstacle | None:
    """The person whom the edit made has other faces, or another name, by now."""
    if edit.made is None:
        return None
    own = {face_id for face_id, _, _ in edit.moves}
    query = select(faces.c.id).where(faces.c.person_id == edit.made)
    more = set(connection.scalars(query)) - own
    name = connection.scalar(select(people.c.name).where(people.c.id == edit.made))
    if more:
        return f"{name} has got faces {_listed(more)} since", {edit.made}
    if name != edit.names[edit.made]:
        return f"{edit.names[edit.made]} was renamed to {name} since", {edit.made}
    return None


def _renamed_again(connection: Connection, edit: _Edit) -> Obstacle | None:
    if edit.renamed is None:
        return None
    person_id, _, after = edit.renamed
    name = connection.scalar(select(people.c.name).where(people.c.id == person_id))
    return None if name == after else (f"{after} was renamed to {name} since", {person_id})


def _name_taken(connection: Connection, collection_id: int, edit: _Edit) -> Obstacle | None:
    """The name or the external id that should come back belongs to somebody else."""
    query = select(people.c.id).where(people.c.collection_id == collection_id)
    wanted = {}
    if edit.renamed is not None:
        wanted[edit.renamed[1]] = people.c.name == edit.renamed[1]
    if edit.removed is not None:
        wanted[edit.removed["name"]] = people.c.name == edit.removed["name"]
        external_id = edit.removed["external_id"]
        if external_id is not None:
            wanted[f"external id {external_id}"] = people.c.external_id == external_id
    for what, taken in wanted.items():
        owner = connection.scalar(query.where(taken))
        if owner is not None:
            return f"{what} belongs to somebody else by now", {owner}
    return None


def _check_free(connection: Connection, collection_id: int, name: str) -> None:
    taken = select(people.c.id).where(
        people.c.collection_id == collection_id, people.c.name == name
    )
    if connection.scalar(taken) is not None:
        raise AlreadyExists(
            f"There is a person {name!r} already. Take another name, or merge the two."
        )


def _set_name(connection: Connection, person_id: int, name: str) -> None:
    values = {"name": name, "folded": folded(name)}
    connection.execute(update(people).where(people.c.id == person_id).values(values))


def _put_back(connection: Connection, collection_id: int, removed: Mapping[str, Any]) -> None:
    """Insert a person again who was merged away, under the old id."""
    row = dict(removed) | {
        "collection_id": collection_id,
        "folded": folded(removed["name"]),
        "created_at": datetime.fromisoformat(removed["created_at"]),
    }
    connection.execute(insert(people), row)


def _check_owner(owners: Mapping[int, int], person: Person) -> None:
    """See that all faces are this person's."""
    others = [face_id for face_id, owner in owners.items() if owner != person.id]
    if others:
        raise InputError(
            f"Faces {_listed(others)} are not {person.name}'s. "
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
        raise NotFound(f"There are no faces {_listed(missing)} in this collection.")
    return owners


def _present(connection: Connection, face_ids: Iterable[int]) -> dict[int, int]:
    """Those of the faces that still are, with their people."""
    query = select(faces.c.id, faces.c.person_id)
    return {
        face_id: person_id
        for some in chunks(face_ids)
        for face_id, person_id in connection.execute(query.where(faces.c.id.in_(some)))
    }


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


def _write(connection: Connection, collection_id: int, kind: str, edit: _Edit) -> JournalEntry:
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


def _read(document: dict[str, Any]) -> _Edit:
    """A document as JSON gives it: keys are text, tuples are lists."""
    names = {int(person_id): name for person_id, name in document["names"].items()}
    return _Edit(**document | {"names": names})


def _entry(row: Row[Any]) -> JournalEntry:
    edit = _Edit({}) if row.document is None else _read(row.document)
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


def _summary(kind: str, edit: _Edit) -> str:
    if edit.renamed is not None:
        return f"renamed {edit.renamed[1]} to {edit.renamed[2]}"
    if edit.removed is not None:
        into = next(name for key, name in edit.names.items() if key != edit.removed["id"])
        return f"merged {edit.removed['name']} into {into}"
    sources = {owner for _, owner, _ in edit.moves}
    whose = " and ".join(edit.names[person_id] for person_id in sorted(sources))
    to = " and ".join(edit.names[to] for to in sorted({to for _, _, to in edit.moves}))
    faces_moved = f"{len(edit.moves)} face{'s' if len(edit.moves) > 1 else ''}"
    return f"{'split' if kind == 'split' else 'moved'} {faces_moved} of {whose} to {to}"


def _listed(ids: Iterable[int]) -> str:
    shown = sorted(ids)
    return ", ".join(map(str, shown[:5])) + (", ..." if len(shown) > 5 else "")
