"""The spaces that calibrations fitted: one matrix a collection, beside its calibration."""

from sqlalchemy import Column, Connection, ForeignKey, LargeBinary, Table, delete, insert, select

from retrieval.catalogue.schema import Id, metadata

spaces = Table(
    "spaces",
    metadata,
    Column("collection_id", Id, ForeignKey("collections.id", ondelete="CASCADE"), primary_key=True),
    Column("matrix", LargeBinary, nullable=False),  # (d, d) float32, by rows
)


def make_spaces(connection: Connection) -> None:
    """Migration: a catalogue from before calibration."""
    spaces.create(connection)


def put_space(connection: Connection, collection_id: int, matrix: bytes | None) -> None:
    """Keep a matrix in place of the one that is there; None keeps none."""
    connection.execute(delete(spaces).where(spaces.c.collection_id == collection_id))
    if matrix is not None:
        row = {"collection_id": collection_id, "matrix": matrix}
        connection.execute(insert(spaces), row)


def find_space(connection: Connection, collection_id: int) -> bytes | None:
    """The collection's matrix, or None."""
    query = select(spaces.c.matrix).where(spaces.c.collection_id == collection_id)
    found: bytes | None = connection.scalar(query)
    return found
