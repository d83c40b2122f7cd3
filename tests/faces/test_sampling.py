import cv2
import numpy as np

from retrieval.faces.sampling import halved, squares
from retrieval.values import Floats, Pixels


def transform(scale: float, x: float = 0, y: float = 0, turn: float = 0) -> Floats:
    """From a square's pixels to the image's: shrink by `scale`, turn (radians), shift."""
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    return np.array([[cos, -sin, x], [sin, cos, y]], np.float32)


def noise(height: int = 90, width: int = 120) -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def test_squares_are_what_opencv_warps() -> None:
    pixels = np.asarray(cv2.blur(noise(), (5, 5)), np.uint8)
    made = [transform(1), transform(0.4, 20, 30, 0.3), transform(1.2, 90, 60, -2.0)]
    found = squares(pixels, np.stack(made), 40, outside=7)
    for square, to_image in zip(found, made, strict=True):
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        wanted = cv2.warpAffine(pixels, to_image, (40, 40), flags=flags, borderValue=(7, 7, 7))
        off = np.abs(square.astype(int) - wanted)  # both round positions to 1/32 of a pixel
        assert off.max() <= 8
        assert off.mean() < 0.5


def test_the_border_is_repeated_where_nothing_stands_for_the_outside() -> None:
    pixels = np.full((10, 10, 3), 200, np.uint8)
    assert (squares(pixels, transform(1, -30, -30)[None], 80, outside=None) == 200).all()


def test_fine_detail_is_averaged_when_a_square_shrinks_the_image() -> None:
    y, x = np.indices((512, 512))
    stripes = np.repeat((255 * ((x + y) % 2))[:, :, None], 3, axis=2).astype(np.uint8)
    square = squares(stripes, transform(8, 4, 4)[None], 60, outside=None)
    assert np.abs(square.astype(int) - 127).max() <= 2  # without averaging: black or white


def test_a_shrunken_square_lies_where_the_unshrunken_image_has_it() -> None:
    ramp = np.linspace(0, 255, 640)[None, :, None] + np.zeros((640, 1, 3))
    pixels = ramp.round().astype(np.uint8)
    for scale in (1.0, 1.9, 3.0, 6.0, 9.0):
        square = squares(pixels, transform(scale, 20, 20)[None], 60, outside=None)
        wanted = (20 + scale * np.arange(60)) * 255 / 639
        assert np.abs(square[0, 30, :, 0] - wanted).max() <= 2


def test_squares_of_different_scales_come_in_the_callers_order() -> None:
    pixels = np.zeros((400, 400, 3), np.uint8)
    pixels[:200] = 100
    made = np.stack([transform(5, 0, 0), transform(1, 0, 0), transform(5, 0, 250)])
    found = squares(pixels, made, 20, outside=None)
    assert [int(square.mean()) for square in found] == [100, 100, 0]


def test_no_transform_gives_no_square() -> None:
    assert squares(noise(), np.zeros((0, 2, 3), np.float32), 8, outside=0).shape == (0, 8, 8, 3)


def test_many_squares_at_once_are_no_more_than_opencv_can_index() -> None:
    many = np.repeat(transform(1, 5, 5)[None], 3000, axis=0)
    found = squares(noise(), many, 24, outside=0)
    assert (found == found[0]).all()


def test_halving_averages_four_pixels_and_leaves_out_odd_ends() -> None:
    pixels = np.zeros((5, 7, 3), np.uint8)
    pixels[0, 0] = 200
    small = halved(pixels, 1)
    assert small.shape == (2, 3, 3)
    assert small[0, 0].tolist() == [50, 50, 50]
    assert halved(pixels, 0) is pixels


def test_a_square_of_a_large_image_is_that_of_the_part_around_it() -> None:
    pixels = np.asarray(cv2.blur(noise(900, 1100), (5, 5)), np.uint8)
    for scale, x, y in ((0.5, 500, 400), (2.1, 300, 250), (4.2, 500, 500), (9.0, -60, 700)):
        square = squares(pixels, transform(scale, x, y)[None], 40, outside=None)
        far = transform(scale, 0, 0), transform(scale, 800, 600)
        among_others = squares(pixels, np.stack([transform(scale, x, y), *far]), 40, outside=None)[
            0
        ]
        off = np.abs(square[0].astype(int) - among_others)  # positions are rounded elsewhere
        assert off.max() <= 8
        assert off.mean() < 0.1
