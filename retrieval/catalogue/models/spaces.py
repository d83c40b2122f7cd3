"""The spaces that calibrations fitted: one matrix per collection, beside its calibration."""

import numpy as np
from sqlalchemy import Column, Connection, ForeignKey, LargeBinary, Table, delete, insert, select

from retrieval.catalogue.changes import dimension_of
from retrieval.catalogue.encrypted.encoding import decode_vectors, encode_vectors
from retrieval.catalogue.schema import Id, metadata
from retrieval.values import Floats

spaces = Table(
    "spaces",
    metadata,
    Column("collection_id", Id, ForeignKey("collections.id", ondelete="CASCADE"), primary_key=True),
    Column("matrix", LargeBinary, nullable=False),  # (d, d) float32, by rows, as one vector
)


def put_space(connection: Connection, collection_id: int, matrix: Floats | None) -> None:
    """Keep a matrix in place of the one that is there; None keeps none."""
    values = [] if matrix is None else encode_vectors(connection, np.reshape(matrix, (1, -1)))
    connection.execute(delete(spaces).where(spaces.c.collection_id == collection_id))
    for value in values:
        connection.execute(insert(spaces), {"collection_id": collection_id, "matrix": value})


def find_space(connection: Connection, collection_id: int) -> Floats | None:
    """The collection's matrix, (d, d) float32, or None."""
    query = select(spaces.c.matrix).where(spaces.c.collection_id == collection_id)
    stored = connection.scalar(query)
    if stored is None:
        return None
    side = dimension_of(connection, collection_id)
    return decode_vectors(connection, [stored], side * side).reshape(side, side)
