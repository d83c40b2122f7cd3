"""Annotated pictures: boxes where the faces are, names as words."""

import numpy as np
import pytest

from retrieval.collection.answers import FaceAnswer, NamedCandidate, PhotoAnswer
from retrieval.collection.drawing import COLOURS, annotate, label
from retrieval.values import Outcome


def _face(
    outcome: Outcome, person: str | None, box: tuple[float, float, float, float]
) -> FaceAnswer:
    candidate = NamedCandidate("Zoë 张", 1, 0.97, "a.jpg", 1)
    return FaceAnswer(
        box=box,
        detection_score=0.99,
        decision=outcome,
        reason=None if person else "why",
        person=person,
        score=0.97,
        threshold=0.945,
        margin=0.1,
        candidates=(candidate,),
    )


LABELS = [
    (Outcome.MATCH, "Zoë 张", "Zoë 张 0.970"),
    (Outcome.AMBIGUOUS, None, "Zoë 张?"),  # the best candidate, in doubt
    (Outcome.UNKNOWN, None, "unknown"),
    (Outcome.UNUSABLE, None, "unusable"),
]


@pytest.mark.parametrize(("outcome", "person", "text"), LABELS)
def test_labels_say_the_decision_in_words(outcome: Outcome, person: str | None, text: str) -> None:
    assert label(_face(outcome, person, (0, 0, 10, 10))) == text


@pytest.mark.parametrize("outcome", list(Outcome))
def test_boxes_are_drawn_where_the_face_is_also_in_a_reduced_copy(outcome: Outcome) -> None:
    pixels = np.full((300, 400, 3), 255, np.uint8)  # the original has 800 x 600
    person = "Zoë 张" if outcome is Outcome.MATCH else None
    face = _face(outcome, person, (200, 300, 240, 200))
    answer = PhotoAnswer("photo.jpg", "0" * 64, 800, 600, (face,))
    drawn = np.asarray(annotate(pixels, answer))
    assert drawn.shape == pixels.shape
    rows, columns = np.nonzero((drawn == COLOURS[outcome]).all(axis=2))
    assert columns.min() == 100
    assert rows.max() == 250
    assert (drawn[160:240, 110:210] == 255).all(), "the face itself stays visible"
    assert (pixels == 255).all(), "the caller's pixels stay as they are"


def test_a_face_at_the_border_keeps_its_label_inside_the_picture() -> None:
    pixels = np.full((200, 200, 3), 255, np.uint8)
    face = _face(Outcome.MATCH, "Zoë 张", (150, -20, 80, 90))
    answer = PhotoAnswer("photo.jpg", "0" * 64, 200, 200, (face,))
    drawn = np.asarray(annotate(pixels, answer))
    assert (drawn == COLOURS[Outcome.MATCH]).all(axis=2).sum() > 500


def test_labels_of_neighbours_do_not_cover_one_another() -> None:
    pixels = np.full((300, 400, 3), 255, np.uint8)
    near = [_face(Outcome.UNKNOWN, None, (left, 100, 60, 80)) for left in (100, 130)]
    together = PhotoAnswer("photo.jpg", "0" * 64, 400, 300, tuple(near))
    alone = [PhotoAnswer("photo.jpg", "0" * 64, 400, 300, (face,)) for face in near]

    def filled(answer: PhotoAnswer) -> int:
        drawn = np.asarray(annotate(pixels, answer))[:100]  # above the boxes
        return int((drawn == COLOURS[Outcome.UNKNOWN]).all(axis=2).sum())

    below = np.asarray(annotate(pixels, together))[182:]
    moved = int((below == COLOURS[Outcome.UNKNOWN]).all(axis=2).sum())
    # A 2 has more ink than the 1 of a face that is alone.
    assert filled(together) + moved >= 0.93 * sum(map(filled, alone))


@pytest.mark.parametrize(("width", "height"), [(160, 120), (6000, 4000)])
def test_labels_are_readable_and_cover_neither_each_other_nor_other_faces(
    width: int, height: int
) -> None:
    scale = width / 160
    lefts = (10, 38, 66, 94, 126)
    boxes = [(left * scale, 30 * scale, 24 * scale, 30 * scale) for left in lefts]
    faces = tuple(_face(Outcome.MATCH, f"Person {n} Long", box) for n, box in enumerate(boxes))
    answer = PhotoAnswer("photo.jpg", "0" * 64, width, height, faces)
    drawn = np.asarray(annotate(np.full((height, width, 3), 128, np.uint8), answer))
    assert drawn.shape[1] >= 400, "small photos are enlarged"
    assert drawn.shape[1] == width or width < 400, "large ones keep their size"
    enlarged = drawn.shape[1] / width
    for left, top, wide, high in boxes:  # no label lies on a face
        inner = np.array([left + wide / 5, top + high / 5, left + wide * 0.8, top + high * 0.8])
        x, y, right, bottom = (inner * enlarged).astype(int)
        assert (drawn[y:bottom, x:right] == 128).all()
    white = (drawn == 255).all(axis=2)
    rows = np.flatnonzero(white.any(axis=1))
    assert len(rows) >= drawn.shape[0] / 60, "letters of a size that can be read"
