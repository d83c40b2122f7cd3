"""A small data set in Fashion-MNIST's format, and the real one where it is installed."""

import gzip
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from threadpoolctl import threadpool_limits

from retrieval.benchmarks.fashion_mnist.data import (
    DEBIAN_FOLDER,
    TEST_IMAGES,
    TEST_LABELS,
    TRAIN_IMAGES,
    TRAIN_LABELS,
    FashionMnist,
    load,
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


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads of small sums wait for each other longer than they work."""
    with threadpool_limits(1):
        yield


@pytest.fixture
def write_idx_file() -> Callable[[Path, npt.NDArray[np.uint8]], None]:
    """Writes an array as an idx.gz file."""
    return write_idx


@pytest.fixture
def small_folder(tmp_path: Path) -> Path:
    """Four small idx.gz files."""
    folder = tmp_path / "small"
    folder.mkdir()
    write_small(folder)
    return folder


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> FashionMnist:
    """A small data set that a network learns in a second."""
    folder = tmp_path_factory.mktemp("small")
    write_small(folder)
    return load(folder)


@pytest.fixture(scope="session")
def fashion_mnist() -> FashionMnist:
    """The real data set."""
    if not DEBIAN_FOLDER.is_dir():
        pytest.skip("needs Debian's package dataset-fashion-mnist")
    return load(DEBIAN_FOLDER)
