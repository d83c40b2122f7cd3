"""Deletions in two parts: rows go at once, files are cleaned and searched afterwards.

From the first on a receipt is kept in the catalogue, which whoever asked can fetch when the second
part is done. Where the process ends between them, `finish_interrupted` does what can still be done.
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
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
from retrieval.people.documents import Receipt
from retrieval.people.receipts import WAIT_S, PeopleGone, forget, told_of, tried
from retrieval.service import Service

Document = dict[str, Any]
Kept = Mapping[int, tuple[str, list[str]]]  # of each person the receipt's id, and the marks

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
        receipts: ids of the receipts that are kept, by the id of what was deleted.
        faces: ids of those that are gone, for whoever holds pictures of them.
        photos: SHA-256 of photos that showed what is gone, for whoever holds copies of them.
        begun: the receipts' documents by now, by the receipt's id.
        finish: does the rest; returns the receipts' whole documents.
    """

    receipts: Mapping[int, str]
    faces: tuple[int, ...]
    photos: frozenset[str]
    begun: Mapping[str, Document]
    finish: Callable[[], Mapping[str, Document]]

    @classmethod
    def of_one(
        cls,
        deleted_id: int,
        receipt: str,
        begun: Document,
        finish: Callable[[], Document],
        *,
        faces: tuple[int, ...] = (),
        photos: frozenset[str] = frozenset(),
    ) -> "Deletion":
        """Of one thing, with one receipt."""
        kept = {deleted_id: receipt}
        return cls(kept, faces, photos, {receipt: begun}, lambda: {receipt: finish()})

    @property
    def receipt(self) -> str:
        """The receipt's id, of one thing that was deleted."""
        (found,) = self.receipts.values()
        return found


def delete_people(
    service: Service, people: Sequence[Person], home: Path, *, or_gone: bool = False
) -> Deletion:
    """Delete people for good, all or none, with a receipt each.

    Args:
        service: of the people's collection.
        people: as they were read before.
        home: the folder whose files are searched.
        or_gone: leave out those whom somebody else has deleted already.

    Raises:
        NotFound: one of them is gone, or called otherwise by now.
    """
    return _of_people(*_gone(service, people, home, or_gone=or_gone))


def forget_with_receipt(
    service: Service, who: str | Person | Sequence[Person], home: Path, *, or_gone: bool = False
) -> Receipt:
    """Delete people for good and look for what could be left, at once; a receipt each is kept.

    Args:
        service, people, home, or_gone: see `delete_people`; `who` may be a name.

    Returns:
        the receipt of all of them together.

    Raises:
        NotFound: nobody of that name is enrolled, or somebody is called otherwise by now.
    """
    people = [service.person(who)] if isinstance(who, str | Person) else who
    gone, kept = _gone(service, people, home, or_gone=or_gone)
    log = service.catalogue.receipts
    with log.held([receipt for receipt, _ in kept.values()]):
        found = gone.found()
    log.finish(_finished(gone, kept, found))
    return gone.receipt(found)


def _gone(
    service: Service, people: Sequence[Person], home: Path, *, or_gone: bool
) -> tuple[PeopleGone, Kept]:
    """Delete people's rows; their receipts begin in the same transaction."""
    log = service.catalogue.receipts
    marks = log.marks_of((person.name, person.external_id) for person in people)
    kept = {person.id: (new_id(), own) for person, own in zip(people, marks, strict=True)}
    parts: dict[int, Erased] = {}

    def told(person_id: int, erased: Erased) -> Document | None:
        if not parts:
            parts.update({part.people[0]: part for part in erased.parts})
        return _told(parts[person_id], kept) if person_id in parts else None

    with ExitStack() as begun:
        for person_id, (receipt, _) in kept.items():
            of_person = partial(told, person_id)
            begun.enter_context(_begun(service, receipt, Deleted.PERSON, person_id, of_person))
        gone = forget(service, people, home, or_gone=or_gone)
    return gone, {part.people[0]: kept[part.people[0]] for part in gone.erased.parts}


def _told(part: Erased, kept: Kept) -> Document:
    return {**told_of(part), "marks": kept[part.people[0]][1]}


def _of_people(gone: PeopleGone, kept: Kept) -> Deletion:
    receipts = {person_id: receipt for person_id, (receipt, _) in kept.items()}
    begun = {receipts[part.people[0]]: _told(part, kept) for part in gone.erased.parts}
    photos = _photos(gone.erased)
    return Deletion(
        receipts, gone.erased.faces, photos, begun, lambda: _finished(gone, kept, gone.found())
    )


def _finished(gone: PeopleGone, kept: Kept, found: Document) -> dict[str, Document]:
    return {
        kept[part.people[0]][0]: {**_told(part, kept), **gone.found_of(part, found)}
        for part in gone.erased.parts
    }


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
    photos = _photos(erased)
    return Deletion.of_one(face.id, receipt, begun, finish, faces=erased.faces, photos=photos)


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

    return Deletion.of_one(event.id, receipt, told(photos), finish, photos=frozenset(photos))


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

    return Deletion.of_one(collection.id, receipt, told(counts), finish)


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
    told: Callable[[Any], Document | None],
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
