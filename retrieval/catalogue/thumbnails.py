"""Pictures of faces in the catalogue: of enrolled faces, of appearances, of kept strangers.

They are encrypted where vectors are, and gone where these are. Every method is one transaction.
"""

from collections.abc import Mapping

from sqlalchemy import Column, Connection, select

from retrieval.catalogue.changes import lock_collection
from retrieval.catalogue.database import Database
from retrieval.catalogue.encrypted.encoding import decode_pictures
from retrieval.catalogue.events.tables import appearances, thumbnails
from retrieval.catalogue.picture_rows import Of, insert_pictures
from retrieval.catalogue.schema import NO_VECTOR, chunks, faces
from retrieval.catalogue.strangers import unknowns


class Thumbnails:
    """The thumbnails of a catalogue. Safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, collection_id: int, of: Of, owners: list[int]) -> dict[int, bytes]:
        """The pictures that there are, by their owner's id."""
        owner = _owner(of)
        query = select(owner, thumbnails.c.picture).where(
            thumbnails.c.collection_id == collection_id
        )
        with self._database.reading() as connection:
            rows = [
                row
                for some in chunks(owners)
                for row in connection.execute(query.where(owner.in_(some)))
            ]
            pictures = decode_pictures(connection, [row.picture for row in rows])
        return {row[0]: picture for row, picture in zip(rows, pictures, strict=True)}

    def put(self, collection_id: int, of: Of, pictures: Mapping[int, bytes]) -> int:
        """Keep pictures of owners that are there and have none; return how many were kept."""
        if not pictures:
            return 0
        with self._database.writing() as connection:
            lock_collection(connection, collection_id)
            return put_pictures(connection, collection_id, of, pictures)

    def lacking_faces(self, collection_id: int) -> list[int]:
        """Ids of the enrolled faces without a picture."""
        query = select(faces.c.id).where(
            faces.c.collection_id == collection_id,
            ~select(thumbnails.c.id).where(thumbnails.c.face_id == faces.c.id).exists(),
        )
        with self._database.reading() as connection:
            return list(connection.scalars(query.order_by(faces.c.id)))


def put_pictures(
    connection: Connection, collection_id: int, of: Of, pictures: Mapping[int, bytes]
) -> int:
    """Keep pictures in a transaction that has locked the collection; return how many."""
    owner, table = _owner(of), {Of.FACE: faces, Of.STRANGER: unknowns}.get(of, appearances)
    has = select(thumbnails.c.id).where(owner == table.c.id).exists()
    query = select(table.c.id).where(table.c.collection_id == collection_id, ~has)
    if of is Of.APPEARANCE:
        query = query.where(appearances.c.vector != NO_VECTOR)
    wanted = [
        number
        for some in chunks(pictures)
        for number in connection.scalars(query.where(table.c.id.in_(some)))
    ]
    insert_pictures(connection, collection_id, of, {owner: pictures[owner] for owner in wanted})
    return len(wanted)


def _owner(of: Of) -> Column[int]:
    owner: Column[int] = thumbnails.c[f"{of.value}_id"]
    return owner
