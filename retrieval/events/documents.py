"""What events answer, as values: the roll, its lines, groups and faces, each with its JSON."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from retrieval.catalogue.events.records import (
    Appearance,
    Event,
    EventPhoto,
    EventSize,
    Expects,
    Found,
    Seconds,
)
from retrieval.photos.videos import clock

LINE_COLUMNS = (
    "standing", "number", "name", "photos", "certainty", "first", "last", "expected",
    "confirmed by", "likeness", "needed", "why", "in videos",
)  # fmt: skip


class Standing(StrEnum):
    """How somebody stands on the roll."""

    PRESENT = "present"
    CHECK = "to check"
    ABSENT = "absent"


class Certainty(StrEnum):
    """How sure a name is, in words."""

    CONFIRMED = "confirmed"  # a human said so
    SURE = "sure"  # clearly above the threshold
    LIKELY = "likely"  # above the threshold, or like the person's other faces of the event
    UNSURE = "unsure"  # a look is needed


@dataclass(frozen=True, slots=True)
class InVideo:
    """A stay of somebody in a video.

    Attributes:
        video: its name.
        first, last: seconds of the video.
    """

    video: str
    first: float
    last: float

    def __str__(self) -> str:
        return f"{self.video} {clock(self.first)} to {clock(self.last)}"

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {"video": self.video, "from": clock(self.first), "to": clock(self.last)}


@dataclass(frozen=True, slots=True)
class RollLine:
    """One person of the roll.

    Attributes:
        person_id, person, external_id: who; `external_id` is the employee's number, if any.
        standing: present, to check or absent.
        certainty: of the best face, None of who is absent.
        why: a sentence where a look is needed.
        expected: whether the person was, None where nobody in particular was.
        faces: ids of the appearances, the clearest first.
        photos: in how many the person is.
        best: the clearest appearance, or None.
        likeness: of it, a cosine, or None.
        needed: the likeness that a match needed there, or None.
        first, last: when the first and the last of these photos were taken, where that is known.
        confirmed_by: whose word it is, or None.
        portrait: id of an enrolled face of the person, or None.
        videos: from when to when in which videos, in the order of these.
    """

    person_id: int
    person: str
    external_id: str | None
    standing: Standing
    certainty: Certainty | None
    why: str | None
    expected: bool | None
    faces: tuple[int, ...] = ()
    photos: int = 0
    best: int | None = None
    likeness: float | None = None
    needed: float | None = None
    first: datetime | None = None
    last: datetime | None = None
    confirmed_by: str | None = None
    portrait: int | None = None
    videos: tuple[InVideo, ...] = ()

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "person_id": self.person_id,
            "person": self.person,
            "external_id": self.external_id,
            "standing": self.standing.value,
            "certainty": None if self.certainty is None else self.certainty.value,
            "why": self.why,
            "expected": self.expected,
            "faces": list(self.faces),
            "photos": self.photos,
            "best": self.best,
            "likeness": _rounded(self.likeness),
            "needed": _rounded(self.needed),
            "first": _moment(self.first),
            "last": _moment(self.last),
            "confirmed_by": self.confirmed_by,
            "portrait": self.portrait,
            "videos": [each.document() for each in self.videos],
        }


@dataclass(frozen=True, slots=True)
class UnknownGroup:
    """Faces of an event that seem to be one person's, and nobody's of ours.

    Attributes:
        group: the id of its first appearance.
        faces: ids of the appearances.
        photos: in how many they are.
        best: the largest face.
        first, last: when the first and the last of these photos were taken, where that is known.
        nobodys: a human said that it is nobody of ours.
    """

    group: int
    faces: tuple[int, ...]
    photos: int
    best: int
    first: datetime | None
    last: datetime | None
    nobodys: bool

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "group": self.group,
            "faces": list(self.faces),
            "photos": self.photos,
            "best": self.best,
            "first": _moment(self.first),
            "last": _moment(self.last),
            "nobody_of_ours": self.nobodys,
        }


Pictures = Callable[[Sequence[int]], Mapping[int, bytes]]


@dataclass(frozen=True, slots=True)
class Roll:
    """Who was at an event.

    Attributes:
        event: which.
        collection: whose people are meant.
        made_at: of this moment.
        threshold, threshold_source: that decisions were made with; None before there are any.
        outdated: why it may be otherwise once it is updated, or None.
        photos, rejected, appearances: how many.
        lines: present first, then to check, then absent; by name.
        unknown: groups of faces that are nobody's, the largest first.
        unusable: ids of faces too small, blurred or turned away to tell.
        gone: how many faces were erased or forgotten.
        save: writes a roll to a file in a form; see `exports.write`.
        pictures: gives thumbnails by appearance, for the exports.
        shown: gives appearances as they are shown, likewise.
    """

    event: Event
    collection: str
    made_at: datetime
    threshold: float | None
    threshold_source: str | None
    outdated: str | None
    photos: int
    rejected: int
    appearances: int
    lines: tuple[RollLine, ...]
    unknown: tuple[UnknownGroup, ...]
    unusable: tuple[int, ...]
    gone: int
    save: Callable[["Roll", Path, str], None] = field(compare=False, repr=False)
    pictures: Pictures = field(default=lambda ids: {}, compare=False, repr=False)
    shown: Callable[[], Sequence["Named"]] = field(default=lambda: (), compare=False, repr=False)
    album: Callable[[], Sequence[EventPhoto]] = field(default=lambda: (), compare=False, repr=False)

    def of(self, standing: Standing) -> tuple[RollLine, ...]:
        """The lines of who stands so."""
        return tuple(line for line in self.lines if line.standing is standing)

    @property
    def present(self) -> tuple[RollLine, ...]:
        """Who was there."""
        return self.of(Standing.PRESENT)

    @property
    def to_check(self) -> tuple[RollLine, ...]:
        """Who may have been there."""
        return self.of(Standing.CHECK)

    @property
    def absent(self) -> tuple[RollLine, ...]:
        """Who was expected and not seen."""
        return self.of(Standing.ABSENT)

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "event": {
                "id": self.event.id,
                "name": self.event.name,
                "day": None if self.event.day is None else self.event.day.isoformat(),
                "expects": self.event.expects.value,
            },
            "collection": self.collection,
            "made_at": _moment(self.made_at),
            "threshold": _rounded(self.threshold),
            "threshold_source": self.threshold_source,
            "outdated": self.outdated,
            "counts": {
                "photos": self.photos,
                "rejected": self.rejected,
                "faces": self.appearances,
                "present": len(self.present),
                "to_check": len(self.to_check),
                "absent": len(self.absent),
                "unknown_groups": len(self.unknown),
                "unknown_faces": sum(len(group.faces) for group in self.unknown),
                "unusable": len(self.unusable),
                "gone": self.gone,
            },
            "people": [line.document() for line in self.lines],
            "unknown": [group.document() for group in self.unknown],
            "unusable": list(self.unusable),
        }

    def to_xlsx(self, path: str | Path) -> None:
        """Write an Excel file with the sheets roll, appearances and photos; see `exports`."""
        self.save(self, Path(path), "xlsx")

    def to_csv(self, path: str | Path) -> None:
        """Write one row per person."""
        self.save(self, Path(path), "csv")

    def to_html(self, path: str | Path) -> None:
        """Write a page that needs nothing else and prints on A4."""
        self.save(self, Path(path), "html")

    def to_json(self, path: str | Path) -> None:
        """Write the document."""
        self.save(self, Path(path), "json")


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

    def document(self) -> dict[str, Any]:
        """As JSON."""
        own = self.appearance
        return {
            "id": own.id,
            "photo_id": own.photo.id,
            "photo": own.photo.photo,
            "taken_at": _moment(own.photo.taken_at),
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
            "likeness": _rounded(own.likeness),
            "needed": _rounded(own.needed),
            "margin": _rounded(own.margin),
            "judged_by": self.judged_by,
            "nobody_of_ours": self.nobodys,
            "group": own.group,
            "candidates": [
                {
                    "person_id": person,
                    "person": name,
                    "external_id": number,
                    "score": _rounded(score),
                    "face_id": face,
                }
                for person, name, number, score, face in self.candidates
            ],
        }


def seconds_document(seconds: Seconds | None) -> dict[str, Any]:
    """From and to when a face was seen in a video, as JSON; null of a photo."""
    return {
        "from": None if seconds is None else clock(seconds.first),
        "to": None if seconds is None else clock(seconds.last),
        "best_s": None if seconds is None else round(seconds.best, 2),
    }


def line_cells(line: RollLine) -> tuple[object, ...]:
    """One person as cells, in the order of `LINE_COLUMNS`."""
    return (
        line.standing.value,
        line.external_id,
        line.person,
        line.photos or None,
        None if line.certainty is None else line.certainty.value,
        None if line.first is None else f"{line.first:%Y-%m-%d %H:%M}",
        None if line.last is None else f"{line.last:%Y-%m-%d %H:%M}",
        None if line.expected is None else ("yes" if line.expected else "no"),
        line.confirmed_by,
        None if line.likeness is None else round(line.likeness, 3),
        None if line.needed is None else round(line.needed, 3),
        line.why,
        "; ".join(map(str, line.videos)) or None,
    )


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 4)


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")


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

    def document(self) -> dict[str, Any]:
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
