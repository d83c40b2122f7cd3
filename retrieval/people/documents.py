"""The JSON of strangers, staff lists and deletions: of command line and HTTP alike."""

from datetime import datetime
from typing import Any, Literal

from typing_extensions import TypedDict  # Pydantic asks for this one below Python 3.12

from retrieval.catalogue.documents import EntryDocument
from retrieval.collection.documents import EnrolReportDocument


class StrangersDocument(TypedDict):
    """Faces that seem to be one stranger's."""

    group: int
    faces: int
    face_ids: list[int]
    photos: list[str]
    first_seen: str
    last_seen: str


class GroupsDocument(TypedDict):
    """Groups of unknown faces, largest first."""

    groups: list[StrangersDocument]


class PersonAlike(TypedDict):
    """Somebody who is enrolled and resembles somebody."""

    id: int
    person: str
    external_id: str | None
    face_id: int
    """The one of their faces that resembles most."""
    likeness: float
    """The cosine to it."""
    sure: bool
    """Whether it is enough for one and the same person."""


class StrangersAlike(StrangersDocument):
    """A stranger who resembles somebody."""

    likeness: float
    sure: bool


class AlikeDocument(TypedDict):
    """Who resembles a person, the most alike first."""

    people: list[PersonAlike]
    strangers: list[StrangersAlike]


class SeenFace(TypedDict):
    """A face of an earlier question."""

    photo: str
    face: int
    seen_at: str | None


class NamingDocument(TypedDict):
    """What became of naming a group; `now_known` are earlier answers that were unknown."""

    person: str
    enrolled: list[SeenFace]
    now_known: list[SeenFace]
    edit: EntryDocument


class PreviewDocument(TypedDict):
    """What an edit would move; `unlike` are the faces that do not look like those they come to."""

    to: str
    faces: list[int]
    photos: list[str]
    unlike: list[int]
    summary: str


class ListedDocument(TypedDict):
    """Somebody of a staff list who joins."""

    person: str
    external_id: str | None
    photos: int


class EnrolledOfList(ListedDocument):
    """Somebody who is enrolled, and not in the list."""

    id: int


class ChangedOfList(EnrolledOfList):
    """Somebody who is enrolled, and what they would be called, or numbered, from now on."""

    now: str


class NewPhotosDocument(TypedDict):
    """New photos of somebody who is enrolled."""

    person: str
    photos: int


class PhotoOfList(TypedDict):
    """An enrolled photo whose file is gone, or holds another picture by now."""

    person: str
    external_id: str | None
    photo: str


class ListReject(PhotoOfList):
    """A row or a photo that cannot be used, and why."""

    reason: str | None
    message: str | None


class _OfList(TypedDict):
    source: str
    listed: int
    enrolled_before: int
    joiners: list[ListedDocument]
    leavers: list[EnrolledOfList]
    renamed: list[ChangedOfList]
    numbered: list[ChangedOfList]
    new_photos: list[NewPhotosDocument]
    rejected: list[ListReject]


class PlanDocument(_OfList):
    """What a staff list would change: `leavers` are not in it, `vanished` photos not either."""

    replaced: list[PhotoOfList]
    vanished: list[PhotoOfList]
    passed_over: dict[str, Any] | None


class UploadedListDocument(_OfList):
    """What an uploaded staff list was understood as, and what applying it would change."""

    understood: dict[str, Any]
    deleted_before: list[str]


class ListPreview(UploadedListDocument):
    """What a staff list was understood as, and what applying it would change.

    `source` is the name of its file, `understood` says which of its columns hold what; `listed`
    counts people in the list, `enrolled_before` those who were; `leavers` are not in the list.
    `deleted_before` are joiners under whose name or number somebody was deleted.
    """

    id: str
    """To apply it by."""
    digest: str
    """Of what is shown; send it back to apply just that."""
    changes: bool
    photos: int
    """That would be enrolled, as far as they are new."""


class LeaverDeleted(TypedDict):
    """Somebody who was not in a list any more, and the receipt of the deletion."""

    person_id: int
    receipt: str


class ListApplied(TypedDict):
    """What applying a list did."""

    receipts: list[LeaverDeleted]
    edits: list[EntryDocument]
    """That can be undone."""
    run: str | None
    """Which enrols the photos; null without a queue."""
    report: EnrolReportDocument | None
    """Of photos enrolled at once."""


class DeletedCounts(TypedDict):
    """How much went."""

    people: int
    photos: int
    faces: int


class ReceiptDocument(TypedDict):
    """What a deletion erased, and what the search for traces found."""

    id: str
    url: str
    """Where it can be fetched again."""
    kind: Literal["person", "photo", "event", "collection"]
    deleted_id: int
    """Of the person, the face, the event or the collection."""
    state: Literal["working", "done"]
    """Rows are gone at once; `working` while files are cleaned and searched."""
    collection: str
    erased_at: datetime
    finished_at: datetime | None
    erasure: str | None
    """Its id in the log of erasures."""
    counts: DeletedCounts
    erased_faces: list[int]
    erased_photo_marks: list[str]
    """SHA-256 of `erased ` and the photo's own SHA-256 in hexadecimal: whoever has the photo can
    tell that it was meant, nobody else."""
    events: list[int]
    """Events that the person was in, or that was deleted."""
    erased_event_faces: list[int]
    searched: dict[str, int]
    """How many files of each folder were searched."""
    searched_patterns: int
    traces: list[str]
    """Files in which bytes of them were still found."""
    open: list[str]
    """What could not be done, or kept bytes until it ends."""
    not_searched: list[str]
    """Where nobody looked."""
    backups: list[str]
    """Backups that were made while the person was enrolled."""
    mentions: list[str]
    """Where a name of theirs still stands: columns, files and folders."""
    clean: bool | None
    """Null while it works, and where nothing is searched."""
    summary: str
