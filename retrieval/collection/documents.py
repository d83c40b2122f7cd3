"""The JSON of answers and runs: one shape each, of command line and HTTP alike."""

from typing import Any, NotRequired

from typing_extensions import TypedDict  # Pydantic asks for this one below Python 3.12


class CandidateDocument(TypedDict):
    """A person who might be the face's, with the enrolled face that speaks for it.

    `score` is a cosine, of nearest photo and template together; `external_id` your own number.
    """

    person: str
    person_id: int
    external_id: str | None
    score: float
    photo: str
    face_id: int


class FaceDocument(TypedDict):
    """The answer about one face.

    `box` is left, top, width and height in pixels of the upright photo. `reason` says why it is
    no plain match; `person`, `person_id` and `external_id` are of a match only.
    `false_matches_in_1000` is how many strangers of 1,000 would reach this score, from calibration.
    `liveness` is how live the face looks, where that was asked: a hint, no security.
    """

    box: list[float]
    detection_score: float
    decision: str
    reason: str | None
    person: str | None
    person_id: int | None
    external_id: str | None
    score: float | None
    threshold: float
    margin: float | None
    false_matches_in_1000: float | None
    candidates: list[CandidateDocument]
    liveness: NotRequired[float]


class NumberedFace(FaceDocument):
    """A face of a photo, by its number: rows from top to bottom, in a row from left to right."""

    face: int


class PhotoDocument(TypedDict):
    """Who is in one photo; `error` in place of the rest where it could not be read.

    `turned` is by how many degrees clockwise the photo is to be turned to stand upright; boxes are
    in the photo as it lies. `too_small` counts faces that are too small to be named.
    """

    photo: str
    width: NotRequired[int]
    height: NotRequired[int]
    turned: NotRequired[int]
    too_small: NotRequired[int]
    faces: NotRequired[list[NumberedFace]]
    error: NotRequired[str]


_FromTo = TypedDict("_FromTo", {"from": str, "to": str})  # minutes and seconds


class StayDocument(_FromTo):
    """From when to when somebody was seen in a video."""

    person: str
    spans_s: list[list[float]]
    tracks: list[int]


class TrackDocument(FaceDocument, _FromTo):
    """A face that was followed through a video; its box is that of the best frame."""

    from_s: float
    to_s: float
    spans_s: list[list[float]]
    frames: int
    best_s: float


class NumberedTrack(TrackDocument):
    """A track of a video, by its number in the order in which they begin."""

    track: int


class VideoDocument(TypedDict):
    """Who is in one video, from when to when; `error` in place of the rest if it cannot be read.

    `turned` is by how many degrees clockwise its frames were turned to stand upright, beyond what
    its file says; boxes are of the upright frames. `remark` says so, and why it could not be read
    to its end.
    """

    video: str
    width: NotRequired[int]
    height: NotRequired[int]
    seconds: NotRequired[float]
    frames: NotRequired[int]
    frames_looked_at: NotRequired[int]
    turned: NotRequired[int]
    remark: NotRequired[str | None]
    people: NotRequired[list[StayDocument]]
    tracks: NotRequired[list[NumberedTrack]]
    error: NotRequired[str]


class GalleryDocument(TypedDict):
    """Against what a question was asked."""

    collection: str
    model: str
    people: int
    faces: int
    index: str
    threshold_source: str


class IdentificationDocument(GalleryDocument):
    """Who is in the photos, and against what was asked; videos only where there are any."""

    photos: list[PhotoDocument]
    videos: NotRequired[list[VideoDocument]]


class HitDocument(TypedDict):
    """A photo of the gallery that shows somebody of the photo that was asked about."""

    photo: str
    person: str
    person_id: int
    external_id: str | None
    score: float
    same_person: bool
    face_id: int


class HitsDocument(TypedDict):
    """Photos of the gallery with the same people, best first."""

    photo: str
    hits: list[HitDocument]


class VerificationDocument(TypedDict):
    """Whether two photos, or a photo and a person, show the same person."""

    same: bool
    score: float
    threshold: float
    threshold_source: str
    against: str


class RejectedPhoto(TypedDict):
    """A photo that was not taken, and why."""

    person: str
    photo: str
    reason: str | None
    message: str | None


class OddPhoto(TypedDict):
    """A photo that was enrolled, but is to be looked over, and why."""

    person: str
    photo: str
    remark: str | None


class EnrolReportDocument(TypedDict):
    """What became of photos that were to be enrolled; of `nobody_of` nothing was taken."""

    enrolled: int
    known: int
    rejected: list[RejectedPhoto]
    nobody_of: list[str]
    passed_over: dict[str, Any]
    to_look_over: list[OddPhoto]


class PersonEnrolled(EnrolReportDocument):
    """What became of photos of one person: who it is, and the faces that were enrolled now."""

    id: int
    person: str
    face_ids: list[int]


class RunTally(TypedDict):
    """How far a run is, in photos; `rejected` by reason."""

    found: int
    queued: int
    enrolled: int
    duplicates: int
    answered: int
    embedded: int
    rejected: dict[str, int]
    failed: int


class RunDocument(TypedDict):
    """A run of bulk work: working, cancelled, failed (for that reason) or finished."""

    run: str
    kind: str
    collection: str
    source: str
    state: str
    reason: str | None
    passed_over: dict[str, Any] | None
    started: str
    finished: str | None
    counts: RunTally


class RunsDocument(TypedDict):
    """Runs, newest first."""

    runs: list[RunDocument]
