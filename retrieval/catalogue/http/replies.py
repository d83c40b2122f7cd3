"""Replies to requests that carry an Idempotency-Key: a repeated request gets the first reply.

Follows draft-ietf-httpapi-idempotency-key-header-07.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Integer,
    LargeBinary,
    Table,
    Text,
    delete,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.dml import ReturningInsert

from retrieval.catalogue.database import Database
from retrieval.catalogue.erasing.mentions import Mentions
from retrieval.catalogue.schema import Moment, metadata, now

KEPT_HOURS = 24
CLAIM_S = 30.0  # after which a claim ends, unless its process puts it off; clocks differ by less
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
    Column("claimant", Text),  # the process that answers it
    Column("claimed_until", Moment),  # put off by that process while it lives
)


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

    def __init__(self, database: Database, claim_s: float = CLAIM_S) -> None:
        self._database = database
        self._claim_s = claim_s
        self._claimant = uuid4().hex

    def claim(self, who: str, token: str, fingerprint: str) -> Reply | None:
        """Begin to answer a request; one whose process is gone may be begun anew.

        Returns:
            None where it is new, and now this caller's to answer; else what is known of the first.
        """
        row = {
            "who": who,
            "token": token,
            "fingerprint": fingerprint,
            "created_at": now(),
            "claimant": self._claimant,
            "claimed_until": self._until(),
        }
        mine = (replies.c.who == who) & (replies.c.token == token)
        left = replies.c.status.is_(None) & or_(
            replies.c.claimed_until.is_(None), replies.c.claimed_until < now()
        )
        with self._database.writing() as connection:
            _forget_old(connection)
            connection.execute(delete(replies).where(mine, left))
            if connection.scalar(_insert_if_new(connection, row)) is not None:
                return None
            found = connection.execute(select(replies).where(mine)).one()
        return Reply(found.fingerprint, found.status, found.media_type, found.body)

    def _until(self) -> datetime:
        return now() + timedelta(seconds=self._claim_s)

    def put_off(self) -> None:
        """Say that this process still answers what it has claimed; to be called in time."""
        own = (replies.c.claimant == self._claimant) & replies.c.status.is_(None)
        with self._database.reading() as connection:
            if connection.scalar(select(replies.c.token).where(own).limit(1)) is None:
                return
        with self._database.writing() as connection:
            connection.execute(update(replies).where(own).values(claimed_until=self._until()))

    def purge(self) -> int:
        """Forget replies that were kept for their time; return how many."""
        with self._database.writing() as connection:
            return _forget_old(connection)

    def keep(self, who: str, token: str, status: int, media_type: str, body: bytes) -> None:
        """Keep the reply to a claimed request."""
        mine = self._claimed(who, token)
        values = {"status": status, "media_type": media_type, "body": body}
        with self._database.writing() as connection:
            connection.execute(update(replies).where(mine).values(**values))

    def release(self, who: str, token: str) -> None:
        """Forget a claimed request that failed, so that it may be tried again."""
        with self._database.writing() as connection:
            connection.execute(delete(replies).where(self._claimed(who, token)))

    def _claimed(self, who: str, token: str) -> ColumnElement[bool]:
        """This process's claim: another one may have begun the request anew meanwhile."""
        named = (replies.c.who == who) & (replies.c.token == token)
        return named & (replies.c.claimant == self._claimant)


def _forget_old(connection: Connection) -> int:
    old = replies.c.created_at < now() - timedelta(hours=KEPT_HOURS)
    return connection.execute(delete(replies).where(old)).rowcount


def erase_person(connection: Connection, mentions: Mentions) -> None:
    """Take the names that a person has had out of all kept replies."""
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


def _insert_if_new(connection: Connection, row: dict[str, object]) -> ReturningInsert[tuple[str]]:
    """Returns the token of a new row; how many there were PostgreSQL's driver does not tell."""
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql  # 30 ms that SQLite needs not

        anew = postgresql.insert(replies).values(**row).on_conflict_do_nothing()
        return anew.returning(replies.c.token)
    return sqlite.insert(replies).values(**row).on_conflict_do_nothing().returning(replies.c.token)
