"""A catalogue becomes what a backup holds, in one transaction, while others use it.

Whoever reads sees the old state or the new one. Vectors are written as the catalogue writes them,
by its own data keys, whichever way the backup holds them. What must not come back does not:
erasures that came after the backup are applied to it, and keys that were revoked since stay
revoked. Keys are not what a backup brings back: those of the catalogue stay, unless it never had
any, or whoever restores wants the backup's; and once keys were made, they are asked for for ever.
The logs of erasures and backups, and receipts, are joined, no id is given out twice, and a new
epoch tells every index to start anew.
"""

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, Table, delete, func, select, text, update

from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.changes import renew_epoch
from retrieval.catalogue.copying.backup_log import add_backups, backups, logged_backups
from retrieval.catalogue.copying.transfer import TABLES, bring_over, keep_last_ids, last_ids
from retrieval.catalogue.encrypted.data_keys import Keyring, data_keys, is_encrypted
from retrieval.catalogue.encrypted.recoding import VECTOR_COLUMNS
from retrieval.catalogue.erasing.erasure import erase_again
from retrieval.catalogue.erasing.erasure_log import (
    Erasure,
    add_erasures,
    erasures,
    logged_erasures,
    mark_of,
)
from retrieval.catalogue.erasing.receipt_log import add_receipts, receipts
from retrieval.catalogue.events.store import photos_kept_by_events
from retrieval.catalogue.http.api_keys import is_keyed, keys, mark_keyed
from retrieval.catalogue.http.replies import replies
from retrieval.catalogue.http.sessions import sessions
from retrieval.catalogue.http.users import users
from retrieval.catalogue.schema import collections, now, people, photos
from retrieval.errors import AlreadyExists, InputError

# Joined, for a day only, or the catalogue's own.
_KEPT = (erasures, backups, replies, sessions, data_keys, receipts)


@dataclass(frozen=True, slots=True)
class Replaced:
    """What a restore did to a catalogue.

    Attributes:
        erasures: that came after the backup and were applied to it.
        faces: that they took.
        keys_of_backup: whether the keys are now those of the backup.
        keys_in_use: how many keys open the catalogue.
        keyed: whether a key is asked for.
        revoked: keys and users of the backup that stay ended.
        photos: (collection's id, SHA-256) of all photos that are enrolled now.
    """

    erasures: int
    faces: int
    keys_of_backup: bool
    keys_in_use: int
    keyed: bool
    revoked: int
    photos: frozenset[tuple[int, str]]


@dataclass(frozen=True, slots=True)
class LostPerson:
    """Somebody who is enrolled now, and would not be after a restore.

    Attributes:
        collection, person: names.
        again: was in the backup, was deleted since, and enrolled again after that.
    """

    collection: str
    person: str
    again: bool


def lost_people(kept: Catalogue, catalogue: Catalogue) -> list[LostPerson]:
    """Who is enrolled in a catalogue and is not in a backup of it, by collection and name.

    Args:
        kept: the backup's.
        catalogue: that would be replaced.
    """
    with kept._database.reading() as source, catalogue._database.reading() as connection:
        return _lost(source, connection)


def _lost(source: Connection, connection: Connection) -> list[LostPerson]:
    person = (collections.c.name, people.c.name, people.c.id, people.c.created_at)
    query = (
        select(*person)
        .join(collections, collections.c.id == people.c.collection_id)
        .order_by(collections.c.name, people.c.name)
    )
    held, present = source.execute(query).all(), connection.execute(query).all()
    gone = {row for line in logged_erasures(connection) for row in line.rows}
    rows = {(row.id, row.created_at) for row in held} - gone
    deleted = {(row[0], row[1]) for row in held if (row.id, row.created_at) in gone}
    return [
        LostPerson(row[0], row[1], (row[0], row[1]) in deleted)
        for row in present
        if (row.id, row.created_at) not in rows
    ]


def _check_agreed(
    source: Connection, connection: Connection, agreed: Sequence[LostPerson] | None
) -> None:
    if agreed is None:
        return
    lost = _lost(source, connection)
    known = {(each.collection, each.person) for each in agreed}
    new = [each.person for each in lost if (each.collection, each.person) not in known]
    if new:
        raise InputError(
            f"{', '.join(map(repr, new[:10]))} came meanwhile and would be gone too. Nothing was"
            " changed; look again who would be."
        )


def replace_catalogue(
    kept: Catalogue,
    catalogue: Catalogue,
    made_at: datetime,
    receipts: Iterable[Erasure] = (),
    *,
    keys_of_backup: bool = False,
    agreed: Sequence[LostPerson] | None = None,
) -> Replaced:
    """Make a catalogue what a backup holds.

    Args:
        kept: the backup's.
        catalogue: to be replaced.
        made_at: when the backup was made, for receipts from before there was a log.
        receipts: erasures that the catalogue may not know of.
        keys_of_backup: take the backup's keys and users in place of the catalogue's; a catalogue
            that never had any takes them anyway.
        agreed: the people who may be gone; None for any.

    Raises:
        InputError: somebody else would be gone too, who came meanwhile. Nothing is changed.
        AlreadyExists: the catalogue has other collections under the ids of the backup's.
        CatalogueEncrypted: the backup's vectors are encrypted under another key.
    """
    with kept._database.reading() as source, catalogue._database.writing() as connection:
        if is_encrypted(source):
            kept._database.keyring.check(source, kept.url)
        _keep_writers_out(connection)
        _check_agreed(source, connection, agreed)
        keyrings = kept._database.keyring, catalogue._database.keyring
        _check_kinship(source, connection, catalogue.url)
        revoked, ended = _revoked(connection), _ended(connection)
        keyed = is_keyed(connection)
        keys_of_backup = keys_of_backup or not keyed
        left = _KEPT if keys_of_backup else (*_KEPT, keys, users)
        known = logged_erasures(source)
        later = _not_in(known, made_at, [*logged_erasures(connection), *receipts])
        tables = [table for table in TABLES if table not in left]
        bring_over(
            source,
            lambda: nullcontext(connection),
            tables,
            translate=partial(_rewrite_vectors, source, *keyrings),
        )
        _join(source, connection)
        add_erasures(connection, [*known, *(erasure for erasure in later if erasure.id)])
        faces = _apply(connection, later)
        keyed = keyed or is_keyed(source)
        count = _close_again(connection, revoked, ended, keyed=keyed, sessions_too=keys_of_backup)
        renew_epoch(connection)
        return Replaced(
            erasures=len(later),
            faces=faces,
            keys_of_backup=keys_of_backup,
            keys_in_use=_keys_in_use(connection),
            keyed=keyed,
            revoked=count,
            photos=_photos(connection),
        )


def _join(source: Connection, connection: Connection) -> None:
    """Add what a backup knows of ids, backups and receipts; forget what was answered before."""
    connection.execute(delete(replies))
    keep_last_ids(connection, last_ids(source))
    add_backups(connection, logged_backups(source))
    add_receipts(connection, source)


def _close_again(
    connection: Connection,
    revoked: Iterable[str],
    ended: Iterable[str],
    *,
    keyed: bool,
    sessions_too: bool,
) -> int:
    """Let nobody in whom the catalogue had shut out; how many keys and users had come back.

    Args:
        connection: to the catalogue.
        revoked, ended: handles of keys and of users.
        keyed: whether a key is asked for from now on.
        sessions_too: whether everybody must log in again.
    """
    if keyed:
        mark_keyed(connection)
    if sessions_too:
        connection.execute(delete(sessions))
    still = update(keys).where(keys.c.handle.in_(revoked), keys.c.revoked_at.is_(None))
    count = connection.execute(still.values(revoked_at=now())).rowcount
    gone = update(users).where(users.c.handle.in_(ended), users.c.ended_at.is_(None))
    return count + connection.execute(gone.values(ended_at=now())).rowcount


def _keys_in_use(connection: Connection) -> int:
    in_use = select(func.count()).select_from(keys).where(keys.c.revoked_at.is_(None))
    return connection.execute(in_use).scalar_one()


def _photos(connection: Connection) -> frozenset[tuple[int, str]]:
    """Collection and SHA-256 of each photo of which a copy may be kept."""
    enrolled = connection.execute(
        select(photos.c.collection_id, photos.c.sha256).union(photos_kept_by_events())
    )
    return frozenset((row[0], row[1]) for row in enrolled)


def _apply(connection: Connection, later: list[Erasure]) -> int:
    """Erase once more; return how many faces that took."""
    if not later:
        return 0
    enrolled = connection.scalars(select(photos.c.sha256).distinct())
    sha256s = {mark_of(sha256): sha256 for sha256 in enrolled}
    return sum(
        erase_again(
            connection, erasure, [sha256s[mark] for mark in erasure.marks if mark in sha256s]
        )
        for erasure in later
    )


def _keep_writers_out(connection: Connection) -> None:
    """On PostgreSQL, let nobody lock a collection meanwhile; readers go on.

    A writer that waited for a row that is replaced would find it gone, and write unlocked.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE collections, meta, data_keys IN EXCLUSIVE MODE"))


def _rewrite_vectors(
    source: Connection,
    keyring: Keyring,
    own: Keyring,
    connection: Connection,
    table: Table,
    rows: list[dict[str, Any]],
) -> None:
    """Encrypt, or not, as the catalogue does, whatever the backup did."""
    for name in [column.name for column in VECTOR_COLUMNS if column.table is table]:
        held = [row for row in rows if row[name]]  # some have none
        opened = keyring.open(source, [row[name] for row in held])
        for row, value in zip(held, own.encrypt(connection, opened), strict=True):
            row[name] = value


def _check_kinship(source: Connection, target: Connection, label: str) -> None:
    """Refuse to put another catalogue's collections under ids that are in use.

    A service that runs knows its collection by id, and would enrol vectors of its model there.
    """
    query = select(collections.c.id, collections.c.name, collections.c.created_at)
    coming = {row.id: (row.name, row.created_at) for row in source.execute(query)}
    for row in target.execute(query):
        if coming.get(row.id, (row.name, row.created_at)) != (row.name, row.created_at):
            raise AlreadyExists(
                f"{label} is another catalogue than the backup's: its collection {row.name!r} was "
                f"created {row.created_at:%Y-%m-%d %H:%M}, the backup has "
                f"{coming[row.id][0]!r} of {coming[row.id][1]:%Y-%m-%d %H:%M} in that place. "
                "Nothing was changed; restore into an empty home (--home DIR) or database."
            )


def _revoked(connection: Connection) -> list[str]:
    return list(connection.scalars(select(keys.c.handle).where(keys.c.revoked_at.is_not(None))))


def _ended(connection: Connection) -> list[str]:
    return list(connection.scalars(select(users.c.handle).where(users.c.ended_at.is_not(None))))


def _not_in(known: list[Erasure], made_at: datetime, others: list[Erasure]) -> list[Erasure]:
    """The erasures that came after the backup, each once, oldest first."""
    ids = {erasure.id for erasure in known}
    later: dict[str, Erasure] = {}
    for number, erasure in enumerate(others):
        if erasure.id not in ids and (erasure.id or erasure.at >= made_at):
            key = erasure.id or f"receipt {number}"
            later[key] = later[key].joined(erasure) if key in later else erasure
    return sorted(later.values(), key=lambda erasure: erasure.at)
