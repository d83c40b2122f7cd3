"""Questions to the catalogue about people, photos and faces; nothing here writes."""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Connection, Row, Select, func, or_, select

from retrieval.catalogue.changes import read_faces
from retrieval.catalogue.encrypted.encoding import from_bytes
from retrieval.catalogue.models.vectors import face_columns, model_vectors
from retrieval.catalogue.names import folded, storable_path
from retrieval.catalogue.records import Collection, Counts, EnrolledFace, Person
from retrieval.catalogue.schema import chunks, collections, faces, people, photos
from retrieval.errors import InputError, NotFound
from retrieval.values import Ints, Vectors

_HASH_PREFIX = re.compile(r"[0-9a-f]{6,64}")
_NAMES_COMPARED = 2_000  # names that are looked through for one that resembles a mistyped one

_COLLECTION = select(*(collections.c[name] for name in Collection.__slots__))
_PERSON = select(
    people.c.id,
    people.c.name,
    people.c.external_id,
    select(func.count()).where(faces.c.person_id == people.c.id).scalar_subquery(),
    people.c.created_at,
)
_FACE = select(
    faces.c.id,
    faces.c.person_id,
    people.c.name.label("person"),
    faces.c.photo_id,
    photos.c.photo,
    photos.c.sha256,
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


def all_collections(connection: Connection) -> list[Collection]:
    """Every collection, by name."""
    return [Collection(*row) for row in connection.execute(_COLLECTION.order_by("name"))]


def find_collection(connection: Connection, name: str) -> Collection:
    """One collection by its clean name; NotFound names the others."""
    row = connection.execute(_COLLECTION.where(collections.c.name == name)).one_or_none()
    if row is None:
        others = ", ".join(each.name for each in all_collections(connection)) or "none yet"
        raise NotFound(
            f"There is no collection {name!r}; there are: {others}. "
            "Make it with rollcall collections create, or by enrolling into it."
        )
    return Collection(*row)


def collection_by_id(connection: Connection, collection_id: int) -> Collection:
    """One collection as it is now, by id."""
    row = connection.execute(_COLLECTION.where(collections.c.id == collection_id)).one_or_none()
    if row is None:
        raise NotFound(f"There is no collection with id {collection_id} any more.")
    return Collection(*row)


def seen(connection: Connection, collection_id: int) -> tuple[Collection, dict[str, Any] | None]:
    """One collection as it is now and its calibration's document, in one query."""
    query = _COLLECTION.add_columns(collections.c.calibration)
    row = connection.execute(query.where(collections.c.id == collection_id)).one_or_none()
    if row is None:
        raise NotFound(f"There is no collection with id {collection_id} any more.")
    return Collection(*row[:-1]), row[-1]


def which_people(
    collection_id: int, search: str | None = None, external_id: str | None = None
) -> ColumnElement[bool]:
    """People of a collection whose name contains `search`, and who have this number."""
    wanted = people.c.collection_id == collection_id
    if search:
        wanted &= people.c.folded.contains(folded(search), autoescape=True)
    if external_id is not None:
        wanted &= people.c.external_id == external_id
    return wanted


def count_people(connection: Connection, wanted: ColumnElement[bool]) -> int:
    """How many people are meant."""
    return connection.scalar(select(func.count()).select_from(people).where(wanted)) or 0


def list_people(
    connection: Connection, wanted: ColumnElement[bool], after: str | None, limit: int | None
) -> list[Person]:
    """People by name, from the one after `after`."""
    query = _PERSON.where(wanted).order_by(people.c.name)
    if after is not None:
        query = query.where(people.c.name > after)
    return [Person(*row) for row in connection.execute(query.limit(limit))]


def find_person(connection: Connection, collection_id: int, name: str) -> Person:
    """One person by clean name; NotFound names those who are called alike."""
    query = _PERSON.where(people.c.collection_id == collection_id, people.c.name == name)
    row = connection.execute(query).one_or_none()
    if row is None:
        alike = _names_like(connection, collection_id, name)
        hint = f"Did you mean {' or '.join(alike)}?" if alike else "See rollcall people list."
        raise NotFound(f"There is no person {name!r} in this collection. {hint}")
    return Person(*row)


def person_by_id(connection: Connection, collection_id: int, person_id: int) -> Person:
    """One person by id."""
    query = _PERSON.where(people.c.collection_id == collection_id, people.c.id == person_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"There is no person with id {person_id} in this collection any more.")
    return Person(*row)


def same_person(connection: Connection, collection_id: int, meant: int | Person) -> Person:
    """The person who is meant, as they are now; a `Person` must be called as when it was read.

    Whoever decides about a name has seen a person; until the transaction the name may have become
    somebody else's. So it is asked by id, and the name is compared.

    Raises:
        NotFound: there is none with this id, or they are called otherwise now.
    """
    if not isinstance(meant, Person):
        return person_by_id(connection, collection_id, meant)
    person = person_by_id(connection, collection_id, meant.id)
    if person.created_at != meant.created_at:  # another catalogue was restored meanwhile
        raise NotFound(f"There is no person with id {meant.id} in this collection any more.")
    if person.name != meant.name:
        raise called_otherwise(person.id, person.name, meant.name)
    return person


def called_otherwise(person_id: int, name: str, expected: str) -> NotFound:
    """What somebody hears who means a person by a name that is another's, or nobody's, by now."""
    return NotFound(
        f"Person {person_id} is called otherwise now: {name!r}, not {expected!r}. Nothing was"
        " changed; look again who is meant."
    )


def find_photo(connection: Connection, collection_id: int, photo: str) -> EnrolledFace:
    """One enrolled photo, by its path or by the first digits of its SHA-256.

    Raises:
        NotFound: none is meant.
        InputError: several are meant; the message names them.
    """
    chosen = photos.c.photo == storable_path(photo)
    if _HASH_PREFIX.fullmatch(photo):
        chosen |= photos.c.sha256.between(photo, photo.ljust(64, "f"))
    query = _FACE.where(photos.c.collection_id == collection_id, chosen).order_by(faces.c.id)
    by_photo = {face.photo_id: face for face in reversed(_faces(connection, query.limit(9)))}
    if not by_photo:
        raise NotFound(
            f"There is no photo {photo!r} in this collection. Give its path as it was enrolled, "
            "or at least 6 digits of its SHA-256; see rollcall photos list."
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


def _names_like(connection: Connection, collection_id: int, name: str) -> list[str]:
    wanted = folded(name)
    parts = [part for part in wanted.split() if len(part) > 2]
    starts = people.c.folded.startswith(wanted[:1], autoescape=True)
    contains = (people.c.folded.contains(part, autoescape=True) for part in parts)
    query = select(people.c.folded, people.c.name).where(
        people.c.collection_id == collection_id, or_(starts, *contains)
    )
    rows = connection.execute(query.order_by(people.c.name).limit(_NAMES_COMPARED)).all()
    names = {row[0]: row[1] for row in rows}
    return [names[alike] for alike in get_close_matches(wanted, list(names), n=3)]


def names_of(connection: Connection, person_ids: Iterable[int]) -> dict[int, str]:
    """Each person's name; ids of people who are gone are left out."""
    query = select(people.c.id, people.c.name)
    return {
        person_id: name
        for some in chunks(set(person_ids))
        for person_id, name in connection.execute(query.where(people.c.id.in_(some)))
    }


def external_ids_of(connection: Connection, person_ids: Iterable[int]) -> dict[int, str]:
    """Each person's external id; people without one are left out."""
    query = select(people.c.id, people.c.external_id).where(people.c.external_id.is_not(None))
    return {
        person_id: external_id
        for some in chunks(set(person_ids))
        for person_id, external_id in connection.execute(query.where(people.c.id.in_(some)))
    }


def portraits(connection: Connection, person_ids: Iterable[int]) -> dict[int, int]:
    """Each person's oldest face; people without one are left out."""
    query = select(faces.c.person_id, func.min(faces.c.id)).group_by(faces.c.person_id)
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
    connection: Connection,
    collection_id: int,
    person_id: int | None,
    after: int | None,
    limit: int | None,
) -> list[EnrolledFace]:
    """Enrolled faces with their photos, oldest first, behind the face with id `after`."""
    query = _FACE.where(faces.c.collection_id == collection_id).order_by(faces.c.id)
    if person_id is not None:
        query = query.where(faces.c.person_id == person_id)
    if after is not None:
        query = query.where(faces.c.id > after)
    return _faces(connection, query.limit(limit))


def _faces(connection: Connection, query: Select[Any]) -> list[EnrolledFace]:
    return [_face(row) for row in connection.execute(query)]


def _face(row: Row[Any]) -> EnrolledFace:
    left, top, width, height = from_bytes(row.box).tolist()
    return EnrolledFace(**{**row._mapping, "box": (left, top, width, height)})


def counts(connection: Connection, collection_id: int) -> Counts:
    """How many people, photos and faces a collection holds."""

    def count(table: Any) -> int:
        query = select(func.count()).where(table.c.collection_id == collection_id)
        return int(connection.execute(query).scalar_one())

    return Counts(people=count(people), photos=count(photos), faces=count(faces))


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
    connection: Connection, collection_id: int, face_ids: Sequence[int] | Ints | None
) -> tuple[Ints, Ints, Vectors]:
    """Ids, people and vectors of a collection's faces, ascending; all, or those that are asked."""
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
