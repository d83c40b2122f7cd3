"""How arrays lie in the database: little-endian float32, one value of bytes a row."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from retrieval.values import Floats, Vectors

_STORED = np.dtype("<f4")


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
