"""Sampling many squares out of one image at once: crops for a network, chips for an embedder.

A square is given by the affine transform from its pixels to the image's. Squares that shrink the
image are read from a halved copy of it, so that fine detail is averaged and not aliased (Williams,
"Pyramidal parametrics", SIGGRAPH 1983).
"""

import cv2
import numpy as np

from retrieval.values import Floats, Ints, Pixels

_KERNEL_PX = 2  # how far cubic interpolation reads from a place


def halved(pixels: Pixels, times: int) -> Pixels:
    """Average 2x2 pixels into one, `times` times over; odd last rows and columns are left out."""
    for _ in range(times):
        height, width = pixels.shape[0] // 2, pixels.shape[1] // 2
        even = pixels[: height * 2, : width * 2]
        pixels = np.asarray(
            cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA), np.uint8
        )
    return pixels


def squares(
    pixels: Pixels,
    transforms: Floats,
    side_px: int,
    *,
    outside: int | None,
    enlarged_by: int = cv2.INTER_LINEAR,
) -> Pixels:
    """Sample squares of an image.

    Args:
        pixels: (h, w, 3) uint8; not changed.
        transforms: (n, 2, 3) float32, from a square's pixel (x, y, 1) to the image's (x, y).
        side_px: side of each square.
        outside: value of what lies outside of the image; None repeats the image's border.
        enlarged_by: OpenCV's interpolation for squares that have more pixels than their part of
            the image; the others are read linearly.

    Returns:
        (n, side_px, side_px, 3) uint8.
    """
    result = np.empty((len(transforms), side_px, side_px, 3), np.uint8)
    step = np.sqrt(np.abs(np.linalg.det(transforms[:, :, :2])))  # pixels of the image a pixel
    levels = np.where(step < 1, -1, _levels(step, min(pixels.shape[:2])))
    for level in np.unique(levels).tolist():
        rows = levels == level
        how = enlarged_by if level < 0 else cv2.INTER_LINEAR
        part, corner = _shown(pixels, transforms[rows], side_px, max(level, 0))
        within = transforms[rows].copy()
        within[:, :, 2] -= corner
        coarser = _coarser(within, max(level, 0))
        result[rows] = _sampled(halved(part, level), coarser, side_px, outside, how)
    return result


def _shown(pixels: Pixels, transforms: Floats, side_px: int, level: int) -> tuple[Pixels, Floats]:
    """The part of an image that squares show, and where it begins (x, y).

    Halving all of a large photo for one face took most of the time of cutting it out. The part
    begins and ends with a whole pixel of the halved image, or where the image itself ends.
    """
    last = side_px - 1
    corners = np.array([[0, 0, 1], [last, 0, 1], [0, last, 1], [last, last, 1]], np.float32)
    reached = transforms @ corners.T  # (n, 2, 4)
    step = 1 << level
    around = (_KERNEL_PX + 1) * step
    limits = np.array(pixels.shape[1::-1], np.float32)[:, None]
    reached = np.clip(reached, -1, limits).transpose(1, 0, 2).reshape(2, -1)
    left, top = np.maximum(reached.min(axis=1) - around, 0).astype(np.int64) // step * step
    right, bottom = (reached.max(axis=1) + around).astype(np.int64) // step * step + step
    return pixels[top:bottom, left:right], np.array([left, top], np.float32)


def _levels(step: Floats, shorter_px: int) -> Ints:
    """How often to halve the image for each square: until its step is about one pixel."""
    deepest = max(int(np.log2(max(shorter_px, 1))), 0)
    wanted = np.round(np.log2(np.maximum(step, 1.0)))
    return np.asarray(np.clip(wanted, 0, deepest), np.int64)


def _coarser(transforms: Floats, level: int) -> Floats:
    """The same transforms into the image halved `level` times (pixel centres at whole numbers)."""
    factor = np.float32(0.5**level)
    coarser = transforms * factor
    coarser[:, :, 2] += (factor - 1) / 2
    return coarser


def _sampled(
    pixels: Pixels, transforms: Floats, side_px: int, outside: int | None, how: int
) -> Pixels:
    across = np.arange(side_px, dtype=np.float32)
    by_x = transforms[:, :, 0, None] * across  # (n, 2, side)
    by_y = transforms[:, :, 1, None] * across + transforms[:, :, 2, None]
    maps = by_y[:, :, :, None] + by_x[:, :, None, :]  # (n, 2, side, side)
    count = len(transforms)
    border = cv2.BORDER_REPLICATE if outside is None else cv2.BORDER_CONSTANT
    flat = cv2.remap(
        pixels,
        maps[:, 0].reshape(count, -1),
        maps[:, 1].reshape(count, -1),
        how,
        borderMode=border,
        borderValue=(outside or 0,) * 3,
    )
    return np.asarray(flat, np.uint8).reshape(count, side_px, side_px, 3)
