"""Which face of a frame goes on which track: by where it is and by whom it looks like (pure).

A small tracker of ours. SORT and its successors take boxes alone, since a vector of each box is
dear to them; here each face has one anyway, and it is what tells two people apart who cross.
Packages that have both bring PyTorch or a re-identification network of their own.

Source: Bewley et al., "Simple online and realtime tracking", 2016 (constant velocity, Hungarian
assignment on overlap); Wojke et al., "Simple online and realtime tracking with a deep association
metric", 2017 (appearance beside motion).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from retrieval.boxes import overlaps
from retrieval.photos.camera_motion import STANDS
from retrieval.values import Floats, Gate, Ints, Vectors

FOLLOWED_S = 1.5  # for how long a face that is not seen is expected where it would be by now
KEPT_S = 20.0  # for how long somebody who went out of the picture can come back into their track
NEAR = 0.15  # overlap of where a face is expected and where one is, by which it goes on
_FIRM = 0.6  # overlap that is as good as certain
_FADES = 0.7  # share of its nearness that a face loses which is not seen for FOLLOWED_S
_REACH = 1.0  # of a face's own size in FOLLOWED_S: it may move on so far, beside its velocity
_LEAP, _LEAP_RATIO = 2.5, 0.8  # sizes of a face from look to look, if it keeps its size
_LEAP_S = 0.4  # in which nobody comes farther than a leap from where they were expected
_AWAY = 0.05  # of the time for which a camera looks elsewhere counts as time in which one goes away
_LEAST_NEAR = 0.3  # weight of the vectors' cosine where a face cannot be compared well
_RECENT = 12  # vectors of a track that a new one is compared with the mean of


@dataclass(frozen=True, slots=True)
class TrackRule:
    """When two faces of two frames are one person's.

    Attributes:
        same: cosine from which they are, wherever they are.
        alike: cosine from which they are where one is barely where the other is expected.
        unlike: cosine below which they are not, however near they are.
    """

    same: float
    alike: float
    unlike: float

    @classmethod
    def of(cls, gate: Gate) -> "TrackRule":
        """From a collection's gate: the thresholds of a search and of two photos, and one below.

        A head that turns away falls below the second and stays above the third, which lies below it
        as far as it lies below the first.
        """
        pair = min(gate.of_photos, gate.threshold)
        return cls(gate.threshold, pair, 2 * pair - gate.threshold)


@dataclass(slots=True, eq=False)
class Motion:
    """Where a face is, and where it goes.

    Attributes:
        box: (4,) float32 xywh, where it was seen last.
        second: when that was.
        velocity: (2,) float32, pixels per second.
    """

    box: Floats
    second: float
    velocity: Floats = field(default_factory=lambda: np.zeros(2, np.float32))

    def expected(self, second: float) -> Floats:
        """Where its box would be by now."""
        since = min(second - self.second, FOLLOWED_S)
        box = self.box.copy()
        box[:2] += self.velocity * np.float32(since)
        return box

    def move(self, box: Floats, second: float) -> None:
        """It is seen again."""
        since = second - self.second
        if 0 < since <= FOLLOWED_S:
            moved = (box[:2] + box[2:] / 2 - self.box[:2] - self.box[2:] / 2) / np.float32(since)
            self.velocity = np.asarray((self.velocity + moved) / 2, np.float32)
        elif since > FOLLOWED_S:
            self.velocity = np.zeros(2, np.float32)
        self.box, self.second = box, second

    def is_out_of(self, size: tuple[int, int]) -> bool:
        """Whether its middle lies beyond a picture of that width and height."""
        middle = self.box[:2] + self.box[2:] / 2
        return bool((middle < 0).any() or (middle > np.array(size)).any())

    def carry(self, moved: Floats) -> None:
        """The camera moved: what stands still is elsewhere in the picture, see `Frame.moved`."""
        turn, shift = moved[:, :2], moved[:, 2]
        size = self.box[2:] * np.float32(np.hypot(*turn[:, 0]))
        middle = turn @ (self.box[:2] + self.box[2:] / 2) + shift
        self.box = np.asarray(np.concatenate([middle - size / 2, size]), np.float32)
        self.velocity = np.asarray(turn @ self.velocity, np.float32)


@dataclass(slots=True, eq=False)
class _Line:
    """One track as far as it has come."""

    number: int
    motion: Motion
    recent: list[tuple[Floats, float, bool]] = field(default_factory=list)
    mean: Floats | None = None
    vector: Floats | None = None  # of the last face, whether or not it can be compared
    placed: bool = True  # whether its place still says something
    away: float = 0.0  # seconds for which the camera looked elsewhere

    @property
    def second(self) -> float:
        """When it was seen last."""
        return self.motion.second

    @property
    def clear(self) -> bool:
        """Whether most of its faces that can be compared are clear: one alone may be by chance."""
        return 2 * sum(clear for _, _, clear in self.recent) > len(self.recent)

    def go_on(self, box: Floats, second: float, vector: Floats, weight: float, clear: bool) -> None:
        """Put a face on it."""
        self.motion.move(box, second)
        self.placed, self.away = True, 0.0
        if weight > 0:
            self.recent = [*self.recent, (vector, weight, clear)][-_RECENT:]
            vectors, weights, _ = zip(*self.recent, strict=True)
            self.mean = mean_vector(vectors, weights)

    def carry(self, moved: Floats | None, since: float, size: tuple[int, int]) -> None:
        """The camera moved, in so many seconds, over a picture of that width and height."""
        if moved is None:
            self.placed = False
            return
        out = self.motion.is_out_of(size)
        if moved is not STANDS:
            self.motion.carry(moved)
            out = out or self.motion.is_out_of(size)
        if out:
            self.away += since

    def unseen(self, second: float) -> float:
        """For how many seconds it was not seen where it could have been."""
        return second - self.second - (1 - _AWAY) * self.away


def mean_vector(vectors: Sequence[Floats], weights: Sequence[float]) -> Floats:
    """The direction that vectors (d,) have together, of unit length."""
    return unit(np.average(np.stack(vectors), axis=0, weights=weights))


def unit(vector: npt.NDArray[np.floating[Any]]) -> Floats:
    """A vector (d,), brought to unit length."""
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12), np.float32)


class Tracker:
    """Follows the faces of one video or camera, frame by frame.

    Attributes:
        second: of the last step.
        elsewhere: of the tracks that began in the last step, those that had just been seen too far
            away to be the same face.
    """

    def __init__(self, rule: TrackRule) -> None:
        self._rule = rule
        self._lines: list[_Line] = []
        self._count, self.second = 0, 0.0
        self._gone: list[int] = []  # not told yet
        self.elsewhere: dict[int, frozenset[int]] = {}

    def step(
        self,
        second: float,
        boxes: Floats,
        vectors: Vectors,
        weights: Floats,
        clear: npt.NDArray[np.bool_],
        *,
        size: tuple[int, int],
        moved: Floats | None = STANDS,
    ) -> Ints:
        """Put the faces of the next frame on tracks.

        Args:
            second: of the frame, not before the last one's.
            boxes: (n, 4) float32, xywh.
            vectors: (n, d) float32, rows of unit length.
            weights: (n,) float32 in [0, 1], how much each vector is to be trusted; 0 for faces that
                cannot be compared, or have no vector in this frame.
            clear: (n,) which are surely faces that can be compared: only these are known again by
                their vector alone. Those of blurred and dark faces are all alike.
            size: width and height of the frame: whoever the camera turned away from is expected
                where they were when it comes back.
            moved: how the camera moved since the last one, see `Frame.moved`; None where another
                scene begins or that cannot be told: where faces were says nothing any more.

        Returns:
            (n,) int64, the number of each face's track; new tracks get new numbers.
        """
        self._let_go(second)
        before, self.second = self.second, second
        for line in self._lines:
            line.carry(moved, second - before, size)
        labels = np.full(len(boxes), -1, np.int64)
        score, far = self._scores(second, boxes, vectors, weights > 0, clear)
        if score.size:
            rows, columns = linear_sum_assignment(-score)
            for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
                if score[row, column] > 0:
                    labels[column] = self._lines[row].number
        self._leap(before, boxes, vectors, labels)
        numbers = np.array([line.number for line in self._lines], np.int64)
        self.elsewhere = {
            self._count + n: frozenset(numbers[far[:, face]].tolist())
            for n, face in enumerate(np.flatnonzero(labels < 0).tolist())
            if far.size
        }
        lines = {line.number: line for line in self._lines}
        for face in range(len(boxes)):
            if labels[face] < 0:
                labels[face] = self._count
                lines[self._count] = _Line(self._count, Motion(boxes[face], second))
                self._lines.append(lines[self._count])
                self._count += 1
            line = lines[int(labels[face])]
            line.vector = vectors[face]
            line.go_on(boxes[face], second, vectors[face], float(weights[face]), bool(clear[face]))
        return labels

    def _leap(self, before: float, boxes: Floats, vectors: Vectors, labels: Ints) -> None:
        """Put faces that are on no track on those seen last, if no other two can be meant.

        Whoever passes close by a camera is farther on than a face's size, and turned away.
        """
        faces, taken = np.flatnonzero(labels < 0), set(labels.tolist())
        lines = [
            line
            for line in self._lines
            if line.placed and line.second == before and line.number not in taken
        ]
        if not lines or not len(faces):
            return
        places = np.stack([line.motion.expected(self.second) for line in lines])
        last = np.stack([line.vector for line in lines if line.vector is not None])
        apart, ratio = distances(places, boxes[faces])
        may = (
            (apart <= _LEAP) & (ratio >= _LEAP_RATIO) & (last @ vectors[faces].T >= self._rule.same)
        )
        alone = may & (may.sum(axis=0) == 1) & (may.sum(axis=1) == 1)[:, None]
        for row, column in np.argwhere(alone).tolist():
            labels[faces[column]] = lines[row].number

    def forgotten(self, second: float) -> Ints:
        """Numbers of the tracks that nobody can come back into, each told once."""
        self._let_go(second)
        gone, self._gone = self._gone, []
        return np.array(gone, np.int64)

    def _let_go(self, second: float) -> None:
        self._gone += [line.number for line in self._lines if second - line.second > KEPT_S]
        self._lines = [line for line in self._lines if second - line.second <= KEPT_S]

    def _scores(
        self,
        second: float,
        boxes: Floats,
        vectors: Vectors,
        usable: npt.NDArray[np.bool_],
        clear: npt.NDArray[np.bool_],
    ) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """(tracks, faces) each: how well a face goes on a track, 0 where it cannot; which are far.

        Far is what nobody comes to in that time, where others go on in their places: no cut and no
        motion of the camera can have been missed then.
        """
        if not self._lines or not len(boxes):
            return np.zeros((0, 0), np.float32), np.zeros((0, 0), bool)
        rule = self._rule
        expected = np.stack([line.motion.expected(second) for line in self._lines])
        unseen = np.array([line.unseen(second) for line in self._lines], np.float32)
        placed = np.array([line.placed for line in self._lines]) & (unseen <= FOLLOWED_S)
        fading = np.where(placed, 1 - _FADES * unseen / FOLLOWED_S, 0)
        near = nearness(expected, boxes) * fading[:, None]
        known = np.array([line.mean is not None for line in self._lines])
        means = np.stack(
            [np.zeros_like(vectors[0]) if line.mean is None else line.mean for line in self._lines]
        )
        alike = means @ vectors.T
        comparable = known[:, None] & usable[None, :]
        beside = _beside(near, alike, comparable, rule)
        last = np.stack([line.motion.box for line in self._lines])
        apart = np.minimum(distances(expected, boxes)[0], distances(last, boxes)[0])
        reach = _LEAP * np.maximum(unseen / _LEAP_S, 1)
        goes_on = beside.any(axis=0)
        others = goes_on.sum() - goes_on > 0
        surely = alike >= (1 + rule.same) / 2
        far = placed[:, None] & (apart > reach[:, None]) & others[None, :] & ~surely
        both_clear = np.array([line.clear for line in self._lines])[:, None] & clear[None, :]
        same = both_clear & (alike >= rule.same) & ~far
        liking = np.clip((alike - rule.unlike) / max(1 - rule.unlike, 1e-6), 0, 1)
        score = np.where(comparable, liking, _LEAST_NEAR * near) + 0.5 * near + 1e-3
        return np.asarray(np.where(same | beside, score, 0), np.float32), far


def nearness(expected: Floats, boxes: Floats) -> Floats:
    """(m, n) in [0, 1]: overlap, or how near the middles are in sizes of the face."""
    apart, ratio = distances(expected, boxes)
    reach = np.clip(1 - apart / _REACH, 0, 1) * (ratio > 0.5)
    return np.asarray(np.maximum(overlaps(expected, boxes), reach * 0.5), np.float32)


def distances(expected: Floats, boxes: Floats) -> tuple[Floats, Floats]:
    """(m, n) each: how far apart the middles are in sizes of the larger; ratio of the sizes."""
    middles = expected[:, None, :2] + expected[:, None, 2:] / 2
    others = boxes[None, :, :2] + boxes[None, :, 2:] / 2
    sizes = np.sqrt(expected[:, 2] * expected[:, 3])[:, None]
    other_sizes = np.sqrt(boxes[:, 2] * boxes[:, 3])[None, :]
    larger = np.maximum(sizes, other_sizes)
    apart = np.linalg.norm(middles - others, axis=2) / larger
    ratio = np.minimum(sizes, other_sizes) / larger
    return np.asarray(apart, np.float32), np.asarray(ratio, np.float32)


def _beside(
    near: Floats, alike: Floats, comparable: npt.NDArray[np.bool_], rule: TrackRule
) -> npt.NDArray[np.bool_]:
    """(tracks, faces): which face is where a track is expected, and not unlike it."""
    firm = np.clip((near - NEAR) / (_FIRM - NEAR), 0, 1)  # how little the vectors must agree
    needed = rule.alike - (rule.alike - rule.unlike) * firm
    return np.asarray((near >= NEAR) & (~comparable | (alike >= needed)), bool)
