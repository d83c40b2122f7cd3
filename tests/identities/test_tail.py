import numpy as np
import pytest
from scipy.stats import norm

from retrieval.identities.tail import Tail, fit_tail


def _strangers(people: int, photos: int, seed: int, likeness: float = 0.6):
    """Scores N(0.9, 0.02^2) of which `likeness` of the variance lies between people."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(people, 1)) * np.sqrt(likeness)
    scores = shared + rng.normal(size=(people, photos)) * np.sqrt(1 - likeness)
    return 0.9 + 0.02 * scores.ravel(), np.repeat(np.arange(people), photos)


def test_the_wanted_rate_is_kept_on_average_where_a_quantile_lets_twice_as_many_through() -> None:
    fitted, naive = [], []
    for seed in range(30):
        scores, people = _strangers(30, 5, seed)
        fitted.append(norm.sf((fit_tail(scores, people).threshold(0.01) - 0.9) / 0.02))
        naive.append(norm.sf((np.quantile(scores, 0.99) - 0.9) / 0.02))
    assert 0.007 < np.mean(fitted) < 0.014
    assert np.mean(naive) > 1.4 * np.mean(fitted)


def test_the_threshold_is_where_the_rate_is_the_wanted_one() -> None:
    tail = fit_tail(*_strangers(30, 5, seed=1))
    for rate in (0.5, 0.05, 0.01, 1e-4):
        assert tail.rate(tail.threshold(rate)) == pytest.approx(rate, rel=1e-6)


def test_the_rate_falls_as_the_score_rises() -> None:
    rates = fit_tail(*_strangers(30, 5, seed=1)).rate(np.linspace(0.8, 1.1, 50))
    assert (np.diff(rates) < 0).all()


def test_many_people_give_a_threshold_near_the_true_one_and_a_narrow_interval() -> None:
    scores, people = _strangers(2000, 3, seed=2)
    tail = fit_tail(scores, people)
    true = 0.9 + 0.02 * norm.isf(0.01)
    low, high = tail.threshold_interval(0.01)
    assert tail.threshold(0.01) == pytest.approx(true, abs=0.002)
    assert low < true < high
    few_low, few_high = fit_tail(*_strangers(15, 3, seed=2)).threshold_interval(0.01)
    assert few_high - few_low > 2 * (high - low)


def test_many_people_let_the_tail_differ_from_the_middle() -> None:
    """Two kinds of strangers: most score low; the tail belongs to the few others."""
    scores, people = _strangers(2000, 3, seed=3)
    few = people % 20 == 0
    scores = np.where(few, scores + 0.05, scores)
    measured = (scores >= fit_tail(scores, people).threshold(0.01)).mean()
    assert 0.006 < measured < 0.015


def test_the_prediction_holds_what_is_measured_next_as_often_as_it_says() -> None:
    held, upper = [], []
    for seed in range(30):
        tail = fit_tail(*_strangers(30, 5, seed))
        threshold = tail.threshold(0.01)
        scores, _ = _strangers(10, 10, seed=1000 + seed)
        low, high = tail.rate_interval(threshold, people=10, photos=10)
        held.append(low <= (scores >= threshold).mean() <= high)
        upper.append(high)
    assert np.mean(held) >= 0.85
    assert np.mean(upper) < 0.08


def test_strangers_whose_photos_are_alike_make_the_prediction_wider() -> None:
    alike = fit_tail(*_strangers(60, 5, seed=1, likeness=0.9))
    independent = fit_tail(*_strangers(60, 5, seed=1, likeness=0.0))
    assert alike.likeness.mean() > 0.8
    assert independent.likeness.mean() < 0.2
    widths = [
        np.diff(tail.rate_interval(tail.threshold(0.05), people=10, photos=10))[0]
        for tail in (alike, independent)
    ]
    assert widths[0] > 1.3 * widths[1]


def test_equal_scores_still_give_a_tail() -> None:
    tail = fit_tail(np.full(40, 0.9), np.repeat(np.arange(8), 5))
    assert tail.threshold(0.01) == pytest.approx(0.9, abs=1e-6)


def test_the_same_scores_give_the_same_tail() -> None:
    scores, people = _strangers(12, 4, seed=5)
    first, second = fit_tail(scores, people), fit_tail(scores, people)
    assert isinstance(first, Tail)
    np.testing.assert_array_equal(first.centres, second.centres)
