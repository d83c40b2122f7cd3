"""The JSON of events: one shape each, of command line and HTTP alike; see docs/events.md."""

from typing import Literal

from typing_extensions import TypedDict  # Pydantic asks for this one below Python 3.12


class EventDocument(TypedDict):
    """An event, and how much it holds."""

    id: int
    name: str
    day: str | None
    expects: str
    expected: int
    """How many people were, of a list."""
    keep_photos: bool
    days: int | None
    """For which it is kept."""
    created_at: str
    photos: int
    rejected: int
    faces: int
    outdated: str | None
    """Why its roll may be otherwise once it is updated."""


class MadeEvent(EventDocument):
    """An event that was made or changed."""

    not_enrolled: list[str]
    """Entries of the list that are nobody here."""


class EventsDocument(TypedDict):
    """The events of a collection, the latest first."""

    events: list[EventDocument]


class TakenPhoto(TypedDict):
    """What became of one photo."""

    photo: str
    outcome: Literal["added", "known", "rejected"]
    faces: int
    reason: str | None
    message: str | None


class TakenPhotos(TypedDict):
    """What became of each photo, and for how many days what is kept of strangers is."""

    photos: list[TakenPhoto]
    added: int
    known: int
    rejected: int
    strangers_kept_days: int


class EventPhotoDocument(TypedDict):
    """A photo of an event; `reason` and `message` of one that was not taken.

    A message alone says of a video that it breaks off, or was seen turned.
    """

    id: int
    photo: str
    width: int
    height: int
    taken_at: str | None
    """By the clock on the wall there, without a zone: 2026-07-04T15:00:00."""
    seconds: float | None
    """How long it is, of a video; null of a photo."""
    reason: str | None
    message: str | None


class EventPhotosDocument(TypedDict):
    """The photos of an event, or those that were not taken; `next` goes on."""

    photos: list[EventPhotoDocument]
    next: int | None


_FromTo = TypedDict("_FromTo", {"from": str, "to": str})  # minutes and seconds of a video
_MayBeFromTo = TypedDict("_MayBeFromTo", {"from": str | None, "to": str | None})


class SecondsDocument(_MayBeFromTo):
    """From and to when a face was seen in a video; null of a photo."""

    best_s: float | None


class AppearanceCandidate(TypedDict):
    """A person who might be the face's, with the enrolled face that speaks for it."""

    person_id: int
    person: str
    external_id: str | None
    score: float | None
    face_id: int


class AppearanceDocument(SecondsDocument):
    """A face of an event with who it is."""

    id: int
    photo_id: int
    photo: str
    taken_at: str | None
    face: int
    box: list[float]
    size_px: float
    decision: str
    reason: str | None
    by_event: bool
    """Whether the event's other faces helped to decide."""
    person_id: int | None
    person: str | None
    external_id: str | None
    certainty: str | None
    likeness: float | None
    needed: float | None
    margin: float | None
    judged_by: str | None
    nobody_of_ours: bool
    """A human said so."""
    group: int | None
    candidates: list[AppearanceCandidate]


class AddedFace(TypedDict):
    """A face that was missed, with who it is."""

    face: AppearanceDocument


class AppearancesDocument(TypedDict):
    """Faces of an event with who they are; `next` goes on."""

    faces: list[AppearanceDocument]
    next: int | None


class RollEvent(TypedDict):
    """The event of a roll."""

    id: int
    name: str
    day: str | None
    expects: str


class RollCounts(TypedDict):
    """How many there are of each."""

    photos: int
    rejected: int
    faces: int
    present: int
    to_check: int
    absent: int
    unknown_groups: int
    unknown_faces: int
    unusable: int
    gone: int
    """Faces that were erased or forgotten."""


class InVideoDocument(_FromTo):
    """A stay of somebody in a video."""

    video: str


class RollLineDocument(TypedDict):
    """One person of a roll."""

    person_id: int
    person: str
    external_id: str | None
    standing: str
    certainty: str | None
    """Of the best face, in words; null of who is absent."""
    why: str | None
    """Where a look is needed."""
    expected: bool | None
    """Null where nobody in particular was."""
    faces: list[int]
    """Ids, the clearest first."""
    photos: int
    best: int | None
    likeness: float | None
    needed: float | None
    """The likeness that a match needed there."""
    first: str | None
    last: str | None
    confirmed_by: str | None
    portrait: int | None
    """Id of an enrolled face of the person."""
    videos: list[InVideoDocument]


class UnknownGroupDocument(TypedDict):
    """Faces of an event that seem to be one person's, and nobody's of ours."""

    group: int
    faces: list[int]
    photos: int
    best: int
    first: str | None
    last: str | None
    nobody_of_ours: bool


class RollDocument(TypedDict):
    """Who was there."""

    event: RollEvent
    collection: str
    made_at: str
    threshold: float | None
    threshold_source: str | None
    outdated: str | None
    """Why it may be otherwise once it is updated."""
    counts: RollCounts
    people: list[RollLineDocument]
    """Present first, then to check, then absent; by name."""
    unknown: list[UnknownGroupDocument]
    unusable: list[int]
    """Ids of faces too small, blurred or turned away to tell."""


class NotTaught(TypedDict):
    """A face that was not enrolled, and why."""

    face: int
    reason: str


class JudgedDocument(TypedDict):
    """What became of a verdict."""

    act: int | None
    """By which it is undone; null where it changed nothing."""
    faces: list[int]
    person_id: int | None
    person: str | None
    new_person: bool
    taught: int
    """Faces that were enrolled."""
    not_taught: list[NotTaught]


class UndoneDocument(TypedDict):
    """What was taken back."""

    undone: int
    faces: list[int]


class VerdictDocument(TypedDict):
    """What somebody said of one face; `undone_at` and `undone_by` null while it stands."""

    act: int
    face: int
    verdict: str
    person_id: int | None
    person: str | None
    """Null of nobody of ours, and of who was deleted since."""
    judge: str
    at: str
    undone_at: str | None
    undone_by: str | None


class VerdictsDocument(TypedDict):
    """All that was said, oldest first."""

    verdicts: list[VerdictDocument]


class ChangeDocument(TypedDict):
    """A face that would be, or is now, somebody else; null is nobody."""

    face: int
    before: str | None
    after: str | None


class ChangesDocument(TypedDict):
    """What changes when the event is decided anew."""

    changes: list[ChangeDocument]
    left: int
    """Faces of another model whose photos cannot be read again: they stay as they are."""


class SightingDocument(TypedDict):
    """Where somebody was seen."""

    event_id: int
    event: str
    day: str | None
    photos: list[str]
    faces: list[int]


class SightingsDocument(TypedDict):
    """Events and photos in which people were seen."""

    events: list[SightingDocument]


class PresenceEvent(TypedDict):
    """An event of a time."""

    id: int
    name: str
    day: str | None


class UndatedEvent(TypedDict):
    """An event of no day."""

    id: int
    name: str


class PresencePerson(TypedDict):
    """One person over several events."""

    person_id: int
    person: str
    external_id: str | None
    present: int
    """At how many events."""
    standings: list[str | None]
    """At each event; null where the person is not on its roll."""


class PresenceDocument(_MayBeFromTo):
    """People and events of a time."""

    events: list[PresenceEvent]
    people: list[PresencePerson]
    undated: list[UndatedEvent]
    """Which days that are asked for leave out."""
