"""How a camera moved between two frames: by what most of their small grey pictures did (pure).

Phase correlation says roughly how far, however far that was; points that are followed from there
by optical flow say exactly, with turning and zooming, and how many of them agree says whether it
can be told at all. What moves by itself, as people do, disagrees.

Source: Kuglin and Hines, "The phase correlation image alignment method", 1975; Lucas and Kanade,
"An iterative image registration technique", 1981; compensation of tracks as in Aharon et al.,
"BoT-SORT", 2022.
"""

import cv2
import numpy as np

from retrieval.values import Floats, Pixels

_SIDE_PX = 160  # longer side of the small pictures
_POINTS, _APART_PX = 80, 6
_LEAST_POINTS = 8  # that agree
_LEAST_SHARE = 0.3
_WITHIN_PX = 1.5  # a point agrees that comes so near to where the motion puts it
_WINDOW = (13, 13)
# Difference of a picture that is moved to that of one that is not: over 2,400 pairs of frames whose
# camera moved 0.74 at most, over 120 before which people walked and the camera stood 0.86 at least.
_EXPLAINS = 0.8
_LEAST_CHANGE = 0.15  # of the contrast, by which most of a picture changes where a camera moves

STANDS = np.eye(2, 3, dtype=np.float32)  # the motion of a camera that does not move
STANDS.setflags(write=False)


class CameraMotion:
    """Tells of each frame of a video or camera how the camera moved since the one before."""

    def __init__(self) -> None:
        self._before: Pixels | None = None

    def moved(self, pixels: Pixels, *, cut: bool = False) -> Floats | None:
        """Look at the next frame.

        Args:
            pixels: (h, w, 3) RGB uint8.
            cut: it seems to show another scene, as fast pans do: its motion is told where it is
                beyond doubt, as it was in none of 9,320 pairs of frames of two scenes.

        Returns:
            see `motion_between`. The first frame stands.
        """
        before, self._before = self._before, shrunk(pixels)
        if before is None:
            return STANDS
        motion = motion_between(before, self._before, pixels.shape[1])
        return None if cut and motion is STANDS else motion


def shrunk(pixels: Pixels) -> Pixels:
    """The grey picture (h, w) uint8 of an RGB frame by which its camera's motion is told."""
    step = max(max(pixels.shape[:2]) // (2 * _SIDE_PX), 1)
    lines = np.ascontiguousarray(pixels[::step, ::step])
    by = min(_SIDE_PX / max(lines.shape[:2]), 1.0)
    size = [max(round(side * by), 1) for side in lines.shape[1::-1]]
    small = cv2.resize(lines, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)


def motion_between(before: Pixels, after: Pixels, width: int) -> Floats | None:
    """Where what stands still in the world goes from one frame to the next.

    Args:
        before, after: `shrunk` pictures of the two frames, of one size.
        width: of the frames, in pixels.

    Returns:
        (2, 3) float32, a similarity: a point (x, y) of the first frame, in its pixels, is at
        `motion @ (x, y, 1)` in the second; None where that cannot be told.
    """
    if before.shape != after.shape:
        return None
    motion = _agreed(before, after)
    if motion is None:
        changed = float(np.median(cv2.absdiff(before, after)))
        return None if changed > _LEAST_CHANGE * float(before.std()) else STANDS
    if not _explains(motion, before, after):
        return STANDS
    motion[:, 2] *= width / before.shape[1]
    return np.asarray(motion, np.float32)


def _agreed(before: Pixels, after: Pixels) -> Floats | None:
    """The motion that enough points have in common, in pixels of the small pictures."""
    points = cv2.goodFeaturesToTrack(before, _POINTS, 0.01, _APART_PX)
    if points is None or len(points) < _LEAST_POINTS:
        return None
    window = cv2.createHanningWindow(before.shape[::-1], cv2.CV_32F)
    pictures = before.astype(np.float32), after.astype(np.float32)
    shift, _ = cv2.phaseCorrelate(*pictures, window)
    starts = [np.zeros(2, np.float32), np.array(shift, np.float32)]
    first = starts if float(np.linalg.norm(shift)) >= 1 else starts[:1]
    found = [_followed(before, after, np.asarray(points, np.float32), each) for each in first]
    agree, motion = max(found, key=lambda each: each[0])
    return motion if agree >= max(_LEAST_POINTS, _LEAST_SHARE * len(points)) else None


def _explains(motion: Floats, before: Pixels, after: Pixels) -> bool:
    """Whether the whole picture, moved so, is clearly more like the next: else people moved."""
    size = before.shape[::-1]
    moved = cv2.warpAffine(before, motion, size)
    shown = cv2.warpAffine(np.ones_like(before), motion, size, flags=cv2.INTER_NEAREST)
    still, gone = (cv2.mean(cv2.absdiff(each, after), shown)[0] for each in (before, moved))
    return gone < _EXPLAINS * still


def _followed(
    before: Pixels, after: Pixels, points: Floats, shift: Floats
) -> tuple[int, Floats | None]:
    """How many points (n, 1, 2) agree on a motion, looked for near a shift (2,), and which."""
    guess = points + shift
    flags = cv2.OPTFLOW_USE_INITIAL_FLOW
    there, seen, _ = cv2.calcOpticalFlowPyrLK(
        before, after, points, guess, winSize=_WINDOW, maxLevel=2, flags=flags
    )
    kept = seen.ravel() == 1
    if kept.sum() < _LEAST_POINTS:
        return 0, None
    motion, agree = cv2.estimateAffinePartial2D(
        points[kept], there[kept], ransacReprojThreshold=_WITHIN_PX, maxIters=200
    )
    return (0, None) if motion is None else (int(agree.sum()), np.asarray(motion, np.float32))
