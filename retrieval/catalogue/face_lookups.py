"""Questions to the catalogue about enrolled faces, their photos and vectors."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, Select, func, select

from retrieval.catalogue.changes import read_faces
from retrieval.catalogue.encrypted.encoding import from_bytes
from retrieval.catalogue.lookups import ID, called_otherwise, collection_by_id
from retrieval.catalogue.models.vectors import face_columns, model_vectors
from retrieval.catalogue.names import storable_path
from retrieval.catalogue.records import EnrolledFace
from retrieval.catalogue.schema import chunks, faces, people, photos
from retrieval.errors import InputError, NotFound
from retrieval.values import Ints, Vectors

_HASH_PREFIX = re.compile(r"[0-9a-f]{6,64}")

_FACE = select(
    faces.c.id,
    faces.c.person_id,
    people.c.name.label("person"),
    people.c.external_id,
    faces.c.photo_id,
    photos.c.photo,
    photos.c.sha256,
    photos.c.photo_sha256,
    photos.c.width,
    photos.c.height,
    faces.c.box,
    faces.c.score,
    faces.c.size_px,
    faces.c.sharpness,
    faces.c.created_at,
).select_from(
    faces.join(people, people.c.id == faces.c.person_id).join(
        photos, photos.c.id == faces.c.photo_id
    )
)


def find_photo(connection: Connection, collection_id: int, photo: str) -> EnrolledFace:
    """One enrolled photo: by its path, the first digits of its SHA-256, or its face's id.

    Raises:
        NotFound: none is meant.
        InputError: several are meant; the message names them.
    """
    chosen = photos.c.photo == storable_path(photo)
    if _HASH_PREFIX.fullmatch(photo):
        for digest in (photos.c.sha256, photos.c.photo_sha256):
            chosen |= digest.between(photo, photo.ljust(64, "f"))
    query = _FACE.where(photos.c.collection_id == collection_id, chosen).order_by(faces.c.id)
    by_photo = {face.photo_id: face for face in reversed(_faces(connection, query.limit(9)))}
    if not by_photo and ID.fullmatch(photo):
        by_id = _FACE.where(
            faces.c.collection_id == collection_id, faces.c.id == int(photo.removeprefix("id:"))
        )
        by_photo = {face.photo_id: face for face in _faces(connection, by_id)}
    if not by_photo:
        raise NotFound(
            f"There is no photo {photo!r} in this collection. Give its path as it was enrolled, "
            "its number, or at least 6 digits of its SHA-256; see rollcall photos list."
        )
    if len(by_photo) > 1:
        hashes = ", ".join(face.sha256[:12] for face in reversed(by_photo.values()))
        raise InputError(f"{photo!r} names several photos: {hashes}. Give the one's SHA-256.")
    return next(iter(by_photo.values()))


def same_face(connection: Connection, collection_id: int, meant: EnrolledFace) -> EnrolledFace:
    """The face that is meant, as it is now; still of the same photo and of the same person.

    Raises:
        NotFound: it is gone, or another person's by now.
    """
    query = _FACE.where(faces.c.collection_id == collection_id, faces.c.id == meant.id)
    found = _faces(connection, query)
    if not found:
        raise NotFound(f"The photo {meant.photo!r} of {meant.person!r} is not enrolled any more.")
    if found[0].person_id != meant.person_id:
        raise NotFound(
            f"The photo {meant.photo!r} is {found[0].person!r}'s now, not {meant.person!r}'s any"
            " more. Nothing was changed; look again which is meant."
        )
    if found[0].person != meant.person:
        raise called_otherwise(meant.person_id, found[0].person, meant.person)
    return found[0]


def portraits(connection: Connection, person_ids: Iterable[int]) -> dict[int, int]:
    """The face that stands for each person: chosen, or the oldest; people without one are left out.

    A chosen one that is somebody else's by now stands for nobody.
    """
    chosen = func.max(faces.c.id).filter(faces.c.id == people.c.cover)
    query = select(faces.c.person_id, func.coalesce(chosen, func.min(faces.c.id))).join(
        people, people.c.id == faces.c.person_id
    )
    query = query.group_by(faces.c.person_id)
    return {
        person_id: face_id
        for some in chunks(set(person_ids))
        for person_id, face_id in connection.execute(query.where(faces.c.person_id.in_(some)))
    }


def faces_by_id(connection: Connection, face_ids: Iterable[int]) -> dict[int, EnrolledFace]:
    """Each face; ids of faces that are gone are left out."""
    return {
        face.id: face
        for some in chunks(set(face_ids))
        for face in _faces(connection, _FACE.where(faces.c.id.in_(some)))
    }


def faces_of(connection: Connection, person_id: int) -> list[EnrolledFace]:
    """A person's faces, oldest first."""
    return _faces(connection, _FACE.where(faces.c.person_id == person_id).order_by(faces.c.id))


def list_photos(
    connection: Connection, collection_id: int, person_id: int | None, limit: int | None
) -> list[EnrolledFace]:
    """Enrolled faces with their photos, oldest first."""
    query = _FACE.where(faces.c.collection_id == collection_id).order_by(faces.c.id)
    if person_id is not None:
        query = query.where(faces.c.person_id == person_id)
    return _faces(connection, query.limit(limit))


def _faces(connection: Connection, query: Select[Any]) -> list[EnrolledFace]:
    return [_face(row) for row in connection.execute(query)]


def _face(row: Row[Any]) -> EnrolledFace:
    left, top, width, height = from_bytes(row.box).tolist()
    return EnrolledFace(**{**row._mapping, "box": (left, top, width, height)})


def stored_vectors(connection: Connection, face_ids: Iterable[int]) -> list[bytes]:
    """The vectors of faces, of all models, as they lie in the database, encrypted or not."""
    places = ((faces.c.vector, faces.c.id), (model_vectors.c.vector, model_vectors.c.face_id))
    return [
        stored
        for some in chunks(face_ids)
        for vector, face_id in places
        for stored in connection.scalars(select(vector).where(face_id.in_(some)))
        if stored
    ]


def vectors(
    connection: Connection, collection_id: int, face_ids: Sequence[int] | Ints | None = None
) -> tuple[Ints, Ints, Vectors]:
    """Vectors of the collection's faces, ascending by id.

    Args:
        connection: of a transaction.
        collection_id: whose.
        face_ids: only these, where they still are; None for all (use the feed for very many).

    Returns:
        ids (n,) int64; people (n,) int64, whose they are; vectors (n, d) float32.
    """
    collection = collection_by_id(connection, collection_id)
    dimension = collection.dimension
    query = face_columns(collection).where(faces.c.collection_id == collection_id)
    if face_ids is None:
        return read_faces(connection, query.order_by(faces.c.id), dimension)
    wanted = np.unique(np.asarray(face_ids, np.int64)).tolist()
    parts = [
        read_faces(connection, query.where(faces.c.id.in_(some)).order_by(faces.c.id), dimension)
        for some in chunks(wanted)
    ]
    empty = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, dimension), np.float32))
    ids, owners, found = zip(*(parts or [empty]), strict=True)
    return np.concatenate(ids), np.concatenate(owners), np.concatenate(found)
