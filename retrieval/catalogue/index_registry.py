"""Indexes that several processes share: which there are, how far they are fed, who feeds them.

A shared index (Milvus) stands on a server of its own, so the catalogue holds a row per index that
was made and not dropped: how far it has followed the change log. Whoever feeds an index holds a
lease, which expires, and notes how far it came by compare-and-set, so that two feeders, or one that
slept through its lease, cannot both do so.

Leases are timed by the database's clock on a server, by the machine's for SQLite, never by two.
"""

import time
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Double,
    Integer,
    Table,
    Text,
    delete,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError

from retrieval.catalogue.database import Database
from retrieval.catalogue.schema import Id, Moment, collections, meta, metadata, now
from retrieval.protocols import SharedIndex, Watermark

indexes = Table(
    "indexes",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    # No reference: a row outlives its collection until the server has dropped the index.
    Column("collection_id", Id, nullable=False),
    Column("key", Text, nullable=False),  # of the vectors in it: their model
    Column("epoch", Text, nullable=False),
    Column("seq", Id, nullable=False),
    Column("ready", Boolean, nullable=False),  # whether it may be asked
    Column("faces", Integer, nullable=False),
    Column("people", Integer, nullable=False),
    Column("recipe", JSON(none_as_null=True)),  # of its lists; null while it is searched exactly
    Column("made_at", Moment, nullable=False),
    sqlite_autoincrement=True,
)

index_leases = Table(
    "index_leases",
    metadata,
    Column("collection_id", Id, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("until", Double, nullable=False),  # seconds since 1970
)


class IndexLog:
    """A collection's shared indexes. Every method is one transaction, or raises a StoreError."""

    def __init__(self, database: Database, collection_id: int) -> None:
        self._database = database
        self._collection_id = collection_id

    def newest(self, key: str) -> SharedIndex | None:
        """The newest index of this key that may be asked."""
        query = (
            select(indexes)
            .where(self._own, indexes.c.key == key, indexes.c.ready)
            .order_by(indexes.c.id.desc())
            .limit(1)
        )
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _place(row)

    def all(self) -> list[SharedIndex]:
        """All indexes of the collection that were made and not dropped, oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute(select(indexes).where(self._own).order_by(indexes.c.id))
            return [_place(row) for row in rows]

    def lease(self, key: str, holder: str, seconds: float) -> bool:
        """Take or renew the lease on feeding the key's indexes; False while another holds it."""
        with self._database.writing() as connection:
            moment = _clock(connection)
            mine = {"holder": holder, "until": moment + seconds}
            held = self._leases(key)
            free = (index_leases.c.holder == holder) | (index_leases.c.until < moment)
            if connection.execute(update(index_leases).where(*held, free).values(mine)).rowcount:
                return True
            if connection.execute(select(index_leases).where(*held)).one_or_none() is not None:
                return False
            row = {"collection_id": self._collection_id, "key": key, **mine}
            try:
                with connection.begin_nested():
                    connection.execute(insert(index_leases), row)
            except IntegrityError:  # another process was faster
                return False
            return True

    def release(self, key: str, holder: str) -> None:
        """Give the lease back, if it is still held."""
        with self._database.writing() as connection:
            own = index_leases.c.holder == holder
            connection.execute(delete(index_leases).where(*self._leases(key), own))

    def begin(self, key: str, holder: str, epoch: str) -> SharedIndex | None:
        """Write an index down before it is made; None if the lease is not held."""
        row = {
            "collection_id": self._collection_id,
            "key": key,
            "epoch": epoch,
            "seq": 0,
            "ready": False,
            "faces": 0,
            "people": 0,
            "recipe": None,
            "made_at": now(),
        }
        with self._database.writing() as connection:
            if not self._holds(connection, key, holder):
                return None
            made = connection.execute(insert(indexes).returning(indexes), row).one()
        return _place(made)

    def advance(self, before: SharedIndex, after: SharedIndex, holder: str) -> bool:
        """Note how far an index is, if it is still at `before` and the lease is held."""
        values = {
            "key": after.key,
            "epoch": after.watermark.epoch,
            "seq": after.watermark.seq,
            "ready": after.ready,
            "faces": after.faces,
            "people": after.people,
            "recipe": after.recipe,
        }
        unmoved = (
            indexes.c.id == before.id,
            indexes.c.epoch == before.watermark.epoch,
            indexes.c.seq == before.watermark.seq,
        )
        with self._database.writing() as connection:
            if not self._holds(connection, before.key, holder):
                return False
            found = connection.execute(update(indexes).where(*unmoved).values(values))
        return found.rowcount == 1

    def forget(self, index: SharedIndex) -> None:
        """Strike out an index that is lost or dropped."""
        with self._database.writing() as connection:
            connection.execute(delete(indexes).where(indexes.c.id == index.id))

    @property
    def _own(self) -> Any:
        return indexes.c.collection_id == self._collection_id

    def _leases(self, key: str) -> tuple[Any, Any]:
        return index_leases.c.collection_id == self._collection_id, index_leases.c.key == key

    def _holds(self, connection: Connection, key: str, holder: str) -> bool:
        """Whether the lease is held; on a server the row stays locked until the end."""
        query = select(index_leases.c.until).where(
            *self._leases(key), index_leases.c.holder == holder
        )
        until = connection.scalar(query.with_for_update())
        return until is not None and until >= _clock(connection)


def orphans(database: Database) -> list[IndexLog]:
    """Of each collection that was deleted since the catalogue was made or restored, with indexes.

    Its deletion was interrupted, or the server was away. Indexes from before a restore are left
    out: the catalogue may be a copy.
    """
    epoch = select(meta.c.value).where(meta.c.key == "epoch").scalar_subquery()
    gone = indexes.c.collection_id.not_in(select(collections.c.id))
    query = select(indexes.c.collection_id).where(gone, indexes.c.epoch == epoch).distinct()
    with database.reading() as connection:
        return [IndexLog(database, collection_id) for collection_id in connection.scalars(query)]


def _place(row: Any) -> SharedIndex:
    return SharedIndex(
        id=row.id,
        collection_id=row.collection_id,
        key=row.key,
        watermark=Watermark(row.epoch, row.seq),
        ready=row.ready,
        faces=row.faces,
        people=row.people,
        recipe=row.recipe,
    )


def _clock(connection: Connection) -> float:
    if connection.dialect.name == "sqlite":
        return time.time()
    moment: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    return moment.astimezone(UTC).timestamp()
