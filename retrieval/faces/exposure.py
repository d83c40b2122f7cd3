"""Photos that are dark, pale or without colour, as a detector knows them: in common light.

Detectors were trained on photos that use most of their range and have colours. Where a photo does
not, its values are moved before it is looked at, by one table for all of it: contrast is stretched
(Gonzalez and Woods, "Digital Image Processing", 3.2), what is dark even then is lifted by a gamma,
and grey is toned towards skin.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from retrieval.protocols import Detector
from retrieval.values import Detections, Pixels

# Measured on data/groups with YuNet (docs/tuning.md). Few pixels are cut off at either end: small
# faces may be all that is dark in a photo.
_TAILS = (0.001, 0.999)
_BLACK, _WHITE = 64, 160  # a photo whose darkest and brightest lie beyond these stays as it is
_FRAME_WHITE = 180  # a dark frame's brightest becomes so: as in dim scenes of films, not brighter
# Third quartile of the stretched luminance: below the first it is lifted to the second.
_DARK, _LIFTED = 0.3, 0.4
_LEAST_GAMMA = 0.3  # noise is lifted with the rest
_COLOURLESS = 12  # largest difference of a pixel's channels, of 255, when stretched ...
_COLOURLESS_SHARE = 0.99  # ... in so many of them
_TONE = np.array([1.06, 1.0, 0.94], np.float32)  # RGB; a stronger one invents faces
_SAMPLE_PX = 96  # pixels across that are read


@dataclass(frozen=True, slots=True)
class Corrected:
    """A detector that sees images by a table: `retrieval.protocols.Detector`.

    Attributes:
        detector: looks at them.
        table: (1, 256, 3) uint8, the value shown for each, by channel.
    """

    detector: Detector
    table: Pixels

    @property
    def name(self) -> str:
        """The detector's."""
        return self.detector.name

    @property
    def clear_score(self) -> float:
        """The detector's."""
        return self.detector.clear_score

    def detect(self, pixels: Pixels, *, longest_px: int | None = None) -> Detections:
        """Find the faces of one image as `Detector` does; the image itself is not changed."""
        return self.detector.detect(corrected(pixels, self.table), longest_px=longest_px)


def corrected(pixels: Pixels, table: Pixels | None) -> Pixels:
    """Images (..., w, 3) by a table, if there is one."""
    if table is None or not pixels.size:
        return pixels
    rows = pixels.reshape(-1, *pixels.shape[-2:])
    return np.asarray(cv2.LUT(rows, table), np.uint8).reshape(pixels.shape)


def correction(pixels: Pixels, *, of_frame: bool = False) -> Pixels | None:
    """The table (1, 256, 3) uint8 by which a photo (h, w, 3) is brought to common light, if any.

    Args:
        pixels: of the photo.
        of_frame: it is a frame of a video: only one that is dark throughout is corrected, and no
            more than to what dim scenes of films are, in which no more faces were found by it:
            brighter, a stranger was named in one of them.
    """
    step = max(max(pixels.shape[:2]) // _SAMPLE_PX, 1)
    sample = np.ascontiguousarray(pixels[::step, ::step])
    if not sample.size:
        return None
    luminance = cv2.cvtColor(sample, cv2.COLOR_RGB2GRAY)
    shares = np.bincount(luminance.ravel(), minlength=256).cumsum() / luminance.size
    black, white = (int(np.searchsorted(shares, tail)) for tail in _TAILS)
    if of_frame and white >= _WHITE:
        return None
    if white >= _WHITE and black <= _BLACK:
        black, white = 0, 255
    span = max(white - black, 1)
    values = ((np.arange(256, dtype=np.float32) - black) / span).clip(0, 1)
    bright = float(values[np.searchsorted(shares, 0.75)])
    if of_frame:
        values *= _FRAME_WHITE / 255
    elif 0 < bright < _DARK:
        values **= max(np.log(_LIFTED) / np.log(bright), _LEAST_GAMMA)
    tone = _TONE if _is_colourless(sample, span) else np.ones(3, np.float32)
    shown = (255 * values[:, None] * tone).clip(0, 255).round().astype(np.uint8)
    return None if _changes_nothing(shown) else shown[None]


def _is_colourless(sample: Pixels, span: int) -> bool:
    """Whether the channels of (nearly) all pixels are alike; a span of 0 to 255 is stretched."""
    red, green, blue = cv2.split(sample)
    most, least = cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue)
    alike = cv2.subtract(most, least) <= _COLOURLESS * span / 255
    return float(alike.mean()) >= _COLOURLESS_SHARE


def _changes_nothing(table: Pixels) -> bool:
    return np.array_equal(table, np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1))
