"""What the command line writes into the audit log: as over HTTP, with the system's own user."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from retrieval.catalogue.http.audit import AuditEntry
from retrieval.catalogue.records import JournalEntry, Person
from retrieval.errors import StoreError

if TYPE_CHECKING:
    from retrieval.catalogue.catalogue import Catalogue
    from retrieval.collection.answers import GalleryState, PhotoAnswer
    from retrieval.collection.tracks.answers import VideoAnswer
    from retrieval.settings import Settings

_OF_NO_COLLECTION = ("keys", "users", "backup", "restore", "catalogue")


def who() -> str:
    """The system's user, by the process's own user id: no environment variable says otherwise."""
    try:
        import pwd

        name = pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):  # Windows; a user id without a name, as in a container
        import getpass

        name = getpass.getuser() if not hasattr(os, "getuid") else f"user {os.getuid()}"
    return f"{name} (command line)"


@contextmanager
def audited(catalogue: "Catalogue", action: str, settings: "Settings") -> Iterator[None]:
    """Write each edit that a command makes meanwhile down, in the edit's own transaction."""
    written = False

    def entries(edit: Any) -> list[AuditEntry]:
        nonlocal written
        written = True
        return [entry_of(action, settings.collection, **_told(edit))]

    with catalogue.recorded(entries):
        yield
    if written:
        with suppress(StoreError):  # of what the command did nothing is lost
            catalogue.audit.purge(settings.audit_days)
            catalogue.receipts.purge(settings.receipt_days)


def note(catalogue: "Catalogue", entries: Iterable[AuditEntry]) -> None:
    """Write questions down; a home that is mounted for reading answers them all the same."""
    with suppress(StoreError):
        catalogue.audit.record(list(entries))


def asked(
    action: str,
    answers: "Iterable[PhotoAnswer | VideoAnswer]",
    state: "GalleryState",
    threshold: float | None,
) -> Iterator[AuditEntry]:
    """What `identify` was asked, and answered."""
    from retrieval.collection.questions import identified

    return identified(AuditEntry(who(), action), answers, state, threshold)


def entry_of(action: str, collection: str, **answer: Any) -> AuditEntry:
    """What a command did."""
    everywhere = action.split()[0] in _OF_NO_COLLECTION
    return AuditEntry(who(), action, None if everywhere else collection, answer=answer)


def _told(edit: Any) -> dict[str, Any]:
    """What an edit did, of what it returned."""
    match edit:
        case JournalEntry():
            return {"edit": edit.id, "what": edit.summary}
        case Person():
            return {"person": edit.name, "number": edit.external_id}
        case [JournalEntry(), *_]:
            return {"edits": [each.summary for each in edit]}
        case (str() as model, list() as faces):  # an enrolment's batch
            people = sorted({face.person for face, _ in faces})
            return {"people": people, "photos": len(faces), "model": model}
        case int():
            return {"rows": edit}
    told = {name: getattr(edit, name, None) for name in ("id", "name", "handle", "kind")}
    return {name: value for name, value in told.items() if isinstance(value, str | int)}
