"""What the service answers, and the one JSON that the command line and the HTTP API print."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from retrieval.catalogue.records import EnrolledFace
from retrieval.collection.documents import (
    CandidateDocument,
    FaceDocument,
    GalleryDocument,
    HitDocument,
    IdentificationDocument,
    PhotoDocument,
    VerificationDocument,
    VideoDocument,
)
from retrieval.errors import InferenceFailed, PhotoError
from retrieval.values import Outcome, Source


@dataclass(frozen=True, slots=True)
class NamedCandidate:
    """A person who might be the face's, with the enrolled photo that speaks for it.

    Attributes:
        person, person_id: who.
        score: fused cosine score.
        photo, face_id: the enrolled face that decided, and the photo that it is from.
        external_id: the person's number, or None.
    """

    person: str
    person_id: int
    score: float
    photo: str
    face_id: int
    external_id: str | None = None

    def document(self) -> CandidateDocument:
        """As JSON."""
        return {
            "person": self.person,
            "person_id": self.person_id,
            "external_id": self.external_id,
            "score": round(self.score, 4),
            "photo": self.photo,
            "face_id": self.face_id,
        }


@dataclass(frozen=True, slots=True)
class FaceAnswer:
    """The answer about one face of a photo.

    Attributes:
        box: xywh in pixels of the upright original.
        detection_score: of the detector, in [0, 1].
        decision, reason: the outcome, and why it is not a plain match.
        person, person_id, external_id: the name, the id and the number; only of a match.
        score, threshold, margin: of the best candidate; cosines.
        candidates: the best people, best first.
        false_matches: expected among 1,000 strangers' faces if this evidence were enough; None
            until the collection is calibrated.
        liveness: how live the face looks, in [0, 1]; None where that was not asked.
    """

    box: tuple[float, float, float, float]
    detection_score: float
    decision: Outcome
    reason: str | None
    person: str | None
    score: float | None
    threshold: float
    margin: float | None
    candidates: tuple[NamedCandidate, ...]
    false_matches: float | None = None
    person_id: int | None = None
    external_id: str | None = None
    liveness: float | None = None

    def document(self) -> FaceDocument:
        """As JSON."""
        document: FaceDocument = {
            "box": [round(side, 1) for side in self.box],
            "detection_score": round(self.detection_score, 4),
            "decision": self.decision.value,
            "reason": self.reason,
            "person": self.person,
            "person_id": self.person_id,
            "external_id": self.external_id,
            "score": _rounded(self.score),
            "threshold": round(self.threshold, 4),
            "margin": _rounded(self.margin),
            "false_matches_in_1000": _rounded(self.false_matches),
            "candidates": [candidate.document() for candidate in self.candidates],
        }
        if self.liveness is not None:
            document["liveness"] = round(self.liveness, 4)
        return document


@dataclass(frozen=True, slots=True)
class PhotoAnswer:
    """Who is in one photo; `error`, and its code, in place of faces where it could not be read.

    Attributes:
        faces: in the order in which they are counted: rows from top to bottom, in a row from left
            to right.
        turned: degrees clockwise by which the photo must be turned to stand upright; boxes are in
            the photo as it lies.
        too_small: how many of the faces are too small to be named.
    """

    photo: str
    sha256: str
    width: int
    height: int
    faces: tuple[FaceAnswer, ...]
    error: str | None = None
    error_code: str | None = None
    turned: int = 0
    too_small: int = 0

    def __iter__(self) -> Iterator[FaceAnswer]:
        return iter(self.faces)

    def __len__(self) -> int:
        return len(self.faces)

    def __bool__(self) -> bool:
        """An answer without faces is an answer."""
        return True

    def document(self) -> PhotoDocument:
        """As JSON."""
        if self.error is not None:
            return {"photo": self.photo, "error": self.error}
        return {
            "photo": self.photo,
            "width": self.width,
            "height": self.height,
            "turned": self.turned,
            "too_small": self.too_small,
            "faces": [
                {"face": number, **face.document()} for number, face in enumerate(self.faces, 1)
            ],
        }


@dataclass(frozen=True, slots=True)
class GalleryState:
    """Against what a question was asked: it stands beside every answer.

    `fingerprint` names the model's weights, for the audit log.
    """

    collection: str
    model: str
    fingerprint: str
    people: int
    faces: int
    index: str
    threshold: float
    threshold_source: str

    def document(self) -> GalleryDocument:
        """As JSON."""
        return {
            "collection": self.collection,
            "model": self.model,
            "people": self.people,
            "faces": self.faces,
            "index": self.index,
            "threshold_source": self.threshold_source,
        }


def identification(
    answers: Sequence[PhotoAnswer], state: GalleryState, videos: Sequence[VideoDocument] = ()
) -> IdentificationDocument:
    """The document that `rollcall identify --json` prints; of videos only where there are any."""
    document: IdentificationDocument = {
        "photos": [answer.document() for answer in answers],
        "videos": list(videos),
        **state.document(),
    }
    if not videos:
        del document["videos"]
    return document


@dataclass(frozen=True, slots=True)
class PhotoHit:
    """A photo of the gallery that a search found, with the face and the person whom it shows."""

    photo: str
    person: str
    score: float
    same_person: bool
    person_id: int
    external_id: str | None
    face_id: int

    def document(self) -> HitDocument:
        """As JSON."""
        return {
            "photo": self.photo,
            "person": self.person,
            "person_id": self.person_id,
            "external_id": self.external_id,
            "face_id": self.face_id,
            "score": round(self.score, 4),
            "same_person": self.same_person,
        }


def photo_hit(face: EnrolledFace, score: float, *, same_person: bool) -> PhotoHit:
    """An enrolled face as a hit."""
    return PhotoHit(
        photo=face.photo,
        person=face.person,
        score=score,
        same_person=same_person,
        person_id=face.person_id,
        external_id=face.external_id,
        face_id=face.id,
    )


@dataclass(frozen=True, slots=True)
class PhotoHits:
    """What a search found, and by what it was judged.

    Attributes:
        hits: best first.
        threshold: from which on a hit shows the same person.
        fingerprint: of the model that answered.
    """

    hits: tuple[PhotoHit, ...]
    threshold: float
    fingerprint: str


def hits_of(ask: Callable[[Source], PhotoHits], source: Source) -> dict[str, Any]:
    """What a search finds of a photo, as JSON, or why the photo cannot be looked for."""
    try:
        return {"photo": source.name, "hits": [hit.document() for hit in ask(source).hits]}
    except (PhotoError, InferenceFailed) as error:
        return {"photo": source.name, "error": str(error), "error_code": error.code}


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether two photos, or a photo and a person, show the same person.

    Attributes:
        same: whether the score reaches the threshold.
        score: a cosine, of the photos or with the person.
        threshold, threshold_source: of the model that answered.
        against: what it was compared with, in words.
        fingerprint: of the model that answered.
    """

    same: bool
    score: float
    threshold: float
    threshold_source: str
    against: str
    fingerprint: str

    def document(self) -> VerificationDocument:
        """As JSON."""
        return {
            "same": self.same,
            "score": round(self.score, 4),
            "threshold": round(self.threshold, 4),
            "threshold_source": self.threshold_source,
            "against": self.against,
        }


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 4)
