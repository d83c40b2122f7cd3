"""A gallery's people with their faces' vectors, grouped: where the fused rule is exact.

The score of a person is that of `retrieval.scoring.rule`, of the cosines to the person's nearest
face and to the person's template, the mean of the person's vectors at unit length.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from retrieval.index.exact import best, blocks, cosines, products
from retrieval.protocols import PeopleHits
from retrieval.scoring.rule import fuse, templates_of_groups
from retrieval.values import Floats, Ints, Vectors, check_rows

Mask = npt.NDArray[np.bool_]
Rows32 = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Roster:
    """People and faces as arrays; a person's faces are neighbouring rows.

    Attributes:
        vectors: (n, d) float32, grouped by person.
        face_ids: (n,) int64, of the rows.
        person_ids: (p,) int64, ascending.
        offsets: (p + 1,) int64; person i has rows offsets[i] to offsets[i + 1] - 1, at least one.
        templates: (p, d) float32, unit length.
        person_of: (n,) int32, the position in `person_ids` of each row.
        by_id: (n,) int64, the rows in the order of their face ids.
    """

    vectors: Vectors
    face_ids: Ints
    person_ids: Ints
    offsets: Ints
    templates: Vectors
    person_of: Rows32
    by_id: Ints

    def __post_init__(self) -> None:
        n, d = self.vectors.shape
        p = len(self.person_ids)
        check_rows("face_ids", self.face_ids, (n,))
        check_rows("offsets", self.offsets, (p + 1,))
        check_rows("templates", self.templates, (p, d))
        check_rows("person_of", self.person_of, (n,))
        check_rows("by_id", self.by_id, (n,))

    @classmethod
    def build(cls, face_ids: Ints, people: Ints, vectors: Vectors) -> Self:
        """Group faces by person.

        Args:
            face_ids: (n,) int64, each once.
            people: (n,) int64, the person of each face.
            vectors: (n, d) float32, rows of unit length.
        """
        order = np.lexsort((face_ids, people))
        face_ids, vectors = face_ids[order], vectors[order]
        person_ids, starts, counts = np.unique(people[order], return_index=True, return_counts=True)
        return cls(
            vectors=vectors,
            face_ids=face_ids,
            person_ids=person_ids,
            offsets=np.append(starts, len(face_ids)).astype(np.int64),
            templates=templates_of_groups(vectors, starts.astype(np.int64)),
            person_of=np.repeat(np.arange(len(person_ids), dtype=np.int32), counts),
            by_id=np.argsort(face_ids).astype(np.int64),
        )

    @classmethod
    def empty(cls, dimension: int) -> Self:
        """Nobody."""
        none = np.zeros(0, np.int64)
        return cls.build(none, none, np.zeros((0, dimension), np.float32))

    def __len__(self) -> int:
        return len(self.face_ids)

    @property
    def people(self) -> Ints:
        """(n,) int64, the person id of each row."""
        return self.person_ids[self.person_of]

    def people_of(self, rows: Ints) -> Ints:
        """The person ids of the given rows."""
        return self.person_ids[self.person_of[rows]]

    def rows_or_none(self, face_ids: Ints) -> Ints:
        """The row of each face, -1 for faces that are not here."""
        if not len(self):
            return np.full(len(face_ids), -1, np.int64)
        rank = np.searchsorted(self.face_ids, face_ids, sorter=self.by_id)
        rows = self.by_id[np.minimum(rank, len(self) - 1)]
        return np.where(self.face_ids[rows] == face_ids, rows, -1).astype(np.int64)

    def rows(self, face_ids: Ints) -> Ints:
        """Rows of those of the faces that are here."""
        rows = self.rows_or_none(face_ids)
        return rows[rows >= 0]

    def positions(self, person_ids: Ints) -> Ints:
        """Positions of those of the people who are here."""
        if not len(self.person_ids):
            return np.zeros(0, np.int64)
        last = len(self.person_ids) - 1
        found = np.minimum(np.searchsorted(self.person_ids, person_ids), last)
        here: Ints = found[self.person_ids[found] == person_ids]
        return here

    def take(self, positions: Ints) -> "Roster":
        """Only the people at the given positions."""
        rows = self.rows_of(positions)[0]
        return Roster.build(self.face_ids[rows], self.people_of(rows), self.vectors[rows])

    def rows_of(self, positions: Ints) -> tuple[Ints, Ints]:
        """Rows of the given people, one after the other, and where each person's begin."""
        starts = self.offsets[positions]
        lengths = self.offsets[positions + 1] - starts
        ends = np.cumsum(lengths)
        begin = ends - lengths
        total = int(ends[-1]) if len(ends) else 0
        return np.repeat(starts - begin, lengths) + np.arange(total), begin

    def search(self, probes: Vectors, k: int, keep: Mask | None = None) -> PeopleHits:
        """Score everybody for each probe and return the best k people.

        Args:
            probes: (q, d) float32, rows of unit length.
            k: people per probe.
            keep: (p,) bool, who may be found; None for all.
        """
        if not len(self) or not len(probes):
            return no_hits(len(probes), k)
        return stacked([self._search_block(block, k, keep) for block in blocks(probes, len(self))])

    def _search_block(self, probes: Vectors, k: int, keep: Mask | None) -> PeopleHits:
        near = np.maximum.reduceat(products(probes, self.vectors), self.offsets[:-1], axis=1)
        scores = fuse(near, products(probes, self.templates))
        if keep is not None:
            scores[:, ~keep] = -np.inf
        top = best(scores, k)
        return self.score(
            probes, top, k, found=~np.isneginf(np.take_along_axis(scores, top, axis=1))
        )

    def score_found(self, probes: Vectors, rows: Ints, positions: Ints, k: int) -> PeopleHits:
        """Score the people of some faces and some more people exactly; return the best k.

        Args:
            probes: (q, d) float32, rows of unit length.
            rows: (q, a) rows of faces, -1 for none.
            positions: (q, b) positions of people, -1 for none.
            k: people per probe.
        """
        by_face = np.where(rows < 0, -1, self.person_of[rows])
        candidates = np.sort(np.concatenate([by_face, positions], axis=1), axis=1)
        found = candidates >= 0
        found[:, 1:] &= candidates[:, 1:] != candidates[:, :-1]
        return self.score(probes, candidates, k, found)

    def score(self, probes: Vectors, candidates: Ints, k: int, found: Mask) -> PeopleHits:
        """Score candidates exactly and return the best k people of each probe.

        Args:
            probes: (q, d) float32, rows of unit length.
            candidates: (q, m) positions of people.
            k: people per probe.
            found: (q, m) bool, which candidates count; those of a row must differ.
        """
        probe_rows = np.nonzero(found)[0]
        positions = candidates[found].astype(np.int64)
        near, faces = self._nearest_faces(probes, probe_rows, positions)
        templates = cosines(probes, probe_rows, self.templates, positions)
        table = np.full((3, *found.shape), -np.inf, np.float32)
        ids = np.full((2, *found.shape), -1, np.int64)
        table[:, found] = fuse(near, templates), near, templates
        ids[:, found] = self.person_ids[positions], faces
        return ranked(PeopleHits(ids[0], table[0], ids[1], table[1], table[2]), k)

    def _nearest_faces(
        self, probes: Vectors, probe_rows: Ints, positions: Ints
    ) -> tuple[Floats, Ints]:
        """For pairs of a probe and a person: cosine to the person's nearest face, and its id."""
        if not len(positions):
            return np.zeros(0, np.float32), np.zeros(0, np.int64)
        rows, begin = self.rows_of(positions)
        lengths = np.diff(np.append(begin, len(rows)))
        scores = cosines(probes, np.repeat(probe_rows, lengths), self.vectors, rows)
        near = np.maximum.reduceat(scores, begin)
        winner = np.where(scores == np.repeat(near, lengths), rows, len(self))
        return near, self.face_ids[np.minimum.reduceat(winner, begin)]


def ranked(hits: PeopleHits, k: int) -> PeopleHits:
    """The best k people of each probe, best first, padded with -1 and -inf to k columns."""
    columns = best(hits.scores, k)
    result = no_hits(len(hits.people), k)
    for name in ("people", "scores", "faces", "nearest", "templates"):
        taken = np.take_along_axis(getattr(hits, name), columns, axis=1)
        getattr(result, name)[:, : columns.shape[1]] = taken
    for cosine in (result.scores, result.nearest, result.templates):
        np.clip(cosine, None, 1.0, out=cosine)
    return result


def joined(parts: list[PeopleHits], k: int) -> PeopleHits:
    """The best k of answers to the same probes from rosters that share nobody."""
    return ranked(_concatenated(parts, axis=1), k)


def stacked(parts: list[PeopleHits]) -> PeopleHits:
    """Answers to successive probes as one."""
    return _concatenated(parts, axis=0)


def no_hits(q: int, k: int) -> PeopleHits:
    """Nobody for q probes."""
    ids, scores = np.full((2, q, k), -1, np.int64), np.full((3, q, k), -np.inf, np.float32)
    return PeopleHits(ids[0], scores[0], ids[1], scores[1], scores[2])


def _concatenated(parts: list[PeopleHits], axis: int) -> PeopleHits:
    return PeopleHits(
        people=np.concatenate([part.people for part in parts], axis),
        scores=np.concatenate([part.scores for part in parts], axis),
        faces=np.concatenate([part.faces for part in parts], axis),
        nearest=np.concatenate([part.nearest for part in parts], axis),
        templates=np.concatenate([part.templates for part in parts], axis),
    )
