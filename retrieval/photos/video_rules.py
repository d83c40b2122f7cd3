"""What is refused of videos, and which of their frames are looked at."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VideoLimits:
    """What is refused.

    Attributes:
        max_bytes: of the file.
        max_pixels: of a frame.
        max_seconds: that it may show.
        max_frames: that it may have.
    """

    max_bytes: int = 20_000_000_000
    max_pixels: int = 40_000_000
    max_seconds: float = 4 * 3600.0
    max_frames: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Pace:
    """Which frames are looked at.

    Attributes:
        per_second: at most so many in each second of the video.
        still_seconds: a picture that does not change is looked at so often.
    """

    per_second: float = 5.0
    still_seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class VideoRules:
    """How videos are looked at.

    Attributes:
        limits: what is refused.
        pace: which frames are looked at.
    """

    limits: VideoLimits = VideoLimits()
    pace: Pace = Pace()
