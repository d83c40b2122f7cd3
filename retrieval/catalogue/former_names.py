"""Whom a person was before: the names that they had, and the people who were merged into them."""

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import Connection, select

from retrieval.catalogue.edits import Edit, read
from retrieval.catalogue.erasing.mentions import GONE, Mentions
from retrieval.catalogue.schema import chunks, journal, journal_people, people

_STANDING_MERGE = (
    journal.c.kind == "merge",
    journal.c.undone_at.is_(None),
    journal.c.document.is_not(None),
)


def names_of(connection: Connection, collection_id: int, person_ids: Collection[int]) -> set[str]:
    """The names that people have had, of people merged into these as well.

    Names that others have now are left out.
    """
    every = same_people(connection, person_ids)
    found: set[str] = set()
    for own in chunks(person_ids):
        found.update(connection.scalars(select(people.c.name).where(people.c.id.in_(own))))
    for some in chunks(entries_of(connection, every)):
        mine = select(journal.c.document).where(
            journal.c.id.in_(some), journal.c.document.is_not(None)
        )
        for document in connection.scalars(mine):
            found.update(name for each, name in _called(read(document)) if each in every)
    found.discard(GONE)  # what a namesake's deletion left of an edit
    meant = set(person_ids)
    for names in chunks(sorted(found)):
        query = select(people.c.id, people.c.name).where(
            people.c.collection_id == collection_id, people.c.name.in_(names)
        )
        found -= {row.name for row in connection.execute(query) if row.id not in meant}
    return found


def same_people(connection: Connection, person_ids: Iterable[int]) -> set[int]:
    """Ids of people and of all who were merged into them, or into one of these."""
    every: set[int] = set()
    new = set(person_ids)
    while new:
        every |= new
        merged = {
            edit.removed["id"]
            for edit in _standing_merges(connection, new)
            if edit.removed is not None and (edit.names.keys() - {edit.removed["id"]}) & every
        }
        new = merged - every
    return every


def entries_of(connection: Connection, person_ids: Iterable[int]) -> set[int]:
    """Ids of the edits that concern one of these people."""
    found: set[int] = set()
    for some in chunks(person_ids):
        mine = journal_people.c.person_id.in_(some)
        found.update(connection.scalars(select(journal_people.c.entry_id).where(mine)))
    return found


def _standing_merges(connection: Connection, person_ids: Iterable[int]) -> list[Edit]:
    """Merges that stand, and concern one of these people."""
    query = select(journal.c.document).join(
        journal_people, journal_people.c.entry_id == journal.c.id
    )
    return [
        read(document)
        for some in chunks(person_ids)
        for document in connection.scalars(
            query.where(journal_people.c.person_id.in_(some), *_STANDING_MERGE)
        )
    ]


def edits_naming(
    connection: Connection, collection_id: int, mentions: Mentions
) -> dict[int, dict[str, Any]]:
    """Edits of others that name whoever is deleted: their documents without the names, by entry.

    Somebody who was made and unmade under the same name is in none of the person's own entries. An
    edit that stands keeps the names of people who are there, or come back where it is undone: they
    are those people's own.
    """
    query = select(journal.c.id, journal.c.document, journal.c.undone_at).where(
        journal.c.collection_id == collection_id,
        journal.c.document.is_not(None),
        mentions.possible(journal.c.document),
    )
    rows = connection.execute(query).all()
    standing = {row.id: _called(read(row.document)) for row in rows if row.undone_at is None}
    there = _there(connection, {each for called in standing.values() for each, _ in called})
    found = {}
    for row in rows:
        own = {name for each, name in standing.get(row.id, ()) if each in there}
        left = mentions.but(own).taken_out_of_words(row.document)
        if left != row.document:
            found[row.id] = left
    return found


def _called(edit: Edit) -> list[tuple[int, str]]:
    """The people of an edit, each by every name that it has of them."""
    called = list(edit.names.items())
    if edit.renamed is not None:
        called += [(edit.renamed[0], name) for name in edit.renamed[1:]]
    if edit.removed is not None:
        called.append((edit.removed["id"], edit.removed["name"]))
    return called


def _there(connection: Connection, person_ids: Collection[int]) -> set[int]:
    """Those of people who are enrolled, or were merged into others and can be put back."""
    there: set[int] = set()
    for some in chunks(person_ids):
        there.update(connection.scalars(select(people.c.id).where(people.c.id.in_(some))))
    merges = _standing_merges(connection, person_ids)
    return there | {edit.removed["id"] for edit in merges if edit.removed is not None}
