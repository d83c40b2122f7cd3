"""Geometry of boxes `xywh`: areas, overlaps, suppression of doubles. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from retrieval.values import Floats, Ints

if TYPE_CHECKING:
    import numpy.typing as npt

_TINY = 1e-30  # keeps empty boxes from a division by zero


def areas(boxes: Floats) -> Floats:
    """Areas (n,) of boxes (n, 4)."""
    return np.asarray(boxes[:, 2] * boxes[:, 3], np.float32)


def intersections(first: Floats, second: Floats) -> Floats:
    """Common areas (n, m) of boxes (n, 4) and (m, 4)."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(
        first[:, None, :2] + first[:, None, 2:], second[None, :, :2] + second[None, :, 2:]
    )
    sides = np.maximum(high - low, 0)
    return np.asarray(sides[..., 0] * sides[..., 1], np.float32)


def overlaps(first: Floats, second: Floats) -> Floats:
    """Intersection over union (n, m) of boxes (n, 4) and (m, 4), in [0, 1]."""
    common = intersections(first, second)
    union = areas(first)[:, None] + areas(second)[None, :] - common
    return np.asarray(common / np.maximum(union, _TINY), np.float32)


def covers(first: Floats, second: Floats) -> Floats:
    """Intersection over the smaller box's area (n, m): 1 where one box lies within the other."""
    common = intersections(first, second)
    smaller = np.minimum(areas(first)[:, None], areas(second)[None, :])
    return np.asarray(common / np.maximum(smaller, _TINY), np.float32)


def same_face(first: Floats, second: Floats) -> npt.NDArray[np.bool_]:
    """Whether boxes (n, 4) and (m, 4) of one photo mean one face (n, m).

    They do where each holds the other's middle: also a box that somebody drew larger or smaller
    than the detector's, or beside it. Neighbours in a crowd overlap less than that.
    """
    middles = [boxes[:, :2] + boxes[:, 2:] / 2 for boxes in (first, second)]
    apart = np.abs(middles[0][:, None] - middles[1][None])
    reach = np.minimum(first[:, None, 2:], second[None, :, 2:]) / 2
    return np.asarray((apart < reach).all(axis=2), np.bool_)


def reading_order(boxes: Floats) -> Ints:
    """Rows of boxes (n, 4) in the order in which faces are counted, everywhere.

    Faces are read like words: rows from top to bottom, in a row from left to right. A face belongs
    to the row above it whose faces' middle it does not lie lower than by half a face.
    """
    middles = (boxes[:, 1] + boxes[:, 3] / 2).tolist()
    heights = boxes[:, 3].tolist()
    rows, row = np.zeros(len(boxes), np.int64), 0
    members: list[int] = []
    for face in np.argsort(boxes[:, 1] + boxes[:, 3] / 2, kind="stable").tolist():
        if members:
            level = sum(middles[other] for other in members) / len(members)
            height = sum(heights[other] for other in members) / len(members)
            if middles[face] - level > min(height, heights[face]) / 2:
                row, members = row + 1, []
        members.append(face)
        rows[face] = row
    return np.lexsort((boxes[:, 0] + boxes[:, 2] / 2, rows)).astype(np.int64)


def suppress(overlap: Floats, limit: float) -> Ints:
    """Greedy non-maximum suppression without a loop over boxes.

    A box stays unless it overlaps a better one that stays. Iterating that sentence from "all
    stay" settles after as many rounds as the longest chain of suppressions, a handful.

    Args:
        overlap: (n, n), of boxes in the order best first.
        limit: the largest overlap of two boxes that both stay.

    Returns:
        Rows that stay, ascending: best first.
    """
    beaten = np.tril(overlap > limit, -1)
    stays, settled = np.ones(len(overlap), np.bool_), ~np.any(beaten, axis=1)
    while not np.array_equal(settled, stays):
        stays, settled = settled, ~np.any(beaten & settled, axis=1)
    return np.flatnonzero(stays)
