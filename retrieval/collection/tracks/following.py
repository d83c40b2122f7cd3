"""From frames to tracks: faces are found in each frame, followed, and the best of each track kept.

What is kept of a track does not grow with its length, so that a video of hours needs no more memory
than a short one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from retrieval.collection.pipeline import Pipeline
from retrieval.collection.thumbnails import cut as cut_pictures
from retrieval.collection.tracks.tracker import KEPT_S, Tracker, TrackRule, mean_vector
from retrieval.faces.quality import MAX_YAW_DEG
from retrieval.photos.videos import Frame, Pace, Video
from retrieval.values import Detections, Faces, Floats, Quality

BEST = 12  # frames of a track that decide whose it is
LEAST_SEEN = 3  # frames in which a face must be seen: one or two are mostly no face
SPLIT_S = 1.5  # a stay that was not seen for so long is told as two
# Of YuNet, on the faces of data/videos: those that a human can tell have 0.85 or more; what is in
# the dark, out of focus or no face at all 0.69 to 0.83. Other detectors score faces higher.
CLEAR_SCORE = 0.85
BATCH = 8  # frames that are looked at together
_ENOUGH_PX, _ENOUGH_SHARPNESS = 112.0, 40.0  # more makes a face no better to compare


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


@dataclass(slots=True, eq=False)
class Track:
    """One face, followed.

    Attributes:
        number: from 0, in the order in which tracks began.
        spans: from and to which second it was seen, in order.
        seen: in how many frames.
        best: the frames that decide, best first, `BEST` at most.
        path: (second, box xywh) of each frame, where that is kept.
        taken: numbers of later tracks of the same person that it goes on with.
    """

    number: int
    spans: list[tuple[float, float]]
    seen: int = 0
    best: list[Sighted] = field(default_factory=list)
    path: list[tuple[float, Floats]] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)

    @property
    def first(self) -> float:
        """Second at which it was seen first."""
        return self.spans[0][0]

    @property
    def last(self) -> float:
        """Second at which it was seen last."""
        return self.spans[-1][1]

    def add(self, sighted: Sighted) -> None:
        """Put a frame on it."""
        self.seen += 1
        start, end = self.spans[-1]
        if sighted.second - end > SPLIT_S:
            self.spans.append((sighted.second, sighted.second))
        else:
            self.spans[-1] = (start, sighted.second)
        self.best.append(sighted)
        self.best.sort(key=lambda each: -each.worth)
        del self.best[BEST:]

    @property
    def clear(self) -> bool:
        """Whether a frame of it surely shows a face that can be compared."""
        return any(
            each.worth > 0 and each.faces.detections.scores[0] >= CLEAR_SCORE for each in self.best
        )

    def take(self, later: "Track") -> None:
        """Go on with a later track of the same person."""
        self.taken += [later.number, *later.taken]
        self.seen += later.seen
        self.spans += later.spans
        self.path += later.path
        self.best = sorted([*self.best, *later.best], key=lambda each: -each.worth)[:BEST]

    def faces(self) -> Faces:
        """The best frame's face, one row, with the vector of all the best together.

        A face that was never good enough to be compared keeps the reason of its best frame.
        """
        top = self.best[0].faces
        usable = [each for each in self.best if each.worth > 0]
        if not usable:
            return top
        vectors = [each.faces.vectors[0] for each in usable]
        mean = mean_vector(vectors, [each.worth for each in usable])
        return Faces(top.detections, top.quality, mean[None])


class Follower:
    """Takes the faces of frames, one frame after the other, and gives tracks.

    Args:
        rule: see `TrackRule`.
        pictures: whether a picture of each track's best frame is made.
        paths: whether each frame's box is kept, to be drawn.
    """

    def __init__(self, rule: TrackRule, *, pictures: bool = True, paths: bool = False) -> None:
        self.rule = rule
        self._tracker = Tracker(rule)
        self._pictures, self._paths = pictures, paths
        self.tracks: dict[int, Track] = {}

    def step(self, frame: Frame, faces: Faces) -> list[Track]:
        """Put the faces of a frame on tracks; return these, in the order of the faces."""
        worth = worth_of(faces)
        clear = (worth > 0) & (faces.detections.scores >= CLEAR_SCORE)
        boxes = faces.detections.boxes
        labels = self._tracker.step(frame.second, boxes, faces.vectors, worth, clear, cut=frame.cut)
        found = []
        for row, number in enumerate(labels.tolist()):
            track = self.tracks.get(number)
            if track is None:
                track = Track(number, [(frame.second, frame.second)])
                self.tracks[number] = track
            one = faces.take(np.array([row], np.intp))
            value = float(worth[row])
            better = not track.best or value > track.best[0].worth
            picture = b""
            if self._pictures and better:
                picture = cut_pictures(frame.pixels, one.detections.boxes)[0]
            track.add(Sighted(frame.second, value, one, picture))
            if better:
                track.best[1:] = [_bare(each) for each in track.best[1:]]
            if self._paths:
                track.path.append((frame.second, one.detections.boxes[0]))
            found.append(track)
        return found

    def ended(self, second: float) -> list[Track]:
        """Take out the tracks that nobody can come back into."""
        return [self.tracks.pop(number) for number in self._tracker.forgotten(second).tolist()]


def _bare(sighted: Sighted) -> Sighted:
    """Without its picture: only the best frame's is shown."""
    if not sighted.picture:
        return sighted
    return Sighted(sighted.second, sighted.worth, sighted.faces)


def worth_of(faces: Faces) -> Floats:
    """How well each face (n,) can be compared, in [0, 1]: large, sharp, from the front, whole."""
    quality = faces.quality
    usable = np.array([reason is None for reason in quality.reasons], bool)
    size = np.minimum(quality.size_px / _ENOUGH_PX, 1)
    sharp = np.minimum(quality.sharpness / _ENOUGH_SHARPNESS, 1)
    front = 1 - np.minimum(quality.yaw_deg / MAX_YAW_DEG, 1) * 0.7
    worth = size * sharp * front * (1 - quality.cut_off) * faces.detections.scores
    return np.asarray(np.where(usable, np.maximum(worth, 1e-3), 0), np.float32)


def followed(
    video: Video, pipeline: Pipeline, follower: Follower, pace: Pace
) -> Iterator[tuple[float, int]]:
    """Follow a whole video; gives out how far it is: the second, and frames looked at so far.

    Raises:
        PhotoTooLarge: see `Video.all`.
        InferenceFailed: a network failed.
    """
    looked, frames = 0, video.sampled(pace)
    while batch := list(islice(frames, BATCH)):
        _look(batch, pipeline, follower)
        looked += len(batch)
        yield batch[-1].second, looked


def _look(batch: Sequence[Frame], pipeline: Pipeline, follower: Follower) -> None:
    for frame, faces in zip(batch, pipeline.look([f.pixels for f in batch]), strict=True):
        follower.step(frame, faces)


def kept(tracks: Sequence[Track], rule: TrackRule) -> list[Track]:
    """The tracks that count, in the order in which they began, those of one person's stays as one.

    What a frame could not tell, whole tracks can: two that follow each other within `KEPT_S`, and
    are as alike as a search asks for, are one.
    """
    found = sorted((t for t in tracks if t.seen >= LEAST_SEEN), key=lambda t: (t.first, t.number))
    while (pair := _same(found, rule)) is not None:
        first, second = pair
        found = [track for track in found if track is not second]
        first.take(second)
    return found


def _same(found: Sequence[Track], rule: TrackRule) -> tuple[Track, Track] | None:
    """The two most alike tracks that follow each other and are one person's, if any."""
    clear = [track for track in found if track.clear]
    if len(clear) < 2:
        return None
    first = np.array([track.first for track in clear])
    last = np.array([track.last for track in clear])
    gap = first[None, :] - last[:, None]
    vectors = np.concatenate([track.faces().vectors for track in clear])
    cosines = np.where((gap > 0) & (gap <= KEPT_S), vectors @ vectors.T, -1)
    row, column = np.unravel_index(int(cosines.argmax()), cosines.shape)
    return (clear[row], clear[column]) if cosines[row, column] >= rule.same else None


def joined(tracks: Sequence[Track], dimension: int) -> Faces:
    """The tracks as faces, one row per face."""
    faces = [track.faces() for track in tracks]
    if not faces:
        none = np.zeros((0, dimension), np.float32)
        return Faces(Detections.none(), Quality.none(), none)
    return Faces(
        Detections(
            np.concatenate([f.detections.boxes for f in faces]),
            np.concatenate([f.detections.landmarks for f in faces]),
            np.concatenate([f.detections.scores for f in faces]),
        ),
        Quality(
            np.concatenate([f.quality.size_px for f in faces]),
            np.concatenate([f.quality.sharpness for f in faces]),
            np.concatenate([f.quality.yaw_deg for f in faces]),
            np.concatenate([f.quality.cut_off for f in faces]),
            tuple(reason for f in faces for reason in f.quality.reasons),
        ),
        np.concatenate([f.vectors for f in faces]),
    )
