"""High detail: a big photo in overlapping tiles, so that its small faces are found too.

A face that is smaller than the overlap lies whole in at least one tile; a larger one is found in
the photo as a whole. What a tile's inner edge cuts is dropped, doubles are merged.
"""

from collections.abc import Iterator

import cv2
import numpy as np

from retrieval.faces.boxes import covers, suppress
from retrieval.protocols import Detector
from retrieval.values import Detections, Floats, Pixels

# Measured with 72 faces of 24 to 40 px in a photo of 2,400 px (tests/faces/test_tiles.py): YuNet
# and MTCNN find all of them, Haar 65; as a whole the photo shows them 29, 9 and none.
TILE_PX = 480
OVERLAP_PX = 100
ENLARGE = 4 / 3  # to the 640 px that detectors are shown
_SAME_FACE = 0.5  # two boxes with more than this share of the smaller one in common are one face


class Tiled:
    """A detector that looks at a photo as a whole and then tile by tile, enlarged."""

    def __init__(
        self,
        detector: Detector,
        *,
        tile_px: int = TILE_PX,
        overlap_px: int = OVERLAP_PX,
        enlarge: float = ENLARGE,
    ) -> None:
        """Look with `detector`.

        Args:
            detector: finds the faces of the photo and of each tile.
            tile_px: side of a tile.
            overlap_px: what neighbouring tiles have in common at least.
            enlarge: tiles are enlarged by this factor.
        """
        self._detector = detector
        self._tile_px = tile_px
        self._overlap_px = overlap_px
        self._enlarge = enlarge

    @property
    def name(self) -> str:
        """The detector's name."""
        return self._detector.name

    def detect(self, pixels: Pixels) -> Detections:
        """Find the faces of one image (h, w, 3) RGB uint8, best score first.

        Raises:
            InferenceFailed: the detector failed.
        """
        found = [self._detector.detect(pixels)]
        height, width = pixels.shape[:2]
        if max(height, width) > self._tile_px:
            found += [
                self._in_tile(pixels, x, y)
                for y in self._starts(height)
                for x in self._starts(width)
            ]
        return _merged(found)

    def _starts(self, length: int) -> Iterator[int]:
        """Where tiles begin along an axis, evenly spread over it."""
        free = max(length - self._tile_px, 0)
        steps = -(-free // (self._tile_px - self._overlap_px))
        return (round(free * step / max(steps, 1)) for step in range(steps + 1))

    def _in_tile(self, pixels: Pixels, x: int, y: int) -> Detections:
        tile = pixels[y : y + self._tile_px, x : x + self._tile_px]
        size = round(tile.shape[1] * self._enlarge), round(tile.shape[0] * self._enlarge)
        seen = cv2.resize(tile, size, interpolation=cv2.INTER_LINEAR)
        found = self._detector.detect(np.asarray(seen, np.uint8)).scaled(1 / self._enlarge)
        corner = np.array([x, y], np.float32)
        boxes = found.boxes + np.concatenate([corner, np.zeros(2, np.float32)])
        moved = Detections(boxes, found.landmarks + corner, found.scores)
        return moved.take(_uncut(boxes, (x, y), tile.shape, pixels.shape))


def _uncut(
    boxes: Floats, corner: tuple[int, int], tile: tuple[int, ...], photo: tuple[int, ...]
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which boxes (n, 4) no edge of the tile cuts, other than the photo's own edges."""
    (x, y), (high, wide) = corner, tile[:2]
    uncut = np.ones(len(boxes), np.bool_)
    if x > 0:
        uncut &= boxes[:, 0] > x
    if y > 0:
        uncut &= boxes[:, 1] > y
    if x + wide < photo[1]:
        uncut &= boxes[:, 0] + boxes[:, 2] < x + wide
    if y + high < photo[0]:
        uncut &= boxes[:, 1] + boxes[:, 3] < y + high
    return uncut


def _merged(parts: list[Detections]) -> Detections:
    boxes, landmarks, scores = (
        np.concatenate([getattr(part, field) for part in parts])
        for field in ("boxes", "landmarks", "scores")
    )
    order = np.argsort(-scores, kind="stable")
    every = Detections(boxes, landmarks, scores).take(order)
    return every.take(suppress(covers(every.boxes, every.boxes), _SAME_FACE))
