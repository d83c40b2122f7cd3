"""Sightings of a camera: who is seen from when to when, told as they come and go."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from retrieval.catalogue.catalogue import Catalogue
from retrieval.collection.active_model import ActiveModel
from retrieval.collection.tracks.answers import TrackAnswer
from retrieval.collection.tracks.following import Follower
from retrieval.collection.tracks.identifying import answers
from retrieval.collection.tracks.live import Shot
from retrieval.collection.tracks.track import LEAST_SEEN, Track
from retrieval.collection.tracks.tracker import TrackRule
from retrieval.photos.camera_motion import CameraMotion
from retrieval.photos.frame_change import CUT, SAME, change_of, likeness
from retrieval.photos.videos import Frame
from retrieval.values import Outcome, Pixels

_LOOKS = frozenset({LEAST_SEEN, 5, 8, 12, 20, 40})  # frames of a track after which it is decided
_UNKNOWN_AFTER = 8  # frames after which a track is told that is nobody's


@dataclass(slots=True, eq=False)
class Sighting:
    """Somebody who is seen by a camera.

    Attributes:
        number: from 1.
        person: who, or None.
        began: in UTC.
        first, last: seconds since the camera was opened.
        answer: the decision, from the track as a whole.
        track: the last one of them.
        fingerprint: of the model that made the track's vectors.
        latency_s: from the picture's arrival until this was told.
        ended: whether nobody was seen for the gap.
    """

    number: int
    person: str | None
    began: datetime
    first: float
    last: float
    answer: TrackAnswer
    track: Track
    fingerprint: str
    latency_s: float = 0.0
    ended: bool = False

    def document(self) -> dict[str, Any]:
        """As JSON."""
        face = self.answer.face
        ends = self.began + timedelta(seconds=self.last - self.first)
        return {
            "sighting": self.number,
            "state": "ended" if self.ended else "began",
            "person": self.person,
            "person_id": face.candidates[0].person_id if self.person else None,
            "decision": face.decision.value,
            "score": None if face.score is None else round(face.score, 4),
            "began_at": self.began.isoformat(timespec="milliseconds"),
            "ended_at": ends.isoformat(timespec="milliseconds") if self.ended else None,
            "seconds": round(self.last - self.first, 1),
            "latency_ms": round(self.latency_s * 1000),
        }


class Watcher:
    """Follows a camera's pictures and says who comes and goes.

    Where the collection changes its model, tracks begin anew: those of the other model cannot be
    compared with them. Whoever has a name goes on by it.

    Args:
        catalogue: for names.
        gap_s: a sighting ends when its person was not seen for so long.
    """

    def __init__(self, catalogue: Catalogue, gap_s: float) -> None:
        self._catalogue, self._gap_s = catalogue, gap_s
        self._follower: Follower | None = None
        self._fingerprint = ""
        self._open: list[Sighting] = []
        self._of_track: dict[int, Sighting] = {}
        self._left: set[int] = set()  # tracks whose sighting ended: they may come back
        self._before: Pixels | None = None
        self._camera = CameraMotion()
        self._odd = False  # whether the picture behind it showed something else
        self._count = 0

    def see(self, active_model: ActiveModel, shot: Shot) -> Iterator[Sighting]:
        """Look at a picture; gives out sightings that begin, and those that end.

        One that shows something else than the one before is left out: it may be lit by a flash.
        The next one tells.
        """
        small = change_of(shot.pixels)
        like = 1.0 if self._before is None else likeness(self._before, small)
        if like < CUT and not self._odd:
            self._odd = True
            yield from self.ended(shot.second)
            return
        cut = self._odd and like < SAME
        self._before, self._odd = small, False
        moved = self._camera.moved(shot.pixels, cut=cut)
        cut_at = shot.second if cut and moved is None else None
        frame = Frame(0, shot.second, shot.pixels, cut_at, moved)
        (tracks,) = self._follower_of(active_model).look([frame], active_model.pipeline)
        for track in tracks:
            if track.number in self._of_track:
                self._of_track[track.number].last = shot.second
        waiting = [
            track
            for track in tracks
            if (track.seen in _LOOKS or track.number in self._left) and self._may_be_told(track)
        ]
        yield from self._decided(active_model, waiting, shot)
        yield from self.ended(shot.second)

    def _follower_of(self, active_model: ActiveModel) -> Follower:
        fingerprint = active_model.collection.fingerprint
        if self._follower is None or fingerprint != self._fingerprint:
            self._follower = Follower(TrackRule.of(active_model.calibrated.gate()))
            self._fingerprint = fingerprint
            self._of_track.clear()
            self._left.clear()
        return self._follower

    def _may_be_told(self, track: Track) -> bool:
        told = self._of_track.get(track.number)
        return bool(track.best) and (told is None or told.person is None)

    def _decided(
        self, active_model: ActiveModel, tracks: Sequence[Track], shot: Shot
    ) -> Iterator[Sighting]:
        for track, answer in zip(tracks, self._answers(active_model, tracks), strict=True):
            person = answer.face.person
            if person is None and (
                track.seen < _UNKNOWN_AFTER or answer.face.decision is Outcome.UNUSABLE
            ):
                continue
            same = next((s for s in self._open if person and s.person == person), None)
            if same is not None:  # a second track of the same stay
                self._forget_unknown(track)
                self._part(same, track)
                same.last, same.track, same.answer = shot.second, track, answer
                same.fingerprint = self._fingerprint
                self._of_track[track.number] = same
                continue
            if person is None and track.number in self._of_track:
                continue
            yield self._begin(track, answer, shot)

    def _answers(
        self, active_model: ActiveModel, tracks: Sequence[Track]
    ) -> tuple[TrackAnswer, ...]:
        """Whose these tracks are, beside those that were told as somebody and were seen at once."""
        if not tracks:
            return ()
        told = [n for n, sighting in self._of_track.items() if sighting.person is not None]
        others = [self._tracks[n] for n in told]
        beside = [track for track in others if track not in tracks]
        return answers(active_model, self._catalogue, [*tracks, *beside])[: len(tracks)]

    @property
    def _tracks(self) -> dict[int, Track]:
        return {} if self._follower is None else self._follower.tracks

    def _part(self, sighting: Sighting, track: Track) -> None:
        """Somebody is this track rather than those of their sighting that were seen with it."""
        own = [n for n, told in self._of_track.items() if told is sighting and n != track.number]
        for other in [self._tracks[n] for n in own]:
            if other.first <= track.last and track.first <= other.last:
                del self._of_track[other.number]
                self._left.add(other.number)

    def _forget_unknown(self, track: Track) -> None:
        """Somebody who was told as unknown has a name now."""
        before = self._of_track.get(track.number)
        if before is not None and before.person is None and before in self._open:
            self._open.remove(before)

    def _begin(self, track: Track, answer: TrackAnswer, shot: Shot) -> Sighting:
        self._forget_unknown(track)
        self._count += 1
        first = shot.second if track.number in self._left else track.first
        self._left.discard(track.number)
        sighting = Sighting(
            self._count,
            answer.face.person,
            shot.at - timedelta(seconds=shot.second - first),
            first,
            shot.second,
            answer,
            track,
            self._fingerprint,
        )
        self._open.append(sighting)
        self._of_track[track.number] = sighting
        return sighting

    def ended(self, second: float) -> Iterator[Sighting]:
        """The sightings that end because nobody was seen for the gap; `inf` ends all."""
        for sighting in [s for s in self._open if second - s.last >= self._gap_s]:
            self._open.remove(sighting)
            sighting.ended = True
            own = [number for number, told in self._of_track.items() if told is sighting]
            self._left.update(own)
            for number in own:
                del self._of_track[number]
            yield sighting
        if self._follower is None or not np.isfinite(second):
            return
        for track in self._follower.ended(second):
            self._of_track.pop(track.number, None)
            self._left.discard(track.number)
