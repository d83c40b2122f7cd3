"""Names of people who were deleted while an answer that names them was on its way to be stored.

An answer is made outside of the transaction that stores it; of a long video, long before. Who is
deleted in between is taken out of all that is stored by then, and must not come back with it.
"""

from typing import Any

from sqlalchemy import Connection, Select, select

from retrieval.catalogue.changes import lock_collection
from retrieval.catalogue.erasing.mentions import Mentions
from retrieval.catalogue.schema import chunks, collections, journal, journal_people, people


def without_late_names(
    connection: Connection, collection: str | Select[tuple[str]] | None, document: Any
) -> Any:
    """The same document (JSON values) without the names of people who are gone by now.

    People who were merged are not gone: their names stand as they were.

    Args:
        connection: of the transaction that stores the document; it stays the collection's only
            writer until its end, so that nobody is deleted in between.
        collection: whose people they are, by name or by a query that gives it.
        document: in which people stand as `person` beside `person_id`.
    """
    named: dict[int, str] = {}
    _collect(document, named)
    if not named:
        return document
    there: set[int] = set()
    named_so = collection.scalar_subquery() if isinstance(collection, Select) else collection
    mine = select(collections.c.id).where(collections.c.name == named_so)
    collection_id = connection.scalar(mine)
    if collection_id is not None:  # else it is gone with all people
        lock_collection(connection, collection_id)
        there = _not_erased(connection, list(named))
    kept = {named[each] for each in there}
    gone = set(named.values()) - kept
    return Mentions(gone, kept).taken_out_of_words(document) if gone else document


def _not_erased(connection: Connection, every: list[int]) -> set[int]:
    """Those of these people who are there, or were merged into others who are."""
    there: set[int] = set()
    for ids in chunks(every):
        there.update(connection.scalars(select(people.c.id).where(people.c.id.in_(ids))))
        merged = (
            select(journal_people.c.person_id)
            .join(journal, journal.c.id == journal_people.c.entry_id)
            .where(journal_people.c.person_id.in_(ids), journal.c.document.is_not(None))
        )
        there.update(connection.scalars(merged))
    return there


def _collect(document: Any, named: dict[int, str]) -> None:
    """Names by ids, from wherever in the document both stand together."""
    if isinstance(document, dict):
        person, name = document.get("person_id"), document.get("person")
        if isinstance(person, int) and isinstance(name, str):
            named[person] = name
        for value in document.values():
            _collect(value, named)
    elif isinstance(document, list):
        for value in document:
            _collect(value, named)
