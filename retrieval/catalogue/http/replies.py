"""Replies to requests that carry an Idempotency-Key: a repeated request gets the first reply.

Follows draft-ietf-httpapi-idempotency-key-header-07.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import (
    Column,
    Connection,
    Insert,
    Integer,
    LargeBinary,
    Table,
    Text,
    delete,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from retrieval.catalogue.database import Database
from retrieval.catalogue.erasing.mentions import Mentions
from retrieval.catalogue.schema import Moment, metadata, now

KEPT_HOURS = 24
_READ_AT_ONCE = 100

replies = Table(
    "replies",
    metadata,
    Column("who", Text, primary_key=True),
    Column("token", Text, primary_key=True),  # the request's Idempotency-Key
    Column("fingerprint", Text, nullable=False),  # of the request that it came with
    Column("status", Integer),  # null while the request is being answered
    Column("media_type", Text),
    Column("body", LargeBinary),
    Column("created_at", Moment, nullable=False),
)


def make_replies(connection: Connection) -> None:
    """Migration: a catalogue from before the service."""
    replies.create(connection)


@dataclass(frozen=True, slots=True)
class Reply:
    """What is known of a request that came before.

    Attributes:
        fingerprint: of that request.
        status: its reply's, None while it is still being answered.
        media_type, body: its reply's.
    """

    fingerprint: str
    status: int | None
    media_type: str | None
    body: bytes | None


class Replies:
    """The replies that a catalogue keeps. Safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, who: str, token: str, fingerprint: str) -> Reply | None:
        """Begin to answer a request.

        Returns:
            None where it is new, and now this caller's to answer; else what is known of the first.
        """
        row = {"who": who, "token": token, "fingerprint": fingerprint, "created_at": now()}
        mine = (replies.c.who == who) & (replies.c.token == token)
        with self._database.writing() as connection:
            _forget_old(connection)
            if connection.execute(_insert_if_new(connection, row)).rowcount:
                return None
            found = connection.execute(select(replies).where(mine)).one()
        return Reply(found.fingerprint, found.status, found.media_type, found.body)

    def purge(self) -> int:
        """Forget replies that were kept for their time; return how many."""
        with self._database.writing() as connection:
            return _forget_old(connection)

    def keep(self, who: str, token: str, status: int, media_type: str, body: bytes) -> None:
        """Keep the reply to a claimed request."""
        mine = (replies.c.who == who) & (replies.c.token == token)
        values = {"status": status, "media_type": media_type, "body": body}
        with self._database.writing() as connection:
            connection.execute(update(replies).where(mine).values(**values))

    def release(self, who: str, token: str) -> None:
        """Forget a claimed request that failed, so that it may be tried again."""
        mine = (replies.c.who == who) & (replies.c.token == token)
        with self._database.writing() as connection:
            connection.execute(delete(replies).where(mine))


def _forget_old(connection: Connection) -> int:
    old = replies.c.created_at < now() - timedelta(hours=KEPT_HOURS)
    return connection.execute(delete(replies).where(old)).rowcount


def erase_person(connection: Connection, names: Iterable[str]) -> None:
    """Take the names that a person has had out of all kept replies."""
    mentions = Mentions(names)
    query = select(replies.c.who, replies.c.token, replies.c.body)
    kept = query.where(replies.c.body.is_not(None)).execution_options(yield_per=_READ_AT_ONCE)
    emptied = [
        (row.who, row.token, body)
        for row in connection.execute(kept)
        if (body := mentions.taken_out_of_json(row.body)) is not None
    ]
    for who, token, body in emptied:
        mine = (replies.c.who == who) & (replies.c.token == token)
        connection.execute(update(replies).where(mine).values(body=body))


def _insert_if_new(connection: Connection, row: dict[str, object]) -> Insert:
    if connection.dialect.name == "postgresql":
        return postgresql.insert(replies).values(**row).on_conflict_do_nothing()
    return sqlite.insert(replies).values(**row).on_conflict_do_nothing()
