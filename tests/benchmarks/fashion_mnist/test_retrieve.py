import json

import numpy as np
import pytest

from retrieval.benchmarks.fashion_mnist.data import FashionMnist
from retrieval.benchmarks.fashion_mnist.retrieve import (
    NEIGHBOURS,
    Retrieval,
    Speed,
    lifted,
    recall,
    retrieval_report,
    run,
    times_as_fast,
    votes,
)


@pytest.fixture(scope="module")
def result(small: FashionMnist) -> Retrieval:
    return run(small, probes=20)


def speed(method: str, recall: float, queries_per_s: float) -> Speed:
    return Speed(
        method=method,
        setting="",
        recall=recall,
        queries_per_s=queries_per_s,
        p50_ms=1,
        p95_ms=1,
        p99_ms=1,
        build_s=1,
    )


def test_cosines_of_lifted_vectors_are_in_the_order_of_the_distances() -> None:
    generator = np.random.default_rng(0)
    gallery = generator.normal(3, 1, (300, 20)).astype(np.float32)
    gallery *= generator.uniform(0.1, 5, (300, 1)).astype(np.float32)  # lengths differ much
    probes = generator.normal(3, 4, (40, 20)).astype(np.float32)
    rows, queries = lifted(gallery, probes)
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    assert np.allclose(np.linalg.norm(queries, axis=1), 1, atol=1e-6)
    distances = np.linalg.norm(probes[:, None] - gallery, axis=2)
    order = np.argsort(-(queries @ rows.T), axis=1)[:, :10]
    assert np.array_equal(order, np.argsort(distances, axis=1)[:, :10])
    assert not np.array_equal(order, np.argsort(-(probes @ gallery.T), axis=1)[:, :10])


def test_recall_counts_by_distance_so_that_ties_are_no_errors() -> None:
    gallery = np.array([[0], [1], [1], [5]], np.float32)
    probes = np.zeros((1, 1), np.float32)
    true = np.array([[0, 1]])
    assert recall(np.array([[0, 2]]), gallery, probes, true) == 1.0
    assert recall(np.array([[0, 3]]), gallery, probes, true) == 0.5
    assert recall(np.array([[0, -1]]), gallery, probes, true) == 0.5


def test_the_majority_of_the_neighbours_wins_and_the_nearer_a_tie() -> None:
    labels = np.array([[1, 2, 2], [3, 4, 5], [6, 7, 7], [8, 8, 9]])
    assert votes(labels).tolist() == [2, 3, 7, 8]
    assert votes(np.array([[1, 2, 3, 2, 1]])).tolist() == [1]


def test_a_method_is_as_fast_as_its_fastest_setting_with_enough_recall() -> None:
    speeds = [
        speed("exact", 1, 10),
        speed("IVF", 0.5, 900),
        speed("IVF", 0.96, 400),
        speed("IVF", 0.99, 200),
        speed("poor", 0.9, 900),
    ]
    assert times_as_fast(speeds) == {"IVF": 40.0}


def test_exact_search_finds_all_and_ivf_all_with_every_list_visited(result: Retrieval) -> None:
    recalls = {(s["method"], s["setting"]): s["recall"] for s in result["speeds"]}
    assert recalls["exact", "all"] == 1.0
    assert recalls["IVF flat", "nprobe 4"] > 0.9
    assert result["accuracies"][0]["accuracy"] > 0.9
    assert len(result["accuracies"]) == 2 * len(NEIGHBOURS)


def test_the_report_shows_every_setting(result: Retrieval) -> None:
    report = retrieval_report(json.loads(json.dumps(result)))
    assert len(report.tables[0].rows) == len(result["speeds"])
    assert len(report.tables[1].rows) == len(result["accuracies"])
    methods = {s["method"] for s in result["speeds"]}
    lines = report.figures["recall"].axes[0].lines
    assert methods <= {line.get_label() for line in lines}
