"""Taking faces into a collection: a batch is one transaction, people are made on demand."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from sqlalchemy import Connection, delete, insert, select, update

from retrieval.boxes import same_face
from retrieval.catalogue.changes import check_model, lock_collection, log_changes
from retrieval.catalogue.encrypted.encoding import encode_vectors, from_bytes, to_bytes
from retrieval.catalogue.models.vectors import model_vectors
from retrieval.catalogue.names import (
    called,
    clean_external_id,
    clean_name,
    folded,
    spelled,
    storable_path,
)
from retrieval.catalogue.records import (
    Enrolment,
    EnrolmentOutcome,
    NewFace,
    Owner,
    part_sha256,
)
from retrieval.catalogue.schema import NO_VECTOR, chunks, collections, faces, now, people, photos
from retrieval.values import Floats, check_vectors


@dataclass(slots=True)
class _Owner:
    """Somebody to whom photos of a batch belong."""

    person_id: int
    name: str
    number: str | None


@dataclass(slots=True)
class _Owned:
    """A face of a photo and whose it is; a new face has no id until it is inserted."""

    owner: _Owner
    identity: str
    box: Floats
    face_id: int | None = None

    def is_face(self, face: NewFace) -> bool:
        """Whether a face to be enrolled is this one, known by itself or by its place."""
        return bool(same_face(self.box[None], face.box[None]).any())


@dataclass(slots=True)
class People:
    """The people of a batch by folded name and by number, made where they are missing."""

    connection: Connection
    collection_id: int
    named: dict[str, list[_Owner]] = field(default_factory=dict)
    numbered: dict[str, _Owner] = field(default_factory=dict)

    def load(self, wanted: Iterable[tuple[str, str | None]]) -> None:
        """Read those who are there already, by clean names and numbers."""
        names, numbers = set(), set()
        for name, number in wanted:
            names.add(folded(name))
            numbers |= set() if number is None else {number}
        known = set()
        for column, values in ((people.c.folded, names), (people.c.external_id, numbers)):
            for some in chunks(values):
                query = select(people.c.id, people.c.name, people.c.external_id).where(
                    people.c.collection_id == self.collection_id, column.in_(some)
                )
                for row in self.connection.execute(query.order_by(people.c.id)):
                    if row.id not in known:
                        known.add(row.id)
                        self._remember(_Owner(*row))

    def meant(self, name: str, number: str | None) -> _Owner | str | None:
        """Whom a name and a number mean: somebody, nobody yet, or why that cannot be said."""
        owner = None if number is None else self.numbered.get(number)
        if owner is not None:
            return owner if folded(owner.name) == folded(name) else _renamed(owner, name)
        there = self.named.get(folded(name), [])
        if number is not None:
            return next((each for each in there if each.number is None), None)
        exact = [each for each in there if each.name == name]
        chosen = exact or there
        if len(chosen) < 2:
            return next(iter(chosen), None)
        choices = ", ".join(called(each.name, each.number) for each in chosen)
        return f"several people have this name: {choices}. Say by the employee number who is meant"

    def taken(self, name: str, number: str | None, found: _Owner | None) -> _Owner:
        """The person, made where nobody was found, with the number where there was none."""
        if found is None:
            made = insert_person(self.connection, self.collection_id, name, number)
            found = _Owner(made, name, number)
            self._remember(found)
        elif number is not None and found.number is None:
            self.connection.execute(
                update(people).where(people.c.id == found.person_id).values(external_id=number)
            )
            found.number = number
            self.numbered[number] = found
        return found

    def _remember(self, person: _Owner) -> None:
        self.named.setdefault(folded(person.name), []).append(person)
        if person.number is not None:
            self.numbered[person.number] = person


def _renamed(owner: _Owner, name: str) -> str:
    return (
        f"external id {owner.number} belongs to {owner.name}, not to {name}. If {owner.name} is"
        f" called {name} now: rollcall people rename {owner.number!r} {name!r}"
    )


def enrol(
    connection: Connection,
    collection_id: int,
    batch: Sequence[NewFace],
    fingerprint: str | None = None,
) -> list[Enrolment]:
    """Take a batch of faces, all in this transaction; see `Catalogue.enrol`."""
    dimension = lock_collection(connection, collection_id)
    if fingerprint is not None:
        check_model(connection, collection_id, fingerprint)
    if not batch:
        return []
    vectors = check_vectors(np.stack([face.vector for face in batch]), dimension)
    cleaned = [_cleaned(face) for face in batch]
    everybody = People(connection, collection_id)
    everybody.load((face.person, face.external_id) for face in cleaned)
    photo_of = {face.sha256: face.sha256 for face in cleaned}
    photo_of |= {face.identity: face.sha256 for face in cleaned}
    owned = _owned(connection, collection_id, photo_of)
    answers: list[Enrolment | tuple[EnrolmentOutcome, _Owned, str | None]] = []
    new: list[tuple[int, _Owned]] = []
    for row, face in enumerate(cleaned):
        present = _present(owned[face.sha256], face)
        meant = everybody.meant(face.person, face.external_id)
        if isinstance(meant, str):
            answers.append(Enrolment(EnrolmentOutcome.CONFLICT, None, None, meant))
            continue
        if present is not None and (meant is None or present.owner.person_id != meant.person_id):
            theirs = called(present.owner.name, present.owner.number)
            what = "the same photo" if present.identity == face.sha256 else "this face of the photo"
            reason = f"{what} is enrolled under {theirs}"
            other = EnrolmentOutcome.OTHER_PERSON
            answers.append(Enrolment(other, present.owner.person_id, present.face_id, reason))
            continue
        owner = everybody.taken(face.person, face.external_id, meant)
        remark = None if owner.name == face.person else _written(face.person, owner)
        if present is not None:
            answers.append((EnrolmentOutcome.DUPLICATE, present, remark))
        else:
            taken = _Owned(owner, face.identity, face.box)
            owned[face.sha256].append(taken)
            new.append((row, taken))
            answers.append((EnrolmentOutcome.ENROLLED, taken, remark))
    _insert(connection, collection_id, [(cleaned[row], vectors[row], to) for row, to in new])
    return [
        each
        if isinstance(each, Enrolment)
        else Enrolment(each[0], each[1].owner.person_id, each[1].face_id, remark=each[2])
        for each in answers
    ]


def _written(name: str, owner: _Owner) -> str:
    return f"{name!r} is taken for {called(owner.name, owner.number)!r}, written otherwise"


def insert_person(
    connection: Connection, collection_id: int, name: str, external_id: str | None = None
) -> int:
    """Make a person with a clean name that is free; return the new id."""
    row = {
        "collection_id": collection_id,
        **spelled(name),
        "external_id": external_id,
        "created_at": now(),
    }
    return int(connection.execute(insert(people).returning(people.c.id), row).scalar_one())


class _FromPhoto(Protocol):
    @property
    def sha256(self) -> str: ...
    @property
    def photo_sha256(self) -> str: ...
    @property
    def box(self) -> Floats | tuple[float, float, float, float]: ...


def is_of(face: _FromPhoto, photo: str) -> bool:
    """Whether a face is enrolled from the photo of a SHA-256, for itself or as a part of it.

    Of parts that catalogues before schema 27 hold, the photo is not always known.
    """
    box = np.asarray(face.box, np.float32)
    return face.photo_sha256 == photo or face.sha256 == part_sha256(photo, box)


def owners(
    connection: Connection, collection_id: int, sha256s: Iterable[str]
) -> dict[str, tuple[Owner, ...]]:
    """Under whom each of these photos, or parts of it, are enrolled, oldest first.

    Photos of which nothing is enrolled are left out.
    """
    return {
        sha256: tuple(Owner(each.owner.name, each.owner.number, each.box) for each in found)
        for sha256, found in _owned(connection, collection_id, {s: s for s in sha256s}).items()
    }


def enrolled_whole(
    connection: Connection, collection_id: int, sha256s: Iterable[str]
) -> frozenset[str]:
    """Those of the photos that are one person's as a whole: copies of them may be kept."""
    query = select(photos.c.sha256).where(photos.c.collection_id == collection_id)
    return frozenset(
        sha256
        for some in chunks(sha256s)
        for sha256 in connection.scalars(query.where(photos.c.sha256.in_(some)))
    )


def _present(there: Sequence[_Owned], face: NewFace) -> _Owned | None:
    """What is enrolled already of a face to be enrolled: the very same, or the face as a part."""
    same = (each for each in there if each.identity == face.identity)
    return next(same, None) or next((each for each in there if each.is_face(face)), None)


def _owned(
    connection: Connection, collection_id: int, photo_of: Mapping[str, str]
) -> defaultdict[str, list[_Owned]]:
    """The faces that are enrolled from each photo.

    Args:
        connection: of the transaction.
        collection_id: whose.
        photo_of: the photo of each identity that is asked about; of a whole one, itself.
    """
    joined = photos.join(faces, faces.c.photo_id == photos.c.id).join(
        people, people.c.id == faces.c.person_id
    )
    query = (
        select(
            *(photos.c.photo_sha256, photos.c.sha256, faces.c.id, faces.c.box),
            *(people.c.id, people.c.name, people.c.external_id),
        )
        .select_from(joined)
        .where(photos.c.collection_id == collection_id)
        .order_by(faces.c.id)
    )
    found: defaultdict[str, list[_Owned]] = defaultdict(list)
    for some in chunks(photo_of):
        meant = photos.c.photo_sha256.in_(some) | photos.c.sha256.in_(some)
        for photo, identity, face_id, box, *owner in connection.execute(query.where(meant)):
            each = _Owned(_Owner(*owner), identity, from_bytes(box), face_id)
            found[photo_of.get(identity, photo)].append(each)
    return found


def take_back(connection: Connection, collection_id: int, face_ids: Sequence[int]) -> None:
    """Take faces out of a collection, and the photos that have none left; indexes are told."""
    log_changes(connection, collection_id, face_ids)
    for some in chunks(face_ids):
        shown = connection.scalars(select(faces.c.photo_id).where(faces.c.id.in_(some))).all()
        connection.execute(delete(faces).where(faces.c.id.in_(some)))
        left = select(faces.c.id).where(faces.c.photo_id == photos.c.id).exists()
        connection.execute(delete(photos).where(photos.c.id.in_(shown), ~left))


def _cleaned(face: NewFace) -> NewFace:
    return replace(
        face,
        person=clean_name(face.person, "person's name"),
        external_id=clean_external_id(face.external_id),
        photo=storable_path(face.photo),
    )


def _insert(
    connection: Connection,
    collection_id: int,
    new: Sequence[tuple[NewFace, Floats, _Owned]],
) -> None:
    """Insert photos, faces and their log rows, and tell each owner its face's id."""
    if not new:
        return
    stored = encode_vectors(connection, np.stack([vector for _, vector, _ in new]))
    aside = _aside(connection, collection_id)
    common = {"collection_id": collection_id, "created_at": now()}
    photo_rows = [
        common
        | {name: getattr(face, name) for name in ("photo", "width", "height")}
        | {"sha256": face.identity, "photo_sha256": face.sha256}
        for face, _, _ in new
    ]
    returning = insert(photos).returning(photos.c.id, sort_by_parameter_order=True)
    photo_ids = connection.execute(returning, photo_rows).scalars().all()
    numbers = ("score", "size_px", "sharpness", "yaw_deg", "cut_off")
    face_rows = [
        common
        | {name: float(getattr(face, name)) for name in numbers}
        | {
            "photo_id": photo_id,
            "person_id": owned.owner.person_id,
            "box": to_bytes(face.box),
            "landmarks": to_bytes(face.landmarks),
            "vector": NO_VECTOR if aside else value,
        }
        for (face, _, owned), photo_id, value in zip(new, photo_ids, stored, strict=True)
    ]
    inserting = insert(faces).returning(faces.c.id, sort_by_parameter_order=True)
    face_ids = connection.execute(inserting, face_rows).scalars().all()
    if aside:
        rows = [
            {"face_id": face_id, "fingerprint": aside, "vector": value}
            for face_id, value in zip(face_ids, stored, strict=True)
        ]
        connection.execute(insert(model_vectors), rows)
    for (_, _, owned), face_id in zip(new, face_ids, strict=True):
        owned.face_id = face_id
    log_changes(connection, collection_id, face_ids)


def _aside(connection: Connection, collection_id: int) -> str | None:
    """The model's fingerprint where its vectors stand in `model_vectors`, else None."""
    query = select(collections.c.fingerprint).where(
        collections.c.id == collection_id, collections.c.aside
    )
    return connection.scalar(query)
