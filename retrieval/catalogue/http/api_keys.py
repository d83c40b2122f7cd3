"""Keys of the HTTP service: who may ask, enrol or delete, in one collection or in all.

A key is `rollcall_HANDLE_SECRET`. The catalogue keeps the handle and the SHA-256 of the whole key;
the secret has 256 random bits, so that a slow password hash would add nothing (NIST SP 800-63B,
section 5.1.1.2, asks for one where people choose the secret).
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Integer,
    Row,
    Table,
    Text,
    UniqueConstraint,
    insert,
    select,
    update,
)

from retrieval.catalogue.database import Database
from retrieval.catalogue.names import clean_name
from retrieval.catalogue.schema import Id, Moment, Name, meta, metadata, now
from retrieval.errors import AlreadyExists, InputError, NameInvalid, NotFound

_PREFIX = "rollcall"
_HANDLE_BYTES, _SECRET_BYTES = 6, 32
_LIKE_A_HANDLE = re.compile(r"[0-9a-f]{12}|rollcall_.*", re.IGNORECASE)
KEYED = "keyed"  # in `meta`: keys were made once; no restore takes it away

keys = Table(
    "keys",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("handle", Text, nullable=False, unique=True),
    Column("name", Name, nullable=False),
    Column("role", Text, nullable=False),
    Column("collection", Name),  # by name, so that a key may be there before it; null: all
    Column("requests_per_minute", Integer),
    Column("sha256", Text, nullable=False),  # of the whole key
    Column("created_at", Moment, nullable=False),
    Column("revoked_at", Moment),
    # A name is told from others of its scope only, so that no admin of one collection learns of
    # another's; `create` sees to keys of all collections, whose null SQL takes for different.
    UniqueConstraint("collection", "name"),
    sqlite_autoincrement=True,
)


class Role(StrEnum):
    """What somebody may do; each may do all that the ones before it may, but see `covers`."""

    KIOSK = "kiosk"  # the routes of a kiosk at a door, nothing else
    VIEWER = "viewer"  # ask
    OPERATOR = "operator"  # enrol, name, edit what can be undone
    HR = "hr"  # delete people and their photos
    ADMIN = "admin"  # delete collections and events, keys, users, settings

    def covers(self, other: "Role") -> bool:
        """Whether this role may do what needs the other; who only looks runs no kiosk."""
        if self is Role.VIEWER:
            return other is Role.VIEWER
        order = list(Role)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True)
class Key:
    """A key without its secret.

    Attributes:
        handle: the part of the key that is no secret, unique; audit and logs name it.
        name: whose it is; unique among the keys of one collection, and among those of all.
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


@dataclass(frozen=True, slots=True)
class MadeKey(Key):
    """A new key with its text, which is shown this once.

    Attributes:
        key: the text, with the secret.
    """

    key: str


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
            AlreadyExists: the name is taken in this collection, also by a revoked key.
            NameInvalid: the name cannot be shown, or looks like a handle.
        """
        name = clean_name(name, "key's name")
        if _LIKE_A_HANDLE.fullmatch(name):
            raise NameInvalid(f"{name!r} looks like a key or its handle. Take another name.")
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
        scope = keys.c.collection.is_not_distinct_from(row["collection"])
        with self._database.writing() as connection:
            connection.execute(select(meta.c.key).with_for_update())  # one at a time
            if connection.scalar(select(keys.c.id).where(keys.c.name == name, scope)):
                raise AlreadyExists(f"There is a key {name!r} already. Take another name.")
            connection.execute(insert(keys), row)
            mark_keyed(connection)
            key = _key(connection.execute(_KEY.where(keys.c.handle == handle)).one())
            return self._database.edited(connection, key), token

    def all(self) -> list[Key]:
        """All keys, revoked ones too, oldest first."""
        with self._database.reading() as connection:
            return [_key(row) for row in connection.execute(_KEY.order_by(keys.c.id))]

    def revoke(self, key: Key) -> Key:
        """End a key at once and for good: the very one that was read before, see `meant`.

        Raises:
            NotFound: it is revoked already.
        """
        mine = keys.c.handle == key.handle
        with self._database.writing() as connection:
            ended = update(keys).where(mine, keys.c.revoked_at.is_(None))
            if not connection.execute(ended.values(revoked_at=now())).rowcount:
                raise NotFound(f"The key {key.name!r} ({key.handle}) is revoked already.")
            ended_key = _key(connection.execute(_KEY.where(mine)).one())
            return self._database.edited(connection, ended_key)

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
            return is_keyed(connection)


def meant(found: Iterable[Key], named: str) -> Key:
    """The one key that is meant, of those that whoever asks may see.

    Args:
        found: the keys to choose from.
        named: a handle, which means one key and no other; else a name, of a key in use if there is
            one.

    Raises:
        NotFound: none is meant.
        InputError: several are; the message names their handles.
    """
    every = list(found)
    by_handle = [key for key in every if key.handle == named]
    by_name = [key for key in every if key.name == named]
    in_use = [key for key in by_name if key.revoked_at is None]
    fitting = by_handle or in_use or by_name
    if not fitting:
        raise NotFound(f"There is no key {named!r} here. List the keys to see which there are.")
    if len(fitting) > 1:
        several = ", ".join(f"{key.handle} ({key.collection or 'all'})" for key in fitting)
        raise InputError(f"Several keys are called {named!r}: {several}. Name one by its handle.")
    return fitting[0]


def is_keyed(connection: Connection) -> bool:
    """Whether keys were made once: the mark, or a key of a catalogue from before there was one."""
    marked = select(meta.c.key).where(meta.c.key == KEYED)
    if connection.scalar(marked) is not None:
        return True
    return connection.scalar(select(keys.c.id).limit(1)) is not None


def mark_keyed(connection: Connection) -> None:
    """Write down that keys were made once."""
    if connection.scalar(select(meta.c.key).where(meta.c.key == KEYED)) is None:
        connection.execute(insert(meta), {"key": KEYED, "value": now().isoformat()})


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _key(row: Row[Any]) -> Key:
    values = {name: row._mapping[name] for name in Key.__slots__}
    return Key(**{**values, "role": Role(values["role"])})
