from collections.abc import Iterator

import numpy as np

from retrieval.scoring.space import Space, SpacedFeed
from retrieval.values import Changes, Floats, Ints, Watermark
from tests.identities.made import DIMENSION, crowd


def _space(seed: int) -> Space:
    """As a calibration of earlier days fitted it."""
    matrix = np.random.default_rng(seed).normal(size=(DIMENSION, DIMENSION))
    return Space((matrix @ matrix.T).astype(np.float32))


def test_vectors_stay_of_unit_length_and_float32() -> None:
    moved = _space(1).of(crowd(20, 4, seed=1).vectors)
    np.testing.assert_allclose(np.linalg.norm(moved, axis=1), 1, atol=1e-5)
    assert moved.dtype == np.float32


def test_a_space_has_a_name_of_its_own_and_the_embedders_has_none() -> None:
    first, second = _space(1), _space(2)
    assert Space().name == ""
    assert first.name == Space(first.matrix).name
    assert first.name != second.name


def test_the_embedders_own_space_changes_nothing() -> None:
    vectors = crowd(5, 2, seed=1).vectors
    assert Space().of(vectors) is vectors


def test_an_index_sees_the_change_log_through_the_space() -> None:
    known = crowd(20, 4, seed=1)
    space = _space(1)
    seen = SpacedFeed(_Log(known.vectors, known.people), space)
    np.testing.assert_array_equal(seen.changes(Watermark("e", 0)).vectors, space.of(known.vectors))
    (whole,) = seen.everything()
    np.testing.assert_array_equal(whole.vectors, space.of(known.vectors))
    assert whole.added.tolist() == list(range(len(known.people)))
    assert (seen.dimension, seen.head()) == (DIMENSION, Watermark("e", 9))


class _Log:
    """A change log with one entry."""

    dimension = DIMENSION

    def __init__(self, vectors: Floats, people: Ints) -> None:
        self._changes = Changes(
            np.zeros(0, np.int64),
            np.arange(len(people)),
            people,
            vectors,
            Watermark("e", 9),
            complete=True,
        )

    def head(self) -> Watermark:
        return self._changes.watermark

    def changes(self, since: Watermark, limit: int = 100_000) -> Changes:
        return self._changes

    def everything(self, chunk: int = 50_000) -> Iterator[Changes]:
        return iter([self._changes])

    def of_people(self, people: Ints) -> Changes:
        return self._changes
