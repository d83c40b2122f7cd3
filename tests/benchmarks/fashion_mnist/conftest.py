"""A small data set, and the real one where it is installed."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from threadpoolctl import threadpool_limits

from retrieval.benchmarks.fashion_mnist.data import (
    DEBIAN_FOLDER,
    FashionMnist,
    load,
)
from tests.benchmarks.fashion_mnist.small import write_idx, write_small


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
