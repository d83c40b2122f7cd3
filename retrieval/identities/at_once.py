"""Faces that were seen at once are not one person: of one photo, of one moment of a video (pure).

A video shows the same person again and again, so only faces veto each other whose stays overlap.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from retrieval.identities.decide import decide
from retrieval.protocols import PeopleHits
from retrieval.values import Decision, Floats, Gate, Ints

Stays = Sequence[tuple[float, float]]  # from and to which second, in order


@dataclass(frozen=True, slots=True, eq=False)
class Times:
    """When faces were seen, one row per face.

    Attributes:
        first, last: (n,) float32, seconds of the video; 0 of a face in a photo, which is seen as
            long as all others of that photo.
        stays: of each face from and to which second it was seen, where that is known more exactly.
    """

    first: Floats
    last: Floats
    stays: Sequence[Stays] | None = None

    @classmethod
    def of_photos(cls, count: int) -> "Times":
        """Of faces that are all in photos."""
        zeros = np.zeros(count, np.float32)
        return cls(zeros, zeros)

    def take(self, rows: npt.NDArray[np.int64]) -> "Times":
        """Only the given rows, in their order."""
        stays = None if self.stays is None else [self.stays[row] for row in rows.tolist()]
        return Times(self.first[rows], self.last[rows], stays)

    def overlap(self, row: int, rows: Ints) -> npt.NDArray[np.bool_]:
        """Which of `rows`, of the same photo or video, were seen while `row` was."""
        both = (self.first[rows] <= self.last[row]) & (self.last[rows] >= self.first[row])
        if self.stays is not None:
            both &= [at_once(self.stays[row], self.stays[other]) for other in rows.tolist()]
        return np.asarray(both, bool)


def at_once(these: Stays, those: Stays) -> bool:
    """Whether two, by their stays in order, were ever seen at once."""
    mine = other = 0
    while mine < len(these) and other < len(those):
        if max(these[mine][0], those[other][0]) <= min(these[mine][1], those[other][1]):
            return True
        if these[mine][1] < those[other][1]:
            mine += 1
        else:
            other += 1
    return False


def moments(photos: Ints, times: Times) -> csr_matrix:
    """(n, m) int32: which faces were seen in which moment; two that share one were seen at once.

    A photo is one moment. Of a video every beginning of a stay is one: two stays overlap where one
    of them covers the other's beginning.

    Args:
        photos: (n,) int64, of each face.
        times: of the faces.
    """
    if not times.last.any():
        _, photo = np.unique(photos, return_inverse=True)
        ones = np.ones(len(photos), np.int32)
        shape = (len(photos), int(photo.max(initial=0)) + 1)
        return csr_matrix((ones, (np.arange(len(photos)), photo)), shape=shape)
    keys = np.stack([photos.astype(np.float64), times.first.astype(np.float64)], axis=1)
    starts, own = np.unique(keys, axis=0, return_inverse=True)
    own = own.reshape(-1)
    lasts = np.stack([keys[:, 0], times.last.astype(np.float64)], axis=1)
    # Beginnings are sorted by photo, then by second: each stay covers a stretch of them.
    ends = np.array(
        [np.searchsorted(starts[:, 0], photo, side="right") for photo in keys[:, 0]], np.int64
    )
    stays = np.flatnonzero(times.last > times.first)
    for row in stays:
        below = np.searchsorted(starts[:, 0], photos[row], side="left")
        seconds = starts[below : ends[row], 1]
        ends[row] = below + np.searchsorted(seconds, lasts[row, 1], side="right")
    points = times.last <= times.first
    ends[points] = own[points] + 1
    counts = ends - own
    columns = np.concatenate([np.arange(a, b) for a, b in zip(own, ends, strict=True)] or [own])
    rows = np.repeat(np.arange(len(photos)), counts)
    shape = (len(photos), max(len(starts), 1))
    return csr_matrix((np.ones(len(rows), np.int32), (rows, columns)), shape=shape)


def decide_stays(
    hits: PeopleHits, unusable: Sequence[str | None], gate: Gate, times: Times
) -> list[Decision]:
    """Answer for the tracks of one video: each by itself, and together those that were at once.

    Args:
        hits, unusable, gate: see `decide`.
        times: of the tracks.
    """
    decisions = [
        decide(hits.rows(slice(row, row + 1)), unusable[row : row + 1], gate)[0]
        for row in range(len(unusable))
    ]
    people = np.array([-1 if d.person_id is None else d.person_id for d in decisions], np.int64)
    for person in np.unique(people[people >= 0]).tolist():
        for rows in _clashing(np.flatnonzero(people == person), times):
            own = PeopleHits(*(getattr(hits, name)[rows] for name in PeopleHits.__slots__))
            again = decide(own, [unusable[row] for row in rows], gate)
            for row, decision in zip(rows.tolist(), again, strict=True):
                decisions[row] = decision
    return decisions


def _clashing(rows: Ints, times: Times) -> list[Ints]:
    """Groups of rows of which each was seen at once with another of its group."""
    groups: list[list[int]] = []
    for row in rows[np.argsort(times.first[rows], kind="stable")].tolist():
        met = [group for group in groups if times.overlap(row, np.array(group, np.int64)).any()]
        groups = [group for group in groups if group not in met]
        groups.append([*(each for group in met for each in group), row])
    return [np.array(group, np.int64) for group in groups if len(group) > 1]
