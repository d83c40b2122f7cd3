"""Receipts of deletions: kept, to be fetched when they are done, and to know who was deleted.

A receipt begins in the erasure's own transaction, so whatever is erased has one, and ends when
nothing is left to be deleted or looked for. Until then the process that works on it puts its claim
off; where that process is gone, another one takes the receipt over. It holds ids, counts, names of
files and marks of photos (see `erasure_log.mark_of`): no names of people, no hashes, no vectors.
A deleted person's name and number leave marks under a key of the catalogue, by which they are known
again if somebody enrols them once more; whoever has a receipt can read nothing from them.
"""

import hmac
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime, timedelta
from hashlib import sha256
from threading import Event, Thread
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    Connection,
    Index,
    Row,
    Table,
    Text,
    cast,
    delete,
    false,
    insert,
    or_,
    select,
    update,
)

from retrieval.catalogue.database import Database
from retrieval.catalogue.erasing.mentions import Mentions
from retrieval.catalogue.names import folded
from retrieval.catalogue.records import Deleted, KeptReceipt
from retrieval.catalogue.schema import Id, Moment, Name, days_ago, meta, metadata, now
from retrieval.errors import NotFound, StoreError

CLAIM_S = 30.0  # after which somebody else may finish a receipt; clocks differ by less

_FORMERLY = {  # fields of receipts that earlier versions kept, as they are called now
    "faces": "erased_faces",
    "photo_marks": "erased_photo_marks",
    "event_faces": "erased_event_faces",
    "patterns": "searched_patterns",
}
_MARKS = "marks"  # of `meta`: the key of the marks that deleted people leave

receipts = Table(
    "receipts",
    metadata,
    Column("id", Text, primary_key=True),  # a UUID's 32 digits
    Column("collection_id", Id, nullable=False),  # no reference: it outlives the collection
    Column("collection", Name, nullable=False),
    Column("kind", Text, nullable=False),
    Column("deleted_id", Id, nullable=False),
    Column("erased_at", Moment, nullable=False),
    Column("finished_at", Moment),  # null while there is something left to do
    Column("document", JSON, nullable=False),
    Column("claimed_until", Moment),  # put off by the process that works on it
    Index("receipts_by_collection", "collection", "erased_at"),
)


class Receipts:
    """The receipts that a catalogue keeps. Safe to share between threads."""

    def __init__(self, database: Database, claim_s: float = CLAIM_S) -> None:
        self._database = database
        self._claim_s = claim_s

    def begun(
        self,
        receipt_id: str,
        kind: Deleted,
        deleted_id: int,
        told: Callable[[Any], dict[str, Any] | None],
        *,
        collection_id: int,
        collection: str,
    ) -> AbstractContextManager[None]:
        """Begin the receipt of what this thread erases meanwhile, in the erasure's transaction.

        Args:
            receipt_id: from `new_id`; this process has it claimed from then on.
            kind, deleted_id, collection_id, collection: see `KeptReceipt`.
            told: the document, of what the erasure returned; None where nothing of it went.
        """

        def begin(connection: Connection, erased: Any) -> None:
            document = told(erased)
            if document is None:
                return
            row = {
                "id": receipt_id,
                "collection_id": collection_id,
                "collection": collection,
                "kind": kind.value,
                "deleted_id": deleted_id,
                "erased_at": now(),
                "document": document,
                "claimed_until": self._until(),
            }
            connection.execute(insert(receipts), row)

        return self._database.accompanied(begin)

    def finish(self, documents: Mapping[str, dict[str, Any]]) -> None:
        """Keep what was found, by the receipt's id, and say that nothing is left to do."""
        with self._database.writing() as connection:
            for receipt_id, document in documents.items():
                done = {"document": document, "finished_at": now(), "claimed_until": None}
                mine = receipts.c.id == receipt_id
                connection.execute(update(receipts).where(mine).values(**done))

    @contextmanager
    def held(self, receipt_ids: Sequence[str]) -> Iterator[None]:
        """Say now and then that this process still works on these, as long as it lasts."""
        ended = Event()

        def put_off() -> None:
            while not ended.wait(self._claim_s / 3):
                with suppress(StoreError):  # somebody else has the catalogue: the next time
                    self.put_off(receipt_ids)

        thread = Thread(target=put_off, name="receipts", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def put_off(self, receipt_ids: Sequence[str]) -> None:
        """Say that this process still works on these; to be called in time."""
        if receipt_ids:
            mine = receipts.c.id.in_(receipt_ids)
            with self._database.writing() as connection:
                connection.execute(update(receipts).where(mine).values(claimed_until=self._until()))

    def take_over(self) -> list[KeptReceipt]:
        """Claim receipts of processes that are gone, to finish them."""
        left = receipts.c.finished_at.is_(None) & (receipts.c.claimed_until < now())
        with self._database.reading() as connection:  # nearly always there is none
            if connection.scalar(select(receipts.c.id).where(left).limit(1)) is None:
                return []
        claim = update(receipts).where(left).values(claimed_until=self._until())
        with self._database.writing() as connection:
            return [_receipt(row) for row in connection.execute(claim.returning(*receipts.c))]

    def get(self, receipt_id: str, collection: str) -> KeptReceipt:
        """The receipt with this id, of something in this collection, or NotFound."""
        query = select(receipts).where(
            receipts.c.id == receipt_id, receipts.c.collection == collection
        )
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise NotFound(f"There is no receipt {receipt_id} of {collection!r}.")
        return _receipt(row)

    def newest(
        self,
        collection: str,
        *,
        kind: Deleted | None = None,
        deleted_id: int | None = None,
        before: str | None = None,
        limit: int = 100,
    ) -> list[KeptReceipt]:
        """A collection's receipts, newest first.

        Args:
            collection: whose.
            kind, deleted_id: only of these.
            before: only receipts older than the one with this id: the last of the page before.
            limit: how many.
        """
        query = select(receipts).where(receipts.c.collection == collection)
        if kind is not None:
            query = query.where(receipts.c.kind == kind.value)
        if deleted_id is not None:
            query = query.where(receipts.c.deleted_id == deleted_id)
        if before is not None:
            at = select(receipts.c.erased_at).where(receipts.c.id == before).scalar_subquery()
            query = query.where(_is_older(at, before))
        query = query.order_by(receipts.c.erased_at.desc(), receipts.c.id.desc()).limit(limit)
        with self._database.reading() as connection:
            return [_receipt(row) for row in connection.execute(query)]

    def marks_of(self, people: Iterable[tuple[str, str | None]]) -> list[list[str]]:
        """What each of people is known again by after a deletion: of the name, of the number."""
        with self._database.writing() as connection:
            key = _mark_key(connection)
            if key is None:
                key = secrets.token_hex(32)
                connection.execute(insert(meta), {"key": _MARKS, "value": key})
        return [_marks(key, *each) for each in people]

    def of_deleted(self, collection: str, name: str, number: str | None) -> list[KeptReceipt]:
        """Receipts of people who were deleted under a name or a number, newest first."""
        with self._database.reading() as connection:
            key = _mark_key(connection)
            if key is None:  # nobody was deleted
                return []
            holding = cast(receipts.c.document, Text)
            known = [holding.contains(mark) for mark in _marks(key, name, number)]
            query = select(receipts).where(
                receipts.c.collection == collection,
                receipts.c.kind == Deleted.PERSON.value,
                or_(false(), *known),
            )
            rows = connection.execute(query.order_by(receipts.c.erased_at.desc()))
            return [_receipt(row) for row in rows]

    def deleted_among(
        self, collection: str, people: Sequence[tuple[str, str | None]]
    ) -> list[tuple[str, str | None]]:
        """Those of names and numbers under which somebody was deleted."""
        query = select(receipts.c.document).where(
            receipts.c.collection == collection, receipts.c.kind == Deleted.PERSON.value
        )
        with self._database.reading() as connection:
            key = _mark_key(connection)
            documents = connection.scalars(query).all() if key is not None and people else []
        known = {mark for document in documents for mark in document.get("marks", ())}
        return [each for each in people if known and known.intersection(_marks(str(key), *each))]

    def purge(self, days: int) -> int:
        """Forget receipts that are older than so many days; return how many."""
        old = receipts.c.finished_at < days_ago(days)
        with self._database.writing() as connection:
            return connection.execute(delete(receipts).where(old)).rowcount

    def _until(self) -> datetime:
        return now() + timedelta(seconds=self._claim_s)


def _mark_key(connection: Connection) -> str | None:
    """The key of all marks, None as long as nobody was deleted."""
    key: str | None = connection.scalar(select(meta.c.value).where(meta.c.key == _MARKS))
    return key


def copy_mark_key(source: Connection, target: Connection) -> None:
    """Let the marks in a copy's receipts be known again there."""
    key = _mark_key(source)
    if key is not None:
        target.execute(delete(meta).where(meta.c.key == _MARKS))
        target.execute(insert(meta), {"key": _MARKS, "value": key})


def _marks(key: str, name: str, number: str | None) -> list[str]:
    """Marks of a name and of a number; of an empty one there is none."""
    told = (("name", folded(name)), ("number", number or ""))
    return [
        hmac.new(bytes.fromhex(key), f"{kind} {word}".encode(), sha256).hexdigest()
        for kind, word in told
        if word
    ]


def new_id() -> str:
    """An id that no receipt has."""
    return uuid4().hex


def add_receipts(connection: Connection, source: Connection) -> None:
    """Add another catalogue's receipts, leaving out those that are there."""
    known = set(connection.scalars(select(receipts.c.id)))
    rows = [dict(row) for row in source.execute(select(receipts)).mappings()]
    new = [row for row in rows if row["id"] not in known]
    if new:
        connection.execute(insert(receipts), new)


def erase_person(connection: Connection, collection_id: int, mentions: Mentions) -> None:
    """Take a person's names out of a collection's receipts: of files that were named in one."""
    mine = receipts.c.collection_id == collection_id
    mentions.take_out_of(connection, receipts, "document", mine)


def _is_older(at: Any, receipt_id: str) -> ColumnElement[bool]:
    same = (receipts.c.erased_at == at) & (receipts.c.id < receipt_id)
    older: ColumnElement[bool] = (receipts.c.erased_at < at) | same
    return older


def _receipt(row: Row[Any]) -> KeptReceipt:
    found = {name: row._mapping[name] for name in KeptReceipt.__slots__}
    document = {_FORMERLY.get(name, name): told for name, told in row.document.items()}
    return KeptReceipt(**{**found, "kind": Deleted(row.kind), "document": document})
