"""The roll of an event as values: its lines and groups, each with its JSON."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from retrieval.catalogue.events.records import (
    Event,
    EventPhoto,
)
from retrieval.events.documents import (
    InVideoDocument,
    RollDocument,
    RollLineDocument,
    UnknownGroupDocument,
)
from retrieval.events.shown import Certainty, Named, moment_of, rounded
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

    def document(self) -> InVideoDocument:
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

    def document(self) -> RollLineDocument:
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
            "likeness": rounded(self.likeness),
            "needed": rounded(self.needed),
            "first": moment_of(self.first),
            "last": moment_of(self.last),
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

    def document(self) -> UnknownGroupDocument:
        """As JSON."""
        return {
            "group": self.group,
            "faces": list(self.faces),
            "photos": self.photos,
            "best": self.best,
            "first": moment_of(self.first),
            "last": moment_of(self.last),
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
        shown: gives appearances as they are shown, for the exports.
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

    def document(self) -> RollDocument:
        """As JSON."""
        return {
            "event": {
                "id": self.event.id,
                "name": self.event.name,
                "day": None if self.event.day is None else self.event.day.isoformat(),
                "expects": self.event.expects.value,
            },
            "collection": self.collection,
            "made_at": self.made_at.isoformat(timespec="seconds"),
            "threshold": rounded(self.threshold),
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
