"""Each face of an event among those of its photo: decided, or as it was where nothing touched it.

A verdict touches the faces of its photo, and those of people whom it keeps away; what the event
makes of all others by themselves is what it made of them before, as long as people, thresholds and
photos are the same. The event as a whole is linked anew either way (`deciding`).
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from retrieval.catalogue.events.records import CANDIDATE, FOUND, Found, ToDecide, Verdict
from retrieval.collection.active_model import CANDIDATES
from retrieval.events.said import Said
from retrieval.identities.at_once import Times, decide_stays
from retrieval.identities.decide import decide
from retrieval.protocols import PeopleHits
from retrieval.scoring.rule import credit
from retrieval.values import Decision, Gate, Ints, Outcome, Vectors

Search = Callable[[Vectors], PeopleHits]
_NUMBER = {found: number for number, found in enumerate(FOUND)}


class Own:
    """The appearances that have a vector of the model that decides.

    Attributes:
        ids: (n,) int64 of each.
        footage: (n,) int64, what shows it: see `Appearances`.
        times: when each was seen.
        usable: (n,) bool, whether it may be compared.
        credit: (n,) float32, see `scoring.rule.credit`.
        refused: pairs of a row and of a person whom a human refused for it.
    """

    def __init__(self, given: ToDecide, verdicts: Sequence[Verdict], said: Said) -> None:
        found, rows = given.found, given.rows
        self._given = given
        self.ids, self.footage = found.ids[rows], found.footage[rows]
        self.times = Times(*found.stays).take(rows)
        self.credit = credit(found.agreement[rows])
        self._unusable = tuple(given.unusable[row] for row in rows)
        self.usable = np.array([reason is None for reason in self._unusable], bool)
        row_of = {appearance: row for row, appearance in enumerate(self.ids.tolist())}
        self.refused = [
            (row_of[appearance], person)
            for appearance, persons in said.refused.items()
            if appearance in row_of
            for person in sorted(persons)
        ]
        self._judged = np.isin(found.ids, [verdict.appearance for verdict in verdicts])

    def hits(self, search: Search, *, again: bool) -> PeopleHits:
        """The best people of each face, without those whom a human refused for it.

        Args:
            search: finds the `CANDIDATES` best people of vectors (q, d).
            again: whether the people are those of the decision before. Then faces are searched for
                only where a verdict was given, and where it counts how near a person is of whom
                a face was refused; of all others `nearest` and `templates` are -inf.
        """
        vectors = self._given.vectors
        if not again:
            return self._without_refused(search(vectors).times(self.credit))
        before = _unpacked([self._given.candidates[row] for row in self._given.rows])
        kept_away = [person for _, person in self.refused]
        anew = self._judged[self._given.rows] | np.isin(before.people[:, 0], kept_away)
        rows = np.flatnonzero(anew)
        if len(rows):
            found = search(vectors[rows]).times(self.credit[rows])
            for name in PeopleHits.__slots__:
                getattr(before, name)[rows] = getattr(found, name)
        return self._without_refused(before)

    def decisions(self, hits: PeopleHits, gate: Gate, *, again: bool) -> list[Decision]:
        """The decision of each face among those of its photo.

        Args:
            hits: of each face.
            gate: of single decisions.
            again: whether people and thresholds are those of the decision before.
        """
        order = np.argsort(self.footage, kind="stable")
        ends = np.flatnonzero(np.diff(self.footage[order])) + 1
        anew = set(self._touched().tolist() if again else self.footage.tolist())
        decisions: dict[int, Decision] = {}
        for some in np.split(order, ends) if len(order) else ():
            if int(self.footage[some[0]]) in anew:
                found = self._decided(hits, some, gate)
            else:
                found = [self._before(row, gate) for row in some.tolist()]
            decisions.update(zip(some.tolist(), found, strict=True))
        return [decisions[row] for row in range(len(order))]

    def _touched(self) -> Ints:
        """Footage with a face that was judged, or decided by the event, or that is gone since."""
        found = self._given.found
        gone = np.ones(len(found), bool)
        gone[self._given.rows] = False
        taken = np.array([reason is None for reason in self._given.reasons], bool)
        taken &= found.found == _NUMBER[Found.UNKNOWN]  # a match that a human's word outdid
        touched = self._judged | gone | found.by_event | taken
        footage: Ints = np.unique(found.footage[touched])
        return footage

    def _decided(self, hits: PeopleHits, rows: Ints, gate: Gate) -> list[Decision]:
        own = PeopleHits(*(getattr(hits, name)[rows] for name in PeopleHits.__slots__))
        reasons = [self._unusable[row] for row in rows]
        times = self.times.take(rows)
        if times.last.any():
            return decide_stays(own, reasons, gate, times)
        return decide(own, reasons, gate)

    def _before(self, row: int, gate: Gate) -> Decision:
        """As it was written down, without the candidates."""
        at, found = int(self._given.rows[row]), self._given.found
        person, score = int(found.people[at]), float(found.likeness[at])
        margin = float(self._given.margins[at])
        return Decision(
            outcome=Outcome(FOUND[found.found[at]].value),
            reason=self._given.reasons[at],
            person_id=None if person < 0 else person,
            score=None if np.isnan(score) else score,
            threshold=gate.threshold if np.isnan(score) else float(found.needed[at]),
            margin=None if np.isnan(margin) else margin,
            candidates=(),
        )

    def _without_refused(self, hits: PeopleHits) -> PeopleHits:
        """Without the people whom a human refused for a face; they move behind all others."""
        if not self.refused:
            return hits
        people, scores, faces = hits.people.copy(), hits.scores.copy(), hits.faces.copy()
        nearest, templates = hits.nearest.copy(), hits.templates.copy()
        for row, person in self.refused:
            order = np.argsort(people[row] == person, kind="stable")
            gone = int((people[row] == person).sum())
            for array in (people, scores, faces, nearest, templates):
                array[row] = array[row][order]
                array[row, len(order) - gone :] = -1 if array.dtype == np.int64 else -np.inf
        return PeopleHits(people, scores, faces, nearest, templates)


def packed(hits: PeopleHits) -> list[bytes]:
    """The people of each face as `CANDIDATE` rows."""
    rows = np.zeros(hits.people.shape, CANDIDATE)
    rows["person"], rows["score"], rows["face"] = hits.people, hits.scores, hits.faces
    there: npt.NDArray[np.bool_] = hits.people >= 0
    return [row[here].tobytes() for row, here in zip(rows, there, strict=True)]


def _unpacked(written: Sequence[bytes]) -> PeopleHits:
    """What `packed` has written, but for what it leaves out."""
    shape = (len(written), CANDIDATES)
    flat = np.frombuffer(b"".join(written), CANDIDATE)
    counts = np.array([len(each) for each in written], np.int64) // np.dtype(CANDIDATE).itemsize
    there = np.arange(CANDIDATES) < counts[:, None]
    people, faces = (np.full(shape, -1, np.int64) for _ in range(2))
    scores, nearest, templates = (np.full(shape, -np.inf, np.float32) for _ in range(3))
    people[there], scores[there], faces[there] = flat["person"], flat["score"], flat["face"]
    return PeopleHits(people, scores, faces, nearest, templates)
