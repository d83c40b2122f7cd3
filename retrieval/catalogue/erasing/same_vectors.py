"""Rows of other tables that hold the very vector of an erased face."""

from contextlib import suppress

from sqlalchemy import ColumnElement, Connection, Table, select

from retrieval.catalogue.encrypted.encoding import decode_vectors, to_bytes
from retrieval.catalogue.schema import NO_VECTOR
from retrieval.errors import VectorDamaged
from retrieval.values import Vectors

_AT_ONCE = 500


def rows_with(
    connection: Connection, table: Table, chosen: ColumnElement[bool], vectors: Vectors
) -> list[int]:
    """Ids of the chosen rows whose vector is one of these; reads all, since they may be encrypted.

    Args:
        connection: of the transaction.
        table: with the columns id and vector.
        chosen: rows whose vectors are of the same model.
        vectors: (n, d) float32.
    """
    if not len(vectors):
        return []
    wanted, found, after = {to_bytes(row) for row in vectors}, list[int](), 0
    query = select(table.c.id, table.c.vector).where(chosen, table.c.vector != NO_VECTOR)
    query = query.order_by(table.c.id).limit(_AT_ONCE)
    while rows := connection.execute(query.where(table.c.id > after)).all():
        after = rows[-1].id
        with suppress(VectorDamaged):
            decoded = decode_vectors(connection, [row.vector for row in rows], vectors.shape[1])
            same = zip(rows, decoded, strict=True)
            found += [row.id for row, vector in same if to_bytes(vector) in wanted]
    return found
