"""Chips as a finished ONNX network wants them."""

from typing import Any

import numpy as np
import pytest

from retrieval.embeddings.preprocessing import prepare, standardise
from retrieval.inference.manifest import EmbedderEntry, load_manifest
from retrieval.values import Pixels

FIXED = {"kind": "fixed", "mean": (10, 20, 30), "divisor": (2, 4, 5)}
# One chip of one pixel is enough to tell channels apart: R 14, G 28, B 45.
PIXEL = np.array([[[[14, 28, 45]]]], np.uint8)


def entry(**changes: Any) -> EmbedderEntry:
    """dlib-resnet's entry with some fields changed."""
    fields = load_manifest().embedder("dlib-resnet").model_dump() | {"scaling": FIXED} | changes
    return EmbedderEntry.model_validate(fields)


@pytest.mark.parametrize(
    ("colour", "expected"),
    [
        ("RGB", [2, 2, 3]),  # (14 - 10) / 2, (28 - 20) / 4, (45 - 30) / 5
        ("BGR", [17.5, 2, -3.2]),  # the mean is in the network's order: (45 - 10) / 2, ...
    ],
)
def test_scaling_follows_the_networks_colour_order(colour: str, expected: list[float]) -> None:
    prepared = prepare(PIXEL, entry(colour=colour))
    assert prepared.shape == (1, 3, 1, 1)
    np.testing.assert_allclose(prepared.ravel(), expected, rtol=1e-6)


def test_the_layout_is_the_networks(random_chips: Pixels) -> None:
    first = prepare(random_chips, entry(layout="NCHW"))
    last = prepare(random_chips, entry(layout="NHWC"))
    assert first.shape == (6, 3, 150, 150)
    assert first.dtype == np.float32
    assert first.flags.c_contiguous
    np.testing.assert_array_equal(first.transpose(0, 2, 3, 1), last)


def test_standardised_chips_have_mean_0_and_deviation_1(random_chips: Pixels) -> None:
    standardised = standardise(random_chips[:4])
    np.testing.assert_allclose(standardised.mean((1, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(standardised.std((1, 2, 3)), 1, atol=1e-4)


def test_a_chip_of_one_colour_is_standardised_to_zeros(random_chips: Pixels) -> None:
    assert (standardise(random_chips[4:]) == 0).all()


def test_no_chips_give_no_chips(random_chips: Pixels) -> None:
    assert standardise(random_chips[:0]).shape == (0, 150, 150, 3)


def test_chips_are_not_changed(random_chips: Pixels) -> None:
    before = random_chips.copy()
    prepare(random_chips, entry(colour="BGR"))
    np.testing.assert_array_equal(random_chips, before)
