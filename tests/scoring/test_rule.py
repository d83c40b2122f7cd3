import numpy as np
import pytest

from retrieval.scoring.rule import evidence, fuse, grouped, templates


def test_a_template_is_the_mean_of_a_persons_vectors_at_unit_length() -> None:
    vectors = np.array([[1, 0], [0, 1], [0, 1]], np.float32)
    owners, means = templates(vectors, np.array([7, 3, 7], np.int64))
    assert owners.tolist() == [3, 7]
    np.testing.assert_allclose(means, [[0, 1], [2**-0.5, 2**-0.5]], rtol=1e-6)
    assert means.dtype == np.float32


def test_templates_do_not_depend_on_the_order_of_the_rows() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(60, 8)).astype(np.float32)
    people = rng.integers(0, 9, 60)
    shuffled = rng.permutation(60)
    first = templates(vectors, people)
    second = templates(vectors[shuffled], people[shuffled])
    assert first[0].tolist() == second[0].tolist()
    np.testing.assert_allclose(first[1], second[1], atol=1e-6)


def test_an_empty_gallery_has_no_templates() -> None:
    owners, means = templates(np.zeros((0, 4), np.float32), np.zeros(0, np.int64))
    assert owners.shape == (0,)
    assert means.shape == (0, 4)


def test_opposite_vectors_leave_a_template_that_is_near_nobody() -> None:
    _, means = templates(np.array([[1, 0], [-1, 0]], np.float32), np.array([1, 1]))
    assert means.tolist() == [[0, 0]]


def test_the_fused_score_counts_the_template_thrice_and_nobody_stays_nobody() -> None:
    nearest = np.array([0.8, -np.inf], np.float32)
    template = np.array([0.6, -np.inf], np.float32)
    fused = fuse(nearest, template)
    assert fused[0] == pytest.approx(0.25 * 0.8 + 0.75 * 0.6)
    assert fused[1] == -np.inf


def test_groups_start_where_a_new_person_begins() -> None:
    people = np.array([5, 2, 5, 2, 9], np.int64)
    owners, order, starts = grouped(people)
    assert owners.tolist() == [2, 5, 9]
    assert order.tolist() == [1, 3, 0, 2, 4]
    assert starts.tolist() == [0, 2, 4]


def test_evidence_is_the_score_and_half_the_lead_over_the_best_other_person() -> None:
    scores = np.array([[0.9, 0.8, 0.7]], np.float32)
    np.testing.assert_allclose(evidence(scores), [[0.95, 0.75, 0.6]], atol=1e-6)


def test_the_lead_counts_from_three_people_on() -> None:
    two = np.array([[0.9, 0.8, -np.inf]], np.float32)
    assert evidence(two).tolist() == two.tolist()
    assert evidence(two[:, :2]).tolist() == two[:, :2].tolist()
    assert evidence(np.zeros((4, 0), np.float32)).shape == (4, 0)


def test_nobody_has_no_evidence() -> None:
    scores = np.array([[0.9, 0.8, 0.7, -np.inf], [-np.inf] * 4], np.float32)
    found = evidence(scores)
    assert found[0, 3] == -np.inf
    assert np.isneginf(found[1]).all()
