"""A video's frames with where another scene begins, without the flashes within one."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.photos.frame_change import CUT, SAME, change_in, likeness
from retrieval.values import Pixels

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

# A photographer's flash lights a frame or two; the shortest shots of films last eight frames.
FLASH_FRAMES = 2
FLASH_S = 0.45  # between the frames around it: one frame at 5 frames per second


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A frame as it was decoded.

    Attributes:
        number: of the frame in the video, from 0.
        second: at which it is shown.
        frame: itself.
        small: the grey picture by which it is compared.
        begins: whether it shows another scene than the frame before it.
    """

    number: int
    second: float
    frame: "VideoFrame"
    small: Pixels
    begins: bool = False


def scenes(frames: Iterable[tuple[float, "VideoFrame"]]) -> Iterator[Shown]:
    """Say of each frame whether another scene begins with it.

    Up to `FLASH_FRAMES` frames that differ from those before them are a flash, and are left out,
    where the next one is again as those before: what they lit goes on. It is known only then, so as
    many frames are held back.

    Args:
        frames: (second, frame) each, all of a video.
    """
    last: Shown | None = None
    odd: list[Shown] = []  # a flash behind `last`, or another scene
    for number, (second, frame) in enumerate(frames):
        one = Shown(number, second, frame, change_in(frame))
        if odd and last is not None:
            soon = second - last.second <= FLASH_S
            if soon and likeness(one.small, last.small) >= SAME:
                odd = []
            elif soon and len(odd) < FLASH_FRAMES:
                odd.append(one)
                continue
            else:
                yield from _behind(last, odd)
                last, odd = odd[-1], []
        if last is not None and likeness(one.small, last.small) < CUT:
            odd = [one]
            continue
        yield one
        last = one
    if last is not None:
        yield from _behind(last, odd)


def _behind(last: Shown, odd: list[Shown]) -> Iterator[Shown]:
    """Frames that are no flash."""
    for one in odd:
        begins = likeness(one.small, last.small) < CUT
        yield Shown(one.number, one.second, one.frame, one.small, begins)
        last = one
