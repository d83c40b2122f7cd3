"""From frames to tracks: faces are found in each frame and followed, the best of each are kept."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from retrieval.collection.pipeline import Pipeline
from retrieval.collection.thumbnails import cut as cut_pictures
from retrieval.collection.tracks.answers import Look
from retrieval.collection.tracks.sides import Sides
from retrieval.collection.tracks.sparing import Sparing
from retrieval.collection.tracks.track import CLEAR_SCORE, LEAST_SEEN, Sighted, Track
from retrieval.collection.tracks.tracker import KEPT_S, Tracker, TrackRule
from retrieval.faces.quality import MAX_YAW_DEG
from retrieval.photos.video_rules import Pace
from retrieval.photos.videos import Frame, Video
from retrieval.values import Detections, Faces, Floats, Ints, Quality, Vectors

BATCH = 8  # frames that are looked at together
_BATCH_PIXELS = 16_600_000  # of all of them: eight of 1080p, two of 4K, one of the largest
_ENOUGH_PX, _ENOUGH_SHARPNESS = 112.0, 40.0  # more makes a face no better to compare


class Follower:
    """Takes the faces of frames, one frame after the other, and gives tracks.

    Args:
        rule: see `TrackRule`.
        pictures: whether a picture of each track's best frame is made.
        paths: whether each frame's box is kept, to be drawn.
        sides: is shown the frames, if it is to be found which side is up.
    """

    def __init__(
        self,
        rule: TrackRule,
        *,
        pictures: bool = True,
        paths: bool = False,
        sides: Sides | None = None,
    ) -> None:
        self.rule = rule
        self._tracker = Tracker(rule)
        self._sparing = Sparing()
        self._pictures, self._paths, self._sides = pictures, paths, sides
        self.tracks: dict[int, Track] = {}
        self.looks: list[Look] = []

    def look(self, frames: Sequence[Frame], pipeline: Pipeline) -> list[list[Track]]:
        """Find the faces of the next frames and put them on tracks; see `step`.

        Raises:
            InferenceFailed: a network failed.
        """
        rows: list[Ints] = []

        def choose(found: Sequence[Detections]) -> Sequence[Ints]:
            rows[:] = self.needed(frames, found)
            return rows

        found, faces = pipeline.look([frame.pixels for frame in frames], choose)
        if self._sides is not None:
            self._sides.look(frames, found, pipeline)
        return [self.step(frames[n], found[n], rows[n], faces[n]) for n in range(len(frames))]

    def needed(self, frames: Sequence[Frame], found: Sequence[Detections]) -> list[Ints]:
        """Which faces of the next frames need a vector: rows of each frame's detections."""
        return [
            self._sparing.choose(frame.second, each.boxes, moved=frame.moved)
            for frame, each in zip(frames, found, strict=True)
        ]

    def step(self, frame: Frame, detections: Detections, rows: Ints, faces: Faces) -> list[Track]:
        """Put the faces of a frame on tracks.

        Args:
            frame: the next one.
            detections: all its faces.
            rows: (m,) of the detections, those that have a vector.
            faces: these, m rows.

        Returns:
            the track of each detection, in their order.
        """
        worth, clear, vectors = self._spread(len(detections), rows, faces)
        boxes = detections.boxes
        before = self._tracker.second
        labels = self._tracker.step(
            frame.second, boxes, vectors, worth, clear, moved=frame.moved, size=frame.size
        )
        place = dict(zip(rows.tolist(), range(len(rows)), strict=True))
        if self._paths:
            self.looks.append(Look(frame.second, frame.cut_at))
        found = []
        for row, number in enumerate(labels.tolist()):
            track = self.tracks.get(number)
            if track is None:
                track = Track(number, [(frame.second, frame.second)])
                track.elsewhere = self._tracker.elsewhere.get(number, frozenset())
                self.tracks[number] = track
            track.go_on(frame.second, before)
            if row in place:
                one = faces.take(np.array([place[row]], np.intp))
                self._keep(track, frame, float(worth[row]), one)
            if self._paths:
                track.path.append((frame.second, boxes[row]))
            found.append(track)
        return found

    def _spread(
        self, count: int, rows: Ints, faces: Faces
    ) -> tuple[Floats, npt.NDArray[np.bool_], Vectors]:
        """Worth, whether clear, and vector of all detections: nothing of those without a vector."""
        worth = np.zeros(count, np.float32)
        worth[rows] = worth_of(faces)
        scores = np.zeros(count, np.float32)
        scores[rows] = faces.detections.scores
        vectors = np.zeros((count, faces.vectors.shape[1]), np.float32)
        vectors[rows] = faces.vectors
        return worth, (worth > 0) & (scores >= CLEAR_SCORE), vectors

    def _keep(self, track: Track, frame: Frame, worth: float, one: Faces) -> None:
        """Keep a face if it is one of its track's best; only the best has a picture."""
        better = not track.best or worth > track.best[0].worth
        picture = b""
        if self._pictures and better:
            picture = cut_pictures(frame.pixels, one.detections.boxes)[0]
        track.add(Sighted(frame.second, worth, one, picture))
        if better:
            track.best[1:] = [replace(each, picture=b"") for each in track.best[1:]]

    def fold_ended(self, second: float) -> None:
        """Keep little of what cannot come back, nothing of what was seen too seldom to count."""
        for number in self._tracker.forgotten(second).tolist():
            if self.tracks[number].counts():
                self.tracks[number].fold()
            else:
                del self.tracks[number]

    def ended(self, second: float) -> list[Track]:
        """Take out the tracks that nobody can come back into."""
        return [self.tracks.pop(number) for number in self._tracker.forgotten(second).tolist()]


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
    while batch := _next_batch(frames):
        follower.look(batch, pipeline)
        follower.fold_ended(batch[-1].second)
        looked += len(batch)
        yield batch[-1].second, looked


def _next_batch(frames: Iterator[Frame]) -> list[Frame]:
    """The frames that are looked at together next, `BATCH` at most, fewer of large ones."""
    batch: list[Frame] = []
    pixels = 0
    for frame in frames:
        batch.append(frame)
        pixels += frame.pixels.size // 3
        if len(batch) == BATCH or pixels >= _BATCH_PIXELS:
            break
    return batch


def kept(tracks: Sequence[Track], rule: TrackRule, looked: int = LEAST_SEEN) -> list[Track]:
    """The tracks that count, in the order in which they began, those of one person's stays as one.

    What a frame could not tell, whole tracks can: two that follow each other within `KEPT_S`, or of
    which one lies between two stays of the other, and are as alike as a search asks for, are one;
    the most alike first. Where fewer frames were looked
    at than a track needs, as in a video of one picture, one that was seen in all of them counts.
    """
    least = min(LEAST_SEEN, looked)
    found = sorted((t for t in tracks if t.counts(least)), key=lambda t: (t.first, t.number))
    clear = [track for track in found if track.together.clear]
    if len(clear) < 2:
        return found
    vectors = np.concatenate([track.faces().vectors for track in clear])
    first = np.array([track.first for track in clear])
    last = np.array([track.last for track in clear])
    taken: set[Track] = set()

    def best_after(row: int) -> tuple[float, int]:
        """Whom a track goes on as, of those that begin after it: cosine and row."""
        end = int(np.searchsorted(first, last[row] + KEPT_S, side="right"))
        cosines = vectors[row + 1 : end] @ vectors[row]
        for place in np.argsort(-cosines).tolist():
            later = clear[row + 1 + place]
            if cosines[place] < rule.same:
                break
            if later not in taken and clear[row].may_take(later):
                return float(cosines[place]), row + 1 + place
        return -1.0, -1

    goes_on = [best_after(row) for row in range(len(clear))]
    while True:
        row = max(range(len(clear)), key=lambda n: goes_on[n][0])
        cosine, other = goes_on[row]
        if cosine < rule.same:
            return [track for track in found if track not in taken]
        clear[row].take(clear[other])
        taken.add(clear[other])
        goes_on[other] = (-1.0, -1)
        last[row], vectors[row] = clear[row].last, clear[row].faces().vectors[0]
        for each, (_, onto) in enumerate(goes_on):
            if each == row or onto in (row, other):
                goes_on[each] = best_after(each)
        # Those before it whose best was somebody else may like it better now.
        for each in np.flatnonzero(last[:row] + KEPT_S >= first[row]).tolist():
            if clear[each] not in taken:
                goes_on[each] = best_after(each)


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
