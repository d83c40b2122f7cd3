"""Events in the catalogue; every method is one transaction."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import date
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    Select,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from retrieval.catalogue.changes import lock_collection
from retrieval.catalogue.database import Database
from retrieval.catalogue.events.records import (
    NO_CANDIDATES,
    Event,
    EventSize,
    Expects,
    Found,
)
from retrieval.catalogue.events.tables import (
    appearances,
    event_people,
    event_photos,
    events,
    thumbnails,
    verdicts,
)
from retrieval.catalogue.lookups import same_person
from retrieval.catalogue.names import clean_name, folded
from retrieval.catalogue.records import Person
from retrieval.catalogue.schema import NO_VECTOR, chunks, days_ago, now
from retrieval.errors import AlreadyExists, InputError, NotFound

_EVENT = select(*(events.c[name] for name in Event.__slots__))


class EventStore:
    """The events of a catalogue. Safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # Events

    def create(
        self,
        collection_id: int,
        name: str,
        *,
        day: date | None = None,
        expects: Expects = Expects.NOBODY,
        people: Iterable[int] = (),
        keep_photos: bool = False,
        days: int | None = None,
    ) -> Event:
        """Make an event without photos.

        Args:
            collection_id: whose people are meant.
            name: unique in the collection, in whatever case.
            day: when it was; None to take it from the photos.
            expects: who was expected.
            people: ids of who, where a list was.
            keep_photos: whether copies of its photos are to be kept.
            days: for which it is kept; None for as many as the settings say.

        Raises:
            NotFound: no such collection.
            NameInvalid, AlreadyExists: see the messages.
        """
        name = clean_name(name, "event's name")
        row = {
            "collection_id": collection_id,
            "name": name,
            "day": None if day is None else day.isoformat(),
            "expects": expects.value,
            "keep_photos": keep_photos,
            "days": days,
            "created_at": now(),
            "revision": 0,
            "decided": 0,
        }
        with self._database.writing() as connection:
            lock_collection(connection, collection_id)
            _check_free(connection, collection_id, name)
            new = insert(events).returning(events.c.id)
            event_id = connection.execute(new, row).scalar_one()
            _expect(connection, event_id, people)
            made = find_event(connection, collection_id, events.c.id == event_id)
            return self._database.edited(connection, made)

    def find(self, collection_id: int, name: str) -> Event:
        """The event of this name, in whatever case; NotFound names those that there are."""
        with self._database.reading() as connection:
            cleaned = clean_name(name, "event's name")
            alike = _alike(connection, collection_id, cleaned)
            meant = alike.get(cleaned) or (next(iter(alike.values())) if len(alike) == 1 else None)
            return find_event(connection, collection_id, events.c.id == meant, name)

    def get(self, collection_id: int, event_id: int) -> Event:
        """The event with this id, or NotFound."""
        with self._database.reading() as connection:
            return find_event(connection, collection_id, events.c.id == event_id)

    def called(self, collection_id: int, named: str) -> Event:
        """The event of this name, or with this id (7 or #7).

        Raises:
            NotFound: there is none; the message names those that there are.
            InputError: it is one event's name and another one's id.
        """
        number = named.removeprefix("#")
        by_id = None
        if number.isascii() and number.isdecimal():
            with suppress(NotFound):
                by_id = self.get(collection_id, int(number[:18]))
        try:
            by_name = self.find(collection_id, named)
        except NotFound:
            if by_id is None:
                raise
            return by_id
        if by_id is not None and by_id.id != by_name.id:
            raise InputError(
                f"{named!r} is the name of the event #{by_name.id} and the id of {by_id.name!r}."
                f" Say #{by_name.id} or #{by_id.id}."
            )
        return by_name

    def all(self, collection_id: int) -> list[Event]:
        """All events of a collection, the latest day first."""
        order = (func.coalesce(events.c.day, events.c.created_at).desc(), events.c.id.desc())
        query = _EVENT.where(events.c.collection_id == collection_id).order_by(*order)
        with self._database.reading() as connection:
            return [_event(row) for row in connection.execute(query)]

    def sizes(self, event_ids: Iterable[int]) -> dict[int, EventSize]:
        """How much each event holds; events that are gone hold nothing."""
        wanted = list(event_ids)
        with self._database.reading() as connection:
            taken = _counted(connection, event_photos, wanted, event_photos.c.code.is_(None))
            refused = _counted(connection, event_photos, wanted, event_photos.c.code.is_not(None))
            faces = _counted(connection, appearances, wanted)
        return {
            event_id: EventSize(
                taken.get(event_id, 0), refused.get(event_id, 0), faces.get(event_id, 0)
            )
            for event_id in wanted
        }

    def expected_counts(self, event_ids: Iterable[int]) -> dict[int, int]:
        """How many people were expected at each event that expects a list."""
        with self._database.reading() as connection:
            return _counted(connection, event_people, list(event_ids))

    def expected(self, event_id: int) -> tuple[int, ...]:
        """Ids of the people who were expected, of an event that expects a list."""
        query = select(event_people.c.person_id).where(event_people.c.event_id == event_id)
        with self._database.reading() as connection:
            return tuple(connection.scalars(query.order_by(event_people.c.person_id)))

    def change(
        self,
        collection_id: int,
        event_id: int,
        *,
        name: str | None = None,
        day: date | None = None,
        expects: Expects | None = None,
        people: Iterable[int] = (),
        days: int | None = None,
    ) -> Event:
        """Change what is given, None leaves as it is; `people` counts with `expects`.

        Raises:
            NotFound: no such event.
            NameInvalid, AlreadyExists: see the messages.
        """
        changed: dict[str, Any] = {"day": day.isoformat() if day else None, "days": days}
        with self._database.writing() as connection:
            lock_collection(connection, collection_id)
            found = find_event(connection, collection_id, events.c.id == event_id)
            if name is not None and (new := clean_name(name, "event's name")) != found.name:
                _check_free(connection, collection_id, new, but=event_id)
                changed["name"] = new
            if expects is not None:
                changed["expects"] = expects.value
                mine = event_people.c.event_id == event_id
                connection.execute(delete(event_people).where(mine))
                _expect(connection, event_id, people)
            changed = {key: value for key, value in changed.items() if value is not None}
            if changed:
                connection.execute(update(events).where(events.c.id == event_id).values(changed))
            left = find_event(connection, collection_id, events.c.id == event_id)
            return self._database.edited(connection, left)

    def expect_also(self, collection_id: int, event_id: int, also: Sequence[Person]) -> Event:
        """Add people to those who are expected; where everybody is, nothing changes.

        Raises:
            NotFound: no such event, or somebody is gone or called otherwise by now. Nobody added.
        """
        with self._database.writing() as connection:
            lock_collection(connection, collection_id)
            event = find_event(connection, collection_id, events.c.id == event_id)
            wanted = {same_person(connection, collection_id, person).id for person in also}
            if event.expects is not Expects.EVERYBODY:
                mine = event_people.c.event_id == event_id
                known = set(connection.scalars(select(event_people.c.person_id).where(mine)))
                _expect(connection, event_id, wanted - known)
                listed = update(events).where(events.c.id == event_id)
                connection.execute(listed.values(expects=Expects.LISTED.value))
            left = find_event(connection, collection_id, events.c.id == event_id)
            return self._database.edited(connection, left)

    def delete(self, collection_id: int, event_id: int) -> tuple[str, ...]:
        """Delete an event with all that is of it, for good; return its photos' SHA-256.

        Raises:
            NotFound: no such event.
        """
        with self._database.writing() as connection:
            lock_collection(connection, collection_id)
            find_event(connection, collection_id, events.c.id == event_id)
            return self._database.edited(connection, _delete(connection, [event_id]))

    def kept(self, collection_id: int, sha256s: Iterable[str]) -> frozenset[str]:
        """Those of the photos of which an event keeps a copy: not where a deleted person is."""
        query = photos_kept_by_events().with_only_columns(event_photos.c.sha256)
        query = query.where(event_photos.c.collection_id == collection_id)
        with self._database.reading() as connection:
            return frozenset(
                found
                for some in chunks(sha256s)
                for found in connection.scalars(query.where(event_photos.c.sha256.in_(some)))
                if found is not None
            )

    def purge(
        self, collection_id: int, event_days: int | None, stranger_days: int
    ) -> tuple[tuple[int, ...], tuple[str, ...], int]:
        """Delete events whose time is over, and forget strangers' faces whose time is.

        A verdict keeps an appearance from being a stranger's: somebody looked at it.

        Args:
            collection_id: whose.
            event_days: for events without days of their own; None keeps those.
            stranger_days: for faces that are nobody's.

        Returns:
            ids of the events, SHA-256 of their photos, and how many faces were forgotten.
        """
        with self._database.reading() as connection:  # nearly always there is nothing to do
            due = _due(connection, collection_id, event_days)
            strangers = connection.scalars(_strangers(collection_id, stranger_days).limit(1)).all()
        if not due and not strangers:
            return (), (), 0
        with self._database.writing() as connection:
            lock_collection(connection, collection_id)
            due = _due(connection, collection_id, event_days)
            photos = _delete(connection, due)
            faces = [row.id for row in connection.execute(_strangers(collection_id, stranger_days))]
            forget(connection, faces, Found.FORGOTTEN)
            return tuple(due), photos, len(faces)


def photos_kept_by_events() -> Select[tuple[int, str]]:
    """Collection and SHA-256 of photos of which events keep copies."""
    erased = select(appearances.c.id).where(
        appearances.c.photo_id == event_photos.c.id,
        appearances.c.outcome == Found.ERASED.value,
    )
    return select(event_photos.c.collection_id, event_photos.c.sha256).where(
        event_photos.c.event_id.in_(select(events.c.id).where(events.c.keep_photos)),
        event_photos.c.code.is_(None),
        ~erased.exists(),
    )


def forget(connection: Connection, ids: Iterable[int], why: Found) -> None:
    """Leave nothing of appearances but that they were: no name, no vector, no picture."""
    gone: dict[str, Any] = {
        "vector": NO_VECTOR,
        "landmarks": b"",
        "outcome": why.value,
        "person_id": None,
        "candidates": NO_CANDIDATES,
        "reason": None,
        "likeness": None,
        "needed": None,
        "margin": None,
        "group_id": None,
    }
    for some in chunks(ids):
        mine = appearances.c.id.in_(some)
        connection.execute(update(appearances).where(mine).values(gone))
        connection.execute(delete(thumbnails).where(thumbnails.c.appearance_id.in_(some)))


def _event(row: Row[Any]) -> Event:
    day = None if row.day is None else date.fromisoformat(row.day)
    return Event(**{**row._mapping, "day": day, "expects": Expects(row.expects)})


def find_event(connection: Connection, collection_id: int, which: Any, name: str = "") -> Event:
    """The one event of a collection that is meant, or NotFound."""
    mine = events.c.collection_id == collection_id
    row = connection.execute(_EVENT.where(mine, which)).one_or_none()
    if row is None:
        if not name:
            raise NotFound("There is no such event any more.")
        names = connection.scalars(select(events.c.name).where(mine).order_by("name").limit(20))
        others = ", ".join(names) or "none yet"
        what = f"There is no such event: {name!r}; there are: {others}."
        raise NotFound(f"{what} `rollcall events create NAME` makes one.")
    return _event(row)


def _alike(connection: Connection, collection_id: int, name: str) -> dict[str, int]:
    """The events of this name in whatever case, by name."""
    query = select(events.c.name, events.c.id).where(events.c.collection_id == collection_id)
    wanted = folded(name)
    return {row.name: row.id for row in connection.execute(query) if folded(row.name) == wanted}


def _check_free(
    connection: Connection, collection_id: int, name: str, but: int | None = None
) -> None:
    for taken, event_id in _alike(connection, collection_id, name).items():
        if event_id != but:
            raise AlreadyExists(
                f"There is an event {taken!r} already. Add the photos to it, or take another name."
            )


def _expect(connection: Connection, event_id: int, people: Iterable[int]) -> None:
    rows = [{"event_id": event_id, "person_id": person} for person in sorted(set(people))]
    if rows:
        connection.execute(insert(event_people), rows)


def _counted(
    connection: Connection, table: Any, event_ids: Sequence[int], *which: Any
) -> dict[int, int]:
    query = select(table.c.event_id, func.count()).where(*which).group_by(table.c.event_id)
    return {
        event_id: count
        for some in chunks(event_ids)
        for event_id, count in connection.execute(query.where(table.c.event_id.in_(some)))
    }


def _due(connection: Connection, collection_id: int, event_days: int | None) -> list[int]:
    query = select(events.c.id, events.c.days, events.c.created_at)
    found = connection.execute(query.where(events.c.collection_id == collection_id))
    due = []
    for event_id, own, created_at in found:
        days = event_days if own is None else own
        if days is not None and created_at < days_ago(days):
            due.append(event_id)
    return due


def _strangers(collection_id: int, days: int) -> Select[tuple[int]]:
    said = select(verdicts.c.id).where(
        verdicts.c.appearance_id == appearances.c.id,
        verdicts.c.undone_at.is_(None),
        verdicts.c.kind.in_(("is", "right")),
    )
    old = select(event_photos.c.id).where(
        event_photos.c.collection_id == collection_id,
        event_photos.c.added_at < days_ago(days),
    )
    return select(appearances.c.id).where(
        appearances.c.photo_id.in_(old),
        or_(*(appearances.c.outcome == found.value for found in _NOBODYS)),
        ~said.exists(),
    )


_NOBODYS = (Found.UNKNOWN, Found.AMBIGUOUS, Found.UNUSABLE)


def _delete(connection: Connection, event_ids: Sequence[int]) -> tuple[str, ...]:
    if not event_ids:
        return ()
    query = select(event_photos.c.sha256).where(event_photos.c.event_id.in_(event_ids))
    hashes = {sha256 for sha256 in connection.scalars(query) if sha256 is not None}
    connection.execute(delete(events).where(events.c.id.in_(event_ids)))
    return tuple(sorted(hashes))
