import numpy as np

from retrieval.index.exact import Exact, best, cosines, nearest


def test_best_is_sorted_and_ties_keep_their_order() -> None:
    scores = np.array([[0.1, 0.9, 0.5, 0.9, 0.0]], np.float32)
    assert best(scores, 3).tolist() == [[1, 3, 2]]
    assert best(scores, 9).tolist() == [[1, 3, 2, 0, 4]]


def test_the_oracle_is_a_sort_by_cosine() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((300, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    probes = rng.standard_normal((20, 8)).astype(np.float32)
    probes /= np.linalg.norm(probes, axis=1, keepdims=True)
    index = Exact(8)
    ids = rng.permutation(1000)[:300].astype(np.int64)
    index.add(ids, vectors)
    table = probes.astype(np.float64) @ vectors.T.astype(np.float64)
    order = np.argsort(-table, axis=1)[:, :7]
    assert index.search(probes, 7).ids.tolist() == ids[order].tolist()
    masked = nearest(probes, vectors, ids, 7, np.ones(300, np.bool_))
    assert masked.ids.tolist() == ids[order].tolist()


def test_many_probes_are_answered_in_blocks() -> None:
    rng = np.random.default_rng(1)
    vectors = rng.standard_normal((4000, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    keep = np.arange(4000) % 2 == 0
    found = nearest(vectors, vectors, np.arange(4000), 1, keep).ids[:, 0]
    assert (found[keep] == np.flatnonzero(keep)).all()
    assert keep[found].all()


def test_cosines_of_pairs_take_strided_rows() -> None:
    vectors = np.eye(6, dtype=np.float32)
    pairs = np.array([[0, 0], [1, 2], [3, 3]])
    assert cosines(vectors, pairs[:, 0], vectors, pairs[:, 1]).tolist() == [1, 0, 1]
