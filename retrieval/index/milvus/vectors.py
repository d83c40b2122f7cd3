"""Vectors in one Milvus collection, each with an id and its owner.

The metric is the squared Euclidean distance: for vectors of unit length it orders as the cosine,
which is 1 - d / 2, and Milvus needs not normalise what is normalised.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from pymilvus import DataType, MilvusClient

from retrieval.errors import IndexFailed
from retrieval.index.exact import check_k, checked, last_of_each, merged
from retrieval.index.milvus.server import MilvusServer
from retrieval.protocols import SearchResult
from retrieval.values import Floats, Ints, Vectors

_MESSAGE_BYTES = 4 << 20  # of vectors a call; Milvus takes 64 MB, its message queues like less
_IDS_A_FILTER = 10_000  # parsed in about 0.1 s
_PROBES_A_CALL = 128  # compared with a million faces without lists, they take seconds
_HITS_A_PROBE = 16_384  # Milvus gives no more
_ROWS_A_PAGE = 2_000
_FLUSH_S = 120.0  # seconds for writing what the server holds in memory
_STANDSTILL_S = 120.0  # seconds without a row that gets into lists, until the server has failed
_POLL_S = 0.5


@dataclass(frozen=True, slots=True)
class Lists:
    """Inverted lists of a Milvus collection (IVF_FLAT).

    Attributes:
        nlist: clusters of each of the server's segments.
        nprobe: of them, as many are visited.
    """

    nlist: int
    nprobe: int


@dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """The nearest entries of each probe.

    Attributes:
        found: ids and cosines.
        owners: (q, k) int64, -1 where the id is.
    """

    found: SearchResult
    owners: Ints


class MilvusVectors:
    """A `VectorIndex` over one collection of a Milvus server.

    Args:
        server: that has, or will have, the collection.
        name: of the collection.
        dimension: numbers per vector.
        lists: None to compare with every vector.
        fresh: whether a search waits until it sees all that was written before it, by whomever;
            that takes 0.2 s. Without, it may miss what was written seconds ago.
    """

    def __init__(
        self,
        server: MilvusServer,
        name: str,
        dimension: int,
        lists: Lists | None = None,
        *,
        fresh: bool = True,
    ) -> None:
        self.name = name
        self.lists = lists
        self._server = server
        self._dimension = dimension
        self._consistency = "Strong" if fresh else "Bounded"

    def create(self) -> None:
        """Make the collection, empty, in place of one that is there."""
        self.drop()
        schema = MilvusClient.create_schema(auto_id=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("owner", DataType.INT64)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=self._dimension)
        index = MilvusClient.prepare_index_params()
        if self.lists is None:
            index.add_index("vector", index_type="FLAT", metric_type="L2")
        else:
            nlist = {"nlist": self.lists.nlist}
            index.add_index("vector", index_type="IVF_FLAT", metric_type="L2", params=nlist)
        self._server.ask("create_collection", self.name, schema=schema, index_params=index)

    def drop(self) -> None:
        """Delete the collection, if it is there."""
        self._server.ask("drop_collection", self.name)

    def exists(self) -> bool:
        """Whether the server has the collection."""
        return bool(self._server.ask("has_collection", self.name))

    def __len__(self) -> int:
        """Entries that a search can return now."""
        return self.count(fresh=True)

    def count(self, *, fresh: bool) -> int:
        """Entries, after all that was written before, or as of seconds ago, which is quicker."""
        counted = self._ask("query", filter="", output_fields=["count(*)"], fresh=fresh)
        return int(counted[0]["count(*)"])

    def add(self, ids: Ints, vectors: Vectors, owners: Ints | None = None) -> None:
        """Add (n,) ids with (n, d) unit vectors; an id that is there already is replaced.

        Args:
            ids: of the vectors.
            vectors: rows of unit length.
            owners: (n,) int64, whose each is; None for nobody's.

        Raises:
            DimensionMismatch: d is not the index's.
            VectorInvalid: NaN or infinities.
        """
        rows = last_of_each(ids)
        vectors = checked(vectors, self._dimension)[rows]
        whose = np.full(len(ids), -1, np.int64)[rows] if owners is None else owners[rows]
        ids = ids[rows]
        step = max(_MESSAGE_BYTES // (4 * self._dimension + 16), 1)
        for start in range(0, len(ids), step):
            some = slice(start, start + step)
            columns = (ids[some].tolist(), whose[some].tolist(), vectors[some])
            entries = [
                {"id": id_, "owner": owner, "vector": vector}
                for id_, owner, vector in zip(*columns, strict=True)
            ]
            self._ask("upsert", entries)

    def remove(self, ids: Ints) -> int:
        """Remove ids, ignoring unknown ones; return how many were there."""
        there = self.owners(ids, fresh=True)[0]
        self.discard(there)
        return len(there)

    def discard(self, ids: Ints) -> None:
        """Remove ids, ignoring unknown ones."""
        for some in _pieces(ids, _IDS_A_FILTER):
            self._ask("delete", ids=some)

    def owners(self, ids: Ints, *, fresh: bool = False) -> tuple[Ints, Ints]:
        """Those of the ids that are there, and whose they are."""
        found: list[Any] = []
        for some in _pieces(ids, _IDS_A_FILTER):
            fields = ["id", "owner"]
            found += self._ask("query", filter=_among(some), output_fields=fields, fresh=fresh)
        return _column(found, "id"), _column(found, "owner")

    def search(self, probes: Vectors, k: int, allowed: Ints | None = None) -> SearchResult:
        """Find the k most similar entries for each probe, among `allowed` ids if given.

        Raises:
            DimensionMismatch: d is not the index's.
            VectorInvalid: NaN or infinities.
            SettingInvalid: k is below 1.
        """
        check_k(k)
        probes = checked(probes, self._dimension)
        if allowed is None:
            return self.hits(probes, k, owners=False).found
        parts = [
            self.hits(probes, k, owners=False, among=_among(some)).found
            for some in _pieces(allowed, _IDS_A_FILTER)
        ]
        return merged(parts, k) if parts else _nothing(len(probes), k).found

    def hits(
        self, probes: Vectors, k: int, *, owners: bool = True, among: str = "", nprobe: int = 0
    ) -> Hits:
        """The k nearest entries of each probe, with their owners.

        Args:
            probes: (q, d) float32, checked.
            k: entries per probe; Milvus gives 16,384 at most.
            owners: whether they are wanted.
            among: an expression of Milvus that entries must fulfil.
            nprobe: lists to visit; 0 for the usual number.
        """
        result = _nothing(len(probes), k)
        params = {} if self.lists is None else {"nprobe": nprobe or self.lists.nprobe}
        for start in range(0, len(probes), _PROBES_A_CALL):
            answer = self._ask(
                "search",
                list(probes[start : start + _PROBES_A_CALL]),
                anns_field="vector",
                filter=among,
                limit=min(k, _HITS_A_PROBE),
                output_fields=["owner"] if owners else [],
                search_params={"metric_type": "L2", "params": params},
                fresh=self._consistency == "Strong",
            )
            for row, hits in enumerate(answer, start):
                n = len(hits)
                result.found.ids[row, :n] = _column(hits, "id")
                squares = np.array([hit["distance"] for hit in hits], np.float32)
                result.found.scores[row, :n] = 1 - squares / 2
                if owners:
                    result.owners[row, :n] = [hit["entity"]["owner"] for hit in hits]
        return result

    def pages(self, first: int, last: int) -> Iterator[tuple[Ints, Ints, Vectors]]:
        """Entries with first <= id <= last, as they are now: ids, owners and vectors."""
        pages = self._ask(
            "query_iterator",
            batch_size=_ROWS_A_PAGE,
            filter=f"id >= {first} and id <= {last}",
            output_fields=["id", "owner", "vector"],
            fresh=True,
        )
        try:
            while page := pages.next():
                vectors = np.array([row["vector"] for row in page], np.float32)
                yield _column(page, "id"), _column(page, "owner"), vectors
        finally:
            pages.close()

    def encrypt(self, alive: Callable[[], None]) -> None:
        """Have the server make the lists over what was written, and wait until it uses them.

        Meanwhile it answers nobody.

        Args:
            alive: is called now and then.

        Raises:
            IndexFailed: the server makes no progress.
        """
        self._ask("flush", timeout=_FLUSH_S)
        pending, deadline = -1, 0.0
        while True:
            alive()
            told = self._ask("describe_index", "vector")
            left = int(told.get("pending_index_rows", 0))
            if not left and told.get("state", "Finished") == "Finished":
                break
            if left != pending:
                pending, deadline = left, time.monotonic() + _STANDSTILL_S
            elif time.monotonic() > deadline:
                raise IndexFailed(f"Milvus makes no lists of {self.name}: {told}.")
            time.sleep(_POLL_S)
        # Loaded again, it is searched by the lists; otherwise by all until the server gets to it.
        self._ask("release_collection")
        alive()
        self._ask("load_collection", timeout=_FLUSH_S)

    def compact(self) -> None:
        """Ask the server to write its files anew without what was removed; it does so later."""
        self._ask("compact")

    def _ask(self, method: str, /, *arguments: Any, fresh: bool | None = None, **named: Any) -> Any:
        if fresh is not None:
            named["consistency_level"] = "Strong" if fresh else "Bounded"
        return self._server.ask(method, self.name, *arguments, **named)


def _pieces(ids: Ints, size: int) -> Iterator[list[int]]:
    for start in range(0, len(ids), size):
        yield ids[start : start + size].tolist()


def _among(ids: list[int]) -> str:
    return f"id in {ids}"


def _column(rows: Any, name: str) -> Ints:
    return np.array([row[name] for row in rows], np.int64)


def _nothing(q: int, k: int) -> Hits:
    ids, owners = np.full((2, q, k), -1, np.int64)
    scores: Floats = np.full((q, k), -np.inf, np.float32)
    return Hits(SearchResult(ids, scores), owners)
