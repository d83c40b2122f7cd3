"""A face that was missed and whose box a person gave: its landmarks, by MTCNN's O-Net."""

from pathlib import Path

import numpy as np

from retrieval.errors import NoFace
from retrieval.faces.onet import ONet, turn
from retrieval.faces.turning import TURNS, UPRIGHT, turned, turned_back
from retrieval.protocols import PhotoSizes
from retrieval.values import Detections, Floats, Pixels

Box = tuple[float, float, float, float]  # xywh, in pixels of the upright original

# Somebody saw a face there, so that less is asked of it than of a detector's find (0.7).
_MIN_SCORE = 0.5
_SEEN_PX = 96  # longer side of the box as it is read: twice O-Net's crop
_AROUND = 0.5  # of the box's longer side, on each side: the network corrects the box
_UPRIGHT_BONUS = 0.1  # O-Net often takes a face for one upside down, photos seldom lie so


class GivenFace:
    """Finds the landmarks of faces in given boxes. Safe to share between threads."""

    def __init__(self, onet: Path) -> None:
        """Load the network.

        Raises:
            ModelError: the file is missing or cannot be read.
        """
        self._onet = ONet(onet)

    def find(
        self, photo: PhotoSizes, box: Box, name: str, turned_by: int | None = None
    ) -> tuple[Detections, int]:
        """Find the one face of a box.

        Args:
            photo: at any size.
            box: as it was given.
            name: the photo's, for messages.
            turned_by: degrees clockwise by which the photo must be turned, if other faces in it
                have shown that; None tries all sides.

        Returns:
            the face, in the box as it was given, and the degrees clockwise by which it must be
            turned to stand upright.

        Raises:
            NoFace: the box lies outside of the photo, or nothing in it is like a face.
        """
        known = photo.at_least(1)
        x, y, wide, high = box
        longer = max(wide, high)
        if min(wide, high) < 1 or not (
            -wide / 2 < x < known.width - wide / 2 and -high / 2 < y < known.height - high / 2
        ):
            raise NoFace(
                f"{name}: the box {x:g},{y:g},{wide:g},{high:g} (left, top, width, height) does not"
                f" lie in the photo, which has {known.width} x {known.height} pixels."
            )
        seen = photo.at_least(int(max(known.width, known.height) * min(_SEEN_PX / longer, 1)))
        pixels, given, corner = _part(seen.pixels, np.array(box, np.float32) / seen.scale)
        best, side, most = Detections.none(), UPRIGHT, 0.0
        for degrees in (UPRIGHT, *TURNS) if turned_by is None else (turned_by,):
            found = self._in_turned(pixels, given, degrees)
            score = float(found.scores.max(initial=0)) + _UPRIGHT_BONUS * (degrees == UPRIGHT)
            if len(found) and score > most:
                best, side, most = found, degrees, score
        if not len(best):
            raise NoFace(
                f"{name}: nothing in the box {x:g},{y:g},{wide:g},{high:g} is like a face. Draw it"
                " from the forehead to the chin, or take another photo."
            )
        points = (best.landmarks + corner) * np.float32(seen.scale)
        return Detections(np.array([box], np.float32), points, best.scores), side

    def _in_turned(self, pixels: Pixels, given: Detections, degrees: int) -> Detections:
        height, width = pixels.shape[:2]
        shown = pixels if degrees == UPRIGHT else turned(pixels, degrees)
        # A box in the turned picture is the box turned by the rest of the circle.
        there = turned_back(given, -degrees % 360, shown.shape[1], shown.shape[0])
        lying = turn(shown)
        found = self._onet.detect(lying, _like(there.boxes[0]), min_score=_MIN_SCORE)
        nearer = self._onet.detect(lying, found.boxes, min_score=_MIN_SCORE)  # from its own box
        return turned_back(nearer if len(nearer) else found, degrees, width, height)


def _like(box: Floats) -> Floats:
    """Boxes (n, 4) like one that was drawn: people draw them larger or smaller than O-Net's."""
    x, y, wide, high = box.tolist()
    centre_x, centre_y, side = x + wide / 2, y + high / 2, max(wide, high)
    near = [
        (centre_x - by * side / 2, centre_y + down * side - by * side / 2, by * side, by * side)
        for by in (0.75, 0.9, 1.05)
        for down in (-0.1, 0.0, 0.1)
    ]
    return np.array(near, np.float32)


def _part(pixels: Pixels, box: Floats) -> tuple[Pixels, Detections, Floats]:
    """The surroundings of a box, the box in their pixels, and their upper left corner."""
    reach = box[2:].max() * _AROUND
    low = np.maximum(np.floor(box[:2] - reach), 0).astype(int)
    high = np.ceil(box[:2] + box[2:] + reach).astype(int)
    part = np.ascontiguousarray(pixels[low[1] : high[1], low[0] : high[0]])
    inside = np.concatenate([box[:2] - low, box[2:]]).astype(np.float32)[None]
    given = Detections(inside, np.zeros((1, 5, 2), np.float32), np.ones(1, np.float32))
    return part, given, low.astype(np.float32)
