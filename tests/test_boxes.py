import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from retrieval.boxes import (
    areas,
    covers,
    intersections,
    overlaps,
    reading_order,
    same_face,
    suppress,
)
from retrieval.values import Floats


def boxes(*rows: tuple[float, ...]) -> Floats:
    return np.array(rows, np.float32).reshape(-1, 4)


@pytest.mark.parametrize(
    ("second", "common", "union_share", "smaller_share"),
    [
        ((0, 0, 10, 10), 100, 1.0, 1.0),  # the same
        ((5, 0, 10, 10), 50, 1 / 3, 0.5),  # half
        ((2, 2, 5, 5), 25, 0.25, 1.0),  # within
        ((10, 0, 10, 10), 0, 0.0, 0.0),  # touching
        ((30, 30, 10, 10), 0, 0.0, 0.0),  # apart
        ((5, 5, 0, 0), 0, 0.0, 0.0),  # empty
    ],
)
def test_overlap_of_two_boxes(
    second: tuple[float, ...], common: float, union_share: float, smaller_share: float
) -> None:
    first, other = boxes((0, 0, 10, 10)), boxes(second)
    assert intersections(first, other).item() == common
    assert overlaps(first, other).item() == pytest.approx(union_share)
    assert covers(first, other).item() == pytest.approx(smaller_share)


def test_overlaps_have_a_row_a_first_and_a_column_a_second_box() -> None:
    assert overlaps(boxes(*[(0, 0, 1, 1)] * 2), boxes(*[(0, 0, 1, 1)] * 3)).shape == (2, 3)
    assert overlaps(boxes(), boxes((0, 0, 1, 1))).shape == (0, 1)
    assert areas(boxes()).shape == (0,)


def greedy(overlap: Floats, limit: float) -> list[int]:
    """Suppression as it is usually written."""
    kept: list[int] = []
    for row in range(len(overlap)):
        if all(overlap[row, other] <= limit for other in kept):
            kept.append(row)
    return kept


@pytest.mark.parametrize(
    ("box", "same"),
    [
        ((10, 10, 40, 40), True),
        ((-5, -5, 70, 70), True),  # drawn around the head
        ((25, 10, 40, 40), True),  # drawn beside it
        ((40, 10, 40, 40), False),  # a neighbour who overlaps
        ((10, 40, 20, 20), False),  # a child before them
    ],
)
def test_two_boxes_are_one_face_where_each_holds_the_others_middle(
    box: tuple[float, ...], same: bool
) -> None:
    face, other = np.float32([[10, 10, 40, 40]]), np.float32([box, [900, 900, 40, 40]])
    assert same_face(face, other).tolist() == [[same, False]]
    assert same_face(other, face).tolist() == [[same], [False]]


@given(
    arrays(
        np.float32, st.tuples(st.integers(0, 40), st.just(4)), elements=st.floats(0, 64, width=32)
    ),
    st.floats(0, 1),
)
def test_suppression_is_the_greedy_one(made: Floats, limit: float) -> None:
    overlap = overlaps(made, made)
    assert suppress(overlap, limit).tolist() == greedy(overlap, limit)


def test_a_box_whose_suppressor_is_itself_suppressed_stays() -> None:
    chain = boxes((0, 0, 10, 10), (4, 0, 10, 10), (8, 0, 10, 10))
    assert suppress(overlaps(chain, chain), 0.3).tolist() == [0, 2]


@pytest.mark.parametrize(
    ("boxes", "order"),
    [
        ([], []),
        ([(50, 0, 10, 10), (0, 0, 10, 10)], [1, 0]),
        ([(0, 4, 10, 10), (50, 0, 10, 10)], [0, 1]),  # one row: less than half a face lower
        ([(0, 6, 10, 10), (50, 0, 10, 10)], [1, 0]),
        ([(90, 50, 10, 10), (0, 52, 10, 10), (50, 0, 10, 10), (20, 3, 10, 10)], [3, 2, 1, 0]),
        # A row that rises slowly stays one: a face is compared with the middle of its row.
        ([(x, -x // 10, 30, 30) for x in range(0, 200, 40)], [0, 1, 2, 3, 4]),
    ],
)
def test_faces_are_counted_by_rows_from_the_top_and_in_a_row_from_the_left(
    boxes: list[tuple[int, int, int, int]], order: list[int]
) -> None:
    assert reading_order(np.array(boxes, np.float32).reshape(-1, 4)).tolist() == order
