"""Inverted lists of clusters (FAISS IVF) whose best candidates are scored again, exactly.

Vectors are centred and searched by L2: for unit vectors that is the order of the cosine, while
codes compare differences that are small against the vectors' common part. FAISS finds rows by
code; the rows' exact vectors, which stay where the caller keeps them, decide the order.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

import faiss
import numpy as np
import numpy.typing as npt

from retrieval.errors import IndexFailed, SettingInvalid
from retrieval.index.exact import check_k, checked, cosines, last_of_each, select
from retrieval.protocols import SearchResult
from retrieval.values import Floats, Ints, Vectors

Codes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

_ENCODED_AT_ONCE = 65_536  # rows centred and encoded in one call: 32 MB at 128 numbers
_DEAD_SHARE = 0.1  # of the rows, before the lists are written anew
_ITERATIONS = 8  # of k-means; on face-like vectors 12 agree no better (docs/tuning.md)


class Coding(StrEnum):
    """What a list holds of a vector."""

    FLAT = "flat"  # float32
    SQ8 = "sq8"  # a byte a number
    PQ = "pq"  # four bits for two numbers, scanned in registers (Faiss fast-scan)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How lists are made and searched.

    Attributes:
        coding: what the lists hold.
        nlist: lists, that is clusters.
        nprobe: lists that a search visits.
        fetch: candidates per probe that are scored again exactly, at least.
        seed: of the clustering.
    """

    coding: Coding
    nlist: int
    nprobe: int
    fetch: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.nprobe <= self.nlist:
            raise SettingInvalid(
                f"nprobe must be between 1 and nlist ({self.nlist}); found {self.nprobe}."
            )
        if self.fetch < 1:
            raise SettingInvalid(f"fetch must be 1 or more; found {self.fetch}.")

    def factory(self, dimension: int) -> str:
        """The index as FAISS's index_factory names it."""
        codes = {Coding.FLAT: "Flat", Coding.SQ8: "SQ8", Coding.PQ: f"PQ{_parts(dimension)}x4fs"}
        return f"IVF{self.nlist},{codes[self.coding]}"

    def code_bytes(self, dimension: int) -> int:
        """Bytes of a vector's code."""
        parts = _parts(dimension)
        sizes = {Coding.FLAT: 4 * dimension, Coding.SQ8: dimension, Coding.PQ: (parts + 1) // 2}
        return sizes[self.coding]


class FaissIvf:
    """A `VectorIndex` of inverted lists. Searches may run side by side; changes may not."""

    def __init__(self, recipe: Recipe, lists: Any, mean: Floats) -> None:
        """Wrap trained lists that hold nothing yet; see `trained` and `restored`."""
        self.recipe = recipe
        self._lists = lists
        self._mean = mean
        self._mapped: npt.NDArray[np.uint8] | None = None
        self._imbalance: float | None = None
        self._ids = np.zeros(0, np.int64)
        self._vectors = np.zeros((0, len(mean)), np.float32)
        self._alive: Mask = np.zeros(0, np.bool_)

    @classmethod
    def trained(cls, sample: Vectors, recipe: Recipe) -> Self:
        """Learn clusters and codes.

        Args:
            sample: (n, d) float32 unit vectors like those that will be added, at least nlist,
                better 39 per list (Faiss wiki, "Guidelines to choose an index").
            recipe: what to make.

        Raises:
            SettingInvalid: fewer vectors than lists.
            IndexFailed: FAISS failed.
        """
        if len(sample) < recipe.nlist:
            raise SettingInvalid(
                f"{recipe.nlist} lists need as many vectors to learn from; found {len(sample)}."
            )
        mean = sample.mean(axis=0, dtype=np.float64).astype(np.float32)
        with _translated():
            lists = faiss.index_factory(sample.shape[1], recipe.factory(sample.shape[1]))
            lists.cp.niter = _ITERATIONS
            lists.cp.seed = recipe.seed
            lists.cp.min_points_per_centroid = 1  # FAISS would write to standard error
            if recipe.coding is Coding.PQ:
                lists.pq.cp.min_points_per_centroid = 1
            lists.cp.max_points_per_centroid = max(len(sample) // recipe.nlist, 1)
            lists.train(sample - mean)
        return cls(recipe, lists, mean)

    @classmethod
    def restored(
        cls, recipe: Recipe, arrays: Mapping[str, Any], ids: Ints, vectors: Vectors
    ) -> Self:
        """Search lists where they lie: in a mapped file, which is not copied.

        Args:
            recipe: as when `arrays` was made.
            arrays: what `arrays` gave.
            ids, vectors: as they were added.
        """
        content = arrays["lists"]
        with _translated():
            reader = faiss.ZeroCopyIOReader(faiss.swig_ptr(content), len(content))
            lists = faiss.read_index(reader)
        index = cls(recipe, lists, np.array(arrays["mean"]))
        index._mapped, index._ids, index._vectors = content, ids, vectors
        index._alive = np.ones(len(ids), np.bool_)
        return index

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """What `restored` needs: the lists and the mean, without ids and exact vectors."""
        with _translated():
            return {"lists": faiss.serialize_index(self._lists), "mean": self._mean}

    def __len__(self) -> int:
        return int(np.count_nonzero(self._alive))

    @property
    def memory_bytes(self) -> int:
        """Bytes of codes, row numbers and centroids: what a search reads before rescoring."""
        row = int(self._lists.code_size) + 8
        return len(self._ids) * row + self.recipe.nlist * len(self._mean) * 4

    @property
    def mean(self) -> Floats:
        """(d,) float32, which is taken from all vectors."""
        return self._mean

    def slots(self) -> Iterator[tuple[Codes, Ints]]:
        """List by list, what stands in each place.

        Yields:
            codes (m, code bytes) uint8, PQ's unpacked; ids (m,) int64 of their entries, -1 for the
            free places of a block.
        """
        lists = faiss.downcast_InvertedLists(self._lists.invlists)
        for number, size in enumerate(self.list_sizes.tolist()):
            if size:
                rows = faiss.rev_swig_ptr(lists.get_ids(number), size)
                codes = _list_codes(lists, number, size, self._lists.code_size)
                ids = np.full(len(codes), -1, np.int64)
                ids[:size] = self._ids[rows]
                yield codes, ids

    @property
    def list_sizes(self) -> Ints:
        """(nlist,) entries per list."""
        lists = self._lists.invlists
        return np.array([lists.list_size(i) for i in range(self.recipe.nlist)], np.int64)

    @property
    def imbalance(self) -> float:
        """1 where lists are equally long; the factor by which a scan costs more than that.

        Source: Jégou et al., "Improving bag-of-features for large scale image search", 2010.
        """
        if self._imbalance is None:
            sizes = self.list_sizes.astype(np.float64)
            self._imbalance = len(sizes) * np.square(sizes).sum() / max(sizes.sum() ** 2, 1.0)
        return float(self._imbalance)

    def centroids(self) -> Vectors:
        """(nlist, d) float32, the clusters' centres as the lists hold them: without the mean."""
        with _translated():
            return np.asarray(self._lists.quantizer.reconstruct_n(0, self.recipe.nlist))

    def centres(self) -> Vectors:
        """(nlist, d) float32, the clusters' centres."""
        return self.centroids() + self._mean

    def clusters(self, vectors: Vectors) -> Ints:
        """(n,) the cluster of each vector."""
        with _translated():
            return np.asarray(self._lists.quantizer.search(vectors - self._mean, 1)[1][:, 0])

    def using(self, recipe: Recipe) -> Self:
        """The same lists searched in another way: with another nprobe or fetch."""
        other = copy(self)
        other.recipe = recipe
        return other

    def emptied(self) -> "FaissIvf":
        """The same clusters and codes, with nothing in them."""
        with _translated():
            lists = faiss.deserialize_index(faiss.serialize_index(self._lists))
            lists.reset()
        return FaissIvf(self.recipe, lists, self._mean)

    def add(self, ids: Ints, vectors: Vectors) -> None:
        """Add (n,) ids with (n, d) unit vectors; an id that is there already is replaced.

        The first vectors are kept by reference, not copied.
        """
        rows = last_of_each(ids)
        ids, vectors = ids[rows], checked(vectors, len(self._mean))[rows]
        self._own()
        self.remove(ids)
        self._encode(vectors)
        first = not len(self._ids)
        self._ids = ids if first else np.concatenate([self._ids, ids])
        self._vectors = vectors if first else np.concatenate([self._vectors, vectors])
        self._alive = np.concatenate([self._alive, np.ones(len(ids), np.bool_)])

    def remove(self, ids: Ints) -> int:
        """Remove ids, ignoring unknown ones; return how many were there.

        They are passed over at once; lists are written anew when a tenth of them is dead.
        """
        if not len(self._ids):
            return 0
        dying = self._alive & np.isin(self._ids, ids)
        self._alive &= ~dying
        if np.count_nonzero(~self._alive) > _DEAD_SHARE * len(self._alive):
            self._compact()
        return int(np.count_nonzero(dying))

    def search(self, probes: Vectors, k: int, allowed: Ints | None = None) -> SearchResult:
        """Find the k most similar entries for each probe, among `allowed` ids if given.

        Args:
            probes: (q, d) float32, rows of unit length.
            k: neighbours per probe.
            allowed: ids that may be found.

        Returns:
            ids and exact cosines of the best among the candidates of the visited lists.

        Raises:
            DimensionMismatch: d is not the index's.
            VectorInvalid: NaN or infinities.
            SettingInvalid: k is below 1.
        """
        keep = None if allowed is None else np.isin(self._ids, allowed)
        return self.search_rows(probes, k, keep)

    def search_rows(self, probes: Vectors, k: int, keep: Mask | None = None) -> SearchResult:
        """As `search`, with the entries that may be found as a mask over rows."""
        check_k(k)
        probes = checked(probes, len(self._mean))
        rows = self.candidates(probes, max(k, self.recipe.fetch), keep)
        found = rows >= 0
        scores = np.full(rows.shape, -np.inf, np.float32)
        scores[found] = cosines(probes, np.nonzero(found)[0], self._vectors, rows[found])
        if not len(self._ids):
            return select(scores, rows, k)
        return select(scores, self._ids[rows], k)

    def candidates(
        self, probes: Vectors, k: int, keep: Mask | None = None, nprobe: int | None = None
    ) -> Ints:
        """Find the rows of the k entries whose codes are nearest to each probe.

        Lists beyond nprobe are visited only where too few entries were found.

        Args:
            probes: (q, d) float32, checked.
            k: rows per probe.
            keep: (rows,) bool, which may be found; None for all.
            nprobe: lists to visit; None for the recipe's.

        Returns:
            (q, k) int64 rows, nearest first, -1 where fewer exist.
        """
        if not self._alive.all():
            keep = self._alive if keep is None else keep & self._alive
        exist = min(k, len(self._ids) if keep is None else int(np.count_nonzero(keep)))
        if not exist or not len(probes):
            return np.full((len(probes), k), -1, np.int64)
        centred = probes - self._mean
        nprobe = nprobe or self.recipe.nprobe
        rows = self._scan(centred, k, nprobe, keep)
        while nprobe < self.recipe.nlist:
            short = np.flatnonzero(rows[:, exist - 1] < 0)
            if not len(short):
                break
            nprobe = min(4 * nprobe, self.recipe.nlist)
            rows[short] = self._scan(centred[short], k, nprobe, keep)
        return rows

    def _scan(self, centred: Vectors, k: int, nprobe: int, keep: Mask | None) -> Ints:
        with _translated():
            if keep is None:
                chosen = faiss.SearchParametersIVF(nprobe=nprobe)
                return np.asarray(self._lists.search(centred, k, params=chosen)[1])
            bits = np.packbits(keep, bitorder="little")
            selector = faiss.IDSelectorBitmap(len(keep), faiss.swig_ptr(bits))
            chosen = faiss.SearchParametersIVF(nprobe=nprobe, sel=selector)
            return np.asarray(self._lists.search(centred, k, params=chosen)[1])

    def _encode(self, vectors: Vectors) -> None:
        self._imbalance = None
        with _translated():
            for start in range(0, len(vectors), _ENCODED_AT_ONCE):
                self._lists.add(vectors[start : start + _ENCODED_AT_ONCE] - self._mean)

    def _compact(self) -> None:
        self._own()
        with _translated():
            self._lists.reset()
        self._ids, self._vectors = self._ids[self._alive], self._vectors[self._alive]
        self._alive = np.ones(len(self._ids), np.bool_)
        self._encode(self._vectors)

    def _own(self) -> None:
        """Copy mapped lists into memory before they change: FAISS cannot grow mapped ones."""
        if self._mapped is not None:
            with _translated():
                self._lists = faiss.deserialize_index(np.array(self._mapped))
            self._mapped = None


def _parts(dimension: int) -> int:
    """Numbers are coded in pairs, or in the smallest groups that divide the dimension."""
    return next(dimension // size for size in range(2, dimension + 2) if dimension % size == 0)


def _list_codes(lists: Any, number: int, size: int, code_bytes: int) -> Codes:
    """(m, code_bytes): the codes of one list; of packed lists, the free places as well."""
    if not isinstance(lists, faiss.BlockInvertedLists):
        codes = faiss.rev_swig_ptr(lists.get_codes(number), size * code_bytes)
        return np.asarray(codes.reshape(size, code_bytes))
    rows, block_bytes = int(lists.n_per_block), int(lists.block_size)
    blocks = -(-size // rows)
    packed = faiss.rev_swig_ptr(lists.get_codes(number), blocks * block_bytes)
    codes = np.zeros((blocks, rows, code_bytes), np.uint8)
    for block, some in zip(packed.reshape(blocks, block_bytes), codes, strict=True):
        lists.packer.unpack_all(faiss.swig_ptr(block), faiss.swig_ptr(some))
    return codes.reshape(-1, code_bytes)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        raise IndexFailed(
            f"FAISS failed: {str(error).strip().splitlines()[-1]} `rollcall index rebuild` makes"
            " the index anew from the catalogue."
        ) from error
