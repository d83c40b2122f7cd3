"""What an event's roll would become if it were decided anew, and doing so."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

import numpy as np

from retrieval.catalogue.erasing.erasure_log import is_of
from retrieval.catalogue.events.records import (
    FOUND,
    Appearances,
    Decided,
    Embedded,
    Event,
    EventPhoto,
    Found,
    Waiting,
)
from retrieval.collection.active_model import ActiveModel
from retrieval.collection.photo_faces import PhotoFailure
from retrieval.collection.tracks.identifying import follow
from retrieval.collection.tracks.track import Track
from retrieval.errors import InferenceFailed, PhotoError
from retrieval.events.album import read_again, where
from retrieval.events.deciding import decide_event, decided_now
from retrieval.events.documents import ChangeDocument, ChangesDocument
from retrieval.events.host import Host
from retrieval.events.said import Said
from retrieval.values import Floats

_AT_ONCE = 32  # photos that are embedded anew together
_SAME_S = 0.01  # between times of one frame


@dataclass(frozen=True, slots=True)
class FaceChange:
    """A face that would be, or is now, somebody else.

    Attributes:
        face: the appearance's id.
        before, after: names, or None for nobody.
    """

    face: int
    before: str | None
    after: str | None

    def document(self) -> ChangeDocument:
        """As JSON."""
        return {"face": self.face, "before": self.before, "after": self.after}


@dataclass(frozen=True, slots=True)
class EventChanges:
    """What deciding an event anew changes.

    Attributes:
        changes: by face, without faces of which a human said who they are.
        left: faces with vectors of another model whose photos could not be read again, or that are
            on no track of a video any more: they stay as they were decided.
    """

    changes: tuple[FaceChange, ...]
    left: int = 0

    def document(self) -> ChangesDocument:
        """As JSON."""
        return {"changes": [change.document() for change in self.changes], "left": self.left}


def would_change(host: Host, event: Event) -> EventChanges:
    """What `update` would change; nothing is written, and no photo is read."""

    def work(active_model: ActiveModel) -> EventChanges:
        _, decided, _ = decided_now(host, active_model, event.id)
        other = host.catalogue.event_faces.other_model(
            event.id, active_model.collection.fingerprint
        )
        found = host.catalogue.event_faces.of_event(event.id)
        return EventChanges(_differences(host, event, found, decided), len(other))

    return host.steadily(work)


def update(host: Host, event: Event) -> EventChanges:
    """Decide an event anew with the people, thresholds and model of now; verdicts stay."""
    left = host.steadily(lambda active_model: _embed_anew(host, active_model, event))
    found = host.catalogue.event_faces.of_event(event.id)
    return EventChanges(_differences(host, event, found, decide_event(host, event)), left)


def _differences(
    host: Host, event: Event, found: Appearances, decided: Decided
) -> tuple[FaceChange, ...]:
    """The faces that a decision gives to others than they were found to be."""
    said = Said.of(host.catalogue.verdicts.of_event(event.id))
    matched = found.found == FOUND.index(Found.MATCH)
    before = dict(
        zip(found.ids.tolist(), np.where(matched, found.people, -1).tolist(), strict=True)
    )
    after = dict(zip(decided.ids.tolist(), decided.people.tolist(), strict=True))
    changed = {
        face: (before.get(face, -1), person)
        for face, person in after.items()
        if person != before.get(face, -1) and face not in said.given
    }
    names = host.catalogue.names({each for pair in changed.values() for each in pair})
    return tuple(
        FaceChange(face, names.get(was), names.get(now)) for face, (was, now) in changed.items()
    )


def _embed_anew(host: Host, active_model: ActiveModel, event: Event) -> int:
    """Give faces vectors of the present model, from kept copies or where photos and videos lie.

    Returns:
        of how many that was not possible.
    """
    waiting = host.catalogue.event_faces.other_model(event.id, active_model.collection.fingerprint)
    if not waiting:
        return 0
    album = {photo.id: photo for photo in host.catalogue.albums.photos(event.id)}
    photos = [each for each in waiting if each.best_s is None]
    videos: dict[int, list[Waiting]] = {}
    for each in waiting:
        if each.best_s is not None:
            videos.setdefault(each.photo, []).append(each)
    found = [
        _embed_some(host, active_model, event, photos[start : start + _AT_ONCE], album)
        for start in range(0, len(photos), _AT_ONCE)
    ]
    found += [
        _embed_tracks(host, active_model, event, faces, album[video])
        for video, faces in videos.items()
        if video in album
    ]
    return len(waiting) - sum(found)


def _embed_some(
    host: Host,
    active_model: ActiveModel,
    event: Event,
    some: Sequence[Waiting],
    album: Mapping[int, EventPhoto],
) -> int:
    """Embed faces of photos; return how many could be."""
    wanted = {
        photo_id: source
        for photo_id in {each.photo for each in some}
        if (source := read_again(host, album.get(photo_id))) is not None
    }
    entries = active_model.pipeline.read(list(wanted.values()))
    read = {
        photo_id: entry[0]
        for photo_id, entry in zip(wanted, entries, strict=True)
        if not isinstance(entry, PhotoFailure) and is_of(album[photo_id].sha256, entry[1])
    }
    there = [each for each in some if each.photo in read]
    if not there:
        return 0
    found = active_model.pipeline.embed_at(
        [read[each.photo] for each in there], np.stack([each.landmarks for each in there])
    )
    good = [
        Embedded(each.face, vector[0])
        for each, vector in zip(there, found, strict=True)
        if not isinstance(vector, PhotoFailure)
    ]
    host.catalogue.event_faces.embed_anew(active_model.collection, event.id, good)
    return len(good)


def _embed_tracks(
    host: Host, active_model: ActiveModel, event: Event, faces: Sequence[Waiting], video: EventPhoto
) -> int:
    """Follow a video anew; return how many faces are on a track of now, whose vector they take."""
    source = where(host, video)
    if source is None:
        return 0
    try:
        seen = follow(active_model, source, host.video_rules, pictures=False, paths=True)
    except (PhotoError, InferenceFailed):
        return 0
    if not is_of(video.sha256, seen.sha256):
        return 0
    good = [
        Embedded(each.face, track.faces().vectors[0], track.agreement)
        for each in faces
        if (track := _track_of(each.landmarks, each.best_s, seen.tracks)) is not None
    ]
    host.catalogue.event_faces.embed_anew(active_model.collection, event.id, good)
    return len(good)


def _track_of(landmarks: Floats, best_s: float | None, tracks: Sequence[Track]) -> Track | None:
    """The track that shows a face in its best frame: frames are the same whatever the model."""
    if best_s is None:
        return None
    middle = landmarks.mean(axis=0)
    for track in tracks:
        at = bisect_left(track.path, best_s - _SAME_S, key=itemgetter(0))
        for second, box in track.path[at : at + 1]:
            inside = (box[:2] <= middle).all() and (middle <= box[:2] + box[2:]).all()
            if inside and second < best_s + _SAME_S:
                return track
    return None
