"""The documents that the API speaks about events; see docs/events.md."""

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from retrieval.api.schemas import Document
from retrieval.api.uploads import ClientName

Id = Annotated[int, Field(ge=1, le=2**62)]


class NewEvent(BaseModel):
    """An event to make."""

    name: str = Field(min_length=1, max_length=200)
    day: date | None = Field(None, description="When it was; else its photos tell.")
    expects: Literal["nobody", "everybody", "listed"] = "nobody"
    expected: list[Annotated[str, Field(max_length=200)]] = Field(
        default_factory=list, max_length=20_000, description="Names or numbers, of a list."
    )
    keep_photos: bool = False
    days: int | None = Field(None, ge=1, le=100_000, description="For which it is kept.")


class ChangedEvent(BaseModel):
    """What of an event is to be changed; what is left out stays."""

    name: str | None = Field(None, min_length=1, max_length=200)
    day: date | None = None
    expects: Literal["nobody", "everybody", "listed"] | None = None
    expected: list[Annotated[str, Field(max_length=200)]] = Field(
        default_factory=list, max_length=20_000
    )
    days: int | None = Field(None, ge=1, le=100_000)


class ExpectedPerson(BaseModel):
    """Somebody who is expected, and by which name they are meant."""

    id: Id
    called: str | None = Field(
        None, max_length=200, description="Refused if they have another name by now."
    )


class AlsoExpected(BaseModel):
    """People to be added to those who are expected."""

    people: list[ExpectedPerson] = Field(min_length=1, max_length=1_000)


class EventShown(Document):
    """An event, and how much it holds."""

    id: int
    name: str
    day: str | None
    expects: str
    expected: int
    keep_photos: bool
    days: int | None
    created_at: str
    photos: int
    rejected: int
    faces: int
    outdated: str | None


class MadeEvent(EventShown):
    """An event that was made or changed."""

    not_enrolled: list[str] = Field(description="Entries of the list that are nobody here.")


class EventsShown(Document):
    """The events of a collection, the latest first."""

    events: list[EventShown]


class PhotoTaken(Document):
    """What became of one photo."""

    photo: str
    outcome: Literal["added", "known", "rejected"]
    faces: int
    reason: str | None
    message: str | None


class PhotosTaken(Document):
    """What became of each photo, and what is kept of strangers."""

    photos: list[PhotoTaken]
    added: int
    known: int
    rejected: int
    strangers_kept_days: int


class InlinePhoto(BaseModel):
    """A photo in a JSON document."""

    name: ClientName = Field(min_length=1, max_length=500)
    base64: str | None = Field(None, description="Its bytes.")
    url: str | None = Field(
        None, max_length=4_000, description="Or where it lies: below an allowed place."
    )


class InlinePhotos(BaseModel):
    """Photos in a JSON document."""

    photos: list[InlinePhoto] = Field(min_length=1, max_length=1_000)


class EventPhotoShown(Document):
    """A photo of an event; `reason` of one that was not taken."""

    id: int
    photo: str
    width: int
    height: int
    taken_at: str | None
    seconds: float | None = Field(description="How long it is, of a video; null of a photo.")
    reason: str | None
    message: str | None


class EventPhotosShown(Document):
    """The photos of an event, or those that were not taken; `next` goes on."""

    photos: list[EventPhotoShown]
    next: int | None


class MissedFace(BaseModel):
    """A face that was missed, where somebody saw it."""

    box: tuple[float, float, float, float] = Field(
        description="Left, top, width, height in pixels of the upright photo."
    )


class FaceShown(Document):
    """A face of an event with who it is."""

    face: dict[str, object]


class EventRoll(Document):
    """Who was there; see docs/events.md."""

    event: dict[str, object]
    collection: str
    made_at: str
    outdated: str | None
    counts: dict[str, int]
    people: list[dict[str, object]]
    unknown: list[dict[str, object]]
    unusable: list[int]


class AppearancesPage(Document):
    """Faces of an event with who they are; `next` goes on."""

    faces: list[dict[str, object]]
    next: int | None


class NewVerdict(BaseModel):
    """What somebody says of faces."""

    verdict: Literal["right", "not", "is", "nobody"]
    faces: list[Id] = Field(min_length=1, max_length=1_000)
    person: str | None = Field(None, min_length=1, max_length=200)
    person_id: Id | None = None
    external_id: str | None = Field(None, max_length=200, description="Number of somebody new.")
    group: bool = Field(False, description="It holds for the whole group of each face.")
    teach: bool = Field(False, description="Enrol the faces as photos of that person.")


class VerdictGiven(Document):
    """What became of a verdict; `act` undoes it."""

    act: int | None
    faces: list[int]
    person_id: int | None
    person: str | None
    new_person: bool
    taught: int
    not_taught: list[dict[str, object]]


class VerdictUndone(Document):
    """What was taken back."""

    undone: int
    faces: list[int]


class UndoVerdict(BaseModel):
    """Which verdict to take back; the newest if left out."""

    act: Id | None = None


class VerdictsShown(Document):
    """All that was said, oldest first."""

    verdicts: list[dict[str, object]]


class ChangesShown(Document):
    """What changes when the event is decided anew."""

    changes: list[dict[str, object]]
    left: int


class SightingsShown(Document):
    """Events and photos in which people were seen."""

    events: list[dict[str, object]]


class PresenceShown(Document):
    """People and events of a time."""

    events: list[dict[str, object]]
    people: list[dict[str, object]]
    undated: list[dict[str, object]]
