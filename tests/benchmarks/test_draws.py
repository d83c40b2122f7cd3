from collections.abc import Callable

import numpy as np
import pytest

from retrieval.benchmarks.draws import Answers, drawn, rates, usable_people
from retrieval.benchmarks.face_folder import FaceFolder
from retrieval.errors import DataInvalid

MakeFolder = Callable[[int, int, float], FaceFolder]


def test_a_draw_parts_known_people_from_strangers_and_photos_from_queries(
    face_folder: MakeFolder,
) -> None:
    faces = face_folder(12, 6, 0.4)
    draw = drawn(faces, np.arange(12), 9, 2, np.random.default_rng(1))
    assert np.bincount(draw.owners).tolist() == [2] * 9
    assert np.bincount(draw.asked).tolist() == [4] * 9
    assert np.bincount(draw.stranger_owners).tolist() == [0] * 9 + [6] * 3
    parts = np.concatenate([draw.gallery, draw.queries, draw.strangers])
    assert np.array_equal(np.unique(parts, axis=0), np.unique(faces.vectors, axis=0))


def test_people_with_too_few_photos_take_no_part(face_folder: MakeFolder) -> None:
    draw = drawn(face_folder(12, 6, 0.4), np.arange(2, 12), 8, 2, np.random.default_rng(1))
    assert len(draw.gallery) + len(draw.queries) + len(draw.strangers) == 10 * 6


@pytest.mark.parametrize(
    ("scores", "people", "rank1", "fnir"),
    [
        ([0.9, 0.8, 0.7, 0.6], [0, 1, 2, 3], 1.0, 0.0),
        ([0.9, 0.8, 0.7, 0.6], [0, 1, 2, 0], 0.75, 0.25),  # named wrongly, however surely
        ([0.9, 0.8, 0.5, 0.4], [0, 1, 2, 3], 1.0, 0.5),  # not above the second of 100 strangers
    ],
)
def test_a_miss_is_a_wrong_name_or_a_score_that_a_hundredth_of_the_strangers_reaches(
    scores: list[float], people: list[int], rank1: float, fnir: float
) -> None:
    strangers = np.full(100, 0.1)
    strangers[:2] = 0.95, 0.5
    of_known = Answers(np.array(people), np.array(scores, np.float32))
    of_strangers = Answers(np.zeros(100, np.int64), strangers.astype(np.float32))
    assert rates(of_known, np.arange(4), of_strangers) == (rank1, fnir)


def test_a_folder_with_too_few_people_is_refused(face_folder: MakeFolder) -> None:
    with pytest.raises(DataInvalid, match="8 people or more with at least 6 photos each; found 4"):
        usable_people(face_folder(4, 6, 0.4), 5)
