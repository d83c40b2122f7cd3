"""Deletions in two parts: rows go at once, files are cleaned and searched afterwards.

Between the two a receipt is kept in the catalogue, which whoever asked can fetch when the second
part is done. Where the process ends between them, `finish_interrupted` does what can still be done.
"""

import re
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from retrieval.catalogue.erasing.erasure_log import mark_of
from retrieval.catalogue.erasing.receipt_log import new_id
from retrieval.catalogue.events.records import Event
from retrieval.catalogue.records import (
    Collection,
    Counts,
    Deleted,
    EnrolledFace,
    Erased,
    KeptReceipt,
    Person,
)
from retrieval.people.receipts import WAIT_S, Receipt, forget, tried
from retrieval.service import Service

Document = dict[str, Any]

_HASH = re.compile(r"[0-9a-f]{64}")
_SHOWN_DIGITS = 8  # of a hash that is a file's name: it finds the file, and is no hash any more
_INTERRUPTED = (
    "the service ended before files were searched: its index was written anew and kept photos that"
    " are nobody's were deleted afterwards, but whether other files hold bytes is not known"
)
_FOLDERS = "files of the collection may be left below {} and at URLs where photos are kept"
_SLOW_READER = "another process keeps the catalogue's write-ahead log, see `rollcall doctor`"


@dataclass(frozen=True, slots=True, eq=False)
class Deletion:
    """What is gone from the catalogue, and what is left to do.

    Attributes:
        receipt: id of the receipt that is kept.
        faces: ids of those that are gone, for whoever holds pictures of them.
        photos: SHA-256 of photos that showed what is gone, for whoever holds copies of them.
        begun: the receipt's document by now.
        finish: does the rest; returns the receipt's whole document.
    """

    receipt: str
    faces: tuple[int, ...]
    photos: frozenset[str]
    begun: Document
    finish: Callable[[], Document]


def delete_person(service: Service, person: Person, home: Path) -> Deletion:
    """Delete a person for good.

    Raises:
        NotFound: the person is gone, or called otherwise by now.
    """
    receipt = new_id()
    marks = service.catalogue.receipts.marks_of(person.name, person.external_id)

    def told(erased: Erased) -> Document:
        return {**_erased(erased), "marks": marks}

    with _begun(service, receipt, Deleted.PERSON, person.id, told):
        gone = forget(service, person, home)

    begun = told(gone.erased)

    def finish() -> Document:
        return {**begun, **_found(gone.proven())}

    return Deletion(receipt, gone.erased.faces, _photos(gone.erased), begun, finish)


def delete_photo(service: Service, face: EnrolledFace) -> Deletion:
    """Delete an enrolled photo for good.

    Raises:
        NotFound: it is gone, or somebody else's by now.
    """
    receipt, catalogue, collection = new_id(), service.catalogue, service.collection
    with _begun(service, receipt, Deleted.PHOTO, face.id, _erased):
        unfinished = catalogue.begin_erasure(collection.id)
        erased = catalogue.remove_photo(collection.id, face)

    def finish() -> Document:
        left = tried(partial(service.finish_erasure, set(_photos(erased)), unfinished))
        return _unsearched(begun, left)

    begun = _erased(erased)
    return Deletion(receipt, erased.faces, _photos(erased), begun, finish)


def delete_event(service: Service, event: Event) -> Deletion:
    """Delete an event with its faces, pictures and verdicts for good.

    Raises:
        NotFound: it is gone.
    """

    def told(photos: Sequence[str]) -> Document:
        return {"events": [event.id], "counts": {"people": 0, "photos": len(photos), "faces": 0}}

    receipt = new_id()
    with _begun(service, receipt, Deleted.EVENT, event.id, told):
        photos, unfinished = service.events.erase(event)

    def finish() -> Document:
        left = tried(partial(service.events.finish_erasure, photos, unfinished))
        return _unsearched(told(photos), left)

    return Deletion(receipt, (), frozenset(photos), told(photos), finish)


def delete_collection(service: Service, collection: Collection) -> Deletion:
    """Delete a collection with everybody in it for good.

    Raises:
        NotFound: it is gone.
    """

    def told(counts: Counts) -> Document:
        return {"counts": asdict(counts)}

    receipt, catalogue = new_id(), service.catalogue
    runs = catalogue.runs.of_collection(collection.name)
    with _begun(service, receipt, Deleted.COLLECTION, collection.id, told):
        counts = catalogue.delete_collection(collection)

    def finish() -> Document:
        left = tried(partial(service.drop_files, collection, runs))
        return _unsearched(told(counts), left)

    return Deletion(receipt, (), frozenset(), told(counts), finish)


def finish_interrupted(service: Service | None, home: Path, kept: KeptReceipt) -> Document:
    """Do what is left of a deletion whose process ended.

    Args:
        service: of its collection; None where that is gone.
        home: the folder of the service's files.
        kept: the receipt that was begun.
    """
    if service is None or service.collection.id != kept.collection_id:
        folders = [home / name / str(kept.collection_id) for name in ("index", "photos")]
        for folder in folders:  # an id is never used twice
            shutil.rmtree(folder, ignore_errors=True)
        return _unsearched(kept.document, [_FOLDERS.format(home / "uploads")])
    left = tried(partial(service.finish_erasure, set(), unfinished=True))
    if not service.catalogue.empty_wal(WAIT_S):
        left.append(_SLOW_READER)
    return _unsearched(kept.document, [*left, _INTERRUPTED])


def failed(begun: Document, error: Exception) -> Document:
    """The end of a deletion whose second part failed, as where its collection is gone."""
    return _unsearched(begun, [f"{error} Files were not searched"])


def _begun(
    service: Service,
    receipt: str,
    kind: Deleted,
    deleted_id: int,
    told: Callable[[Any], Document],
) -> AbstractContextManager[None]:
    return service.catalogue.receipts.begun(
        receipt,
        kind,
        deleted_id,
        told,
        collection_id=service.collection.id,
        collection=service.collection.name,
    )


def _photos(erased: Erased) -> frozenset[str]:
    return frozenset((*erased.photos, *erased.seen.photos))


def _erased(erased: Erased) -> Document:
    """What a receipt tells of rows that are gone: ids, and marks in place of hashes."""
    return {
        "erasure": erased.erasure,
        "faces": list(erased.faces),
        "photo_marks": [mark_of(sha256) for sha256 in erased.photos],
        "events": list(erased.seen.events),
        "event_faces": list(erased.seen.appearances),
        "counts": {
            "people": len(erased.people),
            "photos": len(erased.photos),
            "faces": len(erased.faces),
        },
    }


def _found(receipt: Receipt) -> Document:
    """What was found, without names of kept photos, which are hashes of anybody's photos."""
    searched = Counter(map(_folder_of, map(Path, receipt.searched)))
    told = {
        "searched": dict(searched),
        "patterns": receipt.patterns,
        "traces": list(receipt.traces),
        "open": list(receipt.open),
        "not_searched": list(receipt.not_searched),
        "backups": list(receipt.backups),
        "mentions": list(receipt.mentions),
        "clean": receipt.clean,
        "summary": receipt.sentence(),
    }
    found: Document = _without_hashes(told)
    return found


def _folder_of(path: Path) -> str:
    """A folder of the home folder, or a file of it; others lie elsewhere."""
    return "elsewhere" if path.is_absolute() else path.parts[0]


def _unsearched(begun: Document, left: Sequence[str]) -> Document:
    """The end of a deletion after which no file was searched."""
    return {**begun, "open": list(left), "clean": False if left else None}


def _without_hashes(value: Any) -> Any:
    if isinstance(value, str):
        return _HASH.sub(lambda found: f"{found.group()[:_SHOWN_DIGITS]}...", value)
    if isinstance(value, list):
        return [_without_hashes(each) for each in value]
    if isinstance(value, dict):
        return {key: _without_hashes(each) for key, each in value.items()}
    return value
