import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from retrieval.benchmarks.face_folder import photos_of_people
from retrieval.benchmarks.group_photos import read_portraits
from retrieval.benchmarks.visual_words import (
    COMPANIES,
    TASKS,
    VisualWords,
    average_precision,
    face_words,
    report,
    run,
)
from retrieval.building import build_service
from retrieval.errors import DataInvalid
from retrieval.settings import Settings


@pytest.fixture(scope="module")
def result(orl_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> VisualWords:
    portraits = read_portraits(photos_of_people(orl_dir)[:120], max_pixels=10**8, max_bytes=10**8)
    settings = Settings(
        home=tmp_path_factory.mktemp("home"), detector="mtcnn", embedder="dlib-resnet"
    )
    with build_service(settings) as service:
        service.ensure_collection()
        return run(service.pipeline, portraits, events=4, photos=3)


@pytest.mark.parametrize(
    ("scores", "relevant", "expected"),
    [
        ([4, 3, 2, 1], [1, 0, 1, 0], (1 / 1 + 2 / 3) / 2),
        ([1, 2, 3, 4], [1, 1, 0, 0], (1 / 3 + 2 / 4) / 2),
        ([1, 1], [1, 1], 1.0),
    ],
)
def test_average_precision_is_the_mean_precision_at_the_relevant_ranks(
    scores: list[float], relevant: list[int], expected: float
) -> None:
    given = average_precision(np.array(scores, np.float32), np.array(relevant, bool))
    assert given == pytest.approx(expected)


def test_equal_scores_count_as_if_drawn_in_every_order() -> None:
    relevant = np.array([1, 0, 0, 1, 0], bool)
    scores = np.array([0.9, 0.5, 0.5, 0.5, 0.1], np.float32)
    every_order = [
        average_precision(np.array([0.9, *places, 0.1], np.float32), relevant)
        for places in itertools.permutations([0.4, 0.5, 0.6])
    ]
    assert average_precision(scores, relevant) == pytest.approx(np.mean(every_order))


def test_faces_of_one_person_share_a_word() -> None:
    directions = np.eye(3, 8, dtype=np.float32)
    photos = [directions[[0, 1]], directions[[1, 2]], directions[[]], directions[[0]]]
    vocabulary = face_words(photos, 3, seed=0)
    first, second, nobody, last = vocabulary.documents
    assert set(first) & set(second) == {first[1]}
    assert last.tolist() == [first[0]]
    assert nobody.tolist() == []


def test_every_vocabulary_is_asked_every_task_in_every_company(result: VisualWords) -> None:
    asked = {(s["company"], s["task"], s["vocabulary"]) for s in result["scores"]}
    vocabularies = ("faces", "SIFT", "faces + SIFT")
    assert asked == set(itertools.product(COMPANIES, TASKS, vocabularies))
    assert result["faces_found"] > 0.9


def test_shared_words_find_alike_photos_far_better_than_chance(result: VisualWords) -> None:
    for score in result["scores"]:
        if (score["vocabulary"], score["company"]) == ("faces", "even"):
            assert score["presence"] > score["chance"] + 0.2


def test_too_few_people_are_refused() -> None:
    with pytest.raises(DataInvalid, match="6 people or more; found 0"):
        run(None, [])  # type: ignore[arg-type]


def test_the_report_has_a_row_and_two_bars_a_score(result: VisualWords) -> None:
    page = report(json.loads(json.dumps(result)))
    assert len(page.tables[0].rows) == len(result["scores"])
    bars = sum(len(ax.patches) for ax in page.figures["map"].axes)
    assert bars == 2 * len(result["scores"])
