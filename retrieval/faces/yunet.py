"""YuNet: a small convolutional detector with landmarks, run by OpenCV.

Source: Wu, Peng and Yu, "YuNet: a tiny millisecond-level face detector", Machine Intelligence
Research 2023; weights of opencv_zoo.
"""

import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from retrieval.errors import InferenceFailed, ModelCorrupt
from retrieval.faces.scaling import Sight, view
from retrieval.values import Detections, Floats, Pixels

# Measured on data/orl and data/people: every face is found, FNIR at FPIR 1 % on ORL is 3.8 %. With
# 336 px it is 4.5 %, people's vectors are as close, and a small photo takes half as long again.
SIGHT = Sight(longest_px=640, small_px=224, enlarge_most=4.0)
MIN_SCORE = 0.6
NMS_LIMIT = 0.3  # the value of OpenCV's own sample
_BEFORE_NMS = 5000


class YuNet:
    """Detects faces with YuNet.

    Safe to share between threads: one detection at a time, since OpenCV's object keeps the size of
    the image that it works on.
    """

    name = "yunet"

    def __init__(self, model: Path, *, sight: Sight = SIGHT, min_score: float = MIN_SCORE) -> None:
        """Load the network.

        Args:
            model: the ONNX file.
            sight: sizes of image that it is shown.
            min_score: weaker detections are dropped.

        Raises:
            ModelCorrupt: OpenCV cannot read the file.
        """
        self._sight = sight
        self._lock = threading.Lock()
        try:
            self._network = cv2.FaceDetectorYN.create(
                str(model), "", (320, 320), min_score, NMS_LIMIT, _BEFORE_NMS
            )
        except cv2.error as error:
            raise ModelCorrupt(
                f"OpenCV cannot read YuNet's file {model}. "
                "Pull it again: rollcall models pull yunet"
            ) from error

    def detect(self, pixels: Pixels) -> Detections:
        """Find the faces of one image (h, w, 3) RGB uint8, best score first.

        Raises:
            InferenceFailed: OpenCV failed.
        """
        if pixels.size == 0:
            return Detections.none()
        seen = view(pixels, self._sight)
        return seen.back(self._find(seen.pixels))

    def _find(self, pixels: Pixels) -> Detections:
        bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
        try:
            with self._lock:
                self._network.setInputSize((bgr.shape[1], bgr.shape[0]))
                rows: Any = self._network.detect(bgr)[1]
        except cv2.error as error:
            raise InferenceFailed(
                f"YuNet failed on an image of shape {pixels.shape}: {error}"
            ) from error
        return _detections(rows)


def _detections(rows: Floats | None) -> Detections:
    """From OpenCV's rows (n, 15): xywh, five points, score; None where there is no face."""
    if rows is None:
        return Detections.none()
    rows = np.asarray(rows[np.argsort(-rows[:, 14], kind="stable")], np.float32)
    return Detections(rows[:, :4], rows[:, 4:14].reshape(-1, 5, 2), rows[:, 14].clip(0, 1))
