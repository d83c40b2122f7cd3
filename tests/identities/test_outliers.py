"""A planted photo among several of one person is found; clean people raise no alarm."""

import numpy as np
import pytest

from retrieval.identities.outliers import unlike_the_rest
from retrieval.values import Ints, Vectors

THRESHOLD = 0.5


def people_of(count: int, photos: int) -> tuple[Vectors, Ints]:
    """People in random directions of 64, their photos near them: cosines of about 0.8, or 0."""
    rng = np.random.default_rng(photos)
    labels = np.repeat(np.arange(count), photos)
    vectors = rng.normal(size=(count, 64))[labels] + 0.5 * rng.normal(size=(len(labels), 64))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit.astype(np.float32), labels.astype(np.int64)


@pytest.mark.parametrize("photos", [3, 4, 5])
def test_a_planted_photo_is_found_and_clean_people_are_let_be(photos: int) -> None:
    vectors, people = people_of(60, photos)
    assert unlike_the_rest(vectors, people, THRESHOLD).tolist() == []
    planted = vectors.copy()
    rows = np.arange(0, len(planted), photos)
    planted[rows] = vectors[np.roll(rows, 1)]
    assert unlike_the_rest(planted, people, THRESHOLD).tolist() == rows.tolist()


def test_of_two_photos_neither_is_said_to_be_wrong() -> None:
    vectors = np.eye(4, dtype=np.float32)[[0, 1]]
    assert unlike_the_rest(vectors, np.array([7, 7]), THRESHOLD).tolist() == []


def test_a_person_whose_photos_all_differ_has_no_odd_one() -> None:
    assert unlike_the_rest(np.eye(4, dtype=np.float32), np.full(4, 7), THRESHOLD).tolist() == []
