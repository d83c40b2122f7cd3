"""An event, its photos, faces and verdicts as they are shown, each with its JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from retrieval.catalogue.events.records import (
    Appearance,
    Event,
    EventPhoto,
    EventSize,
    Expects,
    Found,
    Seconds,
    Verdict,
)
from retrieval.events.documents import (
    AppearanceDocument,
    EventDocument,
    EventPhotoDocument,
    SecondsDocument,
    UndoneDocument,
    VerdictsDocument,
)
from retrieval.photos.videos import clock


class Certainty(StrEnum):
    """How sure a name is, in words."""

    CONFIRMED = "confirmed"  # a human said so
    SURE = "sure"  # clearly above the threshold
    LIKELY = "likely"  # above the threshold, or like the person's other faces of the event
    UNSURE = "unsure"  # a look is needed


@dataclass(frozen=True, slots=True)
class Named:
    """An appearance with what stands of it: the decision, and a human's word.

    Attributes:
        appearance: as it was decided.
        person_id, person, external_id: who it is by now, or None.
        certainty: how sure that is, or None.
        judged_by: whose word it is, or None.
        nobodys: a human said that it is nobody of ours.
        candidates: the best people with number, score and nearest enrolled face, without those
            whom a human refused.
    """

    appearance: Appearance
    person_id: int | None
    person: str | None
    external_id: str | None
    certainty: Certainty | None
    judged_by: str | None
    nobodys: bool
    candidates: tuple[tuple[int, str, str | None, float, int], ...]

    @property
    def decision(self) -> Found:
        """What stands: who was named by a human matches, a match that a human refused does not."""
        if self.person is not None:
            return Found.MATCH
        found = self.appearance.found
        return Found.UNKNOWN if found is Found.MATCH else found

    def document(self) -> AppearanceDocument:
        """As JSON."""
        own = self.appearance
        return {
            "id": own.id,
            "photo_id": own.photo.id,
            "photo": own.photo.photo,
            "taken_at": moment_of(own.photo.taken_at),
            **seconds_document(own.seconds),
            "face": own.face,
            "box": [round(side, 1) for side in own.box],
            "size_px": round(own.size_px, 1),
            "decision": self.decision.value,
            "reason": own.reason,
            "by_event": own.by_event,
            "person_id": self.person_id,
            "person": self.person,
            "external_id": self.external_id,
            "certainty": None if self.certainty is None else self.certainty.value,
            "likeness": rounded(own.likeness),
            "needed": rounded(own.needed),
            "margin": rounded(own.margin),
            "judged_by": self.judged_by,
            "nobody_of_ours": self.nobodys,
            "group": own.group,
            "candidates": [
                {
                    "person_id": person,
                    "person": name,
                    "external_id": number,
                    "score": rounded(score),
                    "face_id": face,
                }
                for person, name, number, score, face in self.candidates
            ],
        }


def seconds_document(seconds: Seconds | None) -> SecondsDocument:
    """From and to when a face was seen in a video, as JSON; null of a photo."""
    return {
        "from": None if seconds is None else clock(seconds.first),
        "to": None if seconds is None else clock(seconds.last),
        "best_s": None if seconds is None else round(seconds.best, 2),
    }


def photo_document(photo: EventPhoto) -> EventPhotoDocument:
    """A photo of an event as JSON, with why it was not taken if it was not."""
    return {
        "id": photo.id,
        "photo": photo.photo,
        "width": photo.width,
        "height": photo.height,
        "taken_at": moment_of(photo.taken_at),
        "seconds": None if photo.seconds is None else round(photo.seconds, 2),
        "reason": photo.code,
        "message": photo.message,
    }


def history_document(said: Sequence[Verdict], names: Mapping[int, str]) -> VerdictsDocument:
    """Verdicts as JSON, with people's names by id."""
    return {
        "verdicts": [
            {
                "act": each.act,
                "face": each.appearance,
                "verdict": each.kind.value,
                "person_id": each.person,
                "person": None if each.person is None else names.get(each.person),
                "judge": each.judge,
                "at": each.at.isoformat(),
                "undone_at": None if each.undone_at is None else each.undone_at.isoformat(),
                "undone_by": each.undone_by,
            }
            for each in said
        ]
    }


def undone_document(undone: Sequence[Verdict]) -> UndoneDocument:
    """What was taken back together, as JSON."""
    return {"undone": undone[0].act, "faces": [each.appearance for each in undone]}


def rounded(number: float | None) -> float | None:
    """As JSON tells likenesses: to four places."""
    return None if number is None else round(number, 4)


def moment_of(moment: datetime | None) -> str | None:
    """As JSON tells when photos were taken: by the clock on the wall, to the second, no zone."""
    return None if moment is None else moment.replace(tzinfo=None).isoformat(timespec="seconds")


@dataclass(frozen=True, slots=True)
class EventShown:
    """An event with how much it holds.

    Attributes:
        event: which.
        size: photos, rejects and faces.
        expected: how many people were, of a list.
        outdated: why its roll may be otherwise once it is updated, or None.
    """

    event: Event
    size: EventSize
    expected: int
    outdated: str | None = None

    def document(self) -> EventDocument:
        """As JSON."""
        return {
            "id": self.event.id,
            "name": self.event.name,
            "day": None if self.event.day is None else self.event.day.isoformat(),
            "expects": self.event.expects.value,
            "expected": self.expected,
            "keep_photos": self.event.keep_photos,
            "days": self.event.days,
            "created_at": self.event.created_at.isoformat(timespec="seconds"),
            "photos": self.size.photos,
            "rejected": self.size.rejected,
            "faces": self.size.appearances,
            "outdated": self.outdated,
        }


@dataclass(frozen=True, slots=True)
class Expected:
    """Who was expected: everybody, nobody in particular, or people of a list.

    Attributes:
        whom: see `Expects`.
        people: ids, of a list.
        unknown: entries of the list that are nobody's name or number here.
    """

    whom: Expects
    people: tuple[int, ...] = ()
    unknown: tuple[str, ...] = ()
