"""Whether a face is a live one or a picture of one: a hint for whoever looks, never security.

The network sees a square around the face, half as large again, and answers with two numbers: for a
live face and for a picture of one (print, screen).

Source: https://github.com/johnraivenolazo/face-antispoof-onnx (MiniFASNet trained on CelebA-Spoof),
its preprocessing: square of 1.5 times the box, border mirrored, 128 px, RGB / 255.
"""

from pathlib import Path

import cv2
import numpy as np

from retrieval.inference.session import Session
from retrieval.values import Floats, Ints, Pixels

SIDE_PX = 128
_AROUND = 1.5
# Smallest share of "live" that lets a face pass; docs/video.md has what was measured with it.
LEAST = 0.5
PICTURE_OF_A_FACE = "picture of a face"


class Liveness:
    """Tells live faces from pictures of faces. Safe to share between threads."""

    def __init__(self, model: Path, threads: int = 1) -> None:
        """Load the network.

        Raises:
            ModelError: the file is missing or cannot be read.
        """
        self._session = Session(model, threads)

    def scores(self, pixels: Pixels, boxes: Floats) -> Floats:
        """How live each face looks.

        Args:
            pixels: (h, w, 3) RGB uint8.
            boxes: (n, 4) float32 xywh in these pixels.

        Returns:
            (n,) float32 in [0, 1].

        Raises:
            InferenceFailed: ONNX Runtime failed.
        """
        if not len(boxes):
            return np.zeros(0, np.float32)
        crops = np.stack([_crop(pixels, box) for box in boxes])
        image = np.ascontiguousarray(crops.transpose(0, 3, 1, 2), np.float32) / np.float32(255)
        (logits,) = self._session.run({"input": image})
        live = 1 / (1 + np.exp(logits[:, 1] - logits[:, 0]))
        return np.asarray(live, np.float32)


def reason(score: float) -> str | None:
    """Why a face is not used, or None: its score is below `LEAST`."""
    return None if score >= LEAST else f"{PICTURE_OF_A_FACE}: looks live to {score:.0%}"


def _crop(pixels: Pixels, box: Floats) -> Pixels:
    left, top, width, height = (float(side) for side in box)
    side = max(width, height, 2.0) * _AROUND
    x, y = round(left + width / 2 - side / 2), round(top + height / 2 - side / 2)
    size = max(round(side), 2)
    rows = _mirrored(np.arange(y, y + size), pixels.shape[0])
    columns = _mirrored(np.arange(x, x + size), pixels.shape[1])
    crop = pixels[rows[:, None], columns[None, :]]
    how = cv2.INTER_AREA if size > SIDE_PX else cv2.INTER_LANCZOS4
    return np.asarray(cv2.resize(crop, (SIDE_PX, SIDE_PX), interpolation=how), np.uint8)


def _mirrored(places: Ints, length: int) -> Ints:
    """Places beyond the border, mirrored at it."""
    if length == 1:
        return np.zeros_like(places)
    period = 2 * (length - 1)
    folded = np.abs(places) % period
    return np.asarray(np.where(folded >= length, period - folded, folded), np.int64)
