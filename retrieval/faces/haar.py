"""Haar: OpenCV's cascade of simple features in sliding windows, landmarks by MTCNN's O-Net.

The cascade knows neither landmarks nor a score, and takes much for a face that is none: O-Net
gives all three an answer.

Source: Viola and Jones, "Rapid object detection using a boosted cascade of simple features",
CVPR 2001; cascade haarcascade_frontalface_default.xml of OpenCV.
"""

import threading
from pathlib import Path

import cv2
import numpy as np

from retrieval.errors import InferenceFailed, ModelCorrupt
from retrieval.faces.onet import ONet, turn
from retrieval.faces.scaling import Sight, view
from retrieval.values import Detections, Floats, Pixels

# Measured on data/orl and data/people: every face is found; with half the border one of the people
# is missed, and so are several after cv2.equalizeHist, which many examples put before the cascade.
SIGHT = Sight(longest_px=640, small_px=336, enlarge_most=4.0, border=0.2)
_SCALE_STEP = 1.1
_NEIGHBOURS = 2
_SMALLEST_PX = 24  # the cascade was trained on squares of 24 px

# As MTCNN, whose O-Net gives the score.
_CLEAR_SCORE = 0.995


class Haar:
    """Detects faces with a Haar cascade.

    Safe to share between threads: each has a cascade of its own, since OpenCV's object keeps the
    image that it works on.
    """

    name = "haar"
    clear_score = _CLEAR_SCORE

    def __init__(
        self, cascade: Path, onet: Path, *, threads: int = 1, sight: Sight = SIGHT
    ) -> None:
        """Load cascade and network.

        Args:
            cascade: OpenCV's XML file.
            onet: the ONNX file of MTCNN's last network.
            threads: of ONNX Runtime, 0 for all cores; the networks are too small to gain by more.
            sight: sizes of image that are scanned.

        Raises:
            ModelError: a file is missing or cannot be read.
        """
        self._file = cascade
        self._own = threading.local()
        self._own.cascade = _loaded(cascade)
        self._onet = ONet(onet, threads=threads)
        self._sight = sight

    def detect(self, pixels: Pixels, *, longest_px: int | None = None) -> Detections:
        """Find the faces of one image (h, w, 3) RGB uint8, best score first.

        Args:
            pixels: the image.
            longest_px: the longer side that it is shrunk to, in place of the detector's own.

        Raises:
            InferenceFailed: OpenCV or ONNX Runtime failed.
        """
        if pixels.size == 0:
            return Detections.none()
        seen = view(pixels, self._sight.reaching(longest_px))
        boxes = self._scan(seen.pixels)
        return seen.back(self._onet.detect(turn(seen.pixels), boxes))

    @property
    def _cascade(self) -> cv2.CascadeClassifier:
        if not hasattr(self._own, "cascade"):
            self._own.cascade = _loaded(self._file)
        cascade: cv2.CascadeClassifier = self._own.cascade
        return cascade

    def _scan(self, pixels: Pixels) -> Floats:
        grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
        try:
            boxes = self._cascade.detectMultiScale(
                np.asarray(grey, np.uint8),
                scaleFactor=_SCALE_STEP,
                minNeighbors=_NEIGHBOURS,
                minSize=(_SMALLEST_PX, _SMALLEST_PX),
            )
        except cv2.error as error:
            raise InferenceFailed(f"The cascade failed on shape {pixels.shape}.") from error
        return np.asarray(boxes, np.float32).reshape(-1, 4)


def _loaded(path: Path) -> cv2.CascadeClassifier:
    cascade, cause = cv2.CascadeClassifier(), None
    try:
        if path.is_file() and cascade.load(str(path)):
            return cascade
    except cv2.error as error:
        cause = error
    raise ModelCorrupt(
        f"OpenCV cannot read the cascade {path}. Install opencv-python-headless below 5."
    ) from cause
