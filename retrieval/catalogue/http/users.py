"""Named users of the HTTP service: they come by a password, a one-time link, or single sign-on.

What keys are to machines. A link is HANDLE.SECRET; as of keys, its SHA-256 alone is kept, since the
secret has 256 random bits. Of passwords Argon2id hashes are kept.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Row,
    Table,
    Text,
    UniqueConstraint,
    delete,
    insert,
    select,
    update,
)

from retrieval.catalogue.database import Database
from retrieval.catalogue.http.api_keys import Role, mark_keyed
from retrieval.catalogue.http.sessions import sessions
from retrieval.catalogue.names import clean_name
from retrieval.catalogue.schema import Id, Moment, Name, meta, metadata, now
from retrieval.errors import AlreadyExists, NotFound

LINK_HOURS = 72.0  # for which a one-time link is good

users = Table(
    "users",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("handle", Text, nullable=False, unique=True),
    Column("name", Name, nullable=False),  # to log in with, unique among users in use
    Column("login", Name, nullable=False),  # the name, whatever its capitals
    Column("role", Text, nullable=False),
    Column("collection", Name),  # by name; null: all
    Column("password", Text),  # Argon2id, null: none
    Column("link_sha256", Text),
    Column("link_ends_at", Moment),
    Column("issuer", Text),  # of single sign-on, with the subject that it knows the user by
    Column("subject", Text),
    Column("created_at", Moment, nullable=False),
    Column("ended_at", Moment),
    UniqueConstraint("issuer", "subject"),
    sqlite_autoincrement=True,
)


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may log in.

    Attributes:
        handle: unique; sessions, audit and logs name it.
        name: to log in with; an e-mail address where single sign-on is used.
        role: what they may do.
        collection: the one that they may use, None for all.
        has_password: whether they can log in with one.
        signs_on: whether single sign-on knows them.
        link_ends_at: until when the one-time link is good, None where there is none.
        created_at, ended_at: in UTC.
    """

    handle: str
    name: str
    role: Role
    collection: str | None
    has_password: bool
    signs_on: bool
    link_ends_at: datetime | None
    created_at: datetime
    ended_at: datetime | None

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "handle": self.handle,
            "name": self.name,
            "role": self.role.value,
            "collection": self.collection,
            "has_password": self.has_password,
            "signs_on": self.signs_on,
            "link_ends_at": _moment(self.link_ends_at),
            "created_at": self.created_at.isoformat(),
            "ended_at": _moment(self.ended_at),
        }


class Users:
    """The users of a catalogue. Safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, name: str, role: Role, collection: str | None = None) -> User:
        """Make a user, who can log in once they have a link or a password, or by single sign-on.

        Raises:
            AlreadyExists: a user in use has this name.
            NameInvalid: the name cannot be shown.
        """
        name = clean_name(name, "user's name")
        row = {
            "handle": f"u{secrets.token_hex(6)}",
            "name": name,
            "login": name.casefold(),
            "role": role.value,
            "collection": None if collection is None else clean_name(collection, "collection"),
            "created_at": now(),
        }
        with self._database.writing() as connection:
            connection.execute(select(meta.c.key).with_for_update())  # one at a time
            if _by_login(connection, name) is not None:
                raise AlreadyExists(f"There is a user {name!r} already. Take another name.")
            connection.execute(insert(users), row)
            mark_keyed(connection)
            made = _get(connection, users.c.handle == row["handle"])
            return self._database.edited(connection, made)

    def all(self) -> list[User]:
        """All users, those who were ended too, oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute(select(users).order_by(users.c.id))
            return [_user(row) for row in rows]

    def find(self, named: str) -> User:
        """The user of this handle, or the one in use of this name.

        Raises:
            NotFound: there is none.
        """
        with self._database.reading() as connection:
            row = connection.execute(select(users).where(users.c.handle == named)).one_or_none()
            row = row or _by_login(connection, named)
        if row is None:
            raise NotFound(f"There is no user {named!r} here. List the users to see who there is.")
        return _user(row)

    def in_use(self, handle: str) -> User | None:
        """The user of this handle, None where it is unknown or was ended."""
        mine = select(users).where(users.c.handle == handle, users.c.ended_at.is_(None))
        with self._database.reading() as connection:
            row = connection.execute(mine).one_or_none()
        return None if row is None else _user(row)

    def any_in_use(self) -> bool:
        """Whether there is a user who was not ended."""
        query = select(users.c.id).where(users.c.ended_at.is_(None)).limit(1)
        with self._database.reading() as connection:
            return connection.scalar(query) is not None

    def change(self, user: User, role: Role, collection: str | None) -> User:
        """Give a user another role, or another collection; it holds for sessions at once.

        Raises:
            NotFound: the user was ended.
        """
        bound = None if collection is None else clean_name(collection, "collection")
        return self._changed(user, {"role": role.value, "collection": bound})

    def end(self, user: User) -> User:
        """End a user, with all sessions, at once and for good; the name can be given again.

        Raises:
            NotFound: the user was ended already.
        """
        gone = {"ended_at": now(), "password": None, "link_sha256": None, "link_ends_at": None}
        return self._changed(user, {**gone, "issuer": None, "subject": None}, log_out=True)

    def set_password(self, user: User, password_hash: str) -> User:
        """Give a user a password, by what `passwords.hashed` made of it; their sessions end."""
        link = {"link_sha256": None, "link_ends_at": None}
        return self._changed(user, {"password": password_hash, **link}, log_out=True)

    def make_link(self, user: User, hours: float = LINK_HOURS) -> tuple[User, str]:
        """A link that lets the user in once; it takes the place of an older one.

        Returns:
            The user, and the link's secret part, which is kept nowhere.

        Raises:
            NotFound: the user was ended.
        """
        token = f"{user.handle}.{secrets.token_urlsafe(32)}"
        ends = now() + timedelta(hours=hours)
        return self._changed(user, {"link_sha256": _digest(token), "link_ends_at": ends}), token

    def redeem(self, token: str) -> User | None:
        """The user whose link this is, who may use it this once; None where it is no good."""
        digest = _digest(token)
        mine = users.c.handle == token.partition(".")[0]
        query = select(users).where(mine, users.c.ended_at.is_(None), users.c.link_ends_at > now())
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
        if row is None or not hmac.compare_digest(row.link_sha256 or "", digest):
            return None
        used = update(users).where(mine, users.c.link_sha256 == digest)
        with self._database.writing() as connection:
            count = connection.execute(used.values(link_sha256=None, link_ends_at=None)).rowcount
            return _get(connection, mine) if count else None  # somebody was faster

    def password_of(self, name: str) -> tuple[User | None, str | None]:
        """The user in use of this name and what is kept of the password, for `passwords.fits`."""
        with self._database.reading() as connection:
            row = _by_login(connection, name)
        return (None, None) if row is None else (_user(row), row.password)

    def signed_on(self, issuer: str, subject: str, login: str | None) -> User | None:
        """The user whom single sign-on knows by this subject; the first time by the name.

        Args:
            issuer, subject: of the identity.
            login: a name that the issuer vouches for, such as a verified e-mail address, or None.

        Returns:
            the user in use; None where nobody is meant, or somebody else has signed on as them.
        """
        known = (users.c.issuer == issuer) & (users.c.subject == subject)
        with self._database.writing() as connection:
            row = connection.execute(select(users).where(known)).one_or_none()
            if row is None and login is not None:
                named = _by_login(connection, login)
                if named is not None and named.subject is None:
                    mine = users.c.id == named.id
                    identity = {"issuer": issuer, "subject": subject}
                    connection.execute(update(users).where(mine).values(identity))
                    row = connection.execute(select(users).where(mine)).one()
            return None if row is None else _user(row)

    def was_used(self, name: str) -> bool:
        """Whether there is a user of this name, or was one who was ended."""
        mine = users.c.login == name.strip().casefold()
        with self._database.reading() as connection:
            return connection.scalar(select(users.c.id).where(mine).limit(1)) is not None

    def _changed(self, user: User, values: dict[str, Any], *, log_out: bool = False) -> User:
        mine = users.c.handle == user.handle
        with self._database.writing() as connection:
            found = update(users).where(mine, users.c.ended_at.is_(None))
            if not connection.execute(found.values(values)).rowcount:
                raise NotFound(f"The user {user.name!r} ({user.handle}) was ended already.")
            if log_out:
                connection.execute(delete(sessions).where(sessions.c.handle == user.handle))
            return self._database.edited(connection, _get(connection, mine))


def _by_login(connection: Connection, name: str) -> Row[Any] | None:
    mine = users.c.login == name.strip().casefold()
    return connection.execute(select(users).where(mine, users.c.ended_at.is_(None))).one_or_none()


def _get(connection: Connection, which: ColumnElement[bool]) -> User:
    return _user(connection.execute(select(users).where(which)).one())


def _user(row: Row[Any]) -> User:
    return User(
        handle=row.handle,
        name=row.name,
        role=Role(row.role),
        collection=row.collection,
        has_password=row.password is not None,
        signs_on=row.subject is not None,
        link_ends_at=row.link_ends_at,
        created_at=row.created_at,
        ended_at=row.ended_at,
    )


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
