"""An event's photos in the catalogue, and the faces that come in with them.

Every method is one transaction.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import Connection, Select, and_, delete, func, insert, select, update

from retrieval.catalogue.changes import check_model, lock_collection
from retrieval.catalogue.database import Database
from retrieval.catalogue.encrypted.encoding import encode_vectors, to_bytes
from retrieval.catalogue.erasing.erasure_log import mark_of
from retrieval.catalogue.events.records import (
    NO_CANDIDATES,
    EventPhoto,
    Found,
    NewPhoto,
    PhotosAdded,
    Reject,
)
from retrieval.catalogue.events.store import find_event
from retrieval.catalogue.events.tables import appearances, event_photos, events
from retrieval.catalogue.names import storable_path
from retrieval.catalogue.picture_rows import Of, insert_pictures
from retrieval.catalogue.schema import chunks, now
from retrieval.values import Faces, Vectors, check_vectors

_PHOTO = select(*(event_photos.c[name] for name in EventPhoto.__slots__))


_OF_PHOTO = ("sha256", "width", "height", "taken_at", "seconds", "message")


class Added(NamedTuple):
    """What of photos an event did not have: their SHA-256, and ids of the new appearances."""

    photos: frozenset[str]
    appearances: tuple[int, ...]


class Albums:
    """The photos of a catalogue's events. Safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def known(self, event_id: int, sha256s: Iterable[str]) -> frozenset[str]:
        """Those of the photos that the event has."""
        query = select(event_photos.c.sha256).where(
            event_photos.c.event_id == event_id, event_photos.c.code.is_(None)
        )
        with self._database.reading() as connection:
            return frozenset(_there(connection, query, sha256s))

    def add(
        self,
        collection_id: int,
        event_id: int,
        photos: Sequence[NewPhoto],
        rejects: Sequence[Reject],
        fingerprint: str,
    ) -> Added:
        """Take photos with their faces; those that the event has are passed over.

        Args:
            collection_id, event_id: whose.
            photos: with vectors of the collection's model.
            rejects: photos that could not be taken, each listed once.
            fingerprint: of the model that made the vectors.

        Returns:
            what is new.

        Raises:
            NotFound: no such event (any more).
            ModelSwitched: the collection has another model now. Nothing stored.
        """
        with self._database.writing() as connection:
            dimension = lock_collection(connection, collection_id)
            check_model(connection, collection_id, fingerprint)
            event = find_event(connection, collection_id, events.c.id == event_id)
            _clear_rejects(connection, event_id, photos, rejects)
            _reject(connection, collection_id, event_id, rejects)
            there = _there(connection, _of(event_id), [photo.sha256 for photo in photos])
            new = list({p.sha256: p for p in reversed(photos) if p.sha256 not in there}.values())
            new.reverse()
            ids: list[int] = []
            if new:
                ids = _insert(connection, collection_id, event_id, new, fingerprint, dimension)
            moments = [photo.taken_at for photo in new if photo.taken_at is not None]
            values: dict[str, Any] = {"revision": event.revision + bool(ids)}
            if event.day is None and moments:
                values["day"] = min(moments).date().isoformat()
            connection.execute(update(events).where(events.c.id == event_id).values(values))
            self._database.edited(connection, PhotosAdded(event_id, len(new), len(rejects)))
            return Added(frozenset(photo.sha256 for photo in new), tuple(ids))

    def add_face(
        self,
        collection_id: int,
        event_id: int,
        photo: EventPhoto,
        faces: Faces,
        pictures: Sequence[bytes],
        fingerprint: str,
    ) -> int:
        """Add one face that was missed to a photo that the event has; return its id.

        Args:
            collection_id, event_id, photo: whose.
            faces: of one row.
            pictures: a JPEG of it, or nothing.
            fingerprint: of the model that made the vector.

        Raises:
            NotFound: no such event (any more).
            ModelSwitched: the collection has another model now. Nothing stored.
        """
        last = select(func.max(appearances.c.face)).where(appearances.c.photo_id == photo.id)
        with self._database.writing() as connection:
            dimension = lock_collection(connection, collection_id)
            check_model(connection, collection_id, fingerprint)
            event = find_event(connection, collection_id, events.c.id == event_id)
            number = (connection.scalar(last) or 0) + 1
            common = {"collection_id": collection_id, "event_id": event_id, "photo_id": photo.id}
            own = common | {"fingerprint": fingerprint} | _row_of(faces, 0, number)
            vectors = [faces.vectors]
            pictured = [True] if pictures else []
            (face,) = _insert_faces(connection, [own], vectors, pictured, pictures, dimension)
            changed = update(events).where(events.c.id == event_id)
            connection.execute(changed.values(revision=event.revision + 1))
            return self._database.edited(connection, face)

    def photos(
        self, event_id: int, *, rejected: bool = False, after: int = 0, limit: int | None = None
    ) -> list[EventPhoto]:
        """The event's photos in the order in which they came, or those that were not taken.

        Args:
            event_id: whose.
            rejected: those that were not taken.
            after, limit: a page of them, behind that id.
        """
        chosen = event_photos.c.code.is_not(None) if rejected else event_photos.c.code.is_(None)
        query = _PHOTO.where(event_photos.c.event_id == event_id, chosen, event_photos.c.id > after)
        with self._database.reading() as connection:
            page = query.order_by("id").limit(limit)
            return [EventPhoto(*row) for row in connection.execute(page)]

    def remarked(self, event_id: int) -> list[EventPhoto]:
        """The event's videos that break off, or were turned: their messages say it."""
        query = _PHOTO.where(
            event_photos.c.event_id == event_id,
            event_photos.c.code.is_(None),
            event_photos.c.message.is_not(None),
        )
        with self._database.reading() as connection:
            return [EventPhoto(*row) for row in connection.execute(query.order_by("id"))]

    def named(self, photo_ids: Iterable[int]) -> dict[int, tuple[int, str]]:
        """Of which event photos are and what they are called, by id."""
        query = select(event_photos.c.id, event_photos.c.event_id, event_photos.c.photo)
        with self._database.reading() as connection:
            return {
                photo: (event_id, name)
                for some in chunks(set(photo_ids))
                for photo, event_id, name in connection.execute(
                    query.where(event_photos.c.id.in_(some))
                )
            }

    def photo(self, event_id: int, photo_id: int) -> EventPhoto | None:
        """A photo of an event that was taken; None where there is none."""
        query = _PHOTO.where(
            event_photos.c.event_id == event_id,
            event_photos.c.id == photo_id,
            event_photos.c.code.is_(None),
        )
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
            return None if row is None else EventPhoto(*row)


def _of(event_id: int) -> Select[Any]:
    return select(event_photos.c.sha256).where(event_photos.c.event_id == event_id)


def _there(connection: Connection, query: Select[Any], sha256s: Iterable[str]) -> set[str]:
    """Those of the photos that a query of hashes finds, or finds the mark of."""
    asked = {form: sha256 for sha256 in sha256s for form in (sha256, mark_of(sha256))}
    return {
        asked[found]
        for some in chunks(asked)
        for found in connection.scalars(query.where(event_photos.c.sha256.in_(some)))
        if found is not None
    }


def _clear_rejects(
    connection: Connection, event_id: int, photos: Sequence[NewPhoto], rejects: Sequence[Reject]
) -> None:
    """Forget that photos were not taken which are looked at again."""
    again: list[NewPhoto | Reject] = [*photos, *rejects]
    names = [storable_path(each.photo) for each in again]
    known = [each.sha256 for each in again if each.sha256]
    hashes = [*known, *map(mark_of, known)]
    mine = and_(event_photos.c.event_id == event_id, event_photos.c.code.is_not(None))
    for column, values in ((event_photos.c.photo, names), (event_photos.c.sha256, hashes)):
        for some in chunks(values):
            connection.execute(delete(event_photos).where(mine, column.in_(some)))


def _reject(
    connection: Connection, collection_id: int, event_id: int, rejects: Sequence[Reject]
) -> None:
    hashes = [each.sha256 for each in rejects if each.sha256]
    there = _there(connection, _of(event_id), hashes)
    rows = [
        {
            "collection_id": collection_id,
            "event_id": event_id,
            "sha256": each.sha256,
            "photo": storable_path(each.photo),
            "width": 0,
            "height": 0,
            "added_at": now(),
            "code": each.code,
            "message": storable_path(each.message),
        }
        for each in rejects
        if each.sha256 is None or each.sha256 not in there
    ]
    if rows:
        connection.execute(insert(event_photos), rows)


def _insert(
    connection: Connection,
    collection_id: int,
    event_id: int,
    photos: Sequence[NewPhoto],
    fingerprint: str,
    dimension: int,
) -> list[int]:
    """Insert photos and their faces; return the faces' ids."""
    common = {"collection_id": collection_id, "event_id": event_id}
    rows = [
        common
        | {"photo": storable_path(photo.photo), "added_at": now()}
        | {name: getattr(photo, name) for name in _OF_PHOTO}
        | {"location": None if photo.location is None else storable_path(photo.location)}
        for photo in photos
    ]
    with_ids = insert(event_photos).returning(event_photos.c.id, sort_by_parameter_order=True)
    photo_ids = connection.execute(with_ids, rows).scalars().all()
    faces = [
        common | row | {"photo_id": photo_id, "fingerprint": fingerprint}
        for photo_id, photo in zip(photo_ids, photos, strict=True)
        for row in _face_rows(photo)
    ]
    if not faces:
        return []
    return _insert_faces(
        connection,
        faces,
        [photo.faces.vectors for photo in photos if len(photo.faces)],
        [bool(photo.pictures) for photo in photos for _ in range(len(photo.faces))],
        [picture for photo in photos for picture in photo.pictures],
        dimension,
    )


def _insert_faces(
    connection: Connection,
    faces: Sequence[dict[str, Any]],
    vectors: Sequence[Vectors],
    pictured: Sequence[bool],
    pictures: Sequence[bytes],
    dimension: int,
) -> list[int]:
    """Insert faces with their vectors and pictures; return their ids.

    Args:
        connection: writing.
        faces: a row each, without the vector.
        vectors: of all of them, in pieces.
        pictured: which of them have a picture.
        pictures: of those, in their order.
        dimension: the collection's.
    """
    together = np.concatenate([check_vectors(some) for some in vectors])
    stored = encode_vectors(connection, check_vectors(together, dimension))
    rows = [row | {"vector": value} for row, value in zip(faces, stored, strict=True)]
    with_ids = insert(appearances).returning(appearances.c.id, sort_by_parameter_order=True)
    ids = list(connection.execute(with_ids, rows).scalars())
    if pictures:
        shown = [face for face, has in zip(ids, pictured, strict=True) if has]
        own = dict(zip(shown, pictures, strict=True))
        insert_pictures(connection, faces[0]["collection_id"], Of.APPEARANCE, own)
    return ids


def _face_rows(photo: NewPhoto) -> list[dict[str, Any]]:
    """One appearance per face, numbered as the faces come; of a video with when they were seen."""
    rows = [_row_of(photo.faces, row, row + 1) for row in range(len(photo.faces))]
    if photo.seconds is None:
        return rows
    return [
        row
        | {"first_s": seen.first, "last_s": seen.last, "best_s": seen.best, "agreement": agreement}
        for row, seen, agreement in zip(rows, photo.times, photo.agreement, strict=True)
    ]


def _row_of(faces: Faces, row: int, number: int) -> dict[str, Any]:
    """An appearance, undecided: nobody's until the event is decided."""
    found, quality = faces.detections, faces.quality
    reason = quality.reasons[row]
    return {
        "face": number,
        "score": float(found.scores[row]),
        "size_px": float(quality.size_px[row]),
        "sharpness": float(quality.sharpness[row]),
        "yaw_deg": float(quality.yaw_deg[row]),
        "cut_off": float(quality.cut_off[row]),
        "unusable": reason,
        "box": to_bytes(found.boxes[row]),
        "landmarks": to_bytes(found.landmarks[row]),
        "outcome": (Found.UNKNOWN if reason is None else Found.UNUSABLE).value,
        "basis": "nothing",
        "reason": reason,
        "candidates": NO_CANDIDATES,
    }
