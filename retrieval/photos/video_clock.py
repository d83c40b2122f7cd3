"""The seconds of a video, by its file's clock: it may begin anywhere, jump back, or be missing."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.video.stream import VideoStream

# Less, or fewer, are pictures out of their order; more are a recording that begins anew, as where
# two files were put together.
_BACK_S = 1.0
_BACK_FRAMES = 3


class VideoClock:
    """Counts seconds from a video's first frame; they never go back.

    Args:
        step: seconds from frame to frame, where the file does not say.
    """

    def __init__(self, step: float) -> None:
        self.second = 0.0  # of the last frame
        self._step = step
        self._begun = False
        self._begins: float | None = None  # what the file's clock says where ours says 0
        self._behind: list[float] = []  # what it said of the last frames, which jumped back

    def __call__(self, shown: float | None) -> float:
        """The second of the next frame, which the file's clock shows then, if it has one."""
        following = self.second + self._step if self._begun else 0.0
        self._begun = True
        self.second = following if shown is None else max(self._by(shown, following), self.second)
        return self.second

    def _by(self, shown: float, following: float) -> float:
        if self._begins is None:
            self._begins = shown - following
        if shown - self._begins >= self.second - _BACK_S:
            self._behind = []
        else:
            self._behind.append(shown)
            if len(self._behind) == _BACK_FRAMES:
                self._begins = self._behind[0] - following
                self._behind = []
        return shown - self._begins


def clock_of(stream: "VideoStream") -> VideoClock:
    """The clock of a stream of pictures, of which none was read yet."""
    return VideoClock(1 / float(stream.guessed_rate or stream.average_rate or 25))
