"""Webhooks of collections: addresses that are told when a run has ended, and how that went last."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
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
from retrieval.catalogue.schema import Id, Moment, collection_column, collections, metadata, now
from retrieval.errors import AlreadyExists, NotFound

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    collection_column(),
    Column("url", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("tried_at", Moment),  # when it was told something last
    Column("problem", Text),  # of that time; null where it was taken
    UniqueConstraint("collection_id", "url"),
    sqlite_autoincrement=True,
)


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that is told when a run of a collection has ended.

    Attributes:
        id: the catalogue's, never used twice.
        url: http or https.
        created_at: in UTC.
        tried_at: when it was told something last, None while it never was.
        problem: why it did not take that, None where it did.
    """

    id: int
    url: str
    created_at: datetime
    tried_at: datetime | None
    problem: str | None


class Webhooks:
    """The webhooks of a catalogue's collections. Safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, collection: str) -> list[Webhook]:
        """A collection's, by its name, oldest first."""
        with self._database.reading() as connection:
            return webhooks_of(connection, collection)

    def add(self, collection_id: int, url: str) -> Webhook:
        """Add an address.

        Raises:
            AlreadyExists: the collection has it.
        """
        row = {"collection_id": collection_id, "url": url, "created_at": now()}
        same = (webhooks.c.collection_id == collection_id) & (webhooks.c.url == url)
        with self._database.writing() as connection:
            if connection.scalar(select(webhooks.c.id).where(same)) is not None:
                raise AlreadyExists(f"{url} is told of runs already.")
            made = connection.execute(insert(webhooks).returning(*webhooks.c), row).one()
            return self._database.edited(connection, _webhook(made))

    def get(self, collection_id: int, webhook_id: int) -> Webhook:
        """One of a collection's, NotFound where it has none with this id."""
        mine = (webhooks.c.collection_id == collection_id) & (webhooks.c.id == webhook_id)
        with self._database.reading() as connection:
            row = connection.execute(select(webhooks).where(mine)).first()
        if row is None:
            raise NotFound("There is no such webhook any more.")
        return _webhook(row)

    def remove(self, collection_id: int, webhook_id: int) -> Webhook:
        """Tell an address no more; NotFound where the collection has none with this id."""
        mine = (webhooks.c.collection_id == collection_id) & (webhooks.c.id == webhook_id)
        with self._database.writing() as connection:
            row = connection.execute(delete(webhooks).where(mine).returning(*webhooks.c)).first()
            if row is None:
                raise NotFound("There is no such webhook any more.")
            return self._database.edited(connection, _webhook(row))

    def tried(self, collection: str, url: str, problem: str | None) -> None:
        """Write down how telling an address went, if it is one of the collection's."""
        owner = select(collections.c.id).where(collections.c.name == collection).scalar_subquery()
        mine = (webhooks.c.collection_id == owner) & (webhooks.c.url == url)
        with self._database.writing() as connection:
            connection.execute(update(webhooks).where(mine).values(tried_at=now(), problem=problem))
            self._database.edited(connection, None)


def webhooks_of(connection: Connection, collection: str) -> list[Webhook]:
    """A collection's, by its name, oldest first."""
    query = select(webhooks).join(collections).where(collections.c.name == collection)
    return [_webhook(row) for row in connection.execute(query.order_by(webhooks.c.id))]


def _webhook(row: Row[Any]) -> Webhook:
    return Webhook(**{name: row._mapping[name] for name in Webhook.__slots__})
