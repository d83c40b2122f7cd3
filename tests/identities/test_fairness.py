"""Rates by group: what is told, what is not, and how often wrongly."""

import numpy as np
import pytest

from retrieval.identities.fairness import GroupRate, rates_by_group
from retrieval.values import Floats


def drawn(rates: dict[str, tuple[int, float]], photos: int, seed: int = 0) -> dict[str, GroupRate]:
    """People of each group by number and rate; a person's photos are often missed together."""
    rng = np.random.default_rng(seed)
    groups, wrong = [], []
    for group, (people, rate) in rates.items():
        own = rng.beta(rate * 10, (1 - rate) * 10, people)
        groups += [group] * people
        wrong += list(rng.binomial(photos, own))
    asked = np.full(len(groups), photos, np.float32)
    found = rates_by_group(groups, asked, np.array(wrong, np.float32))
    return {each.group: each for each in found}


def test_a_group_that_is_missed_three_times_as_often_is_called_so() -> None:
    found = drawn({"a": (300, 0.05), "b": (200, 0.15)}, 10)
    assert (found["a"].verdict, found["b"].verdict) == ("lower", "higher")
    assert found["b"].rate is not None
    assert found["b"].low < 0.15 < found["b"].high


def test_large_groups_that_are_alike_are_called_alike() -> None:
    found = drawn({"a": (600, 0.1), "b": (600, 0.1), "c": (600, 0.1)}, 10)
    assert {each.verdict for each in found.values()} == {"as the others"}


@pytest.mark.parametrize("people", [1, 5, 12])
def test_a_small_group_is_too_small_to_tell_even_without_a_miss(people: int) -> None:
    groups = ["large"] * 300 + ["small"] * people
    asked = np.full(len(groups), 5, np.float32)
    wrong = np.where(np.arange(len(groups)) % 10 == 0, 1, 0).astype(np.float32)
    wrong[300:] = 0
    small = rates_by_group(groups, asked, wrong)[1]
    assert small.rate == 0
    assert small.high > 0.1
    assert small.verdict == "too small to tell"


def test_the_intervals_hold_what_is_true_in_about_95_of_100_samples() -> None:
    held = [
        found.low <= 0.1 <= found.high
        for seed in range(200)
        for found in [drawn({"a": (60, 0.1), "b": (60, 0.1)}, 8, seed)["a"]]
    ]
    assert 0.9 <= np.mean(held) <= 1


def test_groups_that_are_alike_are_seldom_called_different() -> None:
    called = [
        {each.verdict for each in drawn(dict.fromkeys("abcd", (50, 0.1)), 6, seed).values()}
        & {"higher", "lower"}
        for seed in range(200)
    ]
    assert np.mean([bool(each) for each in called]) <= 0.1


def test_people_of_no_group_and_people_without_photos_are_left_out() -> None:
    asked: Floats = np.array([4, 4, 0, 4], np.float32)
    found = rates_by_group(["a", None, "a", "b"], asked, np.array([1, 4, 0, 0], np.float32))
    assert [(each.group, each.people, each.photos, each.rate) for each in found] == [
        ("a", 1, 4, 0.25),
        ("b", 1, 4, 0.0),
    ]
