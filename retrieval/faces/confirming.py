"""Finds that a detector is not sure of, and what MTCNN's O-Net says of them.

Both were trained on other photos and see otherwise: what one takes for a face by chance, a hand or
a fold of cloth, the other seldom does. So a find counts by both scores, where its own leaves doubt.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from retrieval.faces.exposure import corrected
from retrieval.protocols import Detector, PhotoSizes
from retrieval.values import Detections, Floats, Pixels

if TYPE_CHECKING:  # what rewrites networks takes 40 ms to import, and most photos need no O-Net
    from retrieval.faces.onet import ONet

# Measured with YuNet on data/groups in 25 sizes, mirrored, grey, dark and compressed, and on 340
# photos without a face (docs/tuning.md). O-Net's score counts by so much beside the detector's; one
# of SURE or more needs no second word, and the others need so much together ...
_WORTH = 0.2
SURE = 0.75
_DOUBTFUL = 0.72
_OF_ONE_LOOK = 0.86  # ... and so much where a second look should have seen the face, and did not


class SecondOpinion:
    """O-Net, loaded when it is first asked. Safe to share between threads."""

    def __init__(self, load: "Callable[[], ONet]") -> None:
        """Take how the network is loaded; see `ONet` for errors."""
        self._load = load
        self._onet: ONet | None = None
        self._loading = threading.Lock()

    def of(self, pixels: Pixels, boxes: Floats, table: Pixels | None) -> Floats:
        """Scores (n,) of boxes (n, 4) in an image (h, w, 3) RGB uint8, shown by a table if any.

        Raises:
            InferenceFailed: ONNX Runtime failed.
        """
        with self._loading:
            self._onet = self._onet or self._load()
        return self._onet.scores(pixels, boxes, lambda crops: corrected(crops, table))


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A detector for one photo, and who is asked about what it finds: `protocols.Detector`.

    Attributes:
        detector: looks, in the photo's light.
        opinion: None where the detector has the last word.
        table: by which the photo is brought to common light, if it must be.
    """

    detector: Detector
    opinion: SecondOpinion | None
    table: Pixels | None

    @property
    def name(self) -> str:
        """The detector's."""
        return self.detector.name

    @property
    def clear_score(self) -> float:
        """The detector's."""
        return self.detector.clear_score

    def detect(self, pixels: Pixels, *, longest_px: int | None = None) -> Detections:
        """Find the faces of one image as `Detector` does."""
        return self.detector.detect(pixels, longest_px=longest_px)

    def without_doubtful(self, photo: PhotoSizes, found: Detections) -> Detections:
        """The finds in a photo, in its pixels, without those that neither network is sure of."""
        doubtful = np.flatnonzero(found.scores < SURE)
        if self.opinion is None or not len(doubtful):
            return found
        kept = np.ones(len(found), np.bool_)
        both = self._both(self.opinion, photo, found.take(doubtful))
        kept[doubtful] = both >= _DOUBTFUL
        return found.take(kept)

    def of_one_look(self, photo: PhotoSizes, found: Detections) -> Detections:
        """Of finds that only one of two looks saw those that O-Net is sure of."""
        if self.opinion is None or not len(found):
            return Detections.none()
        return found.take(self._both(self.opinion, photo, found) >= _OF_ONE_LOOK)

    def _both(self, opinion: SecondOpinion, photo: PhotoSizes, found: Detections) -> Floats:
        """Both networks' scores (n,) together."""
        seen = photo.at_least(1)  # as large as it was decoded
        theirs = opinion.of(seen.pixels, found.boxes / np.float32(seen.scale), self.table)
        return np.asarray(found.scores + np.float32(_WORTH) * theirs, np.float32)
