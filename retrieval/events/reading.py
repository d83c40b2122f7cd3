"""An event as it stands: settled first, then read as a roll, as faces, as where somebody was."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np

from retrieval.catalogue.events.records import FOUND, Appearance, Event, Found, Verdict
from retrieval.catalogue.events.verdicts import people_of as people_said
from retrieval.catalogue.picture_rows import Of
from retrieval.collection.active_model import ActiveModel
from retrieval.events import roll as rolls
from retrieval.events.answers import Roll
from retrieval.events.deciding import Stamp, decide_event, stamp_now
from retrieval.events.host import Host
from retrieval.events.presence import Sighting
from retrieval.events.said import Said
from retrieval.events.shown import Named
from retrieval.events.truth import Truth, named

_FEW = 32  # faces whose people are looked up rather than everybody of an event


def settled(host: Host, event: Event) -> Event:
    """An event as it is now, decided anew if photos came since it was decided."""
    store, collection = host.catalogue.events, host.collection.id
    event = store.get(collection, event.id)
    if _is_settled(event):
        return event
    decide_event(host, event)
    return store.get(collection, event.id)


def _is_settled(event: Event) -> bool:
    return event.decided == event.revision and event.stamp is not None


def roll_of(host: Host, event: Event) -> Roll:
    """Who was there: derived anew each time, never stored."""
    event, catalogue = settled(host, event), host.catalogue
    verdicts = catalogue.verdicts.of_event(event.id)
    said, stamp = Said.of(verdicts), Stamp.read(event.stamp)
    found = catalogue.event_faces.of_event(event.id)
    truth = Truth(found, said, 0.0 if stamp is None else stamp.lone)
    album = {photo.id: photo for photo in catalogue.albums.photos(event.id)}
    people = {person.id: person for person in catalogue.people(host.collection.id)}
    size = catalogue.events.sizes([event.id])[event.id]
    numbers = [FOUND.index(each) for each in (Found.ERASED, Found.FORGOTTEN)]
    unusable = (found.found == FOUND.index(Found.UNUSABLE)) & (truth.people < 0)
    stays = rolls.Stays(found, album)
    listed = catalogue.events.expected(event.id)
    everybody = (person.id for person in people.values() if person.faces)
    expected = rolls.expects(event, listed, everybody)
    lines = rolls.people_of(truth, said, people, expected, stays)
    lines += rolls.between(truth, _doubtful(host, event, truth), lines, people, expected, album)
    lines += rolls.absent_of(expected or (), lines, people)
    portraits = catalogue.portraits(line.person_id for line in lines)
    lines = [replace(line, portrait=portraits.get(line.person_id)) for line in lines]
    return Roll(
        event=event,
        collection=host.collection.name,
        made_at=datetime.now(UTC),
        threshold=None if stamp is None else stamp.threshold,
        threshold_source=None if stamp is None else stamp.source,
        outdated=outdated(host, event, verdicts),
        photos=size.photos,
        rejected=size.rejected,
        appearances=size.appearances,
        lines=rolls.sorted_lines(lines),
        unknown=tuple(rolls.groups_of(truth, stays)),
        unusable=tuple(found.ids[unusable].tolist()),
        gone=int(np.isin(found.found, numbers).sum()),
        save=_write,
        pictures=partial(pictures, host),
        shown=partial(appearances, host, event),
        album=partial(catalogue.albums.photos, event.id),
    )


def _doubtful(host: Host, event: Event, truth: Truth) -> list[Appearance]:
    """Faces between two people, or two faces of a photo, that nobody has judged."""
    ambiguous = truth.found.found == FOUND.index(Found.AMBIGUOUS)
    rows = ambiguous & (truth.people < 0) & ~truth.nobodys
    return host.catalogue.event_faces.shown(event.id, truth.found.ids[rows].tolist())


def outdated(host: Host, event: Event, verdicts: Sequence[Verdict]) -> str | None:
    """Why an event's roll may be otherwise once it is updated, or None."""
    stamp = Stamp.read(event.stamp)
    if stamp is None:
        return None

    def work(active_model: ActiveModel) -> str | None:
        return stamp.outdated(stamp_now(host.catalogue, active_model, verdicts))

    return host.steadily(work)


def pictures(host: Host, ids: Sequence[int]) -> dict[int, bytes]:
    """Thumbnails of appearances, as JPEG, where there are any."""
    return host.catalogue.thumbnails.find(host.collection.id, Of.APPEARANCE, list(ids))


def appearances(
    host: Host,
    event: Event,
    ids: Iterable[int] | None = None,
    *,
    photos: Sequence[int] | None = None,
    after: int = 0,
    limit: int | None = None,
) -> list[Named]:
    """Faces with who they are by now; see `EventFaces.shown` for which."""
    event, catalogue = settled(host, event), host.catalogue
    faces, said_of = catalogue.event_faces, catalogue.verdicts
    shown = faces.shown(event.id, ids, photos=photos, after=after, limit=limit)
    if len(shown) <= _FEW:
        found = faces.with_kin(event.id, [each.id for each in shown])
        verdicts = said_of.about(found.ids.tolist())
    else:
        found, verdicts = faces.of_event(event.id), said_of.of_event(event.id)
    said, stamp = Said.of(verdicts), Stamp.read(event.stamp)
    truth = Truth(found, said, 0.0 if stamp is None else stamp.lone)
    row_of = {face: row for row, face in enumerate(found.ids.tolist())}
    wanted = {person for each in shown for person, _, _ in each.candidates}
    wanted |= people_said(verdicts) | set(truth.people[truth.people >= 0].tolist())
    names, numbers = catalogue.names(wanted), catalogue.external_ids(wanted)
    return [named(each, truth, row_of[each.id], said, names, numbers) for each in shown]


def faces_of(host: Host, event: Event, person_id: int) -> tuple[int, ...]:
    """Ids of one person's faces in an event, by now; nobody else's faces are read."""
    own = _faces_of(host, [settled(host, event)], person_id)
    return tuple(face for face, _ in own)


def sightings(host: Host, person_id: int) -> list[Sighting]:
    """Where somebody was seen, the latest event first; however many events, they are read once."""
    catalogue, collection = host.catalogue, host.collection.id
    seen = catalogue.event_faces.events_of(collection, person_id)
    seen |= catalogue.verdicts.of_person(collection, person_id).keys()
    every = [each for each in catalogue.events.all(collection) if each.id in seen]
    every = [each if _is_settled(each) else settled(host, each) for each in every]
    own = _faces_of(host, every, person_id)
    photos = catalogue.albums.named(photo for _, photo in own)
    by_event: dict[int, list[tuple[int, str]]] = {}
    for face, photo in own:
        if photo in photos:  # else it went meanwhile, with its event
            event_id, name = photos[photo]
            by_event.setdefault(event_id, []).append((face, name))
    found = []
    for event in every:
        faces = by_event.get(event.id)
        if faces:
            names = dict.fromkeys(name for _, name in faces)
            found.append(Sighting(event, tuple(names), tuple(face for face, _ in faces)))
    return found


def _faces_of(host: Host, events: Sequence[Event], person_id: int) -> list[tuple[int, int]]:
    """One person's faces in settled events, each with its photo, by id."""
    found = host.catalogue.event_faces.of_person([each.id for each in events], person_id)
    truth = Truth(found, Said.of(host.catalogue.verdicts.about(found.ids.tolist())), 0.0)
    own = truth.people == person_id
    return list(zip(found.ids[own].tolist(), found.photos[own].tolist(), strict=True))


def _write(roll: Roll, path: Path, form: str) -> None:
    from retrieval.events.exports import write  # and openpyxl, which no other step needs

    write(roll, path, form)
