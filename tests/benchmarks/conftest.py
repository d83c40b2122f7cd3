"""Faces for the benchmarks, made up."""

from collections.abc import Callable

import numpy as np
import pytest

from retrieval.benchmarks.face_folder import FaceFolder


@pytest.fixture(scope="session")
def face_folder() -> Callable[[int, int, float], FaceFolder]:
    """Makes a folder of so many people with so many photos each, with so much noise."""
    return _folder


def _folder(people: int, photos: int, noise: float) -> FaceFolder:
    """Unit vectors of people in random directions, each photo with noise of its own."""
    generator = np.random.default_rng(0)
    centres = generator.normal(size=(people, 1, 32))
    vectors = centres + noise * generator.normal(size=(people, photos, 32))
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
    return FaceFolder(
        tuple(f"p{n}" for n in range(people)),
        np.repeat(np.arange(people), photos),
        tuple(f"p{n}/{m}.jpg" for n in range(people) for m in range(photos)),
        vectors.reshape(-1, 32).astype(np.float32),
    )
