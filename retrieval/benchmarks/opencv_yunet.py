"""YuNet as OpenCV runs it (`cv2.FaceDetectorYN`), on a photo shrunk to 640 px by averaging.

That is how Rollcall ran YuNet before it decoded the network's answers itself.
"""

from typing import Any

import cv2
import numpy as np

from retrieval.building import build_models
from retrieval.faces.scaling import view
from retrieval.faces.yunet import MIN_SCORE, NMS_LIMIT, SIGHT
from retrieval.photos.decode import StoredPhoto
from retrieval.settings import Settings
from retrieval.values import Detections, Floats, Pixels

NAME = "yunet by OpenCV"
_BEFORE_NMS = 5000  # OpenCV's default


class OpenCvYuNet:
    """Finds boxes (n, 4) xywh in pixels of the upright original. For one thread."""

    def __init__(self, settings: Settings) -> None:
        """Load the network.

        Raises:
            ModelError: its file is not there or damaged.
        """
        file = build_models(settings).detector_files("yunet")["network"]
        self._network = cv2.FaceDetectorYN.create(
            str(file), "", (320, 320), MIN_SCORE, NMS_LIMIT, _BEFORE_NMS
        )

    def __call__(self, photo: StoredPhoto) -> Floats:
        """Look at the whole photo once."""
        decoded = photo.at_least(SIGHT.longest_px)
        small = _averaged(decoded.pixels, SIGHT.longest_px)
        seen = view(small, SIGHT)
        height, width = seen.pixels.shape[:2]
        self._network.setInputSize((width, height))
        bgr = cv2.cvtColor(seen.pixels, cv2.COLOR_RGB2BGR)
        answer: Any = self._network.detect(bgr)[1]  # None where it finds no face
        if answer is None:
            return np.zeros((0, 4), np.float32)
        rows = np.asarray(answer, np.float32)
        found = seen.back(Detections(rows[:, :4], rows[:, 4:14].reshape(-1, 5, 2), rows[:, 14]))
        return found.scaled(decoded.width / small.shape[1]).boxes


def _averaged(pixels: Pixels, longest_px: int) -> Pixels:
    height, width = pixels.shape[:2]
    by = longest_px / max(height, width)
    if by >= 1:
        return pixels
    size = max(round(width * by), 1), max(round(height * by), 1)
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
