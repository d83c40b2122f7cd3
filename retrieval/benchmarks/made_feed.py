"""A change log in memory, for indexes that are measured without a catalogue."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from retrieval.protocols import Changes, Watermark
from retrieval.values import Ints, Vectors


class Feed:
    """A change log of arrays: everything at first, then one entry a change."""

    def __init__(self, face_ids: Ints, people: Ints, vectors: Vectors) -> None:
        none = np.zeros(0, np.int64)
        self.dimension = int(vectors.shape[1])
        self._log = [Changes(none, face_ids, people, vectors, Watermark("bench", 0), True)]

    def push(self, removed: Ints, added: Ints, people: Ints, vectors: Vectors) -> None:
        """Log a change."""
        mark = Watermark("bench", len(self._log))
        self._log.append(Changes(removed, added, people, vectors, mark, True))

    def head(self) -> Watermark:
        """The last change."""
        return Watermark("bench", len(self._log) - 1)

    def changes(self, since: Watermark, limit: int = 100_000) -> Changes:
        """The next change."""
        found = self._log[since.seq + 1]
        return replace(found, complete=found.watermark == self.head())

    def everything(self, chunk: int = 50_000) -> Iterator[Changes]:
        """What was there at first; a gallery is opened before anything changes."""
        yield self._log[0]

    def of_people(self, people: Ints) -> Changes:
        """Of what was there at first."""
        first = self._log[0]
        own = np.isin(first.people, people)
        return replace(
            first, added=first.added[own], people=first.people[own], vectors=first.vectors[own]
        )
