from collections.abc import Iterator

import numpy as np

from retrieval.scoring.space import Space, SpacedFeed, fit_space
from retrieval.values import Changes, Floats, Ints, Watermark
from tests.identities.made import DIMENSION, crowd


def _separation(vectors: Floats, people: Ints) -> float:
    """Mean cosine of photos of one person above that of different people, in its deviations."""
    cosines = vectors @ vectors.T
    same = people[:, None] == people[None]
    own = cosines[same & ~np.eye(len(vectors), dtype=bool)]
    other = cosines[~same]
    return float((own.mean() - other.mean()) / np.sqrt(own.var() + other.var()))


def test_a_fitted_space_tells_people_apart_better_also_those_it_never_saw() -> None:
    known = crowd(40, 5, seed=1)
    new = crowd(40, 5, seed=2)
    space = fit_space(known.vectors, known.people)
    before = _separation(new.vectors, new.people)
    assert _separation(space.of(new.vectors), new.people) > 1.2 * before


def test_vectors_stay_of_unit_length_and_float32() -> None:
    known = crowd(20, 4, seed=1)
    moved = fit_space(known.vectors, known.people).of(known.vectors)
    np.testing.assert_allclose(np.linalg.norm(moved, axis=1), 1, atol=1e-5)
    assert moved.dtype == np.float32


def test_too_few_photos_leave_the_embedders_own_space() -> None:
    few = crowd(10, 2, seed=1)
    assert fit_space(few.vectors[:-2], few.people[:-2]).matrix is None
    copies = crowd(40, 1, seed=1)
    assert fit_space(copies.vectors, copies.people).matrix is None


def test_photos_that_are_all_copies_leave_the_embedders_own_space() -> None:
    one = crowd(10, 1, seed=1)
    copied = np.repeat(one.vectors, 5, axis=0), np.repeat(one.people, 5)
    assert fit_space(*copied).matrix is None


def test_a_fit_does_not_depend_on_the_order_of_the_photos() -> None:
    known = crowd(20, 4, seed=3)
    shuffled = np.random.default_rng(0).permutation(len(known.people))
    first = fit_space(known.vectors, known.people).matrix
    second = fit_space(known.vectors[shuffled], known.people[shuffled]).matrix
    assert first is not None
    assert second is not None
    np.testing.assert_allclose(first, second, atol=1e-4)


def test_a_space_has_a_name_of_its_own_and_the_embedders_has_none() -> None:
    first, second = (fit_space(*_pair(seed)) for seed in (1, 2))
    assert Space().name == ""
    assert first.name == Space(first.matrix).name
    assert first.name != second.name


def test_the_embedders_own_space_changes_nothing() -> None:
    vectors = crowd(5, 2, seed=1).vectors
    assert Space().of(vectors) is vectors


def test_an_index_sees_the_change_log_through_the_space() -> None:
    known = crowd(20, 4, seed=1)
    space = fit_space(known.vectors, known.people)
    seen = SpacedFeed(_Log(known.vectors, known.people), space)
    np.testing.assert_array_equal(seen.changes(Watermark("e", 0)).vectors, space.of(known.vectors))
    (whole,) = seen.everything()
    np.testing.assert_array_equal(whole.vectors, space.of(known.vectors))
    assert whole.added.tolist() == list(range(len(known.people)))
    assert (seen.dimension, seen.head()) == (DIMENSION, Watermark("e", 9))


def _pair(seed: int) -> tuple[Floats, Ints]:
    known = crowd(20, 4, seed=seed)
    return known.vectors, known.people


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
