"""From scores to answers: match, ambiguous, unknown or unusable, for one photo's faces (pure)."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from retrieval.identities.assign import assign
from retrieval.protocols import PeopleHits
from retrieval.scoring.rule import evidence
from retrieval.values import Candidate, Decision, Floats, Gate, Ints, Outcome


def decide(hits: PeopleHits, unusable: Sequence[str | None], gate: Gate) -> list[Decision]:
    """Answer for all faces of one photo together.

    One person is named at most once. A plain match is asked for four things: its evidence (score
    and lead, see `scoring.rule`) reaches the threshold, its lead over the second person is wide
    enough, the assignment gave the face its own best person, and no other face of the photo looks
    more like that person. Where one of the last three fails the answer is ambiguous, and the
    candidates say between whom.

    Args:
        hits: the best people of each face, one row per face; three columns or more where the
            gallery has three people, since the lead over the second counts.
        unusable: for each face None, or why it must not be used; such a face takes nobody's place.
        gate: threshold and margin.

    Returns:
        one decision per face, in their order; its threshold is the score needed at its lead.
    """
    if len(unusable) != len(hits.people):
        raise ValueError(f"{len(hits.people)} faces, but {len(unusable)} reasons")
    usable = np.array([reason is None for reason in unusable], bool)
    excess = evidence(hits.scores) - _thresholds(hits, gate)
    given = np.where(usable[:, None], excess, np.float32(-1))
    chosen = assign(hits.people, given)
    outdone = _outdone(hits.people, given)
    return [
        _decision(_Row(hits, excess, row), reason, int(chosen[row]), bool(outdone[row]), gate)
        for row, reason in enumerate(unusable)
    ]


def _thresholds(hits: PeopleHits, gate: Gate) -> Floats:
    """What each face's evidence is compared with: (q, 1).

    Where only one or two people could be meant nobody leads, and the question is that of a
    comparison with one person; its threshold is lower.
    """
    crowd = np.zeros(len(hits.people), bool)
    if hits.people.shape[1] >= 3:
        crowd = hits.people[:, 2] >= 0
    few = gate.of_person
    return np.where(crowd, np.float32(gate.threshold), np.float32(few))[:, None]


class _Row:
    """One face's candidates, its lead, and how far its evidence is above the threshold."""

    def __init__(self, hits: PeopleHits, excess: Floats, row: int) -> None:
        self.candidates = tuple(
            Candidate(int(person), float(score), int(face))
            for person, score, face in zip(
                hits.people[row], hits.scores[row], hits.faces[row], strict=True
            )
            if person >= 0
        )
        best = [candidate.score for candidate in self.candidates[:2]]
        self.score = best[0] if best else None
        self.margin = best[0] - best[1] if len(best) > 1 else None
        self.excess = float(excess[row, 0]) if best else -np.inf

    def needed(self, gate: Gate) -> float:
        """The score that a match needs at this lead."""
        return gate.threshold if self.score is None else self.score - self.excess


def _outdone(people: Ints, excess: Floats) -> npt.NDArray[np.bool_]:
    """Whether another usable face of the photo looks more like a face's best person."""
    if not people.size:
        return np.zeros(len(people), bool)
    rivals = people[None, :, :] == people[:, 0][:, None, None]
    highest = np.where(rivals, excess[None, :, :], -np.inf).max(axis=(1, 2))
    outdone: npt.NDArray[np.bool_] = (people[:, 0] >= 0) & (highest > excess[:, 0])
    return outdone


def _decision(row: _Row, unusable: str | None, chosen: int, outdone: bool, gate: Gate) -> Decision:
    reason = unusable
    needed = row.needed(gate)
    if reason is not None:
        outcome = Outcome.UNUSABLE
    elif row.score is None:
        outcome, reason = Outcome.UNKNOWN, "nobody is enrolled"
    elif row.excess < 0:
        outcome = Outcome.UNKNOWN
        reason = f"below the threshold: {row.score:.3f}, {needed:.3f} needed"
    else:
        reason = _doubt(chosen, outdone, row.margin, gate)
        outcome = Outcome.AMBIGUOUS if reason else Outcome.MATCH
    person = row.candidates[0].person_id if outcome is Outcome.MATCH else None
    return Decision(outcome, reason, person, row.score, needed, row.margin, row.candidates)


def _doubt(chosen: int, outdone: bool, margin: float | None, gate: Gate) -> str | None:
    if margin is not None and (margin < gate.margin or margin <= 0):
        return f"too close to the second person: {margin:.3f} apart, {gate.margin:.3f} needed"
    if chosen != 0 or outdone:
        return "another face of this photo looks more like the same person"
    return None
