"""The events of a collection: one object for whoever adds photos, reads the roll, or judges."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime

from retrieval.catalogue.events.records import (
    Event,
    EventPhoto,
    EventSize,
    Expects,
    Verdict,
)
from retrieval.catalogue.names import folded
from retrieval.catalogue.records import Person
from retrieval.collection.enrolments import FaceBox
from retrieval.collection.tracks.identifying import Advance
from retrieval.collection.tracks.sightings import Sighting as CameraSighting
from retrieval.errors import SettingInvalid
from retrieval.events import reading
from retrieval.events.album import add_face, photo_of, read_again
from retrieval.events.answers import Roll
from retrieval.events.changes import EventChanges, update, would_change
from retrieval.events.host import Host
from retrieval.events.intake import PhotoTaken, take, take_face, take_sighting
from retrieval.events.presence import Presence, Sighting, presence_of, shared_photos
from retrieval.events.shown import EventShown, Expected, Named
from retrieval.events.verdicts import Judged, Judgement, judge
from retrieval.values import Source


class Events:
    """The events of one collection. Safe to share between threads."""

    def __init__(self, host: Host) -> None:
        self._host = host
        catalogue = host.catalogue
        self._store, self._faces = catalogue.events, catalogue.event_faces
        self._albums, self._verdicts = catalogue.albums, catalogue.verdicts

    @property
    def _collection(self) -> int:
        return self._host.collection.id

    @property
    def stranger_days(self) -> int:
        """For how many days faces are kept that are nobody's."""
        return self._host.keeping.stranger_days

    # Events

    def create(
        self,
        name: str,
        *,
        day: date | None = None,
        expected: Expected | None = None,
        keep_photos: bool = False,
        days: int | None = None,
    ) -> Event:
        """Make an event without photos.

        Args:
            name: unique in the collection.
            day: when it was; None to take it from the photos.
            expected: who was, from `expect`; None for nobody in particular.
            keep_photos: whether copies of its photos are to be kept.
            days: for which it is kept; None for as many as the settings say.

        Raises:
            NameInvalid, AlreadyExists: see the messages.
        """
        collection = self._host.ensure_collection()
        self.purge()
        expected = expected or Expected(Expects.NOBODY)
        return self._store.create(
            collection.id,
            name,
            day=day,
            expects=expected.whom,
            people=expected.people,
            keep_photos=keep_photos,
            days=days,
        )

    def expect(self, entries: Iterable[str]) -> Expected:
        """Who is meant by a list of names or employee numbers; others are told apart."""
        found: dict[str, int] = {}
        for person in self._host.catalogue.people(self._collection):
            found[folded(person.name)] = person.id
            if person.external_id is not None:
                found.setdefault(folded(person.external_id), person.id)
        wanted = list(dict.fromkeys(entry.strip() for entry in entries if entry.strip()))
        ids = [found[folded(entry)] for entry in wanted if folded(entry) in found]
        unknown = tuple(entry for entry in wanted if folded(entry) not in found)
        return Expected(Expects.LISTED, tuple(dict.fromkeys(ids)), unknown)

    def find(self, event: str | int) -> Event:
        """The event of this name, or with this id (7 or #7).

        Raises:
            NotFound: there is none; the message names those that there are.
            InputError: it is one event's name and another one's id.
        """
        if isinstance(event, int):
            return self._store.get(self._collection, event)
        return self._store.called(self._collection, event)

    def all(self) -> list[EventShown]:
        """All events with how much they hold, the latest first."""
        self.purge()
        found = self._store.all(self._collection)
        sizes = self._store.sizes(event.id for event in found)
        expected = self._store.expected_counts(event.id for event in found)
        return [EventShown(e, sizes[e.id], expected.get(e.id, 0)) for e in found]

    def size(self, event: Event) -> EventSize:
        """How much an event holds."""
        return self._store.sizes([event.id])[event.id]

    def show(self, event: Event) -> EventShown:
        """One event with how much it holds, and whether its roll is of today."""
        said = self._verdicts.of_event(event.id)
        expected = len(self._store.expected(event.id))
        return EventShown(
            event, self.size(event), expected, reading.outdated(self._host, event, said)
        )

    def change(
        self,
        event: Event,
        *,
        name: str | None = None,
        day: date | None = None,
        expected: Expected | None = None,
        days: int | None = None,
    ) -> Event:
        """Change what is given; see `EventStore.change`."""
        return self._store.change(
            self._collection,
            event.id,
            name=name,
            day=day,
            expects=None if expected is None else expected.whom,
            people=() if expected is None else expected.people,
            days=days,
        )

    def expect_also(self, event: Event, people: Sequence[Person]) -> Event:
        """Add people to those who are expected; see `EventStore.expect_also`."""
        return self._store.expect_also(self._collection, event.id, people)

    def delete(self, event: Event) -> int:
        """Delete an event for good, with kept copies of its photos; return how many it had."""
        photos, unfinished = self.erase(event)
        self.finish_erasure(photos, unfinished)
        return len(photos)

    def erase(self, event: Event) -> tuple[tuple[str, ...], bool]:
        """Delete an event's rows for good; `finish_erasure` does the rest, with what this returns.

        Returns:
            SHA-256 of its photos, and whether an erasure before was not finished.
        """
        unfinished = self._host.catalogue.begin_erasure(self._collection)
        return self._store.delete(self._collection, event.id), unfinished

    def finish_erasure(self, photos: Iterable[str], unfinished: bool) -> None:
        """Leave nothing of deleted events in SQLite's log or kept photos."""
        self._host.catalogue.empty_wal()
        self._host.discard(set(photos), unfinished)

    def purge(self) -> None:
        """Delete events whose time is over, and forget strangers' faces whose time is."""
        keeping = self._host.keeping
        gone, hashes, _ = self._store.purge(
            self._collection, keeping.event_days, keeping.stranger_days
        )
        if gone:
            self.finish_erasure(hashes, self._host.catalogue.begin_erasure(self._collection))

    # Photos

    def add(
        self, event: Event, sources: Iterable[Source], advance: Advance | None = None
    ) -> Iterator[PhotoTaken]:
        """Add photos, each once, then decide the event anew as a whole.

        A result is given out when its photo is safely in the catalogue; the same call goes on
        where it was stopped. `advance`: see `take`.
        """
        yield from self.take(event, sources, advance)
        self.settle(event)

    def take(
        self, event: Event, sources: Iterable[Source], advance: Advance | None = None
    ) -> Iterator[PhotoTaken]:
        """Add photos as `add` does, and leave the decision to `settle` or to the next roll.

        `advance` is told which second of a video is reached, and how long the video is.
        """
        self.purge()
        yield from take(self._host, event, iter(sources), advance)

    def add_sighting(self, event: Event, camera: str, sighting: CameraSighting) -> None:
        """Add what a camera saw, and leave the decision to `settle` or to the next roll."""
        take_sighting(self._host, event, camera, sighting)

    def add_one(
        self, event: Event, photo: Source, face: int, *, moment: datetime, key: str
    ) -> None:
        """Add one face of a photo, then decide the event anew as a whole; see `take_face`."""
        take_face(self._host, event, photo, face, moment, key)
        self.settle(event)

    def settle(self, event: Event) -> None:
        """Decide an event if photos came since it was decided."""
        reading.settled(self._host, event)

    def photos(
        self, event: Event, *, rejected: bool = False, after: int = 0, limit: int | None = None
    ) -> list[EventPhoto]:
        """The event's photos, or those that were not taken; see `Albums.photos`."""
        return self._albums.photos(event.id, rejected=rejected, after=after, limit=limit)

    def remarked(self, event: Event) -> list[EventPhoto]:
        """The event's videos of which there is something to say; see `Albums.remarked`."""
        return self._albums.remarked(event.id)

    def photo(self, event: Event, photo_id: int) -> tuple[EventPhoto, Source | None]:
        """A photo of an event, and where it can be read again: None where it was not kept."""
        photo = photo_of(self._host, event, photo_id)
        return photo, read_again(self._host, photo)

    def add_face(self, event: Event, photo_id: int, box: FaceBox) -> Named:
        """Add a face that was missed, where somebody saw it; see `album.add_face`."""
        face = add_face(self._host, event, photo_id, box)
        (shown,) = self.appearances(event, [face])
        return shown

    def picture(self, event: Event, face: int) -> bytes | None:
        """The thumbnail of one face of an event; None where there is none, or no such face."""
        own = self._faces.shown(event.id, [face])
        return reading.pictures(self._host, [each.id for each in own]).get(face)

    # What it holds

    def roll(self, event: Event) -> Roll:
        """Who was there: derived anew each time, never stored."""
        return reading.roll_of(self._host, event)

    def appearances(
        self,
        event: Event,
        ids: Iterable[int] | None = None,
        *,
        photos: Sequence[int] | None = None,
        after: int = 0,
        limit: int | None = None,
    ) -> list[Named]:
        """Faces with who they are by now; see `EventFaces.shown` for which."""
        return reading.appearances(self._host, event, ids, photos=photos, after=after, limit=limit)

    def faces_of(self, event: Event, person_id: int) -> tuple[int, ...]:
        """Ids of one person's faces in an event, by now; nobody else's faces are read."""
        return reading.faces_of(self._host, event, person_id)

    def newest(self, event: Event) -> int:
        """The id of the newest appearance, 0 if there is none; decides nothing."""
        return self._faces.newest(event.id)

    # Verdicts

    def judge(self, event: Event, told: Judgement, who: str) -> Judged:
        """Write down what somebody says of faces; see `verdicts.judge`."""
        return judge(self._host, event, told, who)

    def undo(self, event: Event, act: int | None, who: str) -> list[Verdict]:
        """Take back what was said together, the newest that stands if None.

        Raises:
            NotFound: no such act, or none at all.
            UndoImpossible: it was undone already.
        """
        return self._verdicts.undo(self._collection, event.id, act, who)

    def history(self, event: Event) -> list[Verdict]:
        """All that was said, oldest first, undone or not."""
        return self._verdicts.of_event(event.id)

    # What would change

    def would_change(self, event: Event) -> EventChanges:
        """What `update` would change, with the people, thresholds and verdicts of now."""
        return would_change(self._host, reading.settled(self._host, event))

    def update(self, event: Event) -> EventChanges:
        """Decide an event anew; verdicts stay."""
        self.purge()
        return update(self._host, event)

    # Over several events

    def sightings(self, person: str | int) -> list[Sighting]:
        """Where somebody was seen, the latest event first.

        Args:
            person: a name, a number or an id, as `catalogue.person` takes them; or the id itself.

        Raises:
            NotFound: nobody is meant.
            Ambiguous: several people are.
        """
        if isinstance(person, str):
            person = self._host.catalogue.person(self._collection, person).id
        return reading.sightings(self._host, person)

    def together(self, people: Sequence[str]) -> list[Sighting]:
        """Photos of events that show all of these people, meant as in `sightings`."""
        return shared_photos([self.sightings(person) for person in people])

    def presence(self, first: date | None = None, last: date | None = None) -> Presence:
        """Who was at which of the events of some days; None for no bound.

        Raises:
            SettingInvalid: the last day lies before the first.
        """
        if first is not None and last is not None and last < first:
            raise SettingInvalid(f"The last day, {last}, lies before the first, {first}.")
        every = self._store.all(self._collection)
        of_days = [
            event
            for event in every
            if event.day and (first or event.day) <= event.day <= (last or event.day)
        ]
        undated = [event for event in every if event.day is None]
        if first is None and last is None:
            of_days, undated = [*undated, *of_days], []
        return presence_of([self.roll(event) for event in of_days], first, last, undated)
