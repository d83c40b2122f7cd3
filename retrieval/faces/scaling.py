"""What a detector sees of a photo: shrunk when large, enlarged and framed when small.

A detector finds faces of a range of sizes only. Large photos are shrunk to its working size;
small ones, in which a face fills most of the picture, are enlarged and get a border of neutral
grey, so that a face at the edge has surroundings.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from retrieval.faces.sampling import halved
from retrieval.values import Detections, Pixels

GREY = (127, 127, 127)
# Narrower images get a border: a network's cells are up to 32 px wide.
LEAST_PX = 64


@dataclass(frozen=True, slots=True)
class Sight:
    """Which sizes of image a detector is good at.

    Attributes:
        longest_px: a photo's longer side is shrunk to this.
        small_px: a photo whose longer side is below this is enlarged towards it.
        enlarge_most: but at most by this factor.
        border: width of the border of small photos, as a share of their longer side.
    """

    longest_px: int
    small_px: int
    enlarge_most: float = 3.0
    border: float = 0.0

    def reaching(self, longest_px: int | None) -> "Sight":
        """With another longest side, if one is given."""
        return self if longest_px is None else replace(self, longest_px=longest_px)


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """An image as a detector sees it.

    Attributes:
        pixels: (h, w, 3) RGB uint8.
        scale_xy: pixels of the view a pixel of the image, across and down.
        border_px: width of the border, in pixels of the view.
    """

    pixels: Pixels
    scale_xy: tuple[float, float]
    border_px: int

    def back(self, found: Detections) -> Detections:
        """Bring detections in the view to the pixels of the image."""
        scale = np.array(self.scale_xy, np.float32)
        boxes = found.boxes.copy()
        boxes[:, :2] -= self.border_px
        boxes.reshape(-1, 2, 2)[:] /= scale
        return Detections(boxes, (found.landmarks - self.border_px) / scale, found.scores)


def resized(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """Resize an image to (width, height): halved as often as that fits, then linearly.

    OpenCV's averaging takes eight times as long for factors that are no whole numbers, half as long
    as YuNet itself, and detectors find no more in what it gives.
    """
    times = 0
    while min(pixels.shape[1] / size[0], pixels.shape[0] / size[1]) >= 2 ** (times + 1):
        times += 1
    return np.asarray(
        cv2.resize(halved(pixels, times), size, interpolation=cv2.INTER_LINEAR), np.uint8
    )


def view(pixels: Pixels, sight: Sight) -> View:
    """Shrink, or enlarge and frame, an image for a detector; the image itself is not changed."""
    height, width = pixels.shape[:2]
    longer = max(height, width)
    if sight.small_px <= longer <= sight.longest_px and min(height, width) >= LEAST_PX:
        return View(pixels, (1.0, 1.0), 0)
    small = longer < sight.small_px
    wanted = min(sight.small_px / longer, sight.enlarge_most) if small else 1.0
    wanted = min(wanted, sight.longest_px / longer)
    size = max(round(width * wanted), 1), max(round(height * wanted), 1)
    seen = resized(pixels, size)
    border_px = round(max(size) * sight.border) if small else 0
    missing = [max(LEAST_PX - length - 2 * border_px, 0) for length in size]
    sides = border_px, border_px + missing[1], border_px, border_px + missing[0]
    if any(sides):
        framed = cv2.copyMakeBorder(seen, *sides, cv2.BORDER_CONSTANT, value=GREY)
        seen = np.asarray(framed, np.uint8)
    return View(seen, (size[0] / width, size[1] / height), border_px)
