"""How arrays lie in the database: one value of bytes per row.

Boxes and landmarks are little-endian float32. Vectors, what is made of vectors, and pictures of
faces go through the codec of the database that a connection belongs to, and through nothing else:
they may be encrypted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from sqlalchemy import Connection

from retrieval.values import Floats, Vectors

if TYPE_CHECKING:
    import numpy.typing as npt

CODEC = "codec"  # the execution option by which a connection knows its database's
_STORED = "<f4"


class Codec(Protocol):
    """Turns vectors into what the database keeps, and back; both inside a transaction."""

    def encode(self, connection: Connection, vectors: Vectors) -> list[bytes]:
        """A value for each row of (n, d); the transaction is a writer's."""

    def decode(self, connection: Connection, stored: Sequence[bytes], dimension: int) -> Vectors:
        """The rows (n, d) float32 of n values."""

    def encrypt(self, connection: Connection, values: Sequence[bytes]) -> list[bytes]:
        """What is kept of bytes; the transaction is a writer's."""

    def open(self, connection: Connection, values: Sequence[bytes]) -> list[bytes]:
        """The bytes again."""


def encode_vectors(connection: Connection, vectors: Vectors) -> list[bytes]:
    """What the connection's database keeps for each row of (n, d), in a writing transaction.

    Call it behind a lock of the collection and before rows are changed. On PostgreSQL it waits for
    a change of keys, and a restore, which locks both tables in this order, waits for it.
    """
    codec: Codec = connection.get_execution_options()[CODEC]
    return codec.encode(connection, vectors)


def decode_vectors(connection: Connection, stored: Sequence[bytes], dimension: int) -> Vectors:
    """The rows (n, d) float32 of n values that `encode_vectors` made, in the same transaction."""
    codec: Codec = connection.get_execution_options()[CODEC]
    return codec.decode(connection, stored, dimension)


def encode_pictures(connection: Connection, pictures: Sequence[bytes]) -> list[bytes]:
    """What the connection's database keeps of pictures of faces; called as `encode_vectors` is."""
    codec: Codec = connection.get_execution_options()[CODEC]
    return codec.encrypt(connection, pictures)


def decode_pictures(connection: Connection, stored: Sequence[bytes]) -> list[bytes]:
    """The pictures that `encode_pictures` made, in the same transaction."""
    codec: Codec = connection.get_execution_options()[CODEC]
    return codec.open(connection, stored)


def to_bytes(array: npt.NDArray[np.float32]) -> bytes:
    """The numbers of one array, row by row."""
    return np.ascontiguousarray(array, dtype=_STORED).tobytes()


def from_bytes(stored: bytes) -> Floats:
    """The numbers of one value, flat."""
    return np.frombuffer(stored, dtype=_STORED).astype(np.float32)


def vectors_from_bytes(stored: Sequence[bytes], dimension: int) -> Vectors:
    """Many vectors at once, (n, d), as one copy of memory."""
    flat = np.frombuffer(bytearray().join(stored), dtype=_STORED)
    return flat.astype(np.float32, copy=False).reshape(len(stored), dimension)
