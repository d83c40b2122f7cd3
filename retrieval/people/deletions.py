"""Deletions in two parts: rows go at once, files are cleaned and searched afterwards.

Between the two a receipt is kept in the catalogue, which whoever asked can fetch when the second
part is done. Where the process ends between them, `finish_interrupted` does what can still be done.
"""

import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

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
from retrieval.people.receipts import WAIT_S, forget, told_of, tried
from retrieval.service import Service

Document = dict[str, Any]

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
        return {**told_of(erased), "marks": marks}

    with _begun(service, receipt, Deleted.PERSON, person.id, told):
        gone = forget(service, person, home)

    begun = told(gone.erased)

    def finish() -> Document:
        return {**begun, **gone.found()}

    return Deletion(receipt, gone.erased.faces, _photos(gone.erased), begun, finish)


def delete_photo(service: Service, face: EnrolledFace) -> Deletion:
    """Delete an enrolled photo for good.

    Raises:
        NotFound: it is gone, or somebody else's by now.
    """
    receipt, catalogue, collection = new_id(), service.catalogue, service.collection
    with _begun(service, receipt, Deleted.PHOTO, face.id, told_of):
        unfinished = catalogue.begin_erasure(collection.id)
        erased = catalogue.remove_photo(collection.id, face)

    def finish() -> Document:
        left = tried(partial(service.finish_erasure, set(_photos(erased)), unfinished))
        return _unsearched(begun, left)

    begun = told_of(erased)
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


def _unsearched(begun: Document, left: Sequence[str]) -> Document:
    """The end of a deletion after which no file was searched."""
    return {**begun, "open": list(left), "clean": False if left else None}
