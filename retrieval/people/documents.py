"""The JSON of strangers, staff lists and deletions: of command line and HTTP alike."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from typing_extensions import TypedDict  # Pydantic asks for this one below Python 3.12

from retrieval.catalogue.documents import EntryDocument
from retrieval.catalogue.records import Counts, Deleted
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a deletion erased, and what the search for traces found: no name, no hash, no vector.

    Attributes:
        collection: where it was, or what was deleted.
        erased_at: in UTC.
        erasure: its id in the log of erasures: a restore with this receipt applies it.
        counts: how much went.
        erased_faces: their ids.
        erased_photo_marks: SHA-256 of `erased ` and the photo's own SHA-256 in hexadecimal: whoever
            has the photo can tell that it was meant, nobody else.
        events: ids of events that the person was in, or that was deleted.
        erased_event_faces: ids of the faces there: name, vector and picture are gone.
        searched: how many files of each folder were searched.
        searched_patterns: that were looked for: vectors, the index's codes, kept photos.
        traces: files in which bytes of them were still found.
        open: what could not be done, or keeps bytes until it ends.
        not_searched: where nobody looked.
        backups: that were made while the person was enrolled, and hold them still.
        mentions: where a name of theirs, or a photo's hash, still stands: columns, files, folders.
        clean: whether nothing is left; null while it works, and where nothing is searched.
        summary: all this in a sentence.
    """

    collection: str
    erased_at: datetime
    erasure: str | None = None
    counts: Counts
    erased_faces: list[int] = field(default_factory=list)
    erased_photo_marks: list[str] = field(default_factory=list)
    events: list[int] = field(default_factory=list)
    erased_event_faces: list[int] = field(default_factory=list)
    searched: dict[str, int] = field(default_factory=dict)
    searched_patterns: int = 0
    traces: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    not_searched: list[str] = field(default_factory=list)
    backups: list[str] = field(default_factory=list)
    mentions: list[str] = field(default_factory=list)
    clean: bool | None = None
    summary: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptDocument(Receipt):
    """A receipt that the service keeps; its fields are those of every receipt, and these.

    Attributes:
        id: 32 hexadecimal digits.
        url: where it can be fetched again.
        kind: what was deleted.
        deleted_id: of the person, the face, the event or the collection.
        state: rows are gone at once; `working` while files are cleaned and searched.
        finished_at: in UTC, null while it works.
    """

    id: str
    url: str
    kind: Deleted
    deleted_id: int
    state: Literal["working", "done"]
    finished_at: datetime | None
