"""What goes into the tables of events and what comes out of them, as values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from retrieval.values import Faces, Floats, Ints, Vectors

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# The best people of an appearance as they lie in its row, best first.
CANDIDATE = [("person", "<i8"), ("score", "<f4"), ("face", "<i8")]  # a dtype
NO_CANDIDATES = b""


class Expects(StrEnum):
    """Who was expected at an event."""

    NOBODY = "nobody"
    EVERYBODY = "everybody"
    LISTED = "listed"


class Found(StrEnum):
    """What stands in an appearance's row: an `Outcome`, or why there is none any more."""

    MATCH = "match"
    AMBIGUOUS = "ambiguous"
    UNKNOWN = "unknown"
    UNUSABLE = "unusable"
    ERASED = "erased"  # its person was deleted
    FORGOTTEN = "forgotten"  # a stranger, kept for as long as allowed


FOUND = tuple(Found)  # by the number that `Appearances.found` gives


class VerdictKind(StrEnum):
    """What a verdict says of an appearance."""

    RIGHT = "right"  # it is whom the decision names
    NOT = "not"  # it is not this person
    IS = "is"  # it is this person
    NOBODY = "nobody"  # it is nobody of ours


@dataclass(frozen=True, slots=True)
class Event:
    """An occasion with photos.

    Attributes:
        id: the catalogue's, never used twice.
        name: unique in the collection.
        day: when it was, or None while nothing tells it.
        expects: who was expected.
        keep_photos: whether copies of its photos are kept.
        days: for which it is kept; None for as many as the settings say.
        created_at: in UTC.
        revision: counts changes of its appearances.
        decided: the revision that the decisions hold for.
        stamp: of the gallery that they were made with, or None.
    """

    id: int
    name: str
    day: date | None
    expects: Expects
    keep_photos: bool
    days: int | None
    created_at: datetime
    revision: int
    decided: int
    stamp: str | None


@dataclass(frozen=True, slots=True)
class EventSize:
    """How much an event holds.

    Attributes:
        photos: that were taken.
        rejected: photos that could not be taken.
        appearances: faces in the photos.
    """

    photos: int
    rejected: int
    appearances: int


@dataclass(frozen=True, slots=True)
class EventPhoto:
    """A photo of an event.

    Attributes:
        id: the catalogue's, never used twice.
        sha256: of its bytes, None of one that could not be read.
        photo: what the user calls it.
        location: where it can be read again, or None.
        width, height: of the upright photo, in pixels.
        taken_at: what the clock on the wall showed, see `photos.moments`, or None.
        code, message: why it was not taken, or None; a message alone says of a video that was taken
            that it breaks off, or was turned.
        seconds: how long it is, of a video; None of a photo.
    """

    id: int
    sha256: str | None
    photo: str
    location: str | None
    width: int
    height: int
    taken_at: datetime | None
    code: str | None = None
    message: str | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Seconds:
    """When a face was seen in a video.

    Attributes:
        first, last: from and to which second.
        best: the second of the frame that shows it best.
    """

    first: float
    last: float
    best: float


@dataclass(frozen=True, slots=True, eq=False)
class NewPhoto:
    """A photo that is to be added, with its faces.

    Attributes:
        sha256, photo, location, width, height, taken_at: as of an `EventPhoto`.
        faces: a row per face.
        pictures: a JPEG a face, or none at all.
        seconds: of a video; None of a photo.
        times: of a video, when each face was seen.
        agreement: of a video, how much the vectors of each face agree whose mean it has: see
            `scoring.rule.credit`.
        message: as of an `EventPhoto`.
    """

    sha256: str
    photo: str
    location: str | None
    width: int
    height: int
    taken_at: datetime | None
    faces: Faces
    pictures: Sequence[bytes] = ()
    seconds: float | None = None
    times: Sequence[Seconds] = ()
    agreement: Sequence[float] = ()
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Reject:
    """A photo that was not taken, and why."""

    photo: str
    code: str
    message: str
    sha256: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Waiting:
    """An appearance whose vector is of another model.

    Attributes:
        face: its id.
        photo: id of the photo or video.
        landmarks: (5, 2) float32, in pixels.
        best_s: of a video, the second of the frame that they are of; None of a photo.
    """

    face: int
    photo: int
    landmarks: Floats
    best_s: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """A vector of the collection's present model for an appearance.

    Attributes:
        face: its id.
        vector: (d,) float32, of unit length.
        agreement: of a track's vectors, see `NewPhoto`; None of one vector.
    """

    face: int
    vector: Floats
    agreement: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Appearances:
    """The faces of one event without their vectors, one row per face, by id.

    Attributes:
        ids, photos: (n,) int64: their ids, and their photos'.
        found: (n,) int64, the number of `FOUND`.
        people: (n,) int64, of matches, -1 else.
        likeness, needed: (n,) float32, NaN where there is none.
        by_event: (n,) bool, whether the event rather than the face itself decided.
        groups: (n,) int64, the id of the group's first appearance, -1 for none.
        sizes: (n,) float32, pixels of the face's shorter side.
        first, last: (n,) float32, seconds of a video; 0 of a photo.
        agreement: (n,) float32, see `scoring.rule.credit`; 1 of a photo.
        footage: (n,) int64, by which it is told who was seen at once: the photo's id, or that of
            the first of the sightings of one camera that overlap.
        begins: (n,) float32, second of the footage at which its photo begins; 0 of most.
    """

    ids: Ints
    photos: Ints
    found: Ints
    people: Ints
    likeness: Floats
    needed: Floats
    by_event: npt.NDArray[np.bool_]
    groups: Ints
    sizes: Floats
    first: Floats
    last: Floats
    agreement: Floats
    footage: Ints
    begins: Floats

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def stays(self) -> tuple[Floats, Floats]:
        """From and to which second of its footage each was seen, (n,) float32 both."""
        return self.begins + self.first, self.begins + self.last


@dataclass(frozen=True, slots=True, eq=False)
class ToDecide:
    """What deciding an event needs, of one moment.

    Attributes:
        revision: of the event's faces.
        decided: the revision that the decision before was of; -1 or another one where it is old.
        stamp: what that decision was made with, None where there is none.
        found: its appearances, n of them.
        unusable: for each why it cannot be used, or None.
        margins: (n,) float32, reasons, candidates: see `Decided`, as they were decided before.
        rows: (m,) int64, those that have a vector of the model that decides.
        vectors: (m, d) float32, theirs.
    """

    revision: int
    decided: int
    stamp: str | None
    found: Appearances
    unusable: Sequence[str | None]
    margins: Floats
    reasons: Sequence[str | None]
    candidates: Sequence[bytes]
    rows: Ints
    vectors: Vectors


@dataclass(frozen=True, slots=True, eq=False)
class Decided:
    """What an event's appearances were decided to be, one row per face.

    Attributes:
        ids: (n,) int64, of appearances.
        found: a `Found` each.
        people: (n,) int64, of matches, -1 else.
        likeness, needed, margins: (n,) float32, NaN where there is none.
        by_event: (n,) bool.
        reasons: a sentence each, or None.
        candidates: `CANDIDATE` rows each, as bytes.
        groups: (n,) int64, -1 for none.
    """

    ids: Ints
    found: Sequence[Found]
    people: Ints
    likeness: Floats
    needed: Floats
    margins: Floats
    by_event: npt.NDArray[np.bool_]
    reasons: Sequence[str | None]
    candidates: Sequence[bytes]
    groups: Ints


@dataclass(frozen=True, slots=True)
class Appearance:
    """One face of an event, as it is shown.

    Attributes:
        id, photo, face: see `Appearances`; `photo` is the photo's.
        box: xywh in pixels of the upright photo.
        found, person_id, likeness, needed, margin, by_event, reason: the decision.
        candidates: (person, score, enrolled face), best first.
        group: the id of its group's first appearance, or None.
        size_px: of the face's shorter side.
        seconds: when it was seen, of a video; None of a photo.
    """

    id: int
    photo: EventPhoto
    face: int
    box: tuple[float, float, float, float]
    found: Found
    person_id: int | None
    likeness: float | None
    needed: float | None
    margin: float | None
    by_event: bool
    reason: str | None
    candidates: tuple[tuple[int, float, int], ...]
    group: int | None
    size_px: float
    seconds: Seconds | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a human said of one appearance.

    Attributes:
        id: of the verdict.
        act: of all that was said together: it is undone together.
        appearance: whose id.
        kind: what was said.
        person: whom it concerns; None of NOBODY, and once that person is deleted.
        judge: who said it.
        at: in UTC.
        undone_at, undone_by: None while it stands.
    """

    id: int
    act: int
    appearance: int
    kind: VerdictKind
    person: int | None
    judge: str
    at: datetime
    undone_at: datetime | None = None
    undone_by: str | None = None


@dataclass(frozen=True, slots=True)
class PhotosAdded:
    """What one transaction put into an event.

    Attributes:
        event: its id.
        added, rejected: how many photos.
    """

    event: int
    added: int
    rejected: int


@dataclass(frozen=True, slots=True)
class ErasedAppearances:
    """What the deletion of a person took out of events.

    Attributes:
        appearances: their ids.
        events: ids of the events that they were in.
        photos: SHA-256 of the events' photos that showed the person.
    """

    appearances: tuple[int, ...] = ()
    events: tuple[int, ...] = ()
    photos: tuple[str, ...] = ()
