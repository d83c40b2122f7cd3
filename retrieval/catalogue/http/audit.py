"""The audit log: who asked or changed what, and what the answer was. Never pixels or vectors."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    Connection,
    Double,
    Index,
    Table,
    Text,
    delete,
    false,
    insert,
    select,
    update,
)
from typing_extensions import TypedDict  # Pydantic asks for this one below Python 3.12

from retrieval.catalogue.database import Database
from retrieval.catalogue.erasing.late_names import without_late_names
from retrieval.catalogue.erasing.mentions import Mentions
from retrieval.catalogue.schema import (
    Id,
    Moment,
    Name,
    chunks,
    collections,
    days_ago,
    metadata,
    now,
)

_NEWEST = 10_000  # entries whose actions are told, so that a long log is not read whole
ABOUT_KEYS = (  # actions, and about users: the names in them are theirs
    *("create-key", "revoke-key", "create-user", "change-user", "link-user", "end-user"),
    "change-password",
)

audit = Table(
    "audit",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("at", Moment, nullable=False),
    Column("who", Name, nullable=False),
    Column("key", Text),  # the handle of who's key, since names are unique in a collection only
    Column("action", Text, nullable=False),
    Column("collection", Name),
    Column("photo", Text),  # SHA-256
    Column("answer", JSON(none_as_null=True)),
    Column("threshold", Double),
    Column("model", Text),
    Index("audit_by_moment", "at"),
    Index("audit_by_photo", "photo"),
    sqlite_autoincrement=True,
)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """A question or an edit, for the audit log.

    Attributes:
        who: the key's name, or "local" where the service has no keys.
        action: identify, search, verify, enrol, rename, delete, ...
        collection: in which.
        photo: SHA-256 of the photo that it is about, or None.
        answer: what was answered or changed: names, decisions, scores, ids.
        threshold: that the answer used, or None.
        model: fingerprint of the one that the answer used, or None.
        key: handle of who's key, or None.
    """

    who: str
    action: str
    collection: str | None = None
    photo: str | None = None
    answer: dict[str, Any] | None = None
    threshold: float | None = None
    model: str | None = None
    key: str | None = None


class AuditDocument(TypedDict):
    """A question or an edit, as it was written down."""

    id: int
    at: str
    who: str
    key: str | None
    """The handle of who's key."""
    action: str
    collection: str | None
    photo: str | None
    """SHA-256 of the photo that it is about."""
    answer: dict[str, Any] | None
    threshold: float | None
    model: str | None


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """An audit entry as it was written down, with its number and its moment in UTC."""

    id: int
    at: datetime
    entry: AuditEntry

    def document(self) -> AuditDocument:
        """As JSON."""
        own = self.entry
        return {
            "id": self.id,
            "at": self.at.isoformat(),
            "who": own.who,
            "key": own.key,
            "action": own.action,
            "collection": own.collection,
            "photo": own.photo,
            "answer": own.answer,
            "threshold": own.threshold,
            "model": own.model,
        }


class Audit:
    """The audit log of a catalogue. Safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, entries: Sequence[AuditEntry]) -> None:
        """Write down what happened, in one transaction.

        An answer loses the names of people who were deleted since it was made.
        """
        if entries:
            with self._database.writing() as connection:
                write_down(connection, [_as_of_now(connection, entry) for entry in entries])

    def entries(
        self,
        *,
        collection: str | None = None,
        and_of_none: bool = False,
        who: str | None = None,
        like: str | None = None,
        action: str | None = None,
        photo: str | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> list[AuditRecord]:
        """Entries, newest first.

        Args:
            collection, who, action: only of these.
            and_of_none: beside the collection's those of no collection: logins, keys for all.
            like: only of whose name has this in it, whatever its case.
            photo: only about the photo with this SHA-256, or one that begins so.
            before: only entries older than this number: the last of the page before.
            limit: how many.
        """
        query = select(audit).order_by(audit.c.id.desc()).limit(limit)
        if collection is not None:
            query = query.where(_in(collection, and_of_none))
        if who is not None:
            query = query.where(audit.c.who == who)
        if like is not None:
            query = query.where(audit.c.who.icontains(like, autoescape=True))
        if action is not None:
            query = query.where(audit.c.action == action)
        if photo is not None:
            query = query.where(audit.c.photo.startswith(photo, autoescape=True))
        if before is not None:
            query = query.where(audit.c.id < before)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return [
            AuditRecord(
                row.id,
                row.at,
                AuditEntry(**{name: row._mapping[name] for name in AuditEntry.__slots__}),
            )
            for row in rows
        ]

    def actions(self, collection: str, *, and_of_none: bool = False) -> list[str]:
        """The actions of which a collection's newest entries tell, by name; see `entries`."""
        own = select(audit.c.action).where(_in(collection, and_of_none))
        newest = own.order_by(audit.c.id.desc()).limit(_NEWEST).subquery()
        query = select(newest.c.action).distinct().order_by(newest.c.action)
        with self._database.reading() as connection:
            return list(connection.scalars(query))

    def purge(self, days: int) -> int:
        """Delete entries that are older than so many days; return how many."""
        old = audit.c.at < days_ago(days)
        with self._database.writing() as connection:
            return connection.execute(delete(audit).where(old)).rowcount


def _in(collection: str, and_of_none: bool) -> ColumnElement[bool]:
    none = audit.c.collection.is_(None) if and_of_none else false()
    return (audit.c.collection == collection) | none


def _as_of_now(connection: Connection, entry: AuditEntry) -> AuditEntry:
    return replace(entry, answer=without_late_names(connection, entry.collection, entry.answer))


def write_down(connection: Connection, entries: Sequence[AuditEntry]) -> None:
    """Write entries into the transaction of what they tell of."""
    moment = now()
    rows = [
        {"at": moment, **{name: getattr(each, name) for name in AuditEntry.__slots__}}
        for each in entries
    ]
    if rows:
        connection.execute(insert(audit), rows)


def erase_person(
    connection: Connection, collection_id: int, mentions: Mentions, sha256s: Iterable[str]
) -> None:
    """Take a person's names, and the hashes of the person's photos, out of a collection's entries.

    That somebody was asked about or changed, when and by whom, stays.
    """
    own = _of_collection(collection_id)
    for some in chunks(sha256s):
        connection.execute(update(audit).where(own, audit.c.photo.in_(some)).values(photo=None))
    mentions.take_out_of(connection, audit, "answer", own)


def erase_collection(connection: Connection, collection_id: int) -> None:
    """Take answers and photos out of the entries of a collection that is about to be erased.

    That somebody was asked about or changed, when and by whom, stays, and so do entries about keys,
    which name no people.
    """
    about_people = _of_collection(collection_id) & audit.c.action.not_in(ABOUT_KEYS)
    connection.execute(update(audit).where(about_people).values(photo=None, answer=None))


def _of_collection(collection_id: int) -> ColumnElement[bool]:
    named = select(collections.c.name).where(collections.c.id == collection_id)
    return audit.c.collection == named.scalar_subquery()
