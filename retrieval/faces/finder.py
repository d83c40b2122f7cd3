"""Finding the faces of a photo: a first look at the whole, the right side up, then closer ones.

How close is decided by what the first look shows: a portrait costs one look; where faces are small,
the part of the photo that holds them is looked at once more, larger; where none is seen, a large
photo is looked at closer and closer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from retrieval.faces.confirming import Confirmed, SecondOpinion
from retrieval.faces.exposure import Corrected, corrected, correction
from retrieval.faces.scaling import resized
from retrieval.faces.tiles import Area, agreed, joined, look, without_doubles
from retrieval.faces.turning import TURNS, UPRIGHT, TurnedSizes, turned, turned_back
from retrieval.protocols import Detector, PhotoSizes
from retrieval.values import Detail, Detections, Floats, Photo, Pixels

FIRST_PX = 640  # longer side of what the first look is shown
GLANCE_PX = 960  # of what the one look at a frame of a video is shown
# Where a photo is longer than twice its height, the first look goes along it in parts, each as high
# as a common photo's would be: 640 x 427, the shape of most cameras.
_PANORAMA = 2.0
_PART_HEIGHT_PX = 427
_HIGH_SCALE = 4 / 3  # high detail shows everything, enlarged by a third
# Found of WIDER FACE's faces by their size as shown: 54 % at 16 to 24 px, 81 % at 24 to 40, 89 % at
# 40 to 80. Below 36 px others beside them are probably missed, so that a closer look pays.
_SMALL_PX = 36
_WANTED_PX = 48  # what the small faces become in a closer look, if it may take so much
_NEEDED_PX = 28  # what they become in any case
_CLOSER_COST = 1.7  # pixels of a closer look in those of the first, unless more is needed
_TINY_PX = 20  # where faces are so small, those that were missed may be anywhere
_AROUND = 3.0  # sides of a face around the small ones, in which others may be missed
_CLOSER_STEP = 2.0  # where nothing was found
_LAST_STEP_PX = 2000  # shorter side of the closest look at a photo that shows nothing so far ...
_LAST_STEP_MEGAPIXELS = 12.0  # ... and all that it is shown, which panoramas reach first
_MOST_LOOKS = 4
_SIDE_PX = 320  # longer side of the looks that decide which side is up
_FACE_SIDE_PX = 160  # of those at one face ...
_FACE_SURROUNDINGS = 4.0  # ... and at what is around it, in its sides
_SIDE_LEAD = 0.02  # scores of upright faces lie this much over those of turned ones
_TURNED_SCORE = 0.8  # least score of a face for whose sake a photo is turned


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What was found in a photo.

    Attributes:
        detections: in pixels of the original as it lies.
        turned: degrees clockwise by which the photo must be turned to stand upright.
    """

    detections: Detections
    turned: int


class Finder:
    """Finds the faces of photos, whatever their size or side. Safe to share between threads."""

    def __init__(
        self,
        detector: Detector,
        detail: Detail = "normal",
        *,
        working_px: int = FIRST_PX,
        any_light: bool = True,
        opinion: SecondOpinion | None = None,
    ) -> None:
        """Look with `detector`.

        Args:
            detector: finds the faces of one image.
            detail: normal looks once; high looks at everything enlarged as well; auto looks closer
                where that pays.
            working_px: photos are decoded so that their longer side has at least so many pixels.
            any_light: dark, pale and grey photos are corrected before they are looked at.
            opinion: is asked about finds that the detector is not sure of.
        """
        self._detector = detector
        self._opinion = opinion
        self._any_light = any_light
        self.working_px = working_px
        self._detail = detail

    @property
    def name(self) -> str:
        """The detector's name."""
        return self._detector.name

    def find(self, photo: PhotoSizes, detail: Detail | None = None) -> Found:
        """Find the faces of one photo, best score first.

        Args:
            photo: where they are looked for.
            detail: in place of the finder's own.

        Raises:
            InferenceFailed: the detector failed.
        """
        detail = detail or self._detail
        small = photo.at_least(self.working_px)
        detector = self._for(small)
        found, scale = _first(detector, photo, small, detail)
        degrees, found = _upright(detector, small, found)
        seen: PhotoSizes = photo if degrees == UPRIGHT else TurnedSizes(photo, degrees)
        if detail == "high":
            found = _closer(detector, seen, found, scale, _whole(seen), _HIGH_SCALE)
        elif detail == "auto":
            found = _close_enough(detector, seen, found, scale)
            if degrees == UPRIGHT and scale < 1:
                degrees, found = _upright_seen_closer(detector, photo, found)
                seen = photo if degrees == UPRIGHT else TurnedSizes(photo, degrees)
        found = detector.without_doubtful(seen, found)
        return Found(turned_back(found, degrees, small.width, small.height), degrees)

    def _for(self, photo: Photo) -> Confirmed:
        """The detector for one photo, in its light."""
        table = correction(photo.pixels) if self._any_light else None
        detector = self._detector if table is None else Corrected(self._detector, table)
        return Confirmed(detector, self._opinion, table)

    def glance(self, pixels: Pixels) -> Found:
        """Find the faces of one frame of a video: one look, larger than a photo's first.

        Nothing is looked at closer: who is small in this frame is larger in another.

        Args:
            pixels: of the frame, `lit`.

        Raises:
            InferenceFailed: the detector failed.
        """
        longest = min(max(pixels.shape[:2]), GLANCE_PX)
        wanted = longest if longest > FIRST_PX else None
        return Found(self._detector.detect(pixels, longest_px=wanted), UPRIGHT)

    def lit(self, pixels: Pixels) -> Pixels:
        """A frame of a video in common light, where it is dark throughout; else as it is."""
        return corrected(pixels, correction(pixels, of_frame=True) if self._any_light else None)

    def side_up(self, pixels: Pixels, found: Detections) -> int | None:
        """By how many degrees clockwise a frame must be turned so that its faces stand upright.

        Args:
            pixels: of the frame, `lit`.
            found: its faces as it is, best score first.

        Returns:
            0, 90, 180 or 270; None where no face tells.

        Raises:
            InferenceFailed: the detector failed.
        """
        best, clear = float(found.scores.max(initial=0.0)), self._detector.clear_score
        frame = Photo("", "", pixels.shape[1], pixels.shape[0], pixels)
        if best >= clear + (1 - clear) / 5:
            return UPRIGHT
        is_clear = len(found) > 0 and best >= clear
        if is_clear and not _side_of_face(self._detector, frame, found, (180,), -_SIDE_LEAD):
            return UPRIGHT
        looks = {side: self.glance(turned(pixels, side)).detections.scores for side in TURNS}
        scores = {side: float(look.max(initial=0.0)) for side, look in looks.items()}
        side = max(TURNS, key=scores.__getitem__)
        if scores[side] >= max(best + _SIDE_LEAD, _TURNED_SCORE):
            return side
        return UPRIGHT if best >= _TURNED_SCORE else None


def _first(
    detector: Confirmed, photo: PhotoSizes, small: Photo, detail: Detail
) -> tuple[Detections, float]:
    """Look at the whole: faces, and pixels shown per pixel of the original."""
    longer, shorter = max(small.width, small.height), min(small.width, small.height)
    whole = detector.detect(small.pixels).scaled(small.scale)
    scale = min(FIRST_PX, max(small.pixels.shape[:2])) / max(longer, 1)
    if detail == "normal" or longer <= max(_PANORAMA * shorter, FIRST_PX):
        return whole, scale
    closer = min(_PART_HEIGHT_PX / shorter, 1.0)
    if closer <= scale:
        return whole, scale
    return _closer(detector, photo, whole, scale, _whole(photo), closer), closer


def _upright(detector: Confirmed, small: Photo, found: Detections) -> tuple[int, Detections]:
    """The side that is up, and the faces of the photo turned so.

    A detector finds turned faces with lower scores, or not at all, and takes their landmarks
    for those of an upright one: one face that is clearly upright settles it.
    """
    best = float(found.scores.max(initial=0.0))
    if not small.pixels.size or best >= detector.clear_score + (1 - detector.clear_score) / 5:
        return UPRIGHT, found
    is_clear = len(found) > 0 and best >= detector.clear_score
    if is_clear and not _side_of_face(detector, small, found, (180,), -_SIDE_LEAD):
        return UPRIGHT, found
    shown = _shrunk(small.pixels, _SIDE_PX)
    sides = {degrees: detector.detect(turned(shown, degrees)) for degrees in TURNS}
    side = max(TURNS, key=lambda degrees: float(sides[degrees].scores.max(initial=0.0)))
    if not len(sides[side]):
        return UPRIGHT, found
    shown = _shrunk(small.pixels, FIRST_PX)
    stands = detector.detect(turned(shown, side)).scaled(small.width / shown.shape[1])
    if stands.scores.max(initial=0.0) < max(best + _SIDE_LEAD, _TURNED_SCORE):
        return UPRIGHT, found
    return side, stands


def _side_of_face(
    detector: Detector,
    photo: Photo,
    found: Detections,
    turns: Sequence[int] = TURNS,
    lead: float = _SIDE_LEAD,
) -> int:
    """The turn by which the best face scores more, by looks at nothing but it."""
    x, y, wide, high = (found.boxes[0] / np.float32(photo.scale)).tolist()
    reach = _FACE_SURROUNDINGS / 2 * max(wide, high)
    left, top = max(int(x + wide / 2 - reach), 0), max(int(y + high / 2 - reach), 0)
    right, bottom = int(x + wide / 2 + reach), int(y + high / 2 + reach)
    shown = _shrunk(photo.pixels[top:bottom, left:right], _FACE_SIDE_PX)
    if not shown.size:
        return UPRIGHT
    looks = [detector.detect(turned(shown, degrees)).scores for degrees in turns]
    lies = [float(scores.max(initial=0.0)) for scores in looks]
    best = int(np.argmax(lies))
    least = max(float(found.scores[0]) + lead, _TURNED_SCORE)
    return turns[best] if lies[best] >= least else UPRIGHT


def _upright_seen_closer(
    detector: Confirmed, photo: PhotoSizes, found: Detections
) -> tuple[int, Detections]:
    """The side that is up of a photo whose faces closer looks found, or none in a panorama."""
    known = photo.at_least(1)
    sides: tuple[int, ...] = ()
    if not len(found):
        longer, shorter = max(known.width, known.height), min(known.width, known.height)
        sides = TURNS if longer > max(_PANORAMA * shorter, FIRST_PX) else ()
    elif float(found.scores[0]) < detector.clear_score:
        sides = tuple(filter(None, (_side_of_face(detector, known, found),)))
    best = UPRIGHT, found
    for degrees in sides:
        lies = TurnedSizes(photo, degrees)
        first, scale = _first(detector, lies, lies.at_least(FIRST_PX), "auto")
        stands = _close_enough(detector, lies, first, scale) if len(found) or len(first) else first
        least = max(float(best[1].scores.max(initial=0.0)) + _SIDE_LEAD, _TURNED_SCORE)
        if float(stands.scores.max(initial=0.0)) >= least:
            best = degrees, stands
    return best


def _close_enough(
    detector: Confirmed, photo: PhotoSizes, found: Detections, scale: float
) -> Detections:
    """Look closer until everything that is seen is large enough, or the photo has no more."""
    first, all_unseen = _shown_px(_whole(photo), scale), not len(found)
    for _ in range(_MOST_LOOKS):
        step = _next_look(photo, found, scale, first, anywhere=all_unseen)
        if step is None:
            break
        area, closer = step
        found = _closer(detector, photo, found, scale, area, closer)
        scale = closer
    return found


def _closer(
    detector: Confirmed,
    photo: PhotoSizes,
    found: Detections,
    scale: float,
    area: Area,
    closer: float,
) -> Detections:
    fine = look(detector, photo, area, closer)
    both, of_one = agreed(found, scale, fine, closer, area)
    sure = detector.of_one_look(photo, of_one)
    return without_doubles(joined([both, sure])) if len(sure) else both


def _shrunk(pixels: Pixels, longest_px: int) -> Pixels:
    height, width = pixels.shape[:2]
    by = min(longest_px / max(height, width), 1.0)
    return resized(pixels, (max(round(width * by), 1), max(round(height * by), 1)))


def _next_look(
    photo: PhotoSizes, found: Detections, scale: float, first_px: float, *, anywhere: bool
) -> tuple[Area, float] | None:
    """Where to look next and at which scale; None where that would not pay.

    What the first look did not see at all may be `anywhere`.
    """
    whole = _whole(photo)
    if scale >= 1:
        return None
    if not len(found):
        closer = min(scale * _CLOSER_STEP, 1.0)
        shorter, megapixels = min(whole.right, whole.bottom), _shown_px(whole, closer) / 1e6
        small_enough = shorter * closer < _LAST_STEP_PX and megapixels < _LAST_STEP_MEGAPIXELS
        return (whole, closer) if small_enough else None
    sizes = found.boxes[:, 2:].min(axis=1)
    small = sizes * np.float32(scale) < _SMALL_PX
    if not small.any():
        return None
    smallest = float(np.percentile(sizes[small], 10))
    area = whole if anywhere or smallest * scale < _TINY_PX else _around(found.boxes[small], whole)
    affordable = np.sqrt(_CLOSER_COST * first_px / max(_shown_px(area, 1.0), 1.0))
    closer = max(min(_WANTED_PX / smallest, affordable), _NEEDED_PX / smallest)
    closer = min(closer, _HIGH_SCALE)
    return (area, closer) if closer > scale * 1.1 else None


def _around(boxes: Floats, whole: Area) -> Area:
    """The part of a photo that holds small faces (n, 4), and those beside them."""
    reach = boxes[:, 2:].max(axis=1) * _AROUND
    low = (boxes[:, :2] - reach[:, None]).min(axis=0)
    high = (boxes[:, :2] + boxes[:, 2:] + reach[:, None]).max(axis=0)
    return Area(
        max(float(low[0]), 0.0),
        max(float(low[1]), 0.0),
        min(float(high[0]), whole.right),
        min(float(high[1]), whole.bottom),
    )


def _whole(photo: PhotoSizes) -> Area:
    any_size = photo.at_least(1)
    return Area(0, 0, any_size.width, any_size.height)


def _shown_px(area: Area, scale: float) -> float:
    """Pixels that a look at an area is shown."""
    return area.width * area.height * scale**2
