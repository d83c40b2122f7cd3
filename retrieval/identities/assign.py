"""Gives the faces of one photo to people: nobody is given twice (pure)."""

import numpy as np

from retrieval.values import Floats, Ints, check_rows

# What leaving a face without a person costs: less than any real difference of two scores, so that
# a score exactly at the threshold still wins against nobody.
_NOBODY = 1e-9


def assign(people: Ints, excess: Floats) -> Ints:
    """Choose a person for each face so that the excess over the threshold sums up to the most.

    Every face has a column *nobody* of its own, so a face is never pushed to a person below the
    threshold because its better ones are taken.

    Args:
        people: (q, k) int64 candidates of each face, -1 for none.
        excess: (q, k) float32, score minus threshold; candidates below zero are not considered.

    Returns:
        (q,) int64, the chosen column of each row, -1 for nobody.

    Source: Kuhn's Hungarian method, as scipy.optimize.linear_sum_assignment has it.
    """
    check_rows("excess", excess, tuple(people.shape))
    chosen = np.full(len(people), -1, np.int64)
    faces, columns = np.nonzero((people >= 0) & (excess >= 0))
    if not len(faces):
        return chosen
    best = np.where((people >= 0) & (excess >= 0), excess, -np.inf).argmax(axis=1)
    somebody = np.unique(faces)
    wanted = people[somebody, best[somebody]]
    if len(np.unique(wanted)) == len(wanted):  # nobody is wanted twice
        chosen[somebody] = best[somebody]
        return chosen
    from scipy.optimize import linear_sum_assignment  # 0.4 s that few photos need

    persons, numbers = np.unique(people[faces, columns], return_inverse=True)
    cost = np.full((len(people), len(persons) + len(people)), np.inf)
    cost[faces, numbers] = -excess[faces, columns].astype(np.float64)
    np.fill_diagonal(cost[:, len(persons) :], _NOBODY)
    column_of = np.full((len(people), len(persons)), -1, np.int64)
    column_of[faces, numbers] = columns
    rows, picked = linear_sum_assignment(cost)
    somebody = picked < len(persons)
    chosen[rows[somebody]] = column_of[rows[somebody], picked[somebody]]
    return chosen
