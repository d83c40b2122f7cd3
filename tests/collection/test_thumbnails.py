"""Pictures of faces: what they show, at any size and at the border."""

import cv2
import numpy as np
import pytest

from retrieval.collection.thumbnails import AROUND, SIDE_PX, cut
from retrieval.values import Floats, Pixels


def ramp(height: int, width: int) -> Pixels:
    """Red grows to the right and green downwards, so that a colour tells its place."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, :, 0] = np.linspace(0, 255, width).round()
    pixels[:, :, 1] = np.linspace(0, 255, height).round()[:, None]
    return pixels


def shown(pixels: Pixels, box: tuple[float, float, float, float]) -> Pixels:
    (jpeg,) = cut(pixels, np.array([box], np.float32))
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (SIDE_PX, SIDE_PX, 3)
    return np.asarray(picture[:, :, ::-1], np.uint8)


@pytest.mark.parametrize("side", [30.0, 100.0, 233.0, 640.0])
def test_a_face_of_any_size_is_in_the_middle_with_the_same_around_it(side: float) -> None:
    pixels = ramp(1200, 1200)
    picture = shown(pixels, (600 - side / 2, 600 - side / 2, side, side)).astype(int)
    reach = side * AROUND / 2 * 255 / 1199
    assert abs(picture[SIDE_PX // 2, SIDE_PX // 2, 0] - 127.5) <= 4
    assert abs(picture[SIDE_PX // 2, 0, 0] - (127.5 - reach)) <= 4
    assert abs(picture[-1, SIDE_PX // 2, 1] - (127.5 + reach)) <= 4


@pytest.mark.parametrize(
    "box", [(-200, -200, 500, 500), (900, 900, 500, 500), (-900, 300, 500, 500), (-50, -50, 20, 20)]
)
def test_beyond_the_border_its_edge_is_repeated(box: tuple[float, float, float, float]) -> None:
    pixels = ramp(1200, 1200)
    picture = shown(pixels, box).astype(int)
    side = max(box[2:]) * AROUND
    for row, column in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        x = box[0] + box[2] / 2 + (side / 2 if column else -side / 2)
        y = box[1] + box[3] / 2 + (side / 2 if row else -side / 2)
        wanted = np.clip([x, y], 0, 1199) * 255 / 1199
        assert np.abs(picture[row, column, :2] - wanted).max() <= 6


def test_no_face_gives_no_picture() -> None:
    boxes: Floats = np.zeros((0, 4), np.float32)
    assert cut(ramp(10, 10), boxes) == ()
