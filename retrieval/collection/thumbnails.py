"""Pictures of faces of 112 px: people judge by looking, long after the photo is gone."""

import cv2
import numpy as np

from retrieval.values import Floats, Pixels

SIDE_PX = 112
AROUND = 1.4  # of the box's longer side: hair and chin are on the picture
_QUALITY = 85  # of JPEG: about 4 kB per face


def cut(pixels: Pixels, boxes: Floats) -> tuple[bytes, ...]:
    """Cut a square around each face.

    Args:
        pixels: (h, w, 3) RGB uint8.
        boxes: (n, 4) float32, xywh in these pixels; may reach over the border.

    Returns:
        n JPEG files of 112 x 112 pixels; what lies beyond the border repeats its edge.
    """
    return tuple(_encoded(_square(pixels, box)) for box in boxes)


def _square(pixels: Pixels, box: Floats) -> Pixels:
    left, top, width, height = (float(number) for number in box)
    side = max(width, height, 1.0) * AROUND
    scale = SIDE_PX / side
    x, y = left + width / 2 - side / 2, top + height / 2 - side / 2
    move = np.array([[scale, 0, -x * scale], [0, scale, -y * scale]], np.float64)
    if scale < 0.5:  # each pixel of the picture stands for several: average them
        shrunk = _region(pixels, x, y, side)
        return cv2.resize(shrunk, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]
    return cv2.warpAffine(  # type: ignore[return-value]
        pixels, move, (SIDE_PX, SIDE_PX), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def _region(pixels: Pixels, x: float, y: float, side: float) -> Pixels:
    height, width = pixels.shape[:2]
    columns = np.clip(np.arange(round(x), round(x + side)), 0, width - 1)
    rows = np.clip(np.arange(round(y), round(y + side)), 0, height - 1)
    return np.ascontiguousarray(pixels[rows[:, None], columns[None, :]])


def _encoded(picture: Pixels) -> bytes:
    turned = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    return bytes(cv2.imencode(".jpg", turned, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1])
