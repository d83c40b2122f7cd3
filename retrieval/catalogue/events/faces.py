"""The faces of events in the catalogue: read as columns, and decided together.

Every method is one transaction.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Connection, Row, bindparam, func, or_, select, update

from retrieval.catalogue.changes import check_model, dimension_of, lock_collection
from retrieval.catalogue.database import Database
from retrieval.catalogue.encrypted.encoding import decode_vectors, encode_vectors, from_bytes
from retrieval.catalogue.events.cameras import footage, stays
from retrieval.catalogue.events.records import (
    CANDIDATE,
    FOUND,
    Appearance,
    Appearances,
    Decided,
    Embedded,
    EventPhoto,
    Found,
    Seconds,
    ToDecide,
    Waiting,
)
from retrieval.catalogue.events.tables import appearances, event_photos, events, verdicts
from retrieval.catalogue.records import Collection, NewFace, part_sha256
from retrieval.catalogue.schema import NO_VECTOR, chunks, people
from retrieval.errors import NotFound
from retrieval.values import Floats, Ints

EVENT, ITSELF, NOTHING = "event", "itself", "nothing"  # what `basis` may say
_NUMBER = {found.value: number for number, found in enumerate(FOUND)}
_COLUMNS = (
    "id", "photo_id", "outcome", "person_id", "likeness", "needed", "basis", "group_id", "size_px",
    "first_s", "last_s", "agreement",
)  # fmt: skip
_SHOWN = select(
    *(
        appearances.c[name]
        for name in (*_COLUMNS, "face", "margin", "best_s", "box", "reason", "candidates")
    ),
    *(event_photos.c[name].label(f"photo_{name}") for name in EventPhoto.__slots__ if name != "id"),
).join_from(appearances, event_photos, event_photos.c.id == appearances.c.photo_id)


class EventFaces:
    """The appearances of a catalogue's events. Safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_event(self, event_id: int) -> Appearances:
        """All appearances of an event, by id."""
        with self._database.reading() as connection:
            return _read(connection, [event_id])

    def of_person(self, event_ids: Sequence[int], person_id: int) -> Appearances:
        """Appearances of events that were ever taken for one person, by id."""
        with self._database.reading() as connection:
            return _read(connection, event_ids, _taken_for(event_ids, person_id))

    def with_kin(self, event_id: int, ids: Sequence[int]) -> Appearances:
        """Some appearances of an event, and all that were ever taken for the same people, by id.

        Nothing else tells who these are by now: whether somebody is there for sure depends on that
        person's faces alone, and so does whether two of them are in one photo.
        """
        decided = select(appearances.c.person_id).where(
            appearances.c.id.in_(ids), appearances.c.person_id.is_not(None)
        )
        said = select(verdicts.c.person_id).where(
            verdicts.c.appearance_id.in_(ids), verdicts.c.person_id.is_not(None)
        )
        with self._database.reading() as connection:
            people = {*connection.scalars(decided), *connection.scalars(said)}
            kin = or_(appearances.c.id.in_(ids), _taken_for([event_id], *people))
            return _read(connection, [event_id], kin)

    def to_decide(self, event_id: int, fingerprint: str) -> ToDecide:
        """What deciding an event by the model of a fingerprint needs, of one moment.

        Raises:
            NotFound: no such event (any more).
        """
        columns = ("vector", "unusable", "margin", "reason", "candidates", "collection_id")
        query = select(
            *(appearances.c[name] for name in columns), appearances.c.fingerprint == fingerprint
        ).where(appearances.c.event_id == event_id)
        state = select(events.c.revision, events.c.decided, events.c.stamp)
        with self._database.reading() as connection:
            event = connection.execute(state.where(events.c.id == event_id)).one_or_none()
            if event is None:
                raise NotFound(f"There is no event with id {event_id} any more.")
            found = _read(connection, [event_id])
            rows = connection.execute(query.order_by(appearances.c.id)).all()
            usable = [n for n, row in enumerate(rows) if row[-1] and row[0] != NO_VECTOR]
            dimension = dimension_of(connection, rows[0].collection_id) if rows else 0
            vectors = decode_vectors(connection, [rows[n][0] for n in usable], dimension)
        return ToDecide(
            *event,
            found,
            unusable=[row[1] for row in rows],
            margins=_floats([row[2] for row in rows]),
            reasons=[row[3] for row in rows],
            candidates=[row[4] for row in rows],
            rows=np.array(usable, np.int64),
            vectors=vectors,
        )

    def decide(
        self, collection_id: int, event_id: int, revision: int, decided: Decided, stamp: str
    ) -> bool:
        """Write an event's decisions down, if its appearances are still those of `revision`.

        What was erased meanwhile stays erased: nobody is named who is not there any more.
        """
        with self._database.writing() as connection:
            lock_collection(connection, collection_id)
            present = connection.scalar(select(events.c.revision).where(events.c.id == event_id))
            if present != revision:
                return False
            wanted = np.unique(decided.people[decided.people >= 0]).tolist()
            known: set[int | None] = {None}
            mine = select(people.c.id).where(people.c.collection_id == collection_id)
            for some in chunks(wanted):
                known |= set(connection.scalars(mine.where(people.c.id.in_(some))))
            before = _decisions(connection, event_id)
            rows = [
                row
                for row in _rows(decided)
                if row["person_id"] in known and before.get(row["_id"]) != tuple(row.values())
            ]
            if rows:
                anew = update(appearances).where(
                    appearances.c.id == bindparam("_id"),
                    appearances.c.event_id == event_id,
                    appearances.c.vector != NO_VECTOR,
                )
                connection.execute(anew.values({name: bindparam(name) for name in _DECIDED}), rows)
            settled = update(events).where(events.c.id == event_id)
            connection.execute(settled.values(decided=revision, stamp=stamp))
            self._database.edited(connection, decided)
            return True

    def newest(self, event_id: int) -> int:
        """The id of an event's newest appearance, 0 if it has none."""
        query = select(func.max(appearances.c.id)).where(appearances.c.event_id == event_id)
        with self._database.reading() as connection:
            return connection.scalar(query) or 0

    def shown(
        self,
        event_id: int,
        ids: Iterable[int] | None = None,
        *,
        photos: Sequence[int] | None = None,
        after: int = 0,
        limit: int | None = None,
    ) -> list[Appearance]:
        """Appearances as they are shown: those asked for, or a page of all behind `after`.

        Args:
            event_id: whose.
            ids: of the appearances, in place of a page.
            photos: ids of the photos that they are on; None for all.
            after, limit: a page, behind that id.
        """
        query = _SHOWN.where(appearances.c.event_id == event_id).order_by(appearances.c.id)
        if photos is not None:
            query = query.where(appearances.c.photo_id.in_(photos))
        with self._database.reading() as connection:
            if ids is None:
                page = query.where(appearances.c.id > after).limit(limit)
                return [_shown(row) for row in connection.execute(page)]
            return [
                _shown(row)
                for some in chunks(sorted(set(ids)))
                for row in connection.execute(query.where(appearances.c.id.in_(some)))
            ]

    def events_of(self, collection_id: int, person_id: int) -> set[int]:
        """In which events a person was found."""
        query = select(appearances.c.event_id).where(
            appearances.c.collection_id == collection_id, appearances.c.person_id == person_id
        )
        with self._database.reading() as connection:
            return set(connection.scalars(query.distinct()))

    def other_model(self, event_id: int, fingerprint: str) -> list[Waiting]:
        """Appearances whose vector is of another model."""
        c = appearances.c
        query = select(c.id, c.photo_id, c.landmarks, c.best_s).where(
            c.event_id == event_id, c.fingerprint != fingerprint, c.vector != NO_VECTOR
        )
        with self._database.reading() as connection:
            return [
                Waiting(row.id, row.photo_id, from_bytes(row.landmarks).reshape(5, 2), row.best_s)
                for row in connection.execute(query.order_by(c.id))
            ]

    def embed_anew(
        self, collection: Collection, event_id: int, embedded: Sequence[Embedded]
    ) -> None:
        """Give appearances vectors of the collection's present model.

        Raises:
            ModelSwitched: it has another model now. Nothing stored.
        """
        if not embedded:
            return
        with self._database.writing() as connection:
            lock_collection(connection, collection.id)
            check_model(connection, collection.id, collection.fingerprint)
            stored = encode_vectors(connection, np.stack([each.vector for each in embedded]))
            rows = [
                {"_id": each.face, "_vector": value, "_agreement": each.agreement}
                for each, value in zip(embedded, stored, strict=True)
            ]
            mine = update(appearances).where(
                appearances.c.id == bindparam("_id"),
                appearances.c.event_id == event_id,
                appearances.c.vector != NO_VECTOR,
            )
            new: dict[str, Any] = {"fingerprint": collection.fingerprint}
            new |= {name: bindparam(f"_{name}") for name in ("vector", "agreement")}
            connection.execute(mine.values(new), rows)
            connection.execute(
                update(events).where(events.c.id == event_id).values(revision=events.c.revision + 1)
            )
            self._database.edited(connection, len(rows))

    def enrollable(
        self, event_id: int, ids: Iterable[int], fingerprint: str
    ) -> tuple[dict[int, NewFace], dict[int, str]]:
        """Appearances as faces to be enrolled, under no name yet, and why others cannot be.

        A photo shows several people, so they are parts of it. Of a video each track is a photo of
        its own: where one face is, another one is later.
        """
        query = select(
            appearances,
            event_photos.c.sha256,
            event_photos.c.photo,
            event_photos.c.width,
            event_photos.c.height,
        ).join_from(appearances, event_photos, event_photos.c.id == appearances.c.photo_id)
        query = query.where(appearances.c.event_id == event_id)
        found: dict[int, NewFace] = {}
        refused: dict[int, str] = {}
        with self._database.reading() as connection:
            for some in chunks(ids):
                for row in connection.execute(query.where(appearances.c.id.in_(some))).all():
                    if row.vector == NO_VECTOR or row.fingerprint != fingerprint:
                        refused[row.id] = "its vector is gone, or another model's"
                    elif row.unusable is not None:
                        refused[row.id] = row.unusable
                    else:
                        found[row.id] = _new_face(connection, row)
        return found, refused


_DECIDED = (
    "outcome", "person_id", "likeness", "needed", "margin", "basis", "reason", "candidates",
    "group_id",
)  # fmt: skip


def _decisions(connection: Connection, event_id: int) -> dict[int, tuple[Any, ...]]:
    """What an event's appearances were decided to be, by id: values as those of `_rows`."""
    columns = (appearances.c[name] for name in ("id", *_DECIDED))
    query = select(*columns).where(appearances.c.event_id == event_id)
    return {row[0]: tuple(row) for row in connection.execute(query)}


def _taken_for(event_ids: Sequence[int], *people: int) -> ColumnElement[bool]:
    """Appearances of events that were decided or said to be one of these people, ever."""
    said = select(verdicts.c.appearance_id).where(
        verdicts.c.person_id.in_(people), verdicts.c.event_id.in_(event_ids)
    )
    return or_(appearances.c.person_id.in_(people), appearances.c.id.in_(said))


def _read(
    connection: Connection, event_ids: Sequence[int], which: ColumnElement[bool] | None = None
) -> Appearances:
    query = select(*(appearances.c[name] for name in _COLUMNS))
    query = query.where(appearances.c.event_id.in_(event_ids)).order_by(appearances.c.id)
    if which is not None:
        query = query.where(which)
    # The driver's own tuples: SQLAlchemy's rows would double the time of 40,000 faces.
    cursor = connection.execute(query).cursor
    rows = cursor.fetchall() if cursor is not None else []
    columns: Sequence[Any] = list(zip(*rows, strict=True)) if rows else [()] * len(_COLUMNS)
    ids, photos, found, persons, likeness, needed = columns[:6]
    basis, groups, sizes, first, last, agreement = columns[6:]
    lasting = any(second is not None for second in first)
    within = footage(stays(connection, event_ids)) if lasting else {}
    shown = [within.get(photo, (photo, 0.0)) for photo in photos]
    return Appearances(
        ids=np.array(ids, np.int64),
        photos=np.array(photos, np.int64),
        found=np.array([_NUMBER[each] for each in found], np.int64),
        people=_ints(persons),
        likeness=_floats(likeness),
        needed=_floats(needed),
        by_event=np.array([each == EVENT for each in basis], bool),
        groups=_ints(groups),
        sizes=np.array(sizes, np.float32),
        first=np.array([second or 0 for second in first], np.float32),
        last=np.array([second or 0 for second in last], np.float32),
        agreement=np.array([1 if each is None else each for each in agreement], np.float32),
        footage=np.array([first for first, _ in shown], np.int64),
        begins=np.array([second for _, second in shown], np.float32),
    )


def _ints(values: Sequence[int | None]) -> Ints:
    return np.array([-1 if value is None else value for value in values], np.int64)


def _floats(values: Sequence[float | None]) -> Floats:
    return np.array([np.nan if value is None else value for value in values], np.float32)


def _rows(decided: Decided) -> list[dict[str, Any]]:
    numbers = [
        [None if np.isnan(value) else value for value in column.tolist()]
        for column in (decided.likeness, decided.needed, decided.margins)
    ]
    ids = [
        [None if value < 0 else value for value in column.tolist()]
        for column in (decided.people, decided.groups)
    ]
    return [
        {
            "_id": appearance,
            "outcome": decided.found[row].value,
            "person_id": ids[0][row],
            "likeness": numbers[0][row],
            "needed": numbers[1][row],
            "margin": numbers[2][row],
            "basis": EVENT if decided.by_event[row] else ITSELF,
            "reason": decided.reasons[row],
            "candidates": decided.candidates[row],
            "group_id": ids[1][row],
        }
        for row, appearance in enumerate(decided.ids.tolist())
    ]


def _new_face(connection: Connection, row: Row[Any]) -> NewFace:
    box, of_video = from_bytes(row.box), row.first_s is not None
    dimension = dimension_of(connection, row.collection_id)
    return NewFace(
        person="",
        external_id=None,
        sha256=part_sha256(row.sha256, box) if of_video else row.sha256,
        photo=row.photo,
        width=row.width,
        height=row.height,
        box=box,
        landmarks=from_bytes(row.landmarks).reshape(5, 2),
        score=row.score,
        size_px=row.size_px,
        sharpness=row.sharpness,
        yaw_deg=row.yaw_deg,
        cut_off=row.cut_off,
        vector=decode_vectors(connection, [row.vector], dimension)[0],
        part=not of_video,
    )


def _shown(row: Row[Any]) -> Appearance:
    left, top, width, height = from_bytes(row.box).tolist()
    names = [name for name in EventPhoto.__slots__ if name != "id"]
    photo = EventPhoto(row.photo_id, **{name: row._mapping[f"photo_{name}"] for name in names})
    candidates = np.frombuffer(row.candidates, CANDIDATE)
    return Appearance(
        id=row.id,
        photo=photo,
        face=row.face,
        box=(left, top, width, height),
        found=Found(row.outcome),
        person_id=row.person_id,
        likeness=row.likeness,
        needed=row.needed,
        margin=row.margin,
        by_event=row.basis == EVENT,
        reason=row.reason,
        candidates=tuple((int(p), float(s), int(f)) for p, s, f in candidates),
        group=row.group_id,
        size_px=row.size_px,
        seconds=None if row.first_s is None else Seconds(row.first_s, row.last_s, row.best_s),
    )
