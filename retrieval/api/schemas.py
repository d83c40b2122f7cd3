"""The documents that the API speaks, with examples: the command line's JSON, and what is around."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from retrieval.catalogue.documents import CollectionRow, Edit, PersonRow
from retrieval.catalogue.http.api_keys import Key, Role
from retrieval.collection.documents import (
    CandidateDocument,
    HitDocument,
    IdentificationDocument,
    NumberedFace,
    PhotoDocument,
    RejectedPhoto,
    RunDocument,
    VerificationDocument,
)
from retrieval.people.documents import StrangersDocument
from retrieval.upkeep.documents import FindingDocument

_CANDIDATE: dict[str, Any] = {
    "person": "Grace Hopper",
    "person_id": 7,
    "external_id": "E-1906",
    "score": 0.97,
    "photo": "hopper/1.jpg",
    "face_id": 12,
}
_FACE: dict[str, Any] = {
    "face": 1,
    "box": [212.0, 80.5, 96.0, 120.0],
    "detection_score": 0.99,
    "decision": "match",
    "reason": None,
    "person": "Grace Hopper",
    "person_id": 7,
    "external_id": "E-1906",
    "score": 0.97,
    "threshold": 0.95,
    "margin": 0.04,
    "false_matches_in_1000": 0.3,
    "candidates": [_CANDIDATE],
}


def _example(**values: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [values]})


# Examples of documents that the command line prints as well.
_EXAMPLES: dict[type[Any], dict[str, Any]] = {
    PersonRow: {
        "id": 7,
        "person": "Grace Hopper",
        "external_id": "E-1906",
        "photos": 2,
        "since": "2026-01-01T09:00:00Z",
        "face_id": 12,
        "seen": "2026-11-27",
    },
    Edit: {
        "id": 3,
        "kind": "merge",
        "summary": "merged 'G. Hopper' into 'Grace Hopper'",
        "people": [8, 7],
        "faces": [14],
        "at": "2026-01-01T09:00:00Z",
        "undone": False,
    },
    CandidateDocument: _CANDIDATE,
    IdentificationDocument: {
        "photos": [
            {
                "photo": "party.jpg",
                "width": 800,
                "height": 534,
                "turned": 0,
                "too_small": 0,
                "faces": [_FACE],
            }
        ],
        "collection": "default",
        "model": "dlib-resnet",
        "people": 6,
        "faces": 12,
        "index": "exact",
        "threshold_source": "default of dlib-resnet, measured",
    },
    VerificationDocument: {
        "same": True,
        "score": 0.97,
        "threshold": 0.95,
        "threshold_source": "default of dlib-resnet, measured",
        "against": "person Grace Hopper",
    },
}
for _document, _values in _EXAMPLES.items():
    _document.__pydantic_config__ = _example(**_values)  # where pydantic looks for it
# A video of a run stands among its photos, with one face per track.
_WITH_MORE: tuple[type[Any], ...] = (PhotoDocument, NumberedFace)
for _document in _WITH_MORE:
    _document.__pydantic_config__ = ConfigDict(extra="allow")


class Document(BaseModel):
    """A document of the API."""

    model_config = ConfigDict(extra="allow")


class Problem(BaseModel):
    """What went wrong, as in RFC 9457."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:rollcall:problem:not-found",
                    "title": "No such person, photo, face, collection, run or model",
                    "status": 404,
                    "detail": "There is no person 'Grace Hoper'. Did you mean Grace Hopper?",
                    "code": "not-found",
                }
            ]
        },
    )

    type: str = Field(description="A URN that names the kind of problem.")
    title: str
    status: int
    detail: str = Field(description="What was wrong, what was found and what to do.")
    code: str = Field(description="The error's code, as the command line prints it.")


class SearchAnswer(BaseModel):
    """Photos of the gallery with the same people, best first."""

    photo: str
    hits: list[HitDocument]


class PeoplePage(BaseModel):
    """People in an order, a page at a time."""

    people: list[PersonRow]
    next: str | None = Field(description="The cursor of the next page; null on the last.")
    total: int = Field(description="On all pages.")


class DeletedPerson(BaseModel):
    """Somebody who was deleted."""

    receipt: str
    erased_at: datetime


class KnownPeople(BaseModel):
    """Who has a name or a number, and who had it before they were deleted, newest first."""

    people: list[PersonRow]
    deleted: list[DeletedPerson]


class ListedPersonShown(BaseModel):
    """Somebody of a staff list who joins."""

    person: str
    external_id: str | None
    photos: int


class EnrolledPersonShown(ListedPersonShown):
    """Somebody who is enrolled, and what they would be called, or numbered, from now on."""

    id: int
    now: str | None = None


class NewPhotosShown(BaseModel):
    """New photos of somebody who is enrolled."""

    person: str
    photos: int


class ListReject(BaseModel):
    """A row or a photo that cannot be used, and why."""

    person: str
    external_id: str | None
    photo: str
    reason: str | None
    message: str | None


class StaffListShown(Document):
    """What a staff list was understood as, and what applying it would change."""

    id: str = Field(description="To apply it by.")
    digest: str = Field(description="Of what is shown; send it back to apply just that.")
    source: str = Field(description="The name of its file.")
    understood: dict[str, Any] = Field(description="Which columns hold what.")
    listed: int = Field(description="People in the list.")
    enrolled_before: int
    changes: bool
    photos: int = Field(description="That would be enrolled, as far as they are new.")
    joiners: list[ListedPersonShown]
    leavers: list[EnrolledPersonShown] = Field(description="Who is not in the list.")
    renamed: list[EnrolledPersonShown]
    numbered: list[EnrolledPersonShown]
    new_photos: list[NewPhotosShown]
    rejected: list[ListReject]
    deleted_before: list[str] = Field(
        description="Joiners under whose name or number somebody was deleted."
    )


class ApplyList(BaseModel):
    """What of a preview is to be done."""

    digest: str = Field(max_length=64, description="As the preview told it.")
    leavers: int | None = Field(
        None, ge=0, description="How many are deleted for good, as listed; null deletes nobody."
    )


class StaffListDone(BaseModel):
    """What applying a list did."""

    receipts: list[dict[str, Any]] = Field(description="Of leavers: `person_id` and `receipt`.")
    edits: list[dict[str, Any]] = Field(description="That can be undone: `entry` and `summary`.")
    run: str | None = Field(description="Which enrols the photos; null without a queue.")
    report: dict[str, Any] | None = Field(description="Of photos enrolled at once.")


class NewWebhook(BaseModel):
    """An address to be told of runs."""

    model_config = _example(url="https://hr.example.com/rollcall")

    url: str = Field(min_length=1, max_length=2000, description="http or https.")


class WebhookShown(BaseModel):
    """An address that is told of runs, and how that went last."""

    id: int
    url: str
    created_at: datetime
    tried_at: datetime | None
    problem: str | None = Field(description="Of the last message; null where it was taken.")


class WebhooksShown(BaseModel):
    """A collection's webhooks, oldest first."""

    webhooks: list[WebhookShown]


class Enrolment(BaseModel):
    """What became of photos that were to be enrolled."""

    model_config = _example(
        id=7, person="Grace Hopper", enrolled=2, known=0, rejected=[], face_ids=[12, 13]
    )

    id: int
    person: str
    enrolled: int
    known: int = Field(description="Photos of this person that were there already.")
    rejected: list[RejectedPhoto]
    face_ids: list[int] = Field(description="Of the faces that were enrolled now.")


class NewName(BaseModel):
    """A name to give, a number, a face that stands for them; what is left out stays as it is."""

    model_config = _example(person="Grace Brewster Hopper")

    person: str | None = Field(None, min_length=1, max_length=200)
    external_id: str | None = Field(None, min_length=1, max_length=200)
    cover: int | None = Field(
        None, ge=1, le=2**62, description="One of their faces, to stand for them in lists."
    )


class Renamed(BaseModel):
    """A person's name."""

    id: int
    person: str


class DeletedCounts(BaseModel):
    """How much went."""

    people: int
    photos: int
    faces: int


class Receipt(BaseModel):
    """What a deletion erased, and what the search for traces found."""

    model_config = _example(
        id="6fa459eaee8a3ca4894edb77e160355e",
        url="/v1/receipts/6fa459eaee8a3ca4894edb77e160355e?collection=default",
        kind="person",
        deleted_id=7,
        state="done",
        collection="default",
        erased_at="2026-01-01T09:00:00+00:00",
        finished_at="2026-01-01T09:00:02+00:00",
        erasure="0f8fad5bd9cb469fa16570867728950e",
        counts={"people": 1, "photos": 2, "faces": 2},
        erased_faces=[12, 13],
        erased_photo_marks=["9f2c"],
        events=[],
        erased_event_faces=[],
        searched={"catalogue.db": 1, "index": 2},
        searched_patterns=4,
        traces=[],
        open=[],
        not_searched=["backups made earlier"],
        backups=[],
        mentions=[],
        clean=True,
        summary="2 faces are gone; none of their 4 byte patterns is in any of 3 files",
    )

    id: str
    url: str = Field(description="Where it can be fetched again.")
    kind: Literal["person", "photo", "event", "collection"]
    deleted_id: int = Field(description="Of the person, the face, the event or the collection.")
    state: Literal["working", "done"] = Field(
        description="Rows are gone at once; `working` while files are cleaned and searched."
    )
    collection: str
    erased_at: datetime
    finished_at: datetime | None
    erasure: str | None = Field(description="Its id in the log of erasures.")
    counts: DeletedCounts
    erased_faces: list[int]
    erased_photo_marks: list[str] = Field(
        description="SHA-256 of `erased ` and the photo's own SHA-256 in hexadecimal: whoever has"
        " the photo can tell that it was meant, nobody else."
    )
    events: list[int] = Field(description="Events that the person was in, or that was deleted.")
    erased_event_faces: list[int]
    searched: dict[str, int] = Field(description="How many files of each folder were searched.")
    searched_patterns: int
    traces: list[str] = Field(description="Files in which bytes of them were still found.")
    open: list[str] = Field(description="What could not be done, or kept bytes until it ends.")
    not_searched: list[str] = Field(description="Where nobody looked.")
    backups: list[str] = Field(description="Backups that were made while the person was enrolled.")
    mentions: list[str] = Field(
        description="Where a name of theirs still stands: columns, files and folders."
    )
    clean: bool | None = Field(description="Null while it works, and where nothing is searched.")
    summary: str


class ReceiptsPage(BaseModel):
    """Receipts, newest first."""

    receipts: list[Receipt]
    next: str | None = Field(description="The `before` of the page that follows.")


_CALLED = "A name by which somebody is meant: refused if they have another by now. Of"


class Merge(BaseModel):
    """Two people who are one."""

    model_config = _example(person_id=8, into_id=7)

    person_id: int = Field(description="Who is merged away.", ge=1, le=2**62)
    into_id: int = Field(description="Who keeps name and external id.", ge=1, le=2**62)
    called: str | None = Field(None, description=f"{_CALLED} who is merged away.", max_length=200)
    into_called: str | None = Field(None, description=f"{_CALLED} who stays.", max_length=200)


class Move(BaseModel):
    """Faces that belong to somebody else."""

    model_config = _example(face_ids=[12], to_id=8)

    face_ids: list[Annotated[int, Field(ge=1, le=2**62)]] = Field(min_length=1, max_length=1000)
    to_id: int = Field(description="Whose they are to be.", ge=1, le=2**62)
    person_id: int | None = Field(
        None, description="Whose they are: refused if one is another's by now.", ge=1, le=2**62
    )
    called: str | None = Field(None, description=f"{_CALLED} whose they are.", max_length=200)
    to_called: str | None = Field(
        None, description=f"{_CALLED} whose they are to be.", max_length=200
    )


class Split(BaseModel):
    """Faces of a person that become a person of their own."""

    model_config = _example(face_ids=[12], person="Grace Hopper II")

    face_ids: list[Annotated[int, Field(ge=1, le=2**62)]] = Field(min_length=1, max_length=1000)
    person: str = Field(description="The new person's name.", min_length=1, max_length=200)
    called: str | None = Field(None, description=f"{_CALLED} whose they are.", max_length=200)


class Journal(BaseModel):
    """Edits of people, newest first."""

    edits: list[Edit]


class Undo(BaseModel):
    """Which edit to undo."""

    model_config = _example(edit=3)

    edit: int | None = Field(None, description="Null for the newest that stands.", ge=1, le=2**62)


class PersonAlike(BaseModel):
    """Somebody who is enrolled and resembles somebody."""

    id: int
    person: str
    external_id: str | None
    face_id: int = Field(description="The one of their faces that resembles most.")
    likeness: float = Field(description="The cosine to it.")
    sure: bool = Field(description="Whether it is enough for one and the same person.")


class StrangersAlike(StrangersDocument):
    """A stranger who resembles somebody."""

    likeness: float
    sure: bool


class AlikePeople(BaseModel):
    """Who resembles a person, the most alike first."""

    people: list[PersonAlike]
    strangers: list[StrangersAlike]


class UnknownGroups(BaseModel):
    """Groups of unknown faces, largest first."""

    groups: list[StrangersDocument]


class NameOfGroup(BaseModel):
    """Whose the faces of a group are."""

    model_config = _example(person="Grace Hopper", face_ids=[31, 34])

    person: str | None = Field(None, min_length=1, max_length=200)
    external_id: str | None = Field(
        None, min_length=1, max_length=200, description="Tells people of one name apart."
    )
    person_id: int | None = Field(
        None, ge=1, le=2**62, description="Or somebody who is enrolled already."
    )
    called: str | None = Field(
        None, max_length=200, description="Refused if they have another name by now."
    )
    face_ids: list[Annotated[int, Field(ge=1, le=2**62)]] | None = Field(
        None,
        description="As listed: these are enrolled, and refused if one is not in the group any"
        " more. Null for all.",
        min_length=1,
        max_length=5000,
    )


class GroupToForget(BaseModel):
    """A group of unknown faces, as it was seen."""

    face_ids: list[Annotated[int, Field(ge=1, le=2**62)]] = Field(
        min_length=1,
        max_length=5000,
        description="As listed; refused if the group has others by now.",
    )


class Forgotten(BaseModel):
    """How many unknown faces were deleted."""

    deleted: int


class WantedRate(BaseModel):
    """The rate of wrong names that strangers may get."""

    model_config = _example(fpir=0.01)

    fpir: float = Field(0.01, gt=0, lt=1, description="False positive identification rate.")


class CalibrationNumbers(BaseModel):
    """What a collection's own photos say about its scores."""

    fpir: float = Field(description="Wanted.")
    threshold: float
    threshold_interval: tuple[float, float] = Field(description="90 % confidence.")
    margin: float
    fpir_interval: tuple[float, float] = Field(
        description="Of the next 100 faces of 10 strangers, with 90 %."
    )
    fnir: float = Field(description="Share of known people's photos that are not named rightly.")
    fnir_interval: tuple[float, float]
    people: int
    faces: int
    growth: float
    photo_threshold: float
    person_threshold: float


class CalibrationShown(BaseModel):
    """The threshold that answers use, and where it comes from."""

    threshold: float
    margin: float
    source: str
    measured_at: datetime | None
    calibration: CalibrationNumbers | None


class Curves(BaseModel):
    """What each threshold is worth, and how scores are distributed."""

    thresholds: list[float]
    fpir: list[float]
    fnir: list[float]
    edges: list[float] = Field(description="Of the bins of the two histograms.")
    genuine: list[int]
    strangers: list[int]


class GateBefore(BaseModel):
    """The threshold until now."""

    threshold: float
    source: str


class Measured(BaseModel):
    """A calibration with its curves."""

    calibration: CalibrationNumbers
    before: GateBefore
    curves: Curves


class FindingsShown(BaseModel):
    """What may be wrong with a collection, the worst first."""

    findings: list[FindingDocument]


class RunsShown(BaseModel):
    """Runs, newest first."""

    runs: list[RunDocument]


class RunReject(BaseModel):
    """A photo of a run that was not taken."""

    id: int
    photo: str
    person: str
    external_id: str | None
    reason: str | None
    message: str | None
    dismissed: bool = Field(description="Whether somebody said that it is right so.")


class SettledReject(BaseModel):
    """What became of a photo that was not taken."""

    model_config = _example(now="dismissed")

    now: Literal["mended", "dismissed", "open"]


class RejectsPage(BaseModel):
    """Photos that were not taken, in the order of the source."""

    rejects: list[RunReject]
    next: int | None = Field(description="`after` of the next page; null on the last.")
    total: int = Field(description="On all pages.")


class AnswersPage(BaseModel):
    """What a run that identifies has found, in the order of the source."""

    photos: list[PhotoDocument]
    next: int | None = Field(description="`after` of the next page; null on the last.")


class Collections(BaseModel):
    """The galleries that the key opens."""

    collections: list[CollectionRow]


class NewKey(BaseModel):
    """A key to make."""

    model_config = _example(name="badge printer", role="viewer", collection="default")

    name: str = Field(min_length=1, max_length=200)
    role: Role
    collection: str | None = Field(None, max_length=200, description="Null for all collections.")
    requests_per_minute: int | None = Field(None, ge=1, le=1_000_000)


class KeyList(BaseModel):
    """All keys, revoked ones too."""

    keys: list[Key]


class AuditLine(BaseModel):
    """A question or an edit."""

    id: int
    at: datetime
    who: str
    key: str | None = Field(description="The handle of who's key.")
    action: str
    collection: str | None
    photo: str | None
    answer: dict[str, Any] | None
    threshold: float | None
    model: str | None


class AuditPage(BaseModel):
    """The audit log, newest first."""

    entries: list[AuditLine]
    next: int | None = Field(description="`before` of the next page; null on the last.")


class Health(BaseModel):
    """Whether the process lives."""

    status: Literal["ok"]


class Readiness(BaseModel):
    """Whether it can answer."""

    status: Literal["ready"]
    collections: int
    models: Literal["loaded", "none yet"]
