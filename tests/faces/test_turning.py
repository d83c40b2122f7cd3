import numpy as np
import pytest

from retrieval.faces.turning import turned, turned_back
from retrieval.values import Detections


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_what_is_found_in_a_turned_picture_lies_where_it_was(degrees: int) -> None:
    picture = np.zeros((60, 100, 3), np.uint8)
    picture[20:30, 70:75] = 255  # x 70, y 20, 5 wide, 10 high
    picture[20, 70] = (9, 0, 0)  # its upper left corner, as it lies
    seen = picture if degrees == 0 else turned(picture, degrees)
    rows, columns = np.nonzero(seen.any(axis=2))
    low, high = [columns.min(), rows.min()], [columns.max() + 1, rows.max() + 1]
    box = np.array([[*low, high[0] - low[0], high[1] - low[1]]], np.float32)
    (corner,) = np.argwhere(seen[:, :, 0] == 9)
    points = np.tile(corner[::-1], (1, 5, 1)).astype(np.float32)
    back = turned_back(Detections(box, points, np.ones(1, np.float32)), degrees, 100, 60)
    assert back.boxes.tolist() == [[70, 20, 5, 10]]
    assert back.landmarks[0, 0].tolist() == [70, 20]


def test_a_picture_is_turned_clockwise() -> None:
    picture = np.zeros((2, 3, 3), np.uint8)
    picture[0, 0] = 255  # upper left
    assert turned(picture, 90)[0, 1].all()  # upper right
