"""Exact search: the oracle of every other index, and what small galleries are answered by."""

import faiss
import numpy as np
import numpy.typing as npt

from retrieval.errors import DimensionMismatch, SettingInvalid
from retrieval.protocols import SearchResult
from retrieval.values import Floats, Ints, Vectors, check_vectors

# As many probes are one photo's, and are compared by one thread: others would save half of a
# millisecond on an idle machine and cost fifty where other processes compute (docs/tuning.md).
ONE_PHOTO = 16
BLOCK_SCORES = 8_000_000  # scores held at a time: 32 MB


def checked(vectors: npt.NDArray[np.floating], dimension: int) -> Vectors:
    """Return the vectors as (n, d) float32 after checking them.

    Raises:
        DimensionMismatch: d is not the index's.
        VectorInvalid: not two-dimensional, or with NaN or infinities.
    """
    array = np.asarray(vectors)
    if array.ndim == 2 and array.shape[1] != dimension:
        raise DimensionMismatch(
            f"The index holds vectors of {dimension} numbers; found {array.shape[1]}. They come"
            " from another model: use the collection's."
        )
    return check_vectors(array, dimension)


def last_of_each(ids: Ints) -> Ints | slice:
    """The last row of each id, in order; without doubles all rows, which copies nothing."""
    newest = np.unique(ids[::-1], return_index=True)[1]
    return slice(None) if len(newest) == len(ids) else np.sort(len(ids) - 1 - newest)


def check_k(k: int) -> None:
    """Check a number of neighbours.

    Raises:
        SettingInvalid: less than 1.
    """
    if k < 1:
        raise SettingInvalid(f"A search must ask for 1 neighbour or more; found {k}.")


def best(scores: Floats, k: int) -> npt.NDArray[np.intp]:
    """Columns of each row's k highest scores, best first; equal scores in column order.

    Args:
        scores: (q, m) float32.
        k: at most m are returned.
    """
    k = min(k, scores.shape[1])
    if k < scores.shape[1]:
        top = np.sort(np.argpartition(scores, -k, axis=1)[:, -k:], axis=1)
    else:
        top = np.broadcast_to(np.arange(k), (len(scores), k))
    order = np.argsort(-np.take_along_axis(scores, top, 1), axis=1, kind="stable")
    return np.take_along_axis(top, order, 1)


def select(scores: Floats, ids: Ints, k: int) -> SearchResult:
    """Name the k highest scores of each row, padded with -1 and -inf to k columns.

    Args:
        scores: (q, m) float32, -inf where there is nothing.
        ids: (m,) or (q, m) int64, of the columns.
    """
    columns = best(scores, k)
    result = _nothing(len(scores), k)
    width = columns.shape[1]
    result.scores[:, :width] = np.take_along_axis(scores, columns, 1)
    result.ids[:, :width] = np.take_along_axis(np.broadcast_to(ids, scores.shape), columns, 1)
    result.ids[np.isneginf(result.scores)] = -1
    np.clip(result.scores, None, 1.0, out=result.scores)
    return result


def merged(parts: list[SearchResult], k: int) -> SearchResult:
    """The best k of several answers to the same probes."""
    scores = np.concatenate([part.scores for part in parts], axis=1)
    return select(scores, np.concatenate([part.ids for part in parts], axis=1), k)


def nearest(
    probes: Vectors, vectors: Vectors, ids: Ints, k: int, keep: npt.NDArray[np.bool_] | None = None
) -> SearchResult:
    """Search all vectors for each probe.

    Args:
        probes: (q, d) float32, rows of unit length.
        vectors: (n, d) float32, rows of unit length.
        ids: (n,) int64, their names.
        k: neighbours per probe.
        keep: (n,) bool, which may be found; None for all.
    """
    if keep is None and len(probes) and 0 < k <= len(vectors):
        scores, rows = faiss.knn(probes, vectors, k, metric=faiss.METRIC_INNER_PRODUCT)
        return SearchResult(ids[rows], np.clip(scores, None, 1.0))
    parts = []
    for block in blocks(probes, len(vectors)):
        scores = products(block, vectors)
        if keep is not None:
            scores[:, ~keep] = -np.inf
        parts.append(select(scores, ids, k))
    if not parts:
        return _nothing(0, k)
    return SearchResult(
        np.concatenate([part.ids for part in parts]),
        np.concatenate([part.scores for part in parts]),
    )


def blocks(probes: Vectors, n: int) -> list[Vectors]:
    """Cut the probes so that scores against n vectors fit BLOCK_SCORES."""
    rows = max(BLOCK_SCORES // max(n, 1), 1)
    return [probes[start : start + rows] for start in range(0, len(probes), rows)]


def products(probes: Vectors, vectors: Vectors) -> Floats:
    """Inner products (q, n) of all probes with all vectors; of one photo's by this thread alone."""
    if len(probes) > ONE_PHOTO:
        return np.asarray(probes @ vectors.T)
    out = np.empty((len(probes), len(vectors)), np.float32)
    for probe, row in zip(np.ascontiguousarray(probes), out, strict=True):
        pointers = (faiss.swig_ptr(array) for array in (row, probe, vectors))
        faiss.fvec_inner_products_ny(*pointers, vectors.shape[1], len(vectors))
    return out


def cosines(probes: Vectors, probe_rows: Ints, vectors: Vectors, rows: Ints) -> Floats:
    """Inner products of pairs, probes[probe_rows[i]] with vectors[rows[i]], without copies.

    Source: Faiss, `pairwise_indexed_inner_product`: 20 times as fast as NumPy's einsum on
    gathered rows, and parallel.
    """
    out = np.empty(len(rows), np.float32)
    # Named, so that they live while FAISS reads them: a pointer keeps no array alive.
    left = np.ascontiguousarray(probe_rows, np.int64)
    right = np.ascontiguousarray(rows, np.int64)
    if len(rows):
        faiss.pairwise_indexed_inner_product(
            vectors.shape[1],
            len(rows),
            *(faiss.swig_ptr(array) for array in (probes, left, vectors, right, out)),
        )
    return out


class Exact:
    """A `VectorIndex` that compares each probe with every vector."""

    def __init__(self, dimension: int) -> None:
        self._ids = np.zeros(0, np.int64)
        self._vectors = np.zeros((0, dimension), np.float32)

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, ids: Ints, vectors: Vectors) -> None:
        """Add (n,) ids with (n, d) unit vectors; an id that is there already is replaced."""
        rows = last_of_each(ids)
        ids, vectors = ids[rows], checked(vectors, self._vectors.shape[1])[rows]
        self.remove(ids)
        self._ids = np.concatenate([self._ids, ids])
        self._vectors = np.concatenate([self._vectors, vectors])

    def remove(self, ids: Ints) -> int:
        """Remove ids, ignoring unknown ones; return how many were there."""
        keep = np.isin(self._ids, ids, invert=True)
        removed = len(keep) - int(np.count_nonzero(keep))
        if removed:
            self._ids, self._vectors = self._ids[keep], self._vectors[keep]
        return removed

    def search(self, probes: Vectors, k: int, allowed: Ints | None = None) -> SearchResult:
        """Find the k most similar entries for each probe, among `allowed` ids if given.

        Args:
            probes: (q, d) float32, rows of unit length.
            k: neighbours per probe.
            allowed: ids that may be found.

        Raises:
            DimensionMismatch: d is not the index's.
            VectorInvalid: NaN or infinities.
            SettingInvalid: k is below 1.
        """
        check_k(k)
        probes = checked(probes, self._vectors.shape[1])
        keep = None if allowed is None else np.isin(self._ids, allowed)
        return nearest(probes, self._vectors, self._ids, k, keep)


def _nothing(q: int, k: int) -> SearchResult:
    return SearchResult(np.full((q, k), -1, np.int64), np.full((q, k), -np.inf, np.float32))
