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
from retrieval.catalogue.names import called, folded, sought, storable_path
from retrieval.catalogue.records import Collection, Counts, EnrolledFace, Person
from retrieval.catalogue.schema import chunks, collections, faces, people, photos
from retrieval.errors import Ambiguous, InputError, NotFound
from retrieval.values import Ints, Vectors

_HASH_PREFIX = re.compile(r"[0-9a-f]{6,64}")
_ID = re.compile(r"(id:)?([0-9]{1,18})")
_NUMBERED = re.compile(r"(.+?) ?\(([^()]+)\)")
_NAMES_COMPARED = 2_000  # names that are looked through for one that resembles a mistyped one

_COLLECTION = select(*(collections.c[name] for name in Collection.__slots__))
_PHOTO_COUNT = select(func.count()).where(faces.c.person_id == people.c.id).scalar_subquery()
_PERSON = select(
    people.c.id,
    people.c.name,
    people.c.external_id,
    _PHOTO_COUNT,
    people.c.created_at,
)
_FACE = select(
    faces.c.id,
    faces.c.person_id,
    people.c.name.label("person"),
    people.c.external_id,
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
    collection_id: int,
    search: str | None = None,
    external_id: str | None = None,
) -> ColumnElement[bool]:
    """People of a collection whose name or number contains `search`, and who have this number."""
    wanted = people.c.collection_id == collection_id
    if search:
        named = people.c.sought.contains(sought(search), autoescape=True)
        wanted &= named | people.c.external_id.icontains(search.strip(), autoescape=True)
    if external_id is not None:
        wanted &= people.c.external_id == external_id
    return wanted


def list_people(
    connection: Connection, wanted: ColumnElement[bool], after: str | None, limit: int | None
) -> list[Person]:
    """People by name, from the one after `after`.

    Namesakes stand together: the last of them may go beyond the limit.
    """
    query = _PERSON.where(wanted).order_by(people.c.name, people.c.external_id, people.c.id)
    if after is not None:
        query = query.where(people.c.name > after)
    found = [Person(*row) for row in connection.execute(query.limit(limit))]
    if limit is not None and len(found) == limit:
        known = [person.id for person in found]
        rest = query.where(people.c.name == found[-1].name, people.c.id.not_in(known[-limit:]))
        found += [Person(*row) for row in connection.execute(rest)]
    return found


def find_person(connection: Connection, collection_id: int, who: str) -> Person:
    """One person by name, employee number or id.

    A name as it is written goes before one that differs by case or spaces, `NAME (NUMBER)` is one
    of several namesakes, and an id is meant where no name and no number is, or by `id:7`.

    Raises:
        NotFound: nobody is meant; the message names those who are called alike.
        Ambiguous: several are; the message lists them with their numbers.
    """
    found = _meant(connection, collection_id, who)
    if len(found) == 1:
        return found[0]
    if found:
        choices = " or ".join(f"{each.called} (id:{each.id})" for each in found)
        raise Ambiguous(f"{who!r} may be {choices}. Give the number, or the id as id:NUMBER.")
    alike = _names_like(connection, collection_id, who)
    hint = f"Did you mean {' or '.join(alike)}?" if alike else "See rollcall people list."
    raise NotFound(f"There is no person {who!r} in this collection. {hint}")


def _meant(connection: Connection, collection_id: int, who: str) -> list[Person]:
    """The people whom a text may mean, by name."""
    everybody = _PERSON.where(people.c.collection_id == collection_id).order_by(people.c.id)
    by_id = _ID.fullmatch(who)

    def among(chosen: ColumnElement[bool]) -> list[Person]:
        return [Person(*row) for row in connection.execute(everybody.where(chosen))]

    if by_id and by_id[1]:
        return among(people.c.id == int(by_id[2]))
    found = among((people.c.folded == folded(who)) | (people.c.external_id == who))
    exact = [each for each in found if who in (each.name, each.external_id)]
    if found:
        return exact or found
    if numbered := _NUMBERED.fullmatch(who):
        name, number = numbered.groups()
        same = (people.c.folded == folded(name)) & (people.c.external_id == number)
        if found := among(same):
            return found
    return among(people.c.id == int(by_id[2])) if by_id else []


def namesakes(
    connection: Connection, collection_id: int, name: str, but: int | None = None
) -> list[Person]:
    """Everybody of a name, however it is written, without the one with the id `but`."""
    query = _PERSON.where(people.c.collection_id == collection_id, people.c.folded == folded(name))
    rows = connection.execute(query.order_by(people.c.id))
    return [person for person in (Person(*row) for row in rows) if person.id != but]


def taken(
    connection: Connection,
    collection_id: int,
    name: str,
    external_id: str | None,
    but: int | None = None,
) -> Person | None:
    """Somebody of this name, however it is written, whom no number would tell from another."""
    for other in namesakes(connection, collection_id, name, but):
        if external_id is None or other.external_id in (None, external_id):
            return other
    return None


def numbered(connection: Connection, collection_id: int, external_id: str) -> Person | None:
    """Whose a number is; None where it is nobody's."""
    query = _PERSON.where(which_people(collection_id, external_id=external_id))
    row = connection.execute(query).one_or_none()
    return None if row is None else Person(*row)


def person_by_id(connection: Connection, collection_id: int, person_id: int) -> Person:
    """One person by id."""
    query = _PERSON.where(people.c.collection_id == collection_id, people.c.id == person_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"There is no person with id {person_id} in this collection any more.")
    return Person(*row)


def people_by_id(
    connection: Connection, collection_id: int, person_ids: Iterable[int]
) -> list[Person]:
    """People by id; those who are gone are left out."""
    query = _PERSON.where(people.c.collection_id == collection_id)
    return [
        Person(*row)
        for some in chunks(set(person_ids))
        for row in connection.execute(query.where(people.c.id.in_(some)))
    ]


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
    """One enrolled photo: by its path, the first digits of its SHA-256, or its face's id.

    Raises:
        NotFound: none is meant.
        InputError: several are meant; the message names them.
    """
    chosen = photos.c.photo == storable_path(photo)
    if _HASH_PREFIX.fullmatch(photo):
        chosen |= photos.c.sha256.between(photo, photo.ljust(64, "f"))
    query = _FACE.where(photos.c.collection_id == collection_id, chosen).order_by(faces.c.id)
    by_photo = {face.photo_id: face for face in reversed(_faces(connection, query.limit(9)))}
    if not by_photo and _ID.fullmatch(photo):
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


def _names_like(connection: Connection, collection_id: int, name: str) -> list[str]:
    wanted = folded(name)
    parts = [part for part in wanted.split() if len(part) > 2]
    starts = people.c.folded.startswith(wanted[:1], autoescape=True)
    contains = (people.c.folded.contains(part, autoescape=True) for part in parts)
    query = select(people.c.folded, people.c.name, people.c.external_id).where(
        people.c.collection_id == collection_id, or_(starts, *contains)
    )
    names: dict[str, list[str]] = {}
    for row in connection.execute(query.order_by(people.c.name).limit(_NAMES_COMPARED)):
        names.setdefault(row[0], []).append(called(row[1], row[2]))
    close = get_close_matches(wanted, list(names), n=3)
    return [each for alike in close for each in names[alike]]


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
