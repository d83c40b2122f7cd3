"""Who was where: people and events of a time as one table, and where somebody was seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from retrieval.catalogue.events.records import Event
from retrieval.events.answers import Roll, Standing
from retrieval.events.documents import PresenceDocument, SightingDocument


@dataclass(frozen=True, slots=True)
class PresenceLine:
    """One person over several events.

    Attributes:
        person_id, person, external_id: who.
        standings: at each event, None where the person is not on the roll.
    """

    person_id: int
    person: str
    external_id: str | None
    standings: tuple[Standing | None, ...]

    @property
    def present(self) -> int:
        """At how many events the person was."""
        return sum(standing is Standing.PRESENT for standing in self.standings)


@dataclass(frozen=True, slots=True)
class Presence:
    """People and events of a time.

    Attributes:
        first, last: of the days that were asked for.
        events: by day.
        lines: by name.
        undated: events of no day, which days that are asked for leave out.
    """

    first: date | None
    last: date | None
    events: tuple[Event, ...]
    lines: tuple[PresenceLine, ...]
    undated: tuple[Event, ...] = ()

    def document(self) -> PresenceDocument:
        """As JSON."""
        return {
            "from": None if self.first is None else self.first.isoformat(),
            "to": None if self.last is None else self.last.isoformat(),
            "events": [
                {
                    "id": event.id,
                    "name": event.name,
                    "day": None if event.day is None else event.day.isoformat(),
                }
                for event in self.events
            ],
            "people": [
                {
                    "person_id": line.person_id,
                    "person": line.person,
                    "external_id": line.external_id,
                    "present": line.present,
                    "standings": [None if each is None else each.value for each in line.standings],
                }
                for line in self.lines
            ],
            "undated": [{"id": event.id, "name": event.name} for event in self.undated],
        }


def presence_of(
    rolls: Sequence[Roll], first: date | None, last: date | None, undated: Sequence[Event] = ()
) -> Presence:
    """Put rolls beside each other."""
    rolls = sorted(rolls, key=lambda roll: (roll.event.day or date.min, roll.event.id))
    standings: dict[int, dict[int, Standing]] = {}
    names: dict[int, tuple[str, str | None]] = {}
    for roll in rolls:
        for line in roll.lines:
            standings.setdefault(line.person_id, {})[roll.event.id] = line.standing
            names[line.person_id] = (line.person, line.external_id)
    lines = [
        PresenceLine(person, *names[person], tuple(own.get(roll.event.id) for roll in rolls))
        for person, own in standings.items()
    ]
    lines.sort(key=lambda line: line.person.casefold())
    return Presence(first, last, tuple(roll.event for roll in rolls), tuple(lines), tuple(undated))


@dataclass(frozen=True, slots=True)
class Sighting:
    """Where somebody was seen.

    Attributes:
        event: at which event.
        photos: in which photos, by their names.
        faces: ids of the appearances.
    """

    event: Event
    photos: tuple[str, ...]
    faces: tuple[int, ...]

    def document(self) -> SightingDocument:
        """As JSON."""
        return {
            "event_id": self.event.id,
            "event": self.event.name,
            "day": None if self.event.day is None else self.event.day.isoformat(),
            "photos": list(self.photos),
            "faces": list(self.faces),
        }


def shared_photos(seen: Sequence[Sequence[Sighting]]) -> list[Sighting]:
    """Photos that show everybody, by event.

    Args:
        seen: where each person was seen.
    """
    each = [
        {(found.event.id, photo): found for found in sightings for photo in found.photos}
        for sightings in seen
    ]
    shared = set(each[0]).intersection(*each[1:]) if each else set()
    events: dict[int, tuple[Event, list[str]]] = {}
    for event_id, photo in sorted(shared):
        found = each[0][event_id, photo]
        events.setdefault(event_id, (found.event, []))[1].append(photo)
    return [Sighting(event, tuple(photos), ()) for event, photos in events.values()]
