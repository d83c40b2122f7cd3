"""Which faces of a frame need a vector: a face that clearly goes on by its place needs one seldom.

A vector takes longer than all else that is done with a face, and says little new a fifth of a
second later. So a face that is where one is expected, and near no other, has one only now and then;
where a face begins, moves oddly, or is near another, it has one in each frame.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from retrieval.collection.tracks.tracker import NEAR, Motion, nearness
from retrieval.photos.camera_motion import STANDS
from retrieval.values import Floats, Ints

EVERY_S = 0.5  # between two vectors of a face that goes on; docs/video.md has what it costs
FIRST = 3  # vectors that a face has at once when it begins
_FIRM = 0.4  # overlap with where a face is expected, if no other one is near
_LOST_S = 0.75  # unseen for so long, a face begins anew


@dataclass(slots=True, eq=False)
class _Chain:
    """A face that goes on by its place: how many vectors it had, and when the last."""

    motion: Motion
    vectors: int = 0
    last: float = -np.inf

    def wants(self, second: float) -> bool:
        return self.vectors < FIRST or second - self.last >= EVERY_S - 1e-3

    def have(self, second: float) -> None:
        self.vectors += 1
        self.last = second


class Sparing:
    """Chooses the faces of one video or camera that need a vector, frame by frame."""

    def __init__(self) -> None:
        self._chains: list[_Chain] = []

    def choose(self, second: float, boxes: Floats, *, moved: Floats | None = STANDS) -> Ints:
        """Rows (m,) of boxes (n, 4) xywh, ascending, that need a vector in this frame.

        `moved`: how the camera did since the last one, see `Frame.moved`.
        """
        known = [c for c in self._chains if second - c.motion.second <= _LOST_S]
        if moved is None:
            known = []
        else:
            for chain in known:
                chain.motion.carry(moved)
        near, sure = _nearest(known, second, boxes)
        chosen, chains = [], []
        for row, box in enumerate(boxes):
            before = known[near[row]] if near[row] >= 0 else None
            motion = Motion(box, second) if before is None else replace(before.motion)
            motion.move(box, second)
            if before is not None and sure[row]:
                chain = replace(before, motion=motion)
            else:
                chain = _Chain(motion)
            if chain.wants(second):
                chosen.append(row)
                chain.have(second)
            chains.append(chain)
        reached = set(near.tolist())
        self._chains = chains + [c for number, c in enumerate(known) if number not in reached]
        return np.array(chosen, np.int64)


def _nearest(
    known: list[_Chain], second: float, boxes: Floats
) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """The chain that each face (n,) is near to, -1 for none; whether it goes on beyond doubt."""
    if not known or not len(boxes):
        return np.full(len(boxes), -1, np.int64), np.zeros(len(boxes), bool)
    near = nearness(np.stack([chain.motion.expected(second) for chain in known]), boxes)
    beside = nearness(boxes, boxes)
    np.fill_diagonal(beside, 0)
    best, reached = near.argmax(axis=0), near > NEAR
    alone = (reached.sum(axis=0) == 1) & (reached.sum(axis=1) == 1)[best]
    sure = alone & (near.max(axis=0) >= _FIRM) & (beside.max(axis=1) <= NEAR)
    return np.where(reached.any(axis=0), best, -1), sure
