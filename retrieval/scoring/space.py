"""The space in which a gallery compares vectors: the embedder's own, or one of an old calibration.

Calibrations once fitted a space to the gallery (within-class covariance normalisation). On faces of
laboratory photos that named more people; on LFW it missed more of them (docs/accuracy.md), so none
is fitted any more. A collection that was calibrated then keeps its space, which its threshold
belongs to, until it is calibrated again.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from retrieval.protocols import ChangeFeed
from retrieval.values import Changes, Floats, Ints, Vectors, Watermark, check_rows


@dataclass(frozen=True, slots=True, eq=False)
class Space:
    """How vectors are compared.

    Attributes:
        matrix: (d, d) float32, or None for the embedder's own space.
    """

    matrix: Floats | None = None

    def __post_init__(self) -> None:
        if self.matrix is not None:
            check_rows("matrix", self.matrix, (len(self.matrix), len(self.matrix)))

    @property
    def name(self) -> str:
        """Tells spaces apart in a fingerprint; empty for the embedder's own."""
        if self.matrix is None:
            return ""
        return hashlib.sha256(np.ascontiguousarray(self.matrix).tobytes()).hexdigest()[:12]

    def of(self, vectors: Vectors) -> Vectors:
        """Bring vectors (n, d) of unit length into this space; again of unit length."""
        if self.matrix is None or not len(vectors):
            return vectors
        moved = vectors @ self.matrix
        lengths = np.linalg.norm(moved, axis=1, keepdims=True)
        return np.asarray(moved / np.maximum(lengths, np.finfo(np.float32).tiny), np.float32)


class SpacedFeed:
    """A change log whose vectors are seen through a space: what an index of that space follows."""

    def __init__(self, feed: ChangeFeed, space: Space) -> None:
        self._feed = feed
        self._space = space

    @property
    def dimension(self) -> int:
        """Numbers per vector."""
        return self._feed.dimension

    def head(self) -> Watermark:
        """The newest change of the log."""
        return self._feed.head()

    def changes(self, since: Watermark, limit: int = 100_000) -> Changes:
        """The net effect of at most `limit` log rows after `since`."""
        return self._seen(self._feed.changes(since, limit))

    def everything(self, chunk: int = 50_000) -> Iterator[Changes]:
        """All faces that exist now, in ascending chunks with one common watermark."""
        return map(self._seen, self._feed.everything(chunk))

    def of_people(self, people: Ints) -> Changes:
        """All faces that some people have now."""
        return self._seen(self._feed.of_people(people))

    def _seen(self, changes: Changes) -> Changes:
        return replace(changes, vectors=self._space.of(changes.vectors))
