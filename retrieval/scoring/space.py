"""The space in which a gallery compares vectors: the embedder's own, or one fitted to the gallery.

Photos of one person differ in some directions more than in others (pose, light, the camera). What
they differ in says little about who it is, so a fitted space shrinks those directions: vectors are
multiplied by the inverse root of the scatter within people, and brought back to unit length. The
catalogue keeps the embedder's vectors; an index sees them through a `SpacedFeed`, which changes
them on their way, and probes go through the same space.

Source: Hatch, Kajarekar, Stolcke, "Within-class covariance normalization", Interspeech 2006; the
scatter is drawn towards a multiple of the identity as by an inverse-Wishart prior that weighs as
much as d observations.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from retrieval.protocols import ChangeFeed
from retrieval.scoring.rule import grouped
from retrieval.values import Changes, Floats, Ints, Vectors, Watermark, check_rows

# Photos beyond the first of a person, below which nothing is fitted. On ORL, 30 people of 2 photos
# gained 1 point of FNIR at FPIR 1 %, 10 people of 2 photos gained nothing.
LEAST_PHOTOS = 20


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


def fit_space(vectors: Vectors, people: Ints) -> Space:
    """Fit a space to a gallery.

    Args:
        vectors: (n, d) float32, rows of unit length.
        people: (n,) int64, whose vector each row is.

    Returns:
        The embedder's own space where there are too few photos to learn from.
    """
    owners, order, starts = grouped(people)
    freedom = len(vectors) - len(owners)
    if freedom < LEAST_PHOTOS:
        return Space()
    sizes = np.diff(starts, append=len(vectors))
    grouped_vectors = vectors[order].astype(np.float64)
    means = np.add.reduceat(grouped_vectors, starts, axis=0) / sizes[:, None]
    residuals = grouped_vectors - np.repeat(means, sizes, axis=0)
    dimension = vectors.shape[1]
    scatter = residuals.T @ residuals
    typical = np.trace(scatter) / freedom / dimension
    if typical <= 0:  # everybody's photos are copies of one
        return Space()
    scatter = (scatter + dimension * typical * np.eye(dimension)) / (freedom + dimension)
    values, axes = np.linalg.eigh(scatter / typical)
    return Space(((axes / np.sqrt(values)) @ axes.T).astype(np.float32))


class SpacedFeed:
    """A change log whose vectors are seen through a space: what an index of that space follows."""

    def __init__(self, feed: ChangeFeed, space: Space) -> None:
        self._feed = feed
        self._space = space

    @property
    def dimension(self) -> int:
        """Numbers a vector."""
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
