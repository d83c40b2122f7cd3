import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from retrieval.identities.assign import assign

A, B, C = 1, 2, 3


def _assign(people: list[list[int]], excess: list[list[float]]) -> list[int]:
    return assign(np.array(people, np.int64), np.array(excess, np.float32)).tolist()


def test_each_face_gets_its_own_best_person_where_these_differ() -> None:
    assert _assign([[A, B], [B, A]], [[0.03, 0.01], [0.02, 0.01]]) == [0, 0]


def test_the_better_of_two_faces_gets_the_person_and_the_other_nobody() -> None:
    assert _assign([[A, B], [A, B]], [[0.01, -0.1], [0.03, -0.1]]) == [-1, 0]


def test_the_sum_decides_where_a_second_choice_lets_both_be_somebody() -> None:
    assert _assign([[A, B], [A, C]], [[0.03, 0.02], [0.02, -0.5]]) == [1, 0]


def test_nobody_below_the_threshold_is_chosen_even_if_the_better_one_is_taken() -> None:
    assert _assign([[A, B], [A, B]], [[0.03, -0.001], [0.04, -0.001]]) == [-1, 0]


def test_a_score_exactly_at_the_threshold_wins_against_nobody() -> None:
    assert _assign([[A]], [[0.0]]) == [0]


def test_padding_is_never_chosen() -> None:
    assert _assign([[-1, -1], [A, -1]], [[-np.inf, -np.inf], [0.1, -np.inf]]) == [-1, 0]


def test_no_faces_and_no_candidates_choose_nobody() -> None:
    assert assign(np.zeros((0, 5), np.int64), np.zeros((0, 5), np.float32)).shape == (0,)
    assert assign(np.zeros((2, 0), np.int64), np.zeros((2, 0), np.float32)).tolist() == [-1, -1]


@given(st.lists(st.lists(st.integers(-20, 20), min_size=3, max_size=3), min_size=1, max_size=4))
def test_no_other_choice_without_repetition_reaches_a_larger_sum(table: list[list[int]]) -> None:
    excess = np.array(table, np.float32)
    people = np.tile(np.array([A, B, C], np.int64), (len(excess), 1))
    chosen = assign(people, excess)
    named = [int(column) for column in chosen if column >= 0]
    assert len(named) == len(set(named))

    def total(choice: tuple[int, ...]) -> float:
        return sum(float(excess[row, column]) for row, column in enumerate(choice) if column >= 0)

    allowed = [
        choice
        for choice in itertools.product((-1, 0, 1, 2), repeat=len(excess))
        if len({c for c in choice if c >= 0}) == sum(c >= 0 for c in choice)
    ]
    assert total(tuple(chosen.tolist())) == max(map(total, allowed))
