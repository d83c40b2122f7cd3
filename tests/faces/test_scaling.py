import numpy as np
import pytest

from retrieval.faces.scaling import GREY, LEAST_PX, Sight, view
from retrieval.values import Detections

SIGHT = Sight(longest_px=640, small_px=224, enlarge_most=4.0, border=0.2)


@pytest.mark.parametrize(
    ("shape", "seen", "border"),
    [
        ((480, 640), (480, 640), 0),  # as large as is wanted
        ((300, 224), (300, 224), 0),  # neither small nor large
        ((1500, 2000), (480, 640), 0),  # shrunk
        ((2000, 10), (640, LEAST_PX), 0),  # shrunk, and then filled up
        ((112, 92), (224 + 90, 184 + 90), 45),  # doubled and framed
        ((28, 23), (112 + 44, 92 + 44), 22),  # enlarged at most four times
        ((1, 1), (LEAST_PX, LEAST_PX), 1),
    ],
)
def test_what_a_detector_sees(shape: tuple[int, int], seen: tuple[int, int], border: int) -> None:
    found = view(np.zeros((*shape, 3), np.uint8), SIGHT)
    assert found.pixels.shape == (*seen, 3)
    assert found.border_px == border


def test_an_image_of_a_good_size_is_not_copied() -> None:
    pixels = np.zeros((300, 400, 3), np.uint8)
    assert view(pixels, SIGHT).pixels is pixels


def test_the_border_is_grey() -> None:
    found = view(np.zeros((112, 92, 3), np.uint8), SIGHT)
    assert tuple(found.pixels[0, 0]) == tuple(found.pixels[-1, -1]) == GREY


@pytest.mark.parametrize("shape", [(112, 92), (28, 23), (300, 400), (1501, 2003), (70, 3000)])
def test_what_is_found_comes_back_in_the_pixels_of_the_image(shape: tuple[int, int]) -> None:
    pixels = np.zeros((*shape, 3), np.uint8)
    height, width = shape
    pixels[height // 4 : height * 3 // 4, width // 4 : width // 2] = 255
    found = view(pixels, SIGHT)
    y, x = np.nonzero(found.pixels[:, :, 0] > 190)  # the white part, brighter than the border
    box = np.array([[x.min(), y.min(), np.ptp(x) + 1, np.ptp(y) + 1]], np.float32)
    corners = np.repeat(box[:, None, :2], 5, axis=1)
    back = found.back(Detections(box, corners, np.ones(1, np.float32)))
    wanted = [width // 4, height // 4, width // 2 - width // 4, height * 3 // 4 - height // 4]
    pixel = max(width, height) / max(found.pixels.shape)  # one of the view's, in the image
    np.testing.assert_allclose(back.boxes[0], wanted, atol=max(2 * pixel, 1.0))
    np.testing.assert_allclose(back.landmarks[0, 0], wanted[:2], atol=max(2 * pixel, 1.0))


def test_detections_in_the_view_are_not_changed() -> None:
    found = view(np.zeros((28, 23, 3), np.uint8), SIGHT)
    box = np.array([[30, 30, 20, 20]], np.float32)
    found.back(Detections(box, np.zeros((1, 5, 2), np.float32), np.ones(1, np.float32)))
    assert box.tolist() == [[30, 30, 20, 20]]
