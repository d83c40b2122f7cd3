"""Photos that look unlike the other photos of their person: a wrong name, a stranger (pure)."""

import numpy as np

from retrieval.scoring.rule import grouped
from retrieval.values import Ints, Vectors

LEAST_PHOTOS = 3  # of two photos that differ, neither is known to be the wrong one


def unlike_the_rest(vectors: Vectors, people: Ints, threshold: float) -> Ints:
    """Find photos whose nearest photo of the same person is far away, while the others are near.

    Args:
        vectors: (n, d) float32, rows of unit length, of one or more people.
        people: (n,) int64, whose each is.
        threshold: cosine below which a photo is far from another; the others' mean cosine among
            themselves must reach it.

    Returns:
        rows, ascending. People of fewer than three photos have none.
    """
    _, order, starts = grouped(people)
    found = [
        rows[_unlike(vectors[rows] @ vectors[rows].T, threshold)]
        for rows in np.split(order, starts[1:])
        if len(rows) >= LEAST_PHOTOS
    ]
    return np.sort(np.concatenate(found)) if found else np.zeros(0, np.int64)


def _unlike(cosines: Vectors, threshold: float) -> Ints:
    """Rows of one person, by the cosines of that person's photos among each other (k, k)."""
    count = len(cosines)
    apart = cosines - 3 * np.eye(count, dtype=np.float32)
    nearest = apart.max(axis=1)
    sums = (cosines * (1 - np.eye(count))).sum(axis=1)
    rest = (sums.sum() - 2 * sums) / ((count - 1) * (count - 2))
    return np.flatnonzero((nearest < threshold) & (rest >= threshold))
