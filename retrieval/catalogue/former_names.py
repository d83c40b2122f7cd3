"""Whom a person was before: the names that they had, and the people who were merged into them."""

from sqlalchemy import Connection, select

from retrieval.catalogue.edits import read
from retrieval.catalogue.schema import journal, journal_people, people


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
        edit = read(document)
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
        edits = [read(document) for document in connection.scalars(query)]
        merged = {
            edit.removed["id"]
            for edit in edits
            if edit.removed is not None and (edit.names.keys() - {edit.removed["id"]}) & every
        }
        new = merged - every
    return every
