"""Boxes stay with faces: they go when a look no longer finds the face, and at a cut."""

import pytest

from retrieval.collection.answers import FaceAnswer
from retrieval.collection.tracks.answers import Look, TrackAnswer
from retrieval.collection.tracks.drawing import box_at
from retrieval.values import Outcome

FACE = FaceAnswer((0, 0, 10, 10), 0.9, Outcome.UNKNOWN, None, None, None, 0.8, None, ())


def seen_at(*seconds):
    path = tuple((second, (second * 100, 0.0, 10.0, 10.0)) for second in seconds)
    return TrackAnswer(((seconds[0], seconds[-1]),), len(seconds), seconds[0], FACE, path=path)


LOOKS = [Look(n / 5, None) for n in range(10)]
CUT = [Look(second, 0.52 if second == 0.6 else None) for second, _ in LOOKS]
STILL = [Look(float(n), None) for n in range(4)]


@pytest.mark.parametrize(
    ("looks", "seconds", "second", "left"),
    [
        (LOOKS, (0.2, 0.4), 0.1, None),  # not yet
        (LOOKS, (0.2, 0.4), 0.3, 30),  # between two looks
        (LOOKS, (0.2, 0.4), 0.5, 40),  # until a look that does not find it
        (LOOKS, (0.2, 0.4), 0.6, None),
        (LOOKS, (0.2, 0.6), 0.5, 50),  # missed once
        (LOOKS, (0.2, 1.2), 0.3, 20),  # hidden: not drawn on whoever hides it
        (LOOKS, (0.2, 1.2), 0.5, None),
        (LOOKS, (0.2, 1.8), 1.9, 180),  # behind the last look
        (CUT, (0.2, 0.4), 0.5, 40),  # until the cut, not until the look behind it
        (CUT, (0.2, 0.4), 0.53, None),
        (CUT, (0.2, 0.4, 0.6), 0.5, 40),  # it does not slide across a cut
        (CUT, (0.2, 0.4, 0.6), 0.53, 60),  # and is there as soon as the scene is
        (CUT, (0.6, 0.8), 0.53, 60),
        (CUT, (0.6, 0.8), 0.5, None),
        (STILL, (0, 1), 0.9, 90),  # a picture that does not change is looked at seldom
        (STILL, (0, 1), 1.9, 100),
    ],
)
def test_a_box_is_where_its_face_is(looks, seconds, second, left):
    box = box_at(seen_at(*seconds), looks, second)
    assert (None if box is None else round(box[0])) == left
