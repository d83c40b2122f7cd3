from collections.abc import Sequence

import numpy as np
import pytest

from retrieval.identities.decide import decide
from retrieval.protocols import PeopleHits
from retrieval.values import Gate, Outcome

A, B, C = 1, 2, 3
GATE = Gate(threshold=0.90, margin=0.01, source="manifest: a test")
MATCH, AMBIGUOUS, UNKNOWN, UNUSABLE = (
    Outcome.MATCH,
    Outcome.AMBIGUOUS,
    Outcome.UNKNOWN,
    Outcome.UNUSABLE,
)

Face = dict[int, float]  # person -> score


def _hits(faces: Sequence[Face], k: int = 3) -> PeopleHits:
    people = np.full((len(faces), k), -1, np.int64)
    scores = np.full((len(faces), k), -np.inf, np.float32)
    for row, face in enumerate(faces):
        best = sorted(face, key=lambda person: -face[person])[:k]
        people[row, : len(best)] = best
        scores[row, : len(best)] = [face[person] for person in best]
    return PeopleHits(people, scores, people * 10, scores, scores)


TABLE = [
    ("two faces, each its own person", [{A: 0.97, B: 0.90}, {B: 0.95, A: 0.85}], [A, B]),
    ("nobody reaches the threshold", [{A: 0.89}, {B: 0.5}], [UNKNOWN, UNKNOWN]),
    ("exactly at the threshold is enough", [{A: 0.90, B: 0.80}], [A]),
    ("the second person is too close", [{A: 0.950, B: 0.945}], [AMBIGUOUS]),
    ("a tie is never a match", [{A: 0.95, B: 0.95}], [AMBIGUOUS]),
    ("too close counts only above the threshold", [{A: 0.89, B: 0.89}], [UNKNOWN]),
    ("one person twice: the better face has the name", [{A: 0.93}, {A: 0.97}], [AMBIGUOUS, A]),
    (
        "a lookalike beside the person herself is not pushed to a second choice below",
        [{A: 0.98, B: 0.85}, {A: 0.95, B: 0.89}],
        [A, AMBIGUOUS],
    ),
    (
        "the largest sum would name the first face B, its second choice, and give A away",
        [{A: 0.97, B: 0.955}, {A: 0.96, C: 0.50}],
        [AMBIGUOUS, AMBIGUOUS],
    ),
    (
        "a chain of second choices names nobody, an untouched face stays a match",
        [{A: 0.97, B: 0.95}, {A: 0.96, B: 0.93}, {C: 0.99, A: 0.5}],
        [AMBIGUOUS, AMBIGUOUS, C],
    ),
    ("an empty gallery knows nobody", [{}, {}], [UNKNOWN, UNKNOWN]),
    ("a gallery of one has no second person to be near", [{A: 0.91}], [A]),
    ("no face, no answer", [], []),
]


@pytest.mark.parametrize(
    ("faces", "expected"), [row[1:] for row in TABLE], ids=[r[0] for r in TABLE]
)
def test_decisions_of_one_photo(faces: list[Face], expected: list[int | Outcome]) -> None:
    decisions = decide(_hits(faces), [None] * len(faces), GATE)
    assert [d.person_id if d.outcome is MATCH else d.outcome for d in decisions] == expected
    for decision in decisions:
        assert (decision.person_id is not None) == (decision.outcome is MATCH)
        assert (decision.reason is None) == (decision.outcome is MATCH)


def test_an_unusable_face_says_why_and_takes_nobodys_place() -> None:
    faces = [{A: 0.99, B: 0.5}, {A: 0.93, B: 0.5}]
    blurred, plain = decide(_hits(faces), ["blurred: 3, 10 needed", None], GATE)
    assert (blurred.outcome, blurred.reason) == (UNUSABLE, "blurred: 3, 10 needed")
    assert (plain.outcome, plain.person_id) == (MATCH, A)


def test_a_decision_carries_score_threshold_margin_and_candidates_with_their_faces() -> None:
    (decision,) = decide(_hits([{A: 0.97, B: 0.93}]), [None], GATE)
    assert decision.score == pytest.approx(0.97)
    assert decision.threshold == pytest.approx(GATE.threshold)
    assert decision.margin == pytest.approx(0.04, abs=1e-6)
    assert [(c.person_id, c.face_id) for c in decision.candidates] == [(A, 10), (B, 20)]


def test_a_wide_lead_makes_up_for_half_as_much_score() -> None:
    stands_out, does_not = decide(
        _hits([{A: 0.89, B: 0.85, C: 0.84}, {A: 0.89, B: 0.88, C: 0.87}]), [None] * 2, GATE
    )[:2]
    (alone,) = decide(_hits([{A: 0.89, B: 0.85, C: 0.84}]), [None], GATE)
    assert (alone.outcome, alone.person_id) == (MATCH, A)
    assert alone.threshold == pytest.approx(0.90 - 0.04 / 2, abs=1e-6)
    assert stands_out.threshold == pytest.approx(alone.threshold)
    assert does_not.outcome is UNKNOWN
    assert does_not.reason == "below the threshold: 0.890, 0.895 needed"


def test_one_or_two_people_are_compared_with_the_threshold_of_one_to_one() -> None:
    gate = Gate(0.90, 0.01, "a test", person_threshold=0.85)
    few, alone, crowd = decide(
        _hits([{A: 0.86, B: 0.80}, {C: 0.86}, {A: 0.86, B: 0.84, C: 0.80}]), [None] * 3, gate
    )
    assert (few.outcome, few.person_id) == (MATCH, A)
    assert few.threshold == pytest.approx(0.85)
    assert (alone.outcome, alone.person_id) == (MATCH, C)
    assert crowd.outcome is UNKNOWN
    assert crowd.threshold == pytest.approx(0.89)


def test_one_column_is_enough_for_one_candidate_and_gives_no_margin() -> None:
    (decision,) = decide(_hits([{A: 0.97, B: 0.96}], k=1), [None], GATE)
    assert (decision.outcome, decision.person_id, decision.margin) == (MATCH, A, None)


def test_an_empty_gallery_without_columns_leaves_every_face_unknown() -> None:
    (decision,) = decide(_hits([{}], k=0), [None], GATE)
    assert (decision.outcome, decision.score) == (UNKNOWN, None)
    assert decision.reason == "nobody is enrolled"


def test_a_person_is_never_named_twice_whatever_the_scores() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        faces = [dict(zip((A, B, C), rng.uniform(0.85, 1, 3), strict=True)) for _ in range(6)]
        named = [d.person_id for d in decide(_hits(faces), [None] * 6, GATE) if d.person_id]
        assert len(named) == len(set(named))


def test_hits_and_reasons_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="1 faces, but 2 reasons"):
        decide(_hits([{A: 0.9}]), [None, None], GATE)


def test_who_is_deleted_between_search_and_answer_leaves_the_others_as_they_would_be() -> None:
    """Whoever stood first or second is gone; the lead is one over somebody who is left."""
    faces: list[Face] = [{9: 0.99, A: 0.95, B: 0.90, C: 0.80}, {B: 0.96, 9: 0.94, C: 0.85, A: 0.7}]
    left = [{person: score for person, score in face.items() if person != 9} for face in faces]
    expected = decide(_hits(left, 4), [None] * 2, GATE)
    found = decide(_hits(faces, 4).among({A: "a", B: "b", C: "c"}), [None] * 2, GATE)
    assert found == expected
    assert [decision.person_id for decision in found] == [A, B]
    nobody = decide(_hits(faces, 4).among([]), [None] * 2, GATE)
    assert [decision.outcome for decision in nobody] == [UNKNOWN, UNKNOWN]
