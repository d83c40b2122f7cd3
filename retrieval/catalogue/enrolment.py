"""Taking faces into a collection: a batch is one transaction, people are made on demand."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from sqlalchemy import Connection, insert, select, update

from retrieval.catalogue.changes import check_model, lock_collection, log_changes
from retrieval.catalogue.encrypted.encoding import encode_vectors, to_bytes
from retrieval.catalogue.models.vectors import model_vectors
from retrieval.catalogue.names import clean_external_id, clean_name, folded, storable_path
from retrieval.catalogue.records import Enrolment, EnrolmentOutcome, NewFace
from retrieval.catalogue.schema import NO_VECTOR, chunks, collections, faces, now, people, photos
from retrieval.values import Floats, check_vectors


@dataclass(slots=True)
class _Owned:
    """A photo's face and whose it is; a new face has no id until it is inserted."""

    person_id: int
    person: str
    face_id: int | None


@dataclass(slots=True)
class _People:
    """The people of a batch by name and by external id, made where they are missing."""

    connection: Connection
    collection_id: int
    ids: dict[str, int] = field(default_factory=dict)
    external_ids: dict[str, str | None] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)  # by external id

    def load(self, batch: Sequence[NewFace]) -> None:
        """Read those who are there already."""
        wanted = {face.person for face in batch}
        external = {face.external_id for face in batch if face.external_id}
        for column, values in ((people.c.name, wanted), (people.c.external_id, external)):
            for some in chunks(values):
                query = select(people.c.id, people.c.name, people.c.external_id).where(
                    people.c.collection_id == self.collection_id, column.in_(some)
                )
                for person_id, name, external_id in self.connection.execute(query):
                    self._remember(person_id, name, external_id)

    def conflict(self, name: str, external_id: str | None) -> str | None:
        """Why name and external id cannot be one person, or None."""
        if external_id is None:
            return None
        owner = self.names.get(external_id, name)
        if owner != name:
            return (
                f"external id {external_id} belongs to {owner}, not to {name}. If {owner} is called"
                f" {name} now: rollcall people rename {owner!r} {name!r}"
            )
        own = self.external_ids.get(name)
        if own not in (None, external_id):
            return (
                f"{name} has the external id {own}, not {external_id}. If they are two people, tell"
                f" them apart by name, for example {f'{name} ({external_id})'!r}"
            )
        return None

    def get_or_make(self, name: str, external_id: str | None) -> int:
        """The person's id; sets the external id where there was none."""
        person_id = self.ids.get(name)
        if person_id is None:
            person_id = insert_person(self.connection, self.collection_id, name, external_id)
        elif external_id is not None and self.external_ids[name] is None:
            self.connection.execute(
                update(people).where(people.c.id == person_id).values(external_id=external_id)
            )
        else:
            return person_id
        self._remember(person_id, name, external_id)
        return person_id

    def _remember(self, person_id: int, name: str, external_id: str | None) -> None:
        self.ids[name] = person_id
        self.external_ids[name] = external_id
        if external_id is not None:
            self.names[external_id] = name


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
    everybody = _People(connection, collection_id)
    everybody.load(cleaned)
    owned = _owned(connection, collection_id, {face.sha256 for face in cleaned})
    answers: list[tuple[EnrolmentOutcome, _Owned | None, str | None]] = []
    new: list[tuple[int, _Owned]] = []
    for row, face in enumerate(cleaned):
        present = owned.get(face.sha256)
        conflict = everybody.conflict(face.person, face.external_id)
        if present is not None and present.person != face.person:
            reason = f"the same photo is enrolled under {present.person}"
            answers.append((EnrolmentOutcome.OTHER_PERSON, present, reason))
        elif conflict is not None:
            answers.append((EnrolmentOutcome.CONFLICT, None, conflict))
        else:
            person_id = everybody.get_or_make(face.person, face.external_id)
            if present is not None:
                answers.append((EnrolmentOutcome.DUPLICATE, present, None))
                continue
            taken = owned[face.sha256] = _Owned(person_id, face.person, None)
            new.append((row, taken))
            answers.append((EnrolmentOutcome.ENROLLED, taken, None))
    _insert(connection, collection_id, [(cleaned[row], vectors[row], to) for row, to in new])
    return [
        Enrolment(outcome, to.person_id if to else None, to.face_id if to else None, reason)
        for outcome, to, reason in answers
    ]


def insert_person(
    connection: Connection, collection_id: int, name: str, external_id: str | None = None
) -> int:
    """Make a person with a clean name that is free; return the new id."""
    row = {
        "collection_id": collection_id,
        "name": name,
        "folded": folded(name),
        "external_id": external_id,
        "created_at": now(),
    }
    return int(connection.execute(insert(people).returning(people.c.id), row).scalar_one())


def part_sha256(photo: str, box: Floats) -> str:
    """The identity of a part of a photo: a photo itself is enrolled for one person only."""
    return hashlib.sha256(f"{photo} {box.tolist()}".encode()).hexdigest()


def owners(connection: Connection, collection_id: int, sha256s: Iterable[str]) -> dict[str, str]:
    """The name under which each of these photos is enrolled; others are left out."""
    return {
        sha256: face.person for sha256, face in _owned(connection, collection_id, sha256s).items()
    }


def _owned(connection: Connection, collection_id: int, sha256s: Iterable[str]) -> dict[str, _Owned]:
    joined = photos.join(faces, faces.c.photo_id == photos.c.id).join(
        people, people.c.id == faces.c.person_id
    )
    query = (
        select(photos.c.sha256, people.c.id, people.c.name, faces.c.id)
        .select_from(joined)
        .where(photos.c.collection_id == collection_id)
    )
    found = {}
    for some in chunks(sha256s):
        for sha256, *owner in connection.execute(query.where(photos.c.sha256.in_(some))):
            found[sha256] = _Owned(*owner)
    return found


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
        common | {name: getattr(face, name) for name in ("sha256", "photo", "width", "height")}
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
            "person_id": owner.person_id,
            "box": to_bytes(face.box),
            "landmarks": to_bytes(face.landmarks),
            "vector": NO_VECTOR if aside else value,
        }
        for (face, _, owner), photo_id, value in zip(new, photo_ids, stored, strict=True)
    ]
    inserting = insert(faces).returning(faces.c.id, sort_by_parameter_order=True)
    face_ids = connection.execute(inserting, face_rows).scalars().all()
    if aside:
        rows = [
            {"face_id": face_id, "fingerprint": aside, "vector": value}
            for face_id, value in zip(face_ids, stored, strict=True)
        ]
        connection.execute(insert(model_vectors), rows)
    for (_, _, owner), face_id in zip(new, face_ids, strict=True):
        owner.face_id = face_id
    log_changes(connection, collection_id, face_ids)


def _aside(connection: Connection, collection_id: int) -> str | None:
    """The model's fingerprint where its vectors stand in `model_vectors`, else None."""
    query = select(collections.c.fingerprint).where(
        collections.c.id == collection_id, collections.c.aside
    )
    return connection.scalar(query)
