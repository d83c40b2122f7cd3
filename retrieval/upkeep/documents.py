"""The JSON of calibration and health of a collection: of command line and HTTP alike."""

from typing_extensions import TypedDict  # Pydantic asks for this one below Python 3.12

from retrieval.catalogue.documents import EntryDocument
from retrieval.identities.calibrate import Calibration


class FiledPhoto(TypedDict):
    """An enrolled photo, and the person under whom it is filed."""

    photo: str
    face_id: int
    person: str
    person_id: int


class MislabelledPhoto(FiledPhoto):
    """A photo that looks like another person than the one under whom it is filed."""

    looks_like: str
    looks_like_id: int
    lead: float


class PhotoOfNobody(FiledPhoto):
    """A photo that resembles neither its person's others (`score`) nor anybody else."""

    score: float


class PersonInGroups(TypedDict):
    """Somebody whose photos fall into groups that are not alike: perhaps several people."""

    person: str
    person_id: int
    groups: list[list[str]]
    face_ids: list[list[int]]


class UnderTwoNames(TypedDict):
    """Two people of whom each one's photos would be the other's match."""

    people: list[str]
    person_ids: list[int]
    score: float


class LookAlike(TypedDict):
    """Two people of whom that share of the first's photos are hardly told from the other."""

    person: str
    other: str
    share: float


class CopiedPhotos(TypedDict):
    """Photos that are nearly the same."""

    photos: list[str]
    people: list[str]
    face_ids: list[int]
    cosine: float


class FewPhotos(TypedDict):
    """Somebody with fewer photos than answers need to be sure."""

    person: str
    photos: int


class HealthDocument(TypedDict):
    """What is wrong with a collection, worst first.

    `poor_photos` are people all of whose faces are small; `not_compared` what was not looked at,
    and why; `sound` whether nothing was found.
    """

    people: int
    faces: int
    mislabelled: list[MislabelledPhoto]
    resembling_nobody: list[PhotoOfNobody]
    in_groups: list[PersonInGroups]
    under_two_names: list[UnderTwoNames]
    look_alikes: list[LookAlike]
    copies: list[CopiedPhotos]
    few_photos: list[FewPhotos]
    poor_photos: list[str]
    not_compared: list[str]
    sound: bool


class FindingFace(FiledPhoto):
    """An enrolled face that is to be looked at."""

    external_id: str | None


class FindingDocument(TypedDict):
    """Something that may be wrong, with the faces side by side.

    `accepting` says what accepting it does; null: decide by hand. `final`: accepting it cannot be
    undone. `doubtful`: employee numbers or a poor photo speak against it.
    """

    finding: str
    kind: str
    what: str
    accepting: str | None
    final: bool
    doubtful: bool
    sides: list[list[FindingFace]]


class FindingsDocument(TypedDict):
    """What may be wrong with a collection, the worst first."""

    findings: list[FindingDocument]


class FindingDone(TypedDict):
    """What was done about a finding; `removed` are photos that were removed for good."""

    finding: str
    entries: list[EntryDocument]
    removed: list[str]


class ThresholdDocument(TypedDict):
    """A threshold, and where it comes from."""

    threshold: float
    source: str


class CalibrationDocument(ThresholdDocument):
    """The threshold that answers use, and the calibration that it comes from, if any."""

    margin: float
    measured_at: str | None
    calibration: Calibration | None
