"""A person's traces in events: erased when the person is, given on when people are merged."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from retrieval.catalogue.erasing.erasure_log import mark_of
from retrieval.catalogue.erasing.mentions import Mentions
from retrieval.catalogue.erasing.same_vectors import rows_with
from retrieval.catalogue.events.records import ErasedAppearances, Found
from retrieval.catalogue.events.store import forget
from retrieval.catalogue.events.tables import (
    appearances,
    event_people,
    event_photos,
    events,
    thumbnails,
    verdicts,
)
from retrieval.catalogue.schema import chunks, collections, faces
from retrieval.values import Vectors

PICTURE_TAIL = 240  # bytes of a picture to look for: all JPEG files begin with the same tables


def appearances_of(connection: Connection, person_id: int) -> list[int]:
    """Ids of the appearances that are a person's, by decision or by a verdict that stands."""
    said = select(verdicts.c.appearance_id).where(
        verdicts.c.person_id == person_id,
        verdicts.c.kind.in_(("is", "right")),
        verdicts.c.undone_at.is_(None),
    )
    found = connection.scalars(
        select(appearances.c.id).where(appearances.c.person_id == person_id)
    ).all()
    return sorted({*found, *connection.scalars(said)})


def stored_of_person(connection: Connection, person_id: int) -> list[bytes]:
    """Vectors and pictures of a person's appearances, and pictures of the enrolled faces."""
    ids = appearances_of(connection, person_id)
    owned = select(faces.c.id).where(faces.c.person_id == person_id)
    pictures = select(thumbnails.c.picture)
    shown = list(connection.scalars(pictures.where(thumbnails.c.face_id.in_(owned))))
    found: list[bytes] = []
    for some in chunks(ids):
        vectors = select(appearances.c.vector).where(appearances.c.id.in_(some))
        found += connection.scalars(vectors)
        shown += connection.scalars(pictures.where(thumbnails.c.appearance_id.in_(some)))
    found += [picture[-PICTURE_TAIL:] for picture in shown]
    return [value for value in found if value]


def erase_person(connection: Connection, person_id: int) -> ErasedAppearances:
    """Take a person's vectors and pictures out of every event; `take_names_out` does the names."""
    ids = appearances_of(connection, person_id)
    query = select(appearances.c.event_id, event_photos.c.sha256).join_from(
        appearances, event_photos, event_photos.c.id == appearances.c.photo_id
    )
    seen = [
        row
        for some in chunks(ids)
        for row in connection.execute(query.where(appearances.c.id.in_(some)))
    ]
    forget(connection, ids, Found.ERASED)
    gone = update(verdicts).where(verdicts.c.person_id == person_id)
    connection.execute(gone.values(person_id=None))
    return ErasedAppearances(
        tuple(ids),
        tuple(sorted({row.event_id for row in seen})),
        tuple(sorted({row.sha256 for row in seen if row.sha256 is not None})),
    )


def erase_vectors(connection: Connection, collection_id: int, vectors: Vectors) -> None:
    """Leave nothing of appearances with the very vector of an erased face, whosever they are.

    The same photo was in an event before the person was enrolled, or was decided otherwise.
    """
    model = select(collections.c.fingerprint).where(collections.c.id == collection_id)
    mine = appearances.c.collection_id == collection_id
    same = mine & (appearances.c.fingerprint == model.scalar_subquery())
    forget(connection, rows_with(connection, appearances, same, vectors), Found.ERASED)


def mark_photos(connection: Connection, collection_id: int, sha256s: Iterable[str]) -> None:
    """Leave marks in place of erased photos' hashes, by which events know that they have them."""
    mine = event_photos.c.collection_id == collection_id
    for some in chunks(sha256s):
        query = select(event_photos.c.id, event_photos.c.sha256)
        there = connection.execute(query.where(mine, event_photos.c.sha256.in_(some))).all()
        for row in there:
            same = event_photos.c.id == row.id
            connection.execute(update(event_photos).where(same).values(sha256=mark_of(row.sha256)))


def merge_people(connection: Connection, person_id: int, into_id: int) -> dict[str, list[int]]:
    """Let another one be where a person was seen, judged or expected; return what undoes it."""
    moved = {}
    for name, table in (("appearances", appearances), ("verdicts", verdicts)):
        mine = table.c.person_id == person_id
        moved[name] = list(connection.scalars(select(table.c.id).where(mine)))
        connection.execute(update(table).where(mine).values(person_id=into_id))
    moved["expected"] = _expecting(connection, person_id)
    there = set(_expecting(connection, into_id))
    moved["expected_anew"] = [event for event in moved["expected"] if event not in there]
    _expect(connection, moved["expected_anew"], into_id)
    return moved


def unmerge_people(
    connection: Connection, moved: dict[str, list[int]], person_id: int, into_id: int
) -> None:
    """Give back what `merge_people` gave on, where it is still with whom it was given to."""
    for name, table in (("appearances", appearances), ("verdicts", verdicts)):
        for some in chunks(moved.get(name, ())):
            back = update(table).where(table.c.id.in_(some), table.c.person_id == into_id)
            connection.execute(back.values(person_id=person_id))
    anew = event_people.c.event_id.in_(moved.get("expected_anew", ()))
    connection.execute(delete(event_people).where(anew, event_people.c.person_id == into_id))
    left = connection.scalars(select(events.c.id).where(events.c.id.in_(moved.get("expected", ()))))
    _expect(connection, left.all(), person_id)


def _expecting(connection: Connection, person_id: int) -> list[int]:
    """The events at which a person is expected by a list."""
    mine = event_people.c.person_id == person_id
    return list(connection.scalars(select(event_people.c.event_id).where(mine)))


def _expect(connection: Connection, event_ids: Sequence[int], person_id: int) -> None:
    rows = [{"event_id": event, "person_id": person_id} for event in event_ids]
    if rows:
        connection.execute(insert(event_people), rows)


def take_names_out(connection: Connection, collection_id: int, mentions: Mentions) -> None:
    """Take names out of what the photos of a collection's events are called."""
    photos = event_photos.c
    naming = mentions.possible(photos.photo) | mentions.possible(photos.location)
    naming |= mentions.possible(photos.message)
    query = select(photos.id, photos.photo, photos.location, photos.message)
    for row in connection.execute(query.where(photos.collection_id == collection_id, naming)).all():
        told: dict[str, Any] = {
            name: row._mapping[name] for name in ("photo", "location", "message")
        }
        left = mentions.taken_out_of_words(told) | {
            "location": mentions.taken_out(told["location"])  # where it is still to be found
        }
        if left["location"] != told["location"]:
            left["location"] = None  # a place that does not exist
        connection.execute(update(event_photos).where(photos.id == row.id).values(left))
