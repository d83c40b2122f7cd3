"""Which side of a video is up, by some of its frames."""

from types import SimpleNamespace

import numpy as np
import pytest

from retrieval.collection.tracks.sides import Sides
from retrieval.photos.videos import Frame
from retrieval.values import Detections


@pytest.mark.parametrize(
    ("told", "lies"),
    [
        ([90, 90, None, 90], 90),
        ([None, None, None], 0),  # nobody is there
        ([90], 0),  # one frame is too few
        ([270, 270, 0, 270], 270),
        ([90, 90, 0], 0),  # somebody lies in a video that is upright
        ([90, 180, 90, 180, 180, 180], 180),
    ],
)
def test_a_video_lies_where_most_of_its_faces_do(told, lies):
    sides, answers = Sides(), iter(told)
    pipe = SimpleNamespace(side_up=lambda pixels, found: next(answers))
    for n in range(len(told)):
        frame = Frame(n, n / 2, np.zeros((4, 4, 3), np.uint8))
        sides.look([frame], [Detections.none()], pipe)
    assert sides.lies == lies


def test_a_long_video_is_looked_at_turned_ever_more_seldom():
    asked = []
    pipe = SimpleNamespace(side_up=lambda pixels, found: asked.append(1))
    sides, frame = Sides(), np.zeros((4, 4, 3), np.uint8)
    for n in range(3600 * 5):
        sides.look([Frame(n, n / 5, frame)], [Detections.none()], pipe)
    assert 100 < len(asked) < 150
