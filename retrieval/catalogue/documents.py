"""What is enrolled, as people read it: one document per noun, of command line and HTTP alike."""

from dataclasses import dataclass
from datetime import date, datetime

from typing_extensions import TypedDict  # Pydantic asks for this one below Python 3.12

from retrieval.catalogue.people_pages import ListedPerson
from retrieval.catalogue.records import Collection, Counts, EnrolledFace, JournalEntry, Person


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A person of a list.

    Attributes:
        id: never used twice.
        person: the name.
        external_id: your own number of the person.
        photos: how many are enrolled.
        since: when the person was enrolled, in UTC.
        face_id: the face that stands for them, for a picture.
        seen: the day of the latest event at which they were seen.
    """

    id: int
    person: str
    external_id: str | None
    photos: int
    since: datetime
    face_id: int | None
    seen: date | None

    @classmethod
    def of(cls, person: ListedPerson, face_id: int | None) -> "PersonRow":
        """Of a person for whom this face stands."""
        return cls(
            id=person.id,
            person=person.name,
            external_id=person.external_id,
            photos=person.faces,
            since=person.created_at,
            face_id=face_id,
            seen=person.seen,
        )


@dataclass(frozen=True, slots=True)
class NamedPerson:
    """What a person is called, after an edit.

    Attributes:
        id, person, external_id: as in a list of people.
    """

    id: int
    person: str
    external_id: str | None

    @classmethod
    def of(cls, person: Person) -> "NamedPerson":
        """Of a person in the catalogue."""
        return cls(person.id, person.name, person.external_id)


@dataclass(frozen=True, slots=True)
class EnrolledPhoto:
    """An enrolled photo, and the face of it that is.

    Attributes:
        photo: as it was named when it was enrolled.
        sha256: of its bytes.
        person, person_id, external_id: whose it is.
        face_id: of the face.
        box: left, top, width, height of the face in pixels of the upright photo.
        width, height: of the photo.
        size_px: the shorter side of the face.
        score: the detector's, in [0, 1].
    """

    photo: str
    sha256: str
    person: str
    person_id: int
    external_id: str | None
    face_id: int
    box: tuple[float, float, float, float]
    width: int
    height: int
    size_px: float
    score: float

    @classmethod
    def of(cls, face: EnrolledFace) -> "EnrolledPhoto":
        """Of a face in the catalogue."""
        left, top, width, height = (round(side, 1) for side in face.box)
        return cls(
            photo=face.photo,
            sha256=face.sha256,
            person=face.person,
            person_id=face.person_id,
            external_id=face.external_id,
            face_id=face.id,
            box=(left, top, width, height),
            width=face.width,
            height=face.height,
            size_px=face.size_px,
            score=face.score,
        )


@dataclass(frozen=True, slots=True)
class CollectionRow:
    """A gallery with its own people and model.

    Attributes:
        id: never used twice.
        collection: the name.
        people, faces: how many are enrolled.
        detector, model: what finds faces, and what makes vectors of them.
        fingerprint: of the model: vectors of two are never compared.
    """

    id: int
    collection: str
    people: int
    faces: int
    detector: str
    model: str
    fingerprint: str

    @classmethod
    def of(cls, found: Collection, holds: Counts) -> "CollectionRow":
        """Of a collection that holds so much."""
        return cls(
            id=found.id,
            collection=found.name,
            people=holds.people,
            faces=holds.faces,
            detector=found.detector,
            model=found.embedder,
            fingerprint=found.fingerprint,
        )


@dataclass(frozen=True, slots=True)
class Edit:
    """An edit of people, as the journal keeps it.

    Attributes:
        id: to undo it by.
        kind: rename, number, merge, split, move, dismiss or name.
        summary: what was done, with the names of then.
        people: ids of everybody concerned.
        faces: ids of the faces that changed hands.
        at: in UTC.
        undone: whether it was taken back.
    """

    id: int
    kind: str
    summary: str
    people: list[int]
    faces: list[int]
    at: datetime
    undone: bool

    @classmethod
    def of(cls, entry: JournalEntry) -> "Edit":
        """Of an entry of the journal."""
        return cls(
            id=entry.id,
            kind=entry.kind,
            summary=entry.summary,
            people=list(entry.people),
            faces=list(entry.faces),
            at=entry.created_at,
            undone=entry.undone_at is not None,
        )


@dataclass(frozen=True, slots=True)
class ChangedPerson(NamedPerson):
    """What a person is called after a request that changed it, and what can be undone of that.

    Attributes:
        id, person, external_id: as in a list of people.
        edits: what this request did, in its order: a number, then a name; none where all was so.
    """

    edits: list[Edit]


class EditsDocument(TypedDict):
    """Edits of people, newest first."""

    edits: list[Edit]


class EntryDocument(TypedDict):
    """An edit that was just made: its number in the journal, to undo it by, and what it did."""

    entry: int
    summary: str


class CollectionsDocument(TypedDict):
    """Galleries."""

    collections: list[CollectionRow]
