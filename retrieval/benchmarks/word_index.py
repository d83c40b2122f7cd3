"""Documents found by the words that they share: an inverted index with presence or TF-IDF weights.

A photo is a document. Its words are the clusters of its faces, or of its local features.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csc_array

from retrieval.values import Floats, Ints


class Weights(StrEnum):
    """What a word counts in a document."""

    PRESENCE = "presence"  # 1 where it occurs
    TF_IDF = "tf-idf"  # how often it occurs, times the logarithm of how few documents have it


class WordIndex:
    """An inverted index: for each word, the documents that hold it, with their weights.

    Source: Sivic and Zisserman, "Video Google: a text retrieval approach to object matching in
        videos", 2003.
    """

    def __init__(self, documents: Sequence[Ints], vocabulary: int, weights: Weights) -> None:
        """Index documents.

        Args:
            documents: the words of each, integers from 0 below `vocabulary`, in any order.
            vocabulary: how many words there are.
            weights: what a word counts.
        """
        self._weights = weights
        counts = _counted(documents, vocabulary)
        holding = np.diff(counts.indptr)
        self._idf = np.log(max(len(documents), 1) / np.maximum(holding, 1))
        self._postings = csc_array(_unit_rows(self._weighted(counts)))

    def __len__(self) -> int:
        return int(self._postings.shape[0])

    def scores(self, words: Ints) -> Floats:
        """Cosine of a document to all that are indexed.

        Args:
            words: its words.

        Returns:
            (n,) float32 in [0, 1].
        """
        query = self._weighted(_counted([words], self._postings.shape[1]))
        # Only the query's words' postings are touched: that is what the index is for.
        used = np.unique(words)
        scores = self._postings[:, used] @ _unit_rows(query)[:, used].toarray()[0]
        return np.asarray(scores, np.float32)

    def search(self, words: Ints, k: int) -> tuple[Ints, Floats]:
        """Find the k documents that are most like one.

        Args:
            words: its words.
            k: at most so many; documents that share no word are none.

        Returns:
            Rows of the documents, best first (equal ones in their order), and their scores.
        """
        scores = self.scores(words)
        order = np.argsort(-scores, kind="stable")[:k]
        order = order[scores[order] > 0]
        return order.astype(np.int64), scores[order]

    def _weighted(self, counts: "csc_array[Any]") -> "csc_array[Any]":
        weighted = counts.copy()
        if self._weights is Weights.PRESENCE:
            weighted.data = np.ones_like(weighted.data)
        else:
            weighted.data = weighted.data * np.repeat(self._idf, np.diff(counts.indptr))
        return weighted


def _counted(documents: Sequence[Ints], vocabulary: int) -> "csc_array[Any]":
    """(documents, vocabulary): how often each word occurs in each document."""
    rows = np.repeat(np.arange(len(documents)), [len(words) for words in documents])
    words = np.concatenate([np.zeros(0, np.int64), *documents])
    shape = (len(documents), vocabulary)
    return csc_array((np.ones(len(words)), (rows, words)), shape=shape)


def _unit_rows(matrix: "csc_array[Any]") -> "csc_array[Any]":
    """Bring each document to length 1; one whose words all weigh nothing stays 0."""
    lengths: npt.NDArray[np.float64] = np.sqrt((matrix * matrix).sum(axis=1))
    unit = matrix.copy()
    unit.data = unit.data / np.maximum(lengths[unit.indices], np.finfo(np.float64).tiny)
    return unit
