"""One face, followed: when it was seen, its best frames, and what these say together.

What is kept of a track does not grow with its length, so that a video of hours needs no more memory
than a short one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter

import numpy as np

from retrieval.collection.tracks.tracker import unit
from retrieval.identities.at_once import at_once
from retrieval.values import Faces, Floats

BEST = 12  # frames of a track that decide whose it is
LEAST_SEEN = 3  # frames in which a face must be seen: one or two are mostly no face
MOST_STAYS = 500  # of one track: a camera may look at a poster for weeks, and find it now and then
SPLIT_S = 1.5  # a stay that was not seen for so long is told as two
# Of YuNet, on the faces of data/videos: those that a human can tell have 0.85 or more; what is in
# the dark, out of focus or no face at all 0.69 to 0.83. Of 438 faces of LFW made small, blurred or
# dark, 22 scored less, and none of them is named; of the others 46 % are. Other detectors score
# faces higher.
CLEAR_SCORE = 0.85


@dataclass(frozen=True, slots=True, eq=False)
class Sighted:
    """A face in one frame of a track.

    Attributes:
        second: of the frame.
        worth: how well it can be compared, in [0, 1]; 0 of a face that cannot be.
        faces: one row: where, how good, and its vector.
        picture: JPEG of 112 px, or empty.
    """

    second: float
    worth: float
    faces: Faces
    picture: bytes = b""


@dataclass(frozen=True, slots=True, eq=False)
class Together:
    """What frames of a track say together.

    Attributes:
        total: (d,) float32, the sum of their vectors, each as long as its frame is worth.
        worth: the sum of what they are worth; 0 where none can be compared.
        clear: whether most of those that can be compared surely show a face.
        surest: the detector's highest score of those that can be compared; 0 where none can.
    """

    total: Floats
    worth: float
    clear: bool
    surest: float

    @classmethod
    def of(cls, frames: Sequence[Sighted]) -> "Together":
        """Of one frame or more."""
        usable = [each for each in frames if each.worth > 0]
        weights = np.array([each.worth for each in usable], np.float32)
        vectors = [each.faces.vectors[0] for each in usable] or [frames[0].faces.vectors[0] * 0]
        total = weights @ np.stack(vectors) if usable else vectors[0]
        scores = [each.faces.detections.scores[0] for each in usable]
        clear = bool(usable) and float(np.median(scores)) >= CLEAR_SCORE
        surest = float(max(scores, default=0.0))
        return cls(np.asarray(total, np.float32), float(weights.sum()), clear, surest)

    def also(self, other: "Together") -> "Together":
        """With other frames of the same person."""
        clear = self.clear or other.clear
        surest = max(self.surest, other.surest)
        return Together(self.total + other.total, self.worth + other.worth, clear, surest)


@dataclass(slots=True, eq=False)
class Track:
    """One face, followed.

    Attributes:
        number: from 0, in the order in which tracks began.
        stays: from and to which second it was seen in each look, in order; beyond `MOST_STAYS`
            those between which it was unseen for the shortest time are one.
        seen: in how many frames.
        best: the frames that decide, best first, `BEST` at most.
        path: (second, box xywh) of each frame, where that is kept.
        taken: numbers of later tracks of the same person that it goes on with.
        elsewhere: numbers of the tracks that were seen too far away for it to go on with them.
        folded: what its best frames say together, where no more is kept of them than the best.
    """

    number: int
    stays: list[tuple[float, float]]
    seen: int = 0
    best: list[Sighted] = field(default_factory=list)
    path: list[tuple[float, Floats]] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)
    elsewhere: frozenset[int] = frozenset()
    folded: Together | None = None

    @property
    def first(self) -> float:
        """Second at which it was seen first."""
        return self.stays[0][0]

    @property
    def last(self) -> float:
        """Second at which it was seen last."""
        return self.stays[-1][1]

    def counts(self, least: int = LEAST_SEEN) -> bool:
        """Whether it was seen often enough; one without a vector is a part of somebody's other."""
        return self.seen >= least and bool(self.best)

    @property
    def spans(self) -> list[tuple[float, float]]:
        """Its stays as they are told: as one where it was unseen for less than `SPLIT_S`."""
        told = self.stays[:1]
        for start, end in self.stays[1:]:
            if start - told[-1][1] > SPLIT_S:
                told.append((start, end))
            else:
                told[-1] = (told[-1][0], end)
        return told

    def go_on(self, second: float, before: float) -> None:
        """It is seen in another frame; `before`: when was looked last before that."""
        self.seen += 1
        start, end = self.stays[-1]
        if end >= before:
            self.stays[-1] = (start, second)
            return
        self.stays.append((second, second))
        if len(self.stays) > MOST_STAYS:
            stays = np.array(self.stays)
            at = int((stays[1:, 0] - stays[:-1, 1]).argmin())
            self.stays[at : at + 2] = [(self.stays[at][0], self.stays[at + 1][1])]

    def add(self, sighted: Sighted) -> None:
        """Keep a face with its vector, if it is one of the best."""
        self.best.append(sighted)
        self.best.sort(key=lambda each: -each.worth)
        del self.best[BEST:]

    @property
    def together(self) -> Together:
        """What its best frames say together."""
        return self.folded or Together.of(self.best)

    def fold(self) -> None:
        """Keep the best frame, and of the others what they say together: it has ended."""
        self.folded = self.together
        del self.best[1:]

    def take(self, later: "Track") -> None:
        """Go on with a later track of the same person, which may lie between two of its stays."""
        self.taken += [later.number, *later.taken]
        self.elsewhere |= later.elsewhere
        self.seen += later.seen
        self.stays = sorted([*self.stays, *later.stays])
        self.path = sorted([*self.path, *later.path], key=itemgetter(0))
        self.folded = self.together.also(later.together)
        self.best = [max(self.best[0], later.best[0], key=lambda each: each.worth)]

    def may_take(self, later: "Track") -> bool:
        """Whether a later track can be the same person: never seen at once, nor too far away."""
        if not later.elsewhere.isdisjoint([self.number, *self.taken]):
            return False
        return not at_once(self.stays, later.stays)

    @property
    def agreement(self) -> float:
        """How much its best frames' vectors agree: length of their mean, 1 where they are one."""
        found = self.together
        return float(np.linalg.norm(found.total)) / found.worth if found.worth else 1.0

    def faces(self) -> Faces:
        """The best frame's face, one row, with the vector of all the best together.

        A face that was never good enough to be compared keeps the reason of its best frame. What no
        frame surely shows as a face, as a pattern on a wall or somebody in the dark, is unusable.
        """
        top, found = self.best[0].faces, self.together
        if not found.worth:
            return top
        quality = top.quality
        if found.surest < CLEAR_SCORE:
            at_best = int(found.surest * 100) / 100
            why = f"hardly a face: found with {at_best} at best, at least {CLEAR_SCORE} is needed"
            quality = replace(quality, reasons=(why,))
        return Faces(top.detections, quality, unit(found.total)[None])
