"""A small data set in Fashion-MNIST's format."""

import gzip
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt

from retrieval.benchmarks.fashion_mnist.data import (
    TEST_IMAGES,
    TEST_LABELS,
    TRAIN_IMAGES,
    TRAIN_LABELS,
)


def write_idx(path: Path, array: npt.NDArray[np.uint8]) -> None:
    """Write bytes in the idx.gz format, straight from its description."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    path.write_bytes(gzip.compress(header + array.tobytes(), mtime=0))


def write_small(folder: Path, train: int = 200, test: int = 60) -> None:
    """Ten classes that differ by the place of a bright stripe, under noise."""
    generator = np.random.default_rng(0)
    for count, images, labels in (
        (train, TRAIN_IMAGES, TRAIN_LABELS),
        (test, TEST_IMAGES, TEST_LABELS),
    ):
        classes = np.arange(count) % 10
        pixels = generator.integers(0, 120, (count, 28, 28))
        for row, label in zip(pixels, classes, strict=True):
            row[2 * label + 2 : 2 * label + 6] += 110
        write_idx(folder / images, pixels.astype(np.uint8))
        write_idx(folder / labels, classes.astype(np.uint8))
