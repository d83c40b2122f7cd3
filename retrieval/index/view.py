"""One consistent state of a gallery: what is frozen, and what has changed since.

The frozen part is a roster, mapped from a snapshot in most cases, with inverted lists over it where
it is large. A person who changes in any way moves, with all faces, into the recent part, a small
roster that is searched exactly; the frozen part then passes the person over. So everybody is whole
in one part or the other, answers of the two are joined, and a change costs time by the size of the
recent part, which is folded into a new frozen part before it grows beyond a share.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from retrieval.index.exact import merged, nearest
from retrieval.index.lists import Lists
from retrieval.index.roster import Roster, joined
from retrieval.protocols import Changes, PeopleHits, SearchResult, Watermark
from retrieval.values import Ints, Vectors

Mask = npt.NDArray[np.bool_]

_ROSTER = ("vectors", "face_ids", "person_ids", "offsets", "templates", "person_of", "by_id")
_SUBSET_FACES = 20_000  # as many faces of chosen people are compared exactly, without lists


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A gallery's people at one watermark.

    Attributes:
        frozen: people at the last fold.
        alive: (p,) bool, which of the frozen people have not changed since.
        recent: everybody who has changed since, with all of their faces.
        watermark: how far the change log has been followed.
        lists: over the frozen roster; None while that is searched exactly.
    """

    frozen: Roster
    alive: Mask
    recent: Roster
    watermark: Watermark
    lists: Lists | None = None

    @classmethod
    def of(cls, roster: Roster, watermark: Watermark, lists: Lists | None = None) -> Self:
        """Nothing has changed since the roster was made."""
        recent = Roster.empty(roster.vectors.shape[1])
        return cls(roster, np.ones(len(roster.person_ids), np.bool_), recent, watermark, lists)

    @property
    def dimension(self) -> int:
        """Numbers per vector."""
        return int(self.frozen.vectors.shape[1])

    @property
    def faces(self) -> int:
        """Faces that a search can find."""
        return len(self.frozen) - self.dead + len(self.recent)

    @property
    def people(self) -> int:
        """People whom a search can find."""
        return int(np.count_nonzero(self.alive)) + len(self.recent.person_ids)

    @property
    def memory_bytes(self) -> int:
        """Bytes that a search reads before rescoring: codes, lists, masks, the tail."""
        recent = self.recent.vectors.nbytes + self.recent.templates.nbytes
        if self.lists is None:
            return recent + self.mapped_bytes
        return recent + self.lists.memory_bytes

    @property
    def mapped_bytes(self) -> int:
        """Bytes of the frozen part's exact vectors and templates."""
        return int(self.frozen.vectors.nbytes + self.frozen.templates.nbytes)

    @property
    def dead(self) -> int:
        """Rows of the frozen part that are passed over."""
        return int(np.diff(self.frozen.offsets)[~self.alive].sum())

    def apply(self, changes: Changes) -> Self:
        """The state after the changes, in time that grows with them and the tail alone."""
        changed = np.union1d(changes.removed, changes.added)
        touched = np.zeros(len(self.alive), np.bool_)
        touched[self.frozen.person_of[self.frozen.rows(changed)]] = True
        touched[self.frozen.positions(changes.people)] = True
        moving = self.frozen.rows_of(np.flatnonzero(touched & self.alive))[0]
        face_ids = np.concatenate([self.recent.face_ids, self.frozen.face_ids[moving]])
        people = np.concatenate([self.recent.people, self.frozen.people_of(moving)])
        vectors = np.concatenate([self.recent.vectors, self.frozen.vectors[moving]])
        stay = np.isin(face_ids, changed, invert=True)
        recent = Roster.build(
            np.concatenate([face_ids[stay], changes.added]),
            np.concatenate([people[stay], changes.people]),
            np.concatenate([vectors[stay], changes.vectors]),
        )
        return replace(
            self, alive=self.alive & ~touched, recent=recent, watermark=changes.watermark
        )

    def folded(self, trained: Lists | None = None) -> Self:
        """Everybody in one new frozen part.

        Args:
            trained: lists whose clusters and codes to use; None for the present ones.
        """
        lists = trained or self.lists
        if not len(self.recent) and self.alive.all():
            roster = self.frozen
        else:
            rows = self.frozen.rows_of(np.flatnonzero(self.alive))[0]
            roster = Roster.build(
                np.concatenate([self.frozen.face_ids[rows], self.recent.face_ids]),
                np.concatenate([self.frozen.people_of(rows), self.recent.people]),
                np.concatenate([self.frozen.vectors[rows], self.recent.vectors]),
            )
        if lists is None or (roster is self.frozen and trained is None):
            return self.of(roster, self.watermark, lists)
        return self.of(roster, self.watermark, lists.over(roster))

    def packed(self) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
        """The frozen part as arrays and notes for a snapshot."""
        arrays = {name: getattr(self.frozen, name) for name in _ROSTER}
        if self.lists is None:
            return arrays, {"lists": None}
        more, notes = self.lists.packed()
        return arrays | more, {"lists": notes}

    @classmethod
    def unpacked(
        cls, arrays: Mapping[str, npt.NDArray[Any]], notes: Mapping[str, Any], watermark: Watermark
    ) -> Self:
        """The view that was packed, searched where the arrays lie."""
        roster = Roster(**{name: arrays[name] for name in _ROSTER})
        if notes["lists"] is None:
            return cls.of(roster, watermark)
        return cls.of(roster, watermark, Lists.unpacked(arrays, notes["lists"], roster))

    def search(self, probes: Vectors, k: int, people: Ints | None = None) -> PeopleHits:
        """The best k people of each probe by the fused score, among `people` if given."""
        keep_recent = None if people is None else np.isin(self.recent.person_ids, people)
        recent = self.recent.search(probes, k, keep_recent)
        return joined([self._search_frozen(probes, k, people), recent], k)

    def _search_frozen(self, probes: Vectors, k: int, people: Ints | None) -> PeopleHits:
        alive = None if self.alive.all() else self.alive
        chosen = None
        if people is not None:
            chosen = np.isin(self.frozen.person_ids, people) & self.alive
            positions = np.flatnonzero(chosen)
            if np.diff(self.frozen.offsets)[positions].sum() <= _SUBSET_FACES:
                return self.frozen.take(positions).search(probes, k)
        if self.lists is None:
            return self.frozen.search(probes, k, alive if chosen is None else chosen)
        return self.lists.people(self.frozen, probes, k, alive, chosen)

    def search_faces(self, probes: Vectors, k: int, allowed: Ints | None = None) -> SearchResult:
        """The k nearest faces of each probe, among `allowed` ids if given."""
        return merged(
            [self._faces_frozen(probes, k, allowed), _faces(self.recent, probes, k, allowed)], k
        )

    def _faces_frozen(self, probes: Vectors, k: int, allowed: Ints | None) -> SearchResult:
        keep = None if self.alive.all() else self.alive[self.frozen.person_of]
        if allowed is not None:
            chosen = np.zeros(len(self.frozen), np.bool_)
            chosen[self.frozen.rows(allowed)] = True
            keep = chosen if keep is None else keep & chosen
            rows = np.flatnonzero(keep)
            if len(rows) <= _SUBSET_FACES:
                return nearest(probes, self.frozen.vectors[rows], self.frozen.face_ids[rows], k)
        if self.lists is None:
            return nearest(probes, self.frozen.vectors, self.frozen.face_ids, k, keep)
        return self.lists.nearest_faces(probes, k, keep)

    def people_of(self, face_ids: Ints) -> Ints:
        """The person of each face, -1 for faces that are not here."""
        here = self._people_in(self.frozen, face_ids, self.alive)
        recent = self._people_in(
            self.recent, face_ids, np.ones(len(self.recent.person_ids), np.bool_)
        )
        return np.where(recent >= 0, recent, here)

    @staticmethod
    def _people_in(roster: Roster, face_ids: Ints, alive: Mask) -> Ints:
        rows = roster.rows_or_none(face_ids)
        if not len(roster):
            return rows
        positions = roster.person_of[rows]
        here = (rows >= 0) & alive[positions]
        return np.where(here, roster.person_ids[positions], -1)


def _faces(roster: Roster, probes: Vectors, k: int, allowed: Ints | None) -> SearchResult:
    keep = None if allowed is None else np.isin(roster.face_ids, allowed)
    return nearest(probes, roster.vectors, roster.face_ids, k, keep)
