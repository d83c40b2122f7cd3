"""Pictures of faces of 112 px: people judge by looking, long after the photo is gone."""

import cv2
import numpy as np

from retrieval.faces.scaling import resized
from retrieval.values import Floats, Pixels

SIDE_PX = 112
AROUND = 1.4  # of the box's longer side: hair and chin are on the picture
_QUALITY = 85  # of JPEG: about 4 kB per face


def cut(pixels: Pixels, boxes: Floats, side_px: int = SIDE_PX) -> tuple[bytes, ...]:
    """Cut a square around each face.

    Args:
        pixels: (h, w, 3) RGB uint8.
        boxes: (n, 4) float32, xywh in these pixels; may reach over the border.
        side_px: of the pictures.

    Returns:
        n square JPEG files; what lies beyond the border repeats its edge.
    """
    return tuple(_encoded(_square(pixels, box, side_px)) for box in boxes)


def _square(pixels: Pixels, box: Floats, side_px: int) -> Pixels:
    left, top, width, height = (float(number) for number in box)
    side = max(width, height, 1.0) * AROUND
    scale = side_px / side
    x, y = left + width / 2 - side / 2, top + height / 2 - side / 2
    move = np.array([[scale, 0, -x * scale], [0, scale, -y * scale]], np.float64)
    if scale < 0.5:  # each pixel of the picture stands for several: average them
        return resized(_region(pixels, x, y, side), (side_px, side_px))
    return cv2.warpAffine(  # type: ignore[return-value]
        pixels, move, (side_px, side_px), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def _region(pixels: Pixels, x: float, y: float, side: float) -> Pixels:
    """A square of an image; where it reaches out, the border is repeated."""
    height, width = pixels.shape[:2]
    left, top, right, bottom = round(x), round(y), round(x + side), round(y + side)
    inside = pixels[max(top, 0) : max(bottom, 1), max(left, 0) : max(right, 1)]
    missing = max(-top, 0), max(bottom - height, 0), max(-left, 0), max(right - width, 0)
    if not any(missing):
        return inside
    return np.asarray(cv2.copyMakeBorder(inside, *missing, cv2.BORDER_REPLICATE), np.uint8)


def _encoded(picture: Pixels) -> bytes:
    turned = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    return bytes(cv2.imencode(".jpg", turned, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1])
