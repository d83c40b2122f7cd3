"""From scores to answers: match, ambiguous, unknown or unusable, for one photo's faces (pure)."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from retrieval.identities.assign import assign
from retrieval.values import Candidate, Decision, Floats, Gate, Ints, Outcome, PeopleHits


def decide(hits: PeopleHits, unusable: Sequence[str | None], gate: Gate) -> list[Decision]:
    """Answer for all faces of one photo together.

    One person is named at most once. A plain match is asked for four things: its score reaches the
    threshold, its lead over the second person is wide enough, the assignment gave the face its own
    best person, and no other face of the photo looks more like that person. Where one of the last
    three fails the answer is ambiguous, and the candidates say between whom.

    Args:
        hits: the best people of each face, one row a face; two columns or more where the gallery
            has two people, since the margin is the distance to the second.
        unusable: for each face None, or why it must not be used; such a face takes nobody's place.
        gate: threshold and margin.

    Returns:
        one decision a face, in their order.
    """
    if len(unusable) != len(hits.people):
        raise ValueError(f"{len(hits.people)} faces, but {len(unusable)} reasons")
    usable = np.array([reason is None for reason in unusable], bool)
    excess = np.where(usable[:, None], hits.scores - np.float32(gate.threshold), np.float32(-1))
    chosen = assign(hits.people, excess)
    outdone = _outdone(hits.people, excess)
    return [
        _decision(hits, row, reason, int(chosen[row]), bool(outdone[row]), gate)
        for row, reason in enumerate(unusable)
    ]


def _outdone(people: Ints, excess: Floats) -> npt.NDArray[np.bool_]:
    """Whether another usable face of the photo looks more like a face's best person."""
    if not people.size:
        return np.zeros(len(people), bool)
    rivals = people[None, :, :] == people[:, 0][:, None, None]
    highest = np.where(rivals, excess[None, :, :], -np.inf).max(axis=(1, 2))
    outdone: npt.NDArray[np.bool_] = (people[:, 0] >= 0) & (highest > excess[:, 0])
    return outdone


def _decision(
    hits: PeopleHits, row: int, unusable: str | None, chosen: int, outdone: bool, gate: Gate
) -> Decision:
    candidates = _candidates(hits, row)
    score = candidates[0].score if candidates else None
    margin = candidates[0].score - candidates[1].score if len(candidates) > 1 else None
    reason: str | None = unusable
    if reason is not None:
        outcome = Outcome.UNUSABLE
    elif score is None:
        outcome, reason = Outcome.UNKNOWN, "nobody is enrolled"
    elif np.float32(score) < np.float32(gate.threshold):
        outcome = Outcome.UNKNOWN
        reason = f"below the threshold: {score:.3f}, {gate.threshold:.3f} needed"
    else:
        doubt = _doubt(chosen, outdone, margin, gate)
        outcome, reason = (Outcome.AMBIGUOUS, doubt) if doubt else (Outcome.MATCH, None)
    person = candidates[0].person_id if outcome is Outcome.MATCH else None
    return Decision(outcome, reason, person, score, gate.threshold, margin, candidates)


def _doubt(chosen: int, outdone: bool, margin: float | None, gate: Gate) -> str | None:
    if margin is not None and (margin < gate.margin or margin <= 0):
        return f"too close to the second person: {margin:.3f} apart, {gate.margin:.3f} needed"
    if chosen != 0 or outdone:
        return "another face of this photo looks more like the same person"
    return None


def _candidates(hits: PeopleHits, row: int) -> tuple[Candidate, ...]:
    return tuple(
        Candidate(int(person), float(score), int(face))
        for person, score, face in zip(
            hits.people[row], hits.scores[row], hits.faces[row], strict=True
        )
        if person >= 0
    )
