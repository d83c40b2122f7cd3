import numpy as np
import pytest

from retrieval.benchmarks.word_index import Weights, WordIndex


def words(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


DOCUMENTS = [words(0, 1), words(0, 2), words(0, 1, 1, 3), words(), words(4)]


def test_presence_is_the_cosine_of_sets() -> None:
    index = WordIndex(DOCUMENTS, 6, Weights.PRESENCE)
    expected = [1, 1 / 2, 2 / np.sqrt(6), 0, 0]
    assert index.scores(words(0, 1)) == pytest.approx(expected)
    assert index.scores(words(1, 0, 0, 1)) == pytest.approx(expected)  # how often is no matter


def test_tf_idf_is_the_cosine_of_weighted_counts() -> None:
    index = WordIndex(DOCUMENTS, 6, Weights.TF_IDF)
    idf = np.log(5 / np.array([3, 2, 1, 1, 1, 1]))
    rows = np.zeros((5, 6))
    for row, document in zip(rows, DOCUMENTS, strict=True):
        np.add.at(row, document, 1)
    rows *= idf
    query = rows[2]
    lengths = np.maximum(np.linalg.norm(rows, axis=1), 1e-9) * np.linalg.norm(query)
    assert index.scores(DOCUMENTS[2]) == pytest.approx(rows @ query / lengths)


def test_a_rare_word_outweighs_a_common_one_under_tf_idf_only() -> None:
    documents = [words(0, 1), words(0, 2), words(0, 3), words(0, 4), words(5, 1)]
    probe = words(0, 1, 6)
    presence = WordIndex(documents, 7, Weights.PRESENCE)
    weighted = WordIndex(documents, 7, Weights.TF_IDF)
    assert presence.scores(probe)[1] == presence.scores(probe)[4]
    assert weighted.scores(probe)[1] < weighted.scores(probe)[4]


def test_a_word_that_every_document_has_weighs_nothing() -> None:
    index = WordIndex([words(0), words(0)], 1, Weights.TF_IDF)
    assert index.scores(words(0)).tolist() == [0, 0]
    assert index.search(words(0), 2)[0].tolist() == []


def test_search_gives_the_best_first_and_nothing_that_shares_no_word() -> None:
    index = WordIndex(DOCUMENTS, 6, Weights.PRESENCE)
    rows, scores = index.search(words(0, 1), 10)
    assert rows.tolist() == [0, 2, 1]
    assert np.all(np.diff(scores) <= 0)
    assert index.search(words(0, 1), 1)[0].tolist() == [0]
    assert index.search(words(5), 3)[0].tolist() == []
    assert index.search(words(), 3)[0].tolist() == []


def test_an_index_of_nothing_answers_nothing() -> None:
    index = WordIndex([], 3, Weights.TF_IDF)
    assert len(index) == 0
    assert index.search(words(0, 1), 5)[0].tolist() == []
