"""Live faces and composed pictures of faces: how many of each the liveness network calls a picture.

The attacks are put together on a computer from photos: a photo on a phone's screen in a scene, with
moire and blur or without, a printed page, a screen that fills the picture. A camera that looks at a
real screen or print adds more than that; what is measured here is the least of it.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from retrieval.benchmarks.progress import Advance, silent
from retrieval.errors import DataInvalid
from retrieval.faces.liveness import LEAST, Liveness
from retrieval.photos.decode import decode
from retrieval.protocols import Detector
from retrieval.values import Floats, Pixels

WIDTH, HEIGHT = 960, 720  # of a composed scene
_PHONE = (350, 120, 260, 480)  # xywh of its screen
_FRAME = (14, 40)  # of it, beside and above the screen
_PAGE = np.array([[300, 120], [690, 100], [670, 600], [320, 620]], np.float32)
_PRINT_PX = 340

Compose = Callable[[Pixels, Pixels, np.random.Generator], Pixels]


@dataclass(frozen=True, slots=True)
class LivenessFigures:
    """What was called a picture.

    Attributes:
        what: live faces, or an attack.
        live: whether they are live ones.
        faces: that were found; `lost` in how many pictures none was.
        pictures: share that was called a picture of a face.
        mean: of how live they looked, in [0, 1].
    """

    what: str
    live: bool
    faces: int
    lost: int
    pictures: float
    mean: float

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def phone(photo: Pixels, scene: Pixels, rng: np.random.Generator) -> Pixels:
    """The photo on a phone's screen, a little brighter than what is around it."""
    made = scene.copy()
    left, top, width, height = _PHONE
    aside, above = _FRAME
    made[top - above : top + height + above, left - aside : left + width + aside] = (15, 15, 18)
    screen = np.full((height, width, 3), 20, np.uint8)
    start = (height - width) // 2
    screen[start : start + width] = cv2.resize(photo, (width, width), interpolation=cv2.INTER_AREA)
    made[top : top + height, left : left + width] = _lit(screen, 1.1, 8)
    return made


def phone_with_moire(photo: Pixels, scene: Pixels, rng: np.random.Generator) -> Pixels:
    """The same a little out of focus, with the beat of the screen's grid and the camera's."""
    made = phone(photo, scene, rng).astype(np.float32)
    left, top, width, height = _PHONE
    made[top : top + height, left : left + width] += _moire(height, width, rng)
    return _blurred(made, 0.8)


def screen(photo: Pixels, scene: Pixels, rng: np.random.Generator) -> Pixels:
    """A screen that fills the picture, with moire and blur."""
    side = 500
    shown = cv2.resize(photo, (side, side), interpolation=cv2.INTER_LINEAR).astype(np.float32)
    return _blurred((shown + _moire(side, side, rng)) * 1.05 + 5, 1.0)


def page(photo: Pixels, scene: Pixels, rng: np.random.Generator) -> Pixels:
    """The photo printed on a page that is held at an angle: paler, with the printer's grain."""
    side, margin = _PRINT_PX, 20
    paper = np.full((470, side + 2 * margin, 3), 238, np.uint8)
    small = cv2.resize(photo, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32)
    grain = rng.normal(0, 4, small.shape)
    paper[2 * margin : 2 * margin + side, margin : margin + side] = np.clip(
        235 - (235 - small) * 0.8 + grain, 0, 255
    )
    height, width = paper.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    turn = cv2.getPerspectiveTransform(corners, _PAGE)
    size = (scene.shape[1], scene.shape[0])
    held = cv2.warpPerspective(paper, turn, size)
    there = cv2.warpPerspective(np.full((height, width), 255, np.uint8), turn, size) > 0
    made = scene.copy()
    made[there] = held[there]
    return _blurred(made.astype(np.float32), 0.6)


ATTACKS: dict[str, Compose] = {
    "a photo on a phone's screen, in a scene": phone,
    "the same with moire and blur": phone_with_moire,
    "a screen that fills the picture, with moire and blur": screen,
    "a printed page, in a scene": page,
}


def measure(
    liveness: Liveness,
    detector: Detector,
    photos: Sequence[Path],
    seed: int,
    advance: Advance = silent,
) -> list[LivenessFigures]:
    """Ask of photos' largest faces, as they are and as each attack shows them, how live they look.

    Args:
        liveness, detector: the networks.
        photos: of live faces; each gives one of each attack.
        seed: of the scenes.
        advance: is told of each photo.

    Raises:
        DataInvalid: no face was found in any of them.
    """
    rng = np.random.default_rng(seed)
    told: dict[str, list[float]] = {"live faces": [], **{name: [] for name in ATTACKS}}
    used = 0
    before: Pixels | None = None
    for path in photos:
        photo = decode(path, working_px=None, max_pixels=10**8, max_bytes=10**8).pixels
        advance(1)
        live = _largest(detector, photo)
        if not len(live):
            continue
        used += 1
        scene = _scene(photo if before is None else before)
        before = photo
        told["live faces"] += liveness.scores(photo, live).tolist()
        for name, compose in ATTACKS.items():
            made = compose(photo, scene, rng)
            told[name] += liveness.scores(made, _largest(detector, made)).tolist()
    if not used:
        raise DataInvalid("No face was found in these photos. Give photos that show faces.")
    return [
        LivenessFigures(
            name,
            name not in ATTACKS,
            len(scores),
            used - len(scores),
            float(np.mean(np.array(scores) < LEAST)) if scores else 0.0,
            float(np.mean(scores)) if scores else 0.0,
        )
        for name, scores in told.items()
    ]


def _largest(detector: Detector, pixels: Pixels) -> Floats:
    boxes = detector.detect(pixels).boxes
    if not len(boxes):
        return boxes
    row = int((boxes[:, 2] * boxes[:, 3]).argmax())
    return boxes[row : row + 1]


def _scene(other: Pixels) -> Pixels:
    """What is behind an attack: another photo, far out of focus."""
    large = cv2.resize(other, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.GaussianBlur(large, (0, 0), 30), np.uint8)


def _moire(height: int, width: int, rng: np.random.Generator) -> Floats:
    y, x = np.mgrid[:height, :width].astype(np.float32)
    turn = float(rng.uniform(0.2, 0.5))
    waves = 10 * np.sin(x * 2.1 + y * turn) + 8 * np.sin(y * 1.9)
    return np.asarray(waves[..., None], np.float32)


def _lit(pixels: Pixels, gain: float, offset: float) -> Pixels:
    return np.asarray(np.clip(pixels.astype(np.float32) * gain + offset, 0, 255), np.uint8)


def _blurred(pixels: Floats, sigma: float) -> Pixels:
    whole = np.clip(pixels, 0, 255).astype(np.uint8)
    return np.asarray(cv2.GaussianBlur(whole, (0, 0), sigma), np.uint8)
