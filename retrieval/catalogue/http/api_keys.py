"""Keys of the HTTP service: who may ask, enrol or delete, in one collection or in all.

A key is `rollcall_HANDLE_SECRET`. The catalogue keeps the handle and the SHA-256 of the whole key;
the secret has 256 random bits, so that a slow password hash would add nothing (NIST SP 800-63B,
section 5.1.1.2, asks for one where people choose the secret).
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Column, Connection, Integer, Row, Table, Text, insert, select, update

from retrieval.catalogue.database import Database
from retrieval.catalogue.names import clean_name
from retrieval.catalogue.schema import Id, Moment, Name, metadata, now
from retrieval.errors import AlreadyExists, NotFound

_PREFIX = "rollcall"
_HANDLE_BYTES, _SECRET_BYTES = 6, 32

keys = Table(
    "keys",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("handle", Text, nullable=False, unique=True),
    Column("name", Name, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    Column("collection", Name),  # by name, so that a key may be there before it; null: all
    Column("requests_per_minute", Integer),
    Column("sha256", Text, nullable=False),  # of the whole key
    Column("created_at", Moment, nullable=False),
    Column("revoked_at", Moment),
    sqlite_autoincrement=True,
)


def make_keys(connection: Connection) -> None:
    """Migration: a catalogue from before the service."""
    keys.create(connection)


class Role(StrEnum):
    """What a key may do; each role may do all that the ones before it may."""

    VIEWER = "viewer"  # ask
    OPERATOR = "operator"  # enrol, name, edit what can be undone
    ADMIN = "admin"  # delete, keys, settings

    def covers(self, other: "Role") -> bool:
        """Whether this role may do what needs the other."""
        order = list(Role)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True)
class Key:
    """A key without its secret.

    Attributes:
        handle: the part of the key that is no secret; audit and logs name it.
        name: whose it is, unique.
        role: what it may do.
        collection: the one that it opens, None for all.
        requests_per_minute: its limit, None for the settings'.
        created_at, revoked_at: in UTC.
    """

    handle: str
    name: str
    role: Role
    collection: str | None
    requests_per_minute: int | None
    created_at: datetime
    revoked_at: datetime | None


_KEY = select(*(keys.c[name] for name in Key.__slots__))


class Keys:
    """The keys of a catalogue. Safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self,
        name: str,
        role: Role,
        collection: str | None = None,
        requests_per_minute: int | None = None,
    ) -> tuple[Key, str]:
        """Make a key.

        Returns:
            The key, and its text with the secret, which is kept nowhere.

        Raises:
            AlreadyExists: the name is taken, also by a revoked key.
            NameInvalid: the name cannot be shown.
        """
        name = clean_name(name, "key's name")
        handle = secrets.token_hex(_HANDLE_BYTES)
        token = f"{_PREFIX}_{handle}_{secrets.token_urlsafe(_SECRET_BYTES)}"
        row = {
            "handle": handle,
            "name": name,
            "role": role.value,
            "collection": None if collection is None else clean_name(collection, "collection"),
            "requests_per_minute": requests_per_minute,
            "sha256": _digest(token),
            "created_at": now(),
        }
        with self._database.writing() as connection:
            if connection.scalar(select(keys.c.id).where(keys.c.name == name)):
                raise AlreadyExists(f"There is a key {name!r} already. Take another name.")
            connection.execute(insert(keys), row)
            return _key(connection.execute(_KEY.where(keys.c.handle == handle)).one()), token

    def all(self) -> list[Key]:
        """All keys, revoked ones too, oldest first."""
        with self._database.reading() as connection:
            return [_key(row) for row in connection.execute(_KEY.order_by(keys.c.id))]

    def revoke(self, meant: str | Key) -> Key:
        """End a key at once and for good.

        Args:
            meant: its name or its handle, or the very key that was read before.

        Raises:
            NotFound: there is none, or it is revoked already.
        """
        if isinstance(meant, Key):
            name, chosen = meant.name, keys.c.handle == meant.handle
        else:
            name, chosen = meant, (keys.c.name == meant) | (keys.c.handle == meant)
        with self._database.writing() as connection:
            row = connection.execute(_KEY.where(chosen, keys.c.revoked_at.is_(None))).first()
            if row is None:
                raise NotFound(f"There is no key {name!r} in use. See rollcall keys list.")
            mine = keys.c.handle == row.handle
            connection.execute(update(keys).where(mine).values(revoked_at=now()))
            return _key(connection.execute(_KEY.where(mine)).one())

    def check(self, token: str) -> Key | None:
        """The key of this text, None where it is unknown, wrong or revoked."""
        parts = token.split("_", 2)
        if len(parts) != 3 or parts[0] != _PREFIX:
            return None
        query = _KEY.add_columns(keys.c.sha256).where(keys.c.handle == parts[1])
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
        if row is None or not hmac.compare_digest(row.sha256, _digest(token)):
            return None
        return None if row.revoked_at is not None else _key(row)

    def in_use(self, handle: str) -> Key | None:
        """The key of this handle, None where it is unknown or revoked."""
        query = _KEY.where(keys.c.handle == handle, keys.c.revoked_at.is_(None))
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _key(row)

    def any_made(self) -> bool:
        """Whether a key was ever made; from then on nobody is let in without one."""
        with self._database.reading() as connection:
            return connection.scalar(select(keys.c.id).limit(1)) is not None


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _key(row: Row[Any]) -> Key:
    values = {name: row._mapping[name] for name in Key.__slots__}
    return Key(**{**values, "role": Role(values["role"])})
