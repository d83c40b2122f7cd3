"""What an edit of people did, as its journal entry keeps it, and what prevents its undo."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, select

from retrieval.catalogue.lookups import numbered, taken
from retrieval.catalogue.records import JournalEntry
from retrieval.catalogue.schema import chunks, faces, people
from retrieval.values import counted


@dataclass(slots=True)
class Edit:
    """What an edit did, as its document keeps it.

    Attributes:
        names: of everybody concerned, by id, as they were called then.
        moves: (face, from person, to person).
        renamed: (person, name before, name after).
        removed: the row of a person who was merged away.
        made: a person who was made by the edit.
        seen: rows of events that were the merged person's, by table.
        numbered: (person, number before, number after).
        dismissed: the finding about these people that is no fault, see `upkeep.findings`.
        named: faces that were enrolled of strangers who got the name; the strangers' own rows
            wait for the undo, see `Strangers.enrol`.
    """

    names: dict[int, str]
    moves: list[tuple[int, int, int]] = field(default_factory=list)
    renamed: tuple[int, str, str] | None = None
    removed: dict[str, Any] | None = None
    made: int | None = None
    seen: dict[str, list[int]] = field(default_factory=dict)
    numbered: tuple[int, str | None, str] | None = None
    dismissed: str | None = None
    named: list[int] | None = None

    @property
    def gave(self) -> dict[int, int]:
        """To whom the edit gave each face."""
        named = next(iter(self.names), 0)
        return {face: to for face, _, to in self.moves} | dict.fromkeys(self.named or (), named)


Obstacle = tuple[str, set[int]]  # what is in the way, and the ids of the people concerned


def obstacle_to_undo(connection: Connection, collection_id: int, edit: Edit) -> Obstacle | None:
    """What stands in the way of an edit's undo; None where what it left still stands."""
    return (
        _moved_on(connection, edit)
        or _source_gone(connection, edit)
        or _made_has_more(connection, edit)
        or _renamed_again(connection, edit)
        or _name_taken(connection, collection_id, edit)
    )


def _moved_on(connection: Connection, edit: Edit) -> Obstacle | None:
    """Faces are with another person than the one that the edit gave them to."""
    found = present(connection, edit.gave)
    moved = {
        face_id: {found[face_id], to}
        for face_id, to in edit.gave.items()
        if face_id in found and found[face_id] != to
    }
    if not moved:
        return None
    return f"faces {listed(moved)} were moved since", set().union(*moved.values())


def _source_gone(connection: Connection, edit: Edit) -> Obstacle | None:
    """A person to whom faces, or a name, should go back is not there any more."""
    needed = {owner for _, owner, _ in edit.moves} | set(edit.gave.values())
    if edit.renamed is not None:
        needed.add(edit.renamed[0])
    if edit.numbered is not None:
        needed.add(edit.numbered[0])
    if edit.removed is not None:
        needed.discard(edit.removed["id"])
    known = set(connection.scalars(select(people.c.id).where(people.c.id.in_(needed))))
    missing = needed - known
    if not missing:
        return None
    names = ", ".join(edit.names[person_id] for person_id in sorted(missing))
    return f"{names} is not there any more", missing


def _made_has_more(connection: Connection, edit: Edit) -> Obstacle | None:
    """The person whom the edit made has other faces, or another name, by now."""
    if edit.made is None:
        return None
    own = set(edit.gave)
    query = select(faces.c.id).where(faces.c.person_id == edit.made)
    more = set(connection.scalars(query)) - own
    name = connection.scalar(select(people.c.name).where(people.c.id == edit.made))
    if more:
        return f"{name} has got faces {listed(more)} since", {edit.made}
    if name != edit.names[edit.made]:
        return f"{edit.names[edit.made]} was renamed to {name} since", {edit.made}
    return None


def _renamed_again(connection: Connection, edit: Edit) -> Obstacle | None:
    if edit.renamed is None:
        return None
    person_id, _, after = edit.renamed
    name = connection.scalar(select(people.c.name).where(people.c.id == person_id))
    return None if name == after else (f"{after} was renamed to {name} since", {person_id})


def _name_taken(connection: Connection, collection_id: int, edit: Edit) -> Obstacle | None:
    """The name or the external id that should come back belongs to somebody else."""
    if edit.renamed is not None:
        person_id, before, _ = edit.renamed
        own = select(people.c.external_id).where(people.c.id == person_id)
        owner = taken(connection, collection_id, before, connection.scalar(own), person_id)
        if owner is not None:
            return f"{before} belongs to somebody else by now", {owner.id}
    if edit.numbered is not None and edit.numbered[1] is None:
        person_id, _, number = edit.numbered
        owner = taken(connection, collection_id, edit.names[person_id], None, person_id)
        if owner is not None:
            return f"{owner.called} has the same name: the number tells them apart", {owner.id}
    if edit.removed is not None:
        name, number = edit.removed["name"], edit.removed["external_id"]
        if number is not None:
            holder = numbered(connection, collection_id, number)
            if holder is not None:
                return f"external id {number} belongs to somebody else by now", {holder.id}
        owner = taken(connection, collection_id, name, number)
        if owner is not None:
            return f"{name} belongs to somebody else by now", {owner.id}
    return None


def present(connection: Connection, face_ids: Iterable[int]) -> dict[int, int]:
    """Those of the faces that still are, with their people."""
    query = select(faces.c.id, faces.c.person_id)
    return {
        face_id: person_id
        for some in chunks(face_ids)
        for face_id, person_id in connection.execute(query.where(faces.c.id.in_(some)))
    }


def read(document: dict[str, Any]) -> Edit:
    """A document as JSON gives it: keys are text, tuples are lists."""
    names = {int(person_id): name for person_id, name in document["names"].items()}
    return Edit(**document | {"names": names})


def listed(ids: Iterable[int]) -> str:
    shown = sorted(ids)
    return ", ".join(map(str, shown[:5])) + (", ..." if len(shown) > 5 else "")


def entry_of(row: Row[Any]) -> JournalEntry:
    """An entry of the journal, of its row."""
    edit = Edit({}) if row.document is None else read(row.document)
    return JournalEntry(
        id=row.id,
        kind=row.kind,
        summary=_summary(row.kind, edit) if edit.names else "concerned a deleted person",
        people=tuple(sorted(edit.names)),
        faces=tuple(edit.gave),
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
    if edit.named is not None:
        strangers = counted(len(edit.named), "unknown face")
        return f"named {strangers} {' and '.join(edit.names.values())}"
    if edit.numbered is not None:
        return f"gave {edit.names[edit.numbered[0]]} the number {edit.numbered[2]}"
    if edit.dismissed is not None:
        return f"dismissed {edit.dismissed} about {' and '.join(edit.names.values())}"
    sources = {owner for _, owner, _ in edit.moves}
    whose = " and ".join(edit.names[person_id] for person_id in sorted(sources))
    to = " and ".join(edit.names[to] for to in sorted({to for _, _, to in edit.moves}))
    moved = counted(len(edit.moves), "face")
    return f"{'split' if kind == 'split' else 'moved'} {moved} of {whose} to {to}"
