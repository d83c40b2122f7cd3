"""Which side of a video is up, where its file does not say so: some frames are seen turned."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from retrieval.collection.pipeline import Pipeline
from retrieval.photos.videos import Frame
from retrieval.values import Detections

_FIRST_EVERY_S = 0.5  # between two frames by which it is decided ...
_LATER_EVERY = 0.05  # ... later this share of the time so far: 120 of an hour
_LEAST_FRAMES = 2  # that show a face on its side
_TIMES_UPRIGHT = 2  # as many frames as show one upright


class Sides:
    """Counts the frames of a video whose faces stand upright, and those whose lie."""

    def __init__(self) -> None:
        self._next = 0.0
        self._frames: Counter[int] = Counter()

    def look(self, frames: Sequence[Frame], found: Sequence[Detections], pipe: Pipeline) -> None:
        """Look at those of the next frames by which it is decided.

        Args:
            frames: the next ones.
            found: the faces of each, as it is.
            pipe: whose detector looks.

        Raises:
            InferenceFailed: a network failed.
        """
        for frame, faces in zip(frames, found, strict=True):
            if frame.second < self._next:
                continue
            self._next = frame.second + max(_FIRST_EVERY_S, frame.second * _LATER_EVERY)
            best_first = faces.take(np.argsort(-faces.scores, kind="stable"))
            side = pipe.side_up(frame.pixels, best_first)
            if side is not None:
                self._frames[side] += 1

    @property
    def lies(self) -> int:
        """By how many degrees clockwise the whole video must be turned; 0 where nothing tells."""
        upright = self._frames[0]
        lying = Counter({side: count for side, count in self._frames.items() if side})
        side, count = (lying.most_common(1) or [(0, 0)])[0]
        return side if count >= max(_LEAST_FRAMES, _TIMES_UPRIGHT * upright + 1) else 0
