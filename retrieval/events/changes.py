"""What an event's roll would become if it were decided anew, and doing so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from retrieval.catalogue.erasing.erasure_log import is_of
from retrieval.catalogue.events.records import (
    FOUND,
    Appearances,
    Decided,
    Event,
    EventPhoto,
    Found,
)
from retrieval.collection.active_model import ActiveModel
from retrieval.collection.photo_faces import PhotoFailure
from retrieval.events.album import read_again
from retrieval.events.deciding import decide_event, decided_now
from retrieval.events.documents import ChangeDocument, ChangesDocument
from retrieval.events.host import Host
from retrieval.events.said import Said
from retrieval.values import Floats

_AT_ONCE = 32  # photos that are embedded anew together


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
        left: faces with vectors of another model whose photos could not be read again: they stay
            as they were decided.
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
    """Give faces vectors of the present model, from kept copies or where the photos lie.

    Returns:
        of how many that was not possible.
    """
    collection = active_model.collection
    faces = host.catalogue.event_faces
    waiting = faces.other_model(event.id, collection.fingerprint)
    if not waiting:
        return 0
    album = {photo.id: photo for photo in host.catalogue.albums.photos(event.id)}
    left = 0
    for start in range(0, len(waiting), _AT_ONCE):
        some = waiting[start : start + _AT_ONCE]
        left += _embed_some(host, active_model, event, some, album)
    return left


def _embed_some(
    host: Host,
    active_model: ActiveModel,
    event: Event,
    some: Sequence[tuple[int, int, Floats]],
    album: Mapping[int, EventPhoto],
) -> int:
    wanted = {
        photo_id: source
        for photo_id in {photo_id for _, photo_id, _ in some}
        if (source := read_again(host, album.get(photo_id))) is not None
    }
    entries = active_model.pipeline.read(list(wanted.values()))
    read = {
        photo_id: entry[0]
        for photo_id, entry in zip(wanted, entries, strict=True)
        if not isinstance(entry, PhotoFailure) and is_of(album[photo_id].sha256, entry[1])
    }
    there = [entry for entry in some if entry[1] in read]
    if not there:
        return len(some)
    found = active_model.pipeline.embed_at(
        [read[photo_id] for _, photo_id, _ in there],
        np.stack([landmarks for _, _, landmarks in there]),
    )
    good = [
        (face, vector)
        for (face, _, _), vector in zip(there, found, strict=True)
        if not isinstance(vector, PhotoFailure)
    ]
    if good:
        collection = active_model.collection
        host.catalogue.event_faces.embed_anew(
            collection.id,
            event.id,
            collection.fingerprint,
            [face for face, _ in good],
            np.concatenate([vector for _, vector in good]),
        )
    return len(some) - len(good)
