import numpy as np
import pytest

from retrieval.benchmarks.fashion_mnist.hog import hog


@pytest.mark.parametrize(("cell_px", "length"), [(7, 324), (4, 1296)])
def test_a_picture_becomes_a_row_of_histograms(cell_px: int, length: int) -> None:
    assert hog(np.zeros((3, 28, 28), np.uint8), cell_px).shape == (3, length)


def test_edges_tell_pictures_apart_and_brightness_does_not() -> None:
    upright = np.zeros((28, 28), np.uint8)
    upright[:, 10:18] = 200
    features = hog(np.stack([upright, upright // 2, upright.T]), 7)
    assert np.allclose(features[0], features[1], atol=0.05)
    assert np.abs(features[0] - features[2]).max() > 0.2
