"""Sessions of the web app: they end on the server, at logout, in time, or with their key.

A session's name is 256 random bits, which the browser holds as a cookie; the catalogue keeps the
SHA-256 alone, as of keys.
"""

import hashlib
import secrets
from datetime import timedelta

from sqlalchemy import Column, Table, Text, delete, insert, select

from retrieval.catalogue.database import Database
from retrieval.catalogue.schema import Moment, metadata, now

sessions = Table(
    "sessions",
    metadata,
    Column("sha256", Text, primary_key=True),  # of the session's name
    Column("handle", Text, nullable=False),  # of the key that was shown
    Column("ends_at", Moment, nullable=False),
)


class Sessions:
    """The sessions of a catalogue. Safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self, handle: str, hours: float) -> str:
        """Begin a session of the key with this handle; return the session's name."""
        name = secrets.token_urlsafe(32)
        row = {
            "sha256": _digest(name),
            "handle": handle,
            "ends_at": now() + timedelta(hours=hours),
        }
        with self._database.writing() as connection:
            connection.execute(insert(sessions), row)
            self._database.edited(connection, handle)
        return name

    def handle(self, name: str) -> str | None:
        """The handle of the key whose session this is; None where it has ended."""
        mine = select(sessions.c.handle).where(
            sessions.c.sha256 == _digest(name), sessions.c.ends_at > now()
        )
        with self._database.reading() as connection:
            handle: str | None = connection.scalar(mine)
        return handle

    def end(self, name: str) -> None:
        """End a session, for whoever holds its name."""
        with self._database.writing() as connection:
            connection.execute(delete(sessions).where(sessions.c.sha256 == _digest(name)))
            self._database.edited(connection, None)

    def purge(self) -> int:
        """Forget sessions that have ended; return how many."""
        with self._database.writing() as connection:
            return connection.execute(delete(sessions).where(sessions.c.ends_at <= now())).rowcount


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
