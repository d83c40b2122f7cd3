"""Photos on a side or upside down: quarter turns of pixels, and of what was found in them."""

import numpy as np

from retrieval.protocols import PhotoSizes
from retrieval.values import Detections, Photo, Pixels

UPRIGHT = 0
TURNS = (90, 270, 180)  # degrees clockwise; scans lie on a side more often than upside down


def turned(pixels: Pixels, degrees: int) -> Pixels:
    """An image (h, w, 3) turned clockwise by 90, 180 or 270 degrees."""
    return np.ascontiguousarray(np.rot90(pixels, -degrees // 90))


def turned_back(found: Detections, degrees: int, width: int, height: int) -> Detections:
    """Bring what was found in a turned photo to the photo as it lies.

    Args:
        found: in pixels of the photo turned clockwise by `degrees`.
        degrees: 0, 90, 180 or 270.
        width, height: of the photo as it lies.

    Returns:
        the same faces; the eye on the left of the turned picture stays the first landmark.
    """
    boxes, points = found.boxes, found.landmarks
    x, y, wide, high = boxes.T
    if degrees == UPRIGHT:
        return found
    if degrees == 90:
        boxes = np.stack([y, height - x - wide, high, wide], axis=1)
        points = np.stack([points[..., 1], height - 1 - points[..., 0]], axis=-1)
    elif degrees == 180:
        boxes = np.stack([width - x - wide, height - y - high, wide, high], axis=1)
        points = np.array([width - 1, height - 1], np.float32) - points
    else:
        boxes = np.stack([width - y - high, x, high, wide], axis=1)
        points = np.stack([width - 1 - points[..., 1], points[..., 0]], axis=-1)
    return Detections(boxes.astype(np.float32), points.astype(np.float32), found.scores)


class TurnedSizes:
    """A photo at any size, turned clockwise by a number of degrees."""

    def __init__(self, photo: PhotoSizes, degrees: int) -> None:
        self._photo = photo
        self._degrees = degrees

    def at_least(self, longer_px: int | None) -> Photo:
        """The photo, turned, with at least so many pixels on its longer side, if it has them."""
        lies = self._photo.at_least(longer_px)
        width, height = lies.width, lies.height
        if self._degrees % 180:
            width, height = height, width
        return Photo(lies.name, lies.sha256, width, height, turned(lies.pixels, self._degrees))
