"""What is to be enrolled, and what became of it: one photo each, and the sum."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from retrieval.collection.documents import EnrolReportDocument, RejectedPhoto
from retrieval.errors import DataInvalid
from retrieval.photos.folders import PassedOver

BATCH_PHOTOS = 32  # photos per transaction when enrolling; bounds the memory of a batch as well

FaceBox = tuple[float, float, float, float]  # xywh, in pixels of the upright original


def box_of(text: str) -> FaceBox:
    """Read a box as people write it: "120,80,64,80" is left, top, width and height in pixels.

    Raises:
        DataInvalid: it is none.
    """
    try:
        left, top, width, height = (float(part) for part in text.split(","))
    except ValueError as error:
        raise _no_box(text) from error
    if not all(map(isfinite, (left, top, width, height))) or min(width, height) <= 0:
        raise _no_box(text)
    return left, top, width, height


def _no_box(text: str) -> DataInvalid:
    return DataInvalid(
        f"A box is left,top,width,height in pixels of the upright photo, as in 120,80,64,80; found"
        f" {text!r}."
    )


@dataclass(frozen=True, slots=True)
class EnrolItem:
    """One photo to enrol.

    Attributes:
        person: the name.
        photo: what the user calls the photo: it is shown in answers.
        content: the photo's path or bytes, see `retrieval.collection.pipeline.Source`.
        external_id: the user's own id of the person, if any.
        face: number of the face that is meant, as `identify` counts; None takes the dominant one.
        box: of the face, xywh in pixels of the upright original, where no detector finds it.
        regions: where the face was tagged, as shares of the upright photo's sides, the likeliest
            place first: the detected face there is meant.
        part: the photo shows several people who are enrolled from it, each by their own face.
        same_person: it shows whoever of this name is enrolled, whatever it looks like.
    """

    person: str
    photo: str
    content: Any
    external_id: str | None = None
    face: int | None = None
    box: FaceBox | None = None
    part: bool = False
    regions: tuple[FaceBox, ...] = ()
    same_person: bool = False


def batches(items: Iterable[EnrolItem]) -> Iterator[list[EnrolItem]]:
    """Items in batches that part no person's photos, which tell together whom they show."""
    batch: list[EnrolItem] = []
    for item in items:
        full = len(batch) >= BATCH_PHOTOS and item.person != batch[-1].person
        if full or len(batch) >= 2 * BATCH_PHOTOS:
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch


@dataclass(frozen=True, slots=True)
class EnrolResult:
    """What became of one photo.

    Attributes:
        person, photo: as asked.
        outcome: enrolled, known (the same photo of the same person) or rejected.
        code, message: why it was rejected (an error's code of `retrieval.errors`).
        face_id: set when it was enrolled now.
        sha256: of the photo, where it could be read.
        fingerprint: of the model that it was taken with.
        remark: what is odd about a photo that was enrolled all the same.
    """

    person: str
    photo: str
    outcome: str
    code: str | None = None
    message: str | None = None
    face_id: int | None = None
    sha256: str | None = None
    fingerprint: str | None = None
    remark: str | None = None

    def document(self) -> RejectedPhoto:
        """As JSON; for the list of rejected photos."""
        return {
            "person": self.person,
            "photo": self.photo,
            "reason": self.code,
            "message": self.message,
        }


@dataclass(slots=True)
class EnrolReport:
    """The sum of many results, in constant memory but for people and rejected photos."""

    enrolled: int = 0
    known: int = 0
    rejected: list[EnrolResult] = field(default_factory=list)
    passed_over: PassedOver = field(default_factory=PassedOver)
    odd: list[EnrolResult] = field(default_factory=list)  # enrolled, but look them over
    _people: set[str] = field(default_factory=set)  # of whom a photo is enrolled

    def add(self, result: EnrolResult) -> None:
        """Count one result."""
        if result.outcome == "rejected":
            self.rejected.append(result)
            return
        self.enrolled += result.outcome == "enrolled"
        self.known += result.outcome == "known"
        self._people.add(result.person)
        if result.remark is not None:
            self.odd.append(result)

    def nobody_of(self) -> list[str]:
        """The people of whom nothing was taken, by name."""
        return sorted({r.person for r in self.rejected if r.person} - self._people)

    def document(self) -> EnrolReportDocument:
        """As JSON."""
        return {
            "enrolled": self.enrolled,
            "known": self.known,
            "rejected": [result.document() for result in self.rejected],
            "nobody_of": self.nobody_of(),
            "passed_over": self.passed_over.document(),
            "to_look_over": [
                {"person": r.person, "photo": r.photo, "remark": r.remark} for r in self.odd
            ],
        }
