"""What a video's file says of itself: size, length, which side is up, when it was recorded."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from retrieval.photos.moments import wall_clock

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a video's file says of itself.

    Attributes:
        width, height: of the upright picture, in pixels.
        seconds: how long it says it is, or None.
        turned: degrees counterclockwise by which its frames are turned to stand upright.
        widened: by what the width of its frames is multiplied, of pixels that are no squares.
        lies: degrees clockwise by which they are turned beyond that, since their faces lie.
        taken_at: when it was recorded, see `photos.moments`, or None.
    """

    width: int
    height: int
    seconds: float | None
    turned: int
    taken_at: datetime | None
    widened: float = 1.0
    lies: int = 0

    def lying(self, degrees: int) -> "VideoInfo":
        """Of frames that must be turned so many degrees clockwise, which the file does not say."""
        width, height = self.width, self.height
        if degrees % 180:
            width, height = height, width
        turned = (self.turned - degrees) % 360
        return replace(self, width=width, height=height, turned=turned, lies=degrees)


def info_of(
    container: "InputContainer", stream: "VideoStream", first: "VideoFrame | None"
) -> VideoInfo:
    """Of an open file, its stream of pictures, and the first of these if there is one."""
    turned = 0 if first is None else round(first.rotation / 90) * 90 % 360
    widened = _widened(stream)
    width, height = round((stream.width or 0) * widened), stream.height or 0
    if turned in (90, 270):
        width, height = height, width
    seconds = _written_length(stream.metadata.get("DURATION"))
    if stream.duration is not None and stream.time_base is not None:
        seconds = float(stream.duration * stream.time_base)
    elif seconds is None and container.duration is not None:
        seconds = container.duration / 1_000_000
    written = stream.metadata.get("creation_time") or container.metadata.get("creation_time")
    return VideoInfo(width, height, seconds, turned, _moment(written), widened)


def _widened(stream: "VideoStream") -> float:
    """By what a frame's width is multiplied: old cameras and discs store pixels that are wide."""
    wide = float(stream.sample_aspect_ratio or 1)
    return wide if 0.25 <= wide <= 4 else 1.0  # others are a mistake


def _written_length(written: str | None) -> float | None:
    """Seconds of Matroska's 00:01:40.5, which its pictures have beside the length of the sound."""
    try:
        hours, minutes, seconds = (float(part) for part in (written or "").split(":"))
    except ValueError:
        return None
    return hours * 3600 + minutes * 60 + seconds


def _moment(written: str | None) -> datetime | None:
    """What the wall's clock showed; players that know none write the beginning of 1904 or 1970."""
    try:
        found = datetime.fromisoformat((written or "").replace("Z", "+00:00"))
    except ValueError:
        return None
    if found.year <= 1980:
        return None
    return wall_clock(found) if found.tzinfo else found.replace(tzinfo=UTC)
