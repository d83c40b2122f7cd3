"""What goes into the catalogue and what comes out of it, as values."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from retrieval.catalogue.events.records import ErasedAppearances
from retrieval.catalogue.names import called, folded
from retrieval.values import Floats, Vectors, check_rows


def part_sha256(photo: str, box: Floats) -> str:
    """The identity of a part of a photo: a whole photo is enrolled for one person only."""
    return hashlib.sha256(f"{photo} {box.tolist()}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Collection:
    """A gallery with its own people and the model that it keeps.

    Attributes:
        id: the catalogue's, never used twice.
        name: unique in the catalogue.
        detector, embedder, precision, mirror: what it was created with.
        fingerprint: of the model; vectors of another fingerprint never enter.
        dimension: numbers per vector.
        created_at: in UTC.
        generation: another one whenever all vectors were made anew; empty for the first ones.
        aside: whether the vectors stand in the table `model_vectors`, not in the faces' rows.
    """

    id: int
    name: str
    detector: str
    embedder: str
    precision: str
    mirror: bool
    fingerprint: str
    dimension: int
    created_at: datetime
    generation: str = ""
    aside: bool = False

    @property
    def series(self) -> str:
        """Names the vectors that belong together in an index: the model, and its generation."""
        return f"{self.fingerprint}@{self.generation}" if self.generation else self.fingerprint


@dataclass(frozen=True, slots=True, eq=False)
class NewFace:
    """A face to be enrolled, with the photo that it is from.

    Attributes:
        person: the name under which it is enrolled.
        external_id: the person's id elsewhere, or None.
        sha256: hexadecimal digest of the photo's bytes.
        photo: its path or an upload's file name.
        width, height: of the upright photo, in pixels.
        part: whether others may be enrolled from the same photo, each by their own face.
        box: (4,) float32, xywh in pixels of the photo.
        landmarks: (5, 2) float32.
        score: the detector's, in [0, 1].
        size_px, sharpness, yaw_deg, cut_off: see `retrieval.values.Quality`.
        vector: (d,) float32 of unit length.
    """

    person: str
    external_id: str | None
    sha256: str
    photo: str
    width: int
    height: int
    box: Floats
    landmarks: Floats
    score: float
    size_px: float
    sharpness: float
    yaw_deg: float
    cut_off: float
    vector: Floats
    part: bool = False

    @property
    def identity(self) -> str:
        """The digest of what is enrolled: once of a whole photo, or once of each part."""
        return part_sha256(self.sha256, self.box) if self.part else self.sha256

    def __post_init__(self) -> None:
        check_rows("box", self.box, (4,))
        check_rows("landmarks", self.landmarks, (5, 2))
        check_rows("vector", self.vector, (None,))


class EnrolmentOutcome(StrEnum):
    """What became of a face that was to be enrolled."""

    ENROLLED = "enrolled"
    DUPLICATE = "duplicate"  # the same photo is enrolled under the same person
    OTHER_PERSON = "other-person"  # the same photo, or this face of it, is somebody else's
    CONFLICT = "conflict"  # name and external id belong to different people: not taken


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What became of one face.

    Attributes:
        outcome: enrolled, known, or why it was not taken.
        person_id: whose face it is now; under OTHER_PERSON the owner's; None under CONFLICT.
        face_id: its id; the present one's where the photo is there already; None under CONFLICT.
        reason: a sentence where it was not taken, else None.
        remark: a sentence where the name was written otherwise than the person's, else None.
    """

    outcome: EnrolmentOutcome
    person_id: int | None
    face_id: int | None
    reason: str | None = None
    remark: str | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody enrolled.

    Attributes:
        id: the catalogue's, never used twice.
        name: of one person in the collection, or of several who have different numbers.
        external_id: the employee number: unique in the collection, or None.
        faces: how many are enrolled.
        created_at: in UTC.
    """

    id: int
    name: str
    external_id: str | None
    faces: int
    created_at: datetime

    @property
    def called(self) -> str:
        """The name, with the number where there is one: `Ann Lee (1001)` tells namesakes apart."""
        return called(self.name, self.external_id)


@dataclass(frozen=True, slots=True)
class Owner:
    """Under whom a photo, or a part of it, is enrolled.

    Attributes:
        name, external_id: see `Person`.
        box: (4,) float32, xywh in pixels of the photo, of the face that is enrolled; None for a
            photo that is to be enrolled.
    """

    name: str
    external_id: str | None = None
    box: Floats | None = field(default=None, compare=False, repr=False)

    @property
    def called(self) -> str:
        """See `Person`."""
        return called(self.name, self.external_id)

    def may_be(self, name: str, external_id: str | None) -> bool:
        """Whether this may be the person who is meant by a name, and a number if there is one."""
        if external_id is not None and self.external_id is not None:
            return external_id == self.external_id
        return folded(name) == folded(self.name)


@dataclass(frozen=True, slots=True)
class Move:
    """Faces that are to be another person's.

    Attributes:
        faces: ids.
        to: whose they are to be: by id alone, or with the name that they must have.
        of: whose they must be until then, by id or with the name; None for whoever has them.
    """

    faces: tuple[int, ...]
    to: int | Person
    of: int | Person | None = None


@dataclass(frozen=True, slots=True)
class EnrolledFace:
    """A face in the catalogue, without its vector.

    Attributes:
        id: also its id in every index.
        person_id, person: whose it is now.
        photo_id, photo, width, height: of the photo that it is from.
        sha256: of what is enrolled: the photo, or a part of it.
        photo_sha256: of the photo, also where a part of it is enrolled.
        box: xywh in pixels of the photo.
        score, size_px, sharpness: the detector's score and the quality when it was enrolled.
        created_at: in UTC.
        external_id: the person's number, or None.
    """

    id: int
    person_id: int
    person: str
    photo_id: int
    photo: str
    sha256: str
    photo_sha256: str
    width: int
    height: int
    box: tuple[float, float, float, float]
    score: float
    size_px: float
    sharpness: float
    created_at: datetime
    external_id: str | None = None

    @property
    def called(self) -> str:
        """The person, see `Person`."""
        return called(self.person, self.external_id)


@dataclass(frozen=True, slots=True)
class Counts:
    """How much a collection holds."""

    people: int
    photos: int
    faces: int


@dataclass(frozen=True, slots=True, eq=False)
class Erased:
    """What a deletion took out of the catalogue, for whoever holds copies of it.

    Attributes:
        people: ids of people who are gone.
        faces: ids of faces that are gone.
        photos: SHA-256 of photos that have no face here any more.
        vectors: (n, d) float32, those of `faces`; to look for traces, not to be kept.
        erasure: its id in the log of erasures.
        seen: what went out of events.
        names: that the people had, and nobody else has now; to take out of files.
        parts: what went with each of people, in their order.
    """

    people: tuple[int, ...]
    faces: tuple[int, ...]
    photos: tuple[str, ...]
    vectors: Vectors
    erasure: str = ""
    seen: ErasedAppearances = field(default_factory=ErasedAppearances)
    names: frozenset[str] = frozenset()
    parts: "tuple[Erased, ...]" = ()

    @property
    def counts(self) -> Counts:
        """How much went."""
        return Counts(len(self.people), len(self.photos), len(self.faces))


class Deleted(StrEnum):
    """What was deleted."""

    PERSON = "person"
    PHOTO = "photo"
    EVENT = "event"
    COLLECTION = "collection"


@dataclass(frozen=True, slots=True)
class KeptReceipt:
    """A receipt as it is by now.

    Attributes:
        id: 32 hexadecimal digits.
        collection_id, collection: where it was, or what was deleted.
        kind: what was deleted.
        deleted_id: of the person, the face, the event or the collection.
        erased_at: when the rows went, in UTC.
        finished_at: when everything was done, None while it is not.
        document: what was erased, and once it is finished, what was found.
    """

    id: str
    collection_id: int
    collection: str
    kind: Deleted
    deleted_id: int
    erased_at: datetime
    finished_at: datetime | None
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """An edit of people, as the journal keeps it.

    Attributes:
        id: the entry's, to undo it by.
        kind: rename, number, merge, split, move, dismiss, or name for strangers who were named.
        summary: what was done, in words, with the names of then.
        people: ids of everybody concerned, also of who was merged away.
        faces: ids of the faces that changed hands, or were enrolled.
        created_at: in UTC.
        undone_at: in UTC, None while it stands.
        erased: somebody concerned was deleted since: it names nobody and cannot be undone.
    """

    id: int
    kind: str
    summary: str
    people: tuple[int, ...]
    faces: tuple[int, ...]
    created_at: datetime
    undone_at: datetime | None
    erased: bool
