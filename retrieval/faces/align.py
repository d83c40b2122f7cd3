"""Alignment: from five landmarks to the chip that an embedder wants. Pure geometry."""

from collections.abc import Sequence

import cv2
import numpy as np

from retrieval.faces.sampling import squares
from retrieval.values import Alignment, Floats, Pixels, check_rows


def similarity(landmarks: Floats, template: Floats) -> Floats:
    """Fit, for each face, the turn, scale and shift that bring its landmarks to the template.

    Args:
        landmarks: (n, 5, 2), in the image's pixels.
        template: (5, 2), where they should lie in the chip.

    Returns:
        (n, 2, 3) float32, from the image's (x, y, 1) to the chip's (x, y): the least squares
        solution without reflection; landmarks that coincide give a transform to the template's
        centre.

    Source: Umeyama, "Least-squares estimation of transformation parameters between two point
    patterns", IEEE PAMI 1991. In the plane its solution needs no singular values: with points as
    complex numbers, turn and scale are one complex factor.
    """
    check_rows("landmarks", landmarks, (None, None, 2))
    check_rows("template", template, (landmarks.shape[1], 2))
    found = landmarks[..., 0].astype(np.float64) + 1j * landmarks[..., 1]
    wanted = template[:, 0].astype(np.float64) + 1j * template[:, 1]
    found_centre, wanted_centre = found.mean(axis=1, keepdims=True), wanted.mean()
    spread = found - found_centre
    size = (np.abs(spread) ** 2).sum(axis=1)
    factor = (spread.conj() * (wanted - wanted_centre)).sum(axis=1) / np.maximum(size, 1e-12)
    shift = wanted_centre - factor * found_centre[:, 0]
    rows = [factor.real, -factor.imag, shift.real, factor.imag, factor.real, shift.imag]
    return np.stack(rows, axis=1).reshape(-1, 2, 3).astype(np.float32)


def image_px_per_chip_px(landmarks: Floats, template: Floats) -> Floats:
    """How many of the image's pixels lie along one of the chip's, for each face (n,)."""
    turn = similarity(landmarks, template)[:, 0, :2]
    return np.asarray(1 / np.maximum(np.linalg.norm(turn, axis=1), 1e-6), np.float32)


def inverted(transforms: Floats) -> Floats:
    """The inverse affine transforms (n, 2, 3) of (n, 2, 3); a transform to a point stays one."""
    back = np.linalg.pinv(transforms[:, :, :2].astype(np.float64))
    shift = -back @ transforms[:, :, 2:]
    return np.concatenate([back, shift], axis=2).astype(np.float32)


def cut(pixels: Pixels, landmarks: Floats, alignments: Sequence[Alignment]) -> Pixels:
    """Cut out every face once in each way.

    Args:
        pixels, landmarks: as for `chips`.
        alignments: the ways.

    Returns:
        (n, s, s, 3) uint8 where there is one way; otherwise the chips of all ways, flat and side by
        side: (n, numbers) uint8.
    """
    ways = [chips(pixels, landmarks, a.template, a.chip_px, a.aspect) for a in alignments]
    if len(ways) == 1:
        return ways[0]
    flat = [
        way.reshape(len(way), 3 * a.chip_px**2) for way, a in zip(ways, alignments, strict=True)
    ]
    return np.concatenate(flat, axis=1)


def chips(
    pixels: Pixels, landmarks: Floats, template: Floats, chip_px: int, aspect: float = 1.0
) -> Pixels:
    """Cut out every face, upright and in its place, as an embedder wants it.

    Args:
        pixels: (h, w, 3) RGB uint8, not changed.
        landmarks: (n, 5, 2), in its pixels.
        template: (5, 2), where they should lie in the chip.
        chip_px: side of the chip.
        aspect: how much more of the image a chip shows in height than in width.

    Returns:
        (n, chip_px, chip_px, 3) uint8; what lies outside of the image repeats its border. Faces
        smaller than the chip are enlarged by cubic interpolation: on faces of 16 to 20 px it named
        99.9 % of the people rightly, linear interpolation 99.7 % (docs/accuracy.md).
    """
    squeezed = np.array([1, aspect], np.float32)
    to_image = inverted(similarity(landmarks, template * squeezed))
    to_image[:, :, 1] *= np.float32(aspect)
    return squares(pixels, to_image, chip_px, outside=None, enlarged_by=cv2.INTER_CUBIC)
