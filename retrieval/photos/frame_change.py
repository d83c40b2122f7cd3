"""How much two frames of a video differ: by small grey pictures of them (pure)."""

from typing import TYPE_CHECKING

import cv2
import numpy as np

from retrieval.values import Pixels

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

# Pixel formats whose first plane is the brightness, one byte per pixel.
_BRIGHTNESS_FIRST = frozenset(
    f"{kind}{chroma}p" for kind in ("yuv", "yuvj") for chroma in ("420", "422", "444")
) | {"nv12", "nv21", "gray"}
_CHANGE_PX = 32  # side of the grey picture by which frames are compared
STILL = 4  # largest difference of two such pictures, of 255: a camera's noise stays below
# Correlation of two such pictures: across the three cuts of a concert's clip, dark ones among them,
# 0.01, 0.14 and 0.26; within its scenes, and those of two other clips, 0.65 at least.
CUT = 0.45
SAME = 0.6  # and more: surely one scene, though frames lie between


def change_of(pixels: Pixels) -> Pixels:
    """The small grey picture of an RGB frame by which frames are compared."""
    grey = cv2.cvtColor(cv2.resize(pixels, (_CHANGE_PX * 4, _CHANGE_PX * 4)), cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (_CHANGE_PX, _CHANGE_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def change_in(frame: "VideoFrame") -> Pixels:
    """The frame's brightness in few pixels, without turning all of it to RGB."""
    grey = _brightness(frame)
    step = max(min(grey.shape) // (_CHANGE_PX * 4), 1)  # a line of these is enough to see change
    small = cv2.resize(grey[::step, ::step], (_CHANGE_PX, _CHANGE_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def _brightness(frame: "VideoFrame") -> Pixels:
    """(h, w) of a frame: as the decoder left it where that is one byte per pixel."""
    if frame.format.name in _BRIGHTNESS_FIRST:
        plane = frame.planes[0]
        lines = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
        return lines[:, : plane.width]
    side = _CHANGE_PX * 4
    return np.asarray(frame.reformat(width=side, height=side, format="gray").to_ndarray(), np.uint8)


def likeness(first: Pixels, second: Pixels) -> float:
    """Correlation of two small grey pictures, -1 to 1; brightness and contrast say nothing."""
    a, b = first - first.mean(), second - second.mean()
    return float((a * b).sum() / max(float(np.sqrt((a * a).sum() * (b * b).sum())), 1e-6))


def difference(first: Pixels, second: Pixels) -> float:
    """Largest difference of two small grey pictures, 0 to 255: a face may be one of its pixels."""
    return float(np.abs(first.astype(np.int16) - second).max())
