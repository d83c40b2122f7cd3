"""Undoing edits of people: what an edit left must stand, and is put back.

Photos that were removed since stay away; a later edit in the way is named.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from retrieval.catalogue.changes import lock_collection
from retrieval.catalogue.edits import Edit, entry_of, obstacle_to_undo, present, read
from retrieval.catalogue.events import erasing as events
from retrieval.catalogue.journal import assign, set_name, set_number
from retrieval.catalogue.names import spelled
from retrieval.catalogue.records import JournalEntry
from retrieval.catalogue.schema import journal, journal_people, now, people
from retrieval.catalogue.strangers import unname
from retrieval.errors import NotFound, UndoImpossible


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
    assign(connection, collection_id, {face_id: before[face_id] for face_id in still})
    if edit.named is not None:
        unname(connection, collection_id, row.id, present(connection, edit.named))
    if edit.made is not None:
        connection.execute(delete(people).where(people.c.id == edit.made))
    if edit.renamed is not None:
        set_name(connection, edit.renamed[0], edit.renamed[1])
    if edit.numbered is not None:
        set_number(connection, edit.numbered[0], edit.numbered[1])
    connection.execute(update(journal).where(journal.c.id == row.id).values(undone_at=now()))
    return entry_of(connection.execute(select(journal).where(journal.c.id == row.id)).one())


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
        raise UndoImpossible(
            f"Edit {entry_id} ({row.kind}) was undone at {row.undone_at:%Y-%m-%d %H:%M} UTC."
        )
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


def _put_back(connection: Connection, collection_id: int, removed: Mapping[str, Any]) -> None:
    """Insert a person again who was merged away, under the old id."""
    row = dict(removed) | {
        "collection_id": collection_id,
        **spelled(removed["name"]),
        "created_at": datetime.fromisoformat(removed["created_at"]),
    }
    connection.execute(insert(people), row)
