"""What a run is, what is on its list, and what became of it, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class RunState(StrEnum):
    """Where a run stands."""

    WORKING = "working"
    CANCELLED = "cancelled"
    FAILED = "failed"  # its source cannot be read
    FINISHED = "finished"


class Taken(StrEnum):
    """What became of a photo of a run."""

    ENROLLED = "enrolled"
    DUPLICATE = "duplicate"  # was enrolled under the same person before
    ANSWERED = "answered"
    EMBEDDED = "embedded"  # with another model
    REJECTED = "rejected"  # the photo is at fault: mend it and run it again
    DISMISSED = "dismissed"  # rejected, and somebody said that it is right so
    FAILED = "failed"  # something else is at fault: retry the run


@dataclass(frozen=True, slots=True)
class Run:
    """A run.

    Attributes:
        id: 32 hexadecimal digits.
        kind: enrol, identify, embed or event.
        collection: by name.
        source: the folder or file that was named.
        options: the command's own, as JSON.
        state: see `RunState`.
        listed: whether all its photos are known.
        reason: why it failed, or None.
        passed_over: what its source holds that is no photo, by kind; None until it is listed.
        started_at, finished_at: in UTC; finished_at is None while it works.
    """

    id: str
    kind: str
    collection: str
    source: str
    options: dict[str, Any]
    state: RunState
    listed: bool
    reason: str | None
    passed_over: dict[str, Any] | None
    started_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class ListedPhoto:
    """A photo to be listed.

    Attributes:
        path: absolute, or relative to the run's base folder.
        person, external_id: whom it shows; empty and None where nobody is meant.
        face: which of its faces is meant, from 1; None for the dominant one.
        face_id: of the enrolled face that is to be embedded anew, else None.
        reason: (code, message) where it is rejected without a look at it.
    """

    path: str
    person: str = ""
    external_id: str | None = None
    face: int | None = None
    face_id: int | None = None
    reason: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class RunPhoto:
    """A photo of a run's list; `outcome` is None while it is to be done."""

    id: int
    path: str
    person: str
    external_id: str | None
    outcome: Taken | None
    code: str | None
    message: str | None
    face: int | None = None
    face_id: int | None = None


@dataclass(frozen=True, slots=True)
class PhotoOutcome:
    """What became of one photo.

    Attributes:
        id: of the run's photo.
        outcome: see `Taken`.
        code, message: why it was rejected or failed.
        answer: what an identification found, as JSON.
        sha256: of a duplicate: if this run itself enrolled it (and its worker was killed before
            it could say so), it is counted as enrolled.
    """

    id: int
    outcome: Taken
    code: str | None = None
    message: str | None = None
    answer: dict[str, Any] | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class RunCounts:
    """How far a run is.

    Attributes:
        found: photos that were listed.
        waiting: those still to be done.
        enrolled, duplicates, answered, embedded, failed: done, by what became of them.
        rejected: by reason.
    """

    found: int = 0
    waiting: int = 0
    enrolled: int = 0
    duplicates: int = 0
    answered: int = 0
    embedded: int = 0
    failed: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)

    @property
    def done(self) -> int:
        """Photos that need nothing more."""
        return self.found - self.waiting
