"""Fakes that keep the seams' promises in memory."""

from collections.abc import Iterator

import numpy as np

from retrieval.errors import CatalogueEncrypted
from retrieval.files.keys import DataKey
from retrieval.protocols import Changes, Watermark
from retrieval.values import Ints, Vectors


class MemoryFeed:
    """A ChangeFeed over a plain log: enrol, move and remove faces, and look at what an index does.

    Attributes:
        asked: how often `changes` and `everything` were called.
    """

    def __init__(self, dimension: int, epoch: str = "first") -> None:
        self.dimension = dimension
        self.epoch = epoch
        self.asked = {"changes": 0, "everything": 0}
        self.people: dict[int, int] = {}
        self.vectors: dict[int, Vectors] = {}
        self._log: list[int] = []
        self._next = 1

    def enrol(self, people: Ints, vectors: Vectors) -> Ints:
        """Enrol one face a row; return their ids, which are never used twice."""
        ids = np.arange(self._next, self._next + len(people), dtype=np.int64)
        self._next += len(people)
        for face, person, vector in zip(ids.tolist(), people.tolist(), vectors, strict=True):
            self.people[face] = person
            self.vectors[face] = vector
        self._log.extend(ids.tolist())
        return ids

    def remove(self, ids: Ints) -> None:
        """Remove faces."""
        for face in ids.tolist():
            del self.people[face], self.vectors[face]
        self._log.extend(ids.tolist())

    def move(self, ids: Ints, person: int) -> None:
        """Give faces to another person."""
        for face in ids.tolist():
            self.people[face] = person
        self._log.extend(ids.tolist())

    def head(self) -> Watermark:
        return Watermark(self.epoch, len(self._log))

    def changes(self, since: Watermark, limit: int = 100_000) -> Changes:
        self.asked["changes"] += 1
        span = self._log[since.seq : since.seq + limit]
        touched = sorted(set(span))
        upto = since.seq + len(span)
        gone = [face for face in touched if face not in self.people]
        return self._changes(
            gone,
            [face for face in touched if face in self.people],
            Watermark(self.epoch, upto),
            upto == len(self._log),
        )

    def everything(self, chunk: int = 50_000) -> Iterator[Changes]:
        self.asked["everything"] += 1
        faces = sorted(self.people)
        for start in range(0, max(len(faces), 1), chunk):
            part = faces[start : start + chunk]
            yield self._changes([], part, self.head(), start + chunk >= len(faces))

    def of_people(self, people: Ints) -> Changes:
        wanted = set(people.tolist())
        faces = [face for face in sorted(self.people) if self.people[face] in wanted]
        return self._changes([], faces, self.head(), True)

    def _changes(
        self, removed: list[int], added: list[int], watermark: Watermark, complete: bool
    ) -> Changes:
        stacked = [self.vectors[face] for face in added]
        return Changes(
            removed=np.array(removed, np.int64),
            added=np.array(added, np.int64),
            people=np.array([self.people[face] for face in added], np.int64),
            vectors=np.stack(stacked) if stacked else np.zeros((0, self.dimension), np.float32),
            watermark=watermark,
            complete=complete,
        )


class Keys:
    """Data keys as a catalogue would know them; the last one is active."""

    def __init__(self, *keys: DataKey | None) -> None:
        self.keys = list(keys)

    def active(self) -> DataKey | None:
        return self.keys[-1]

    def find(self, key_id: bytes) -> DataKey:
        for key in self.keys:
            if key is not None and key.id == key_id:
                return key
        raise CatalogueEncrypted("no such key")
