"""Which backups were made: whoever erases somebody is told which files may still hold them."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from sqlalchemy import Column, Connection, Table, Text, delete, func, insert, select, update

from retrieval.catalogue.database import Database
from retrieval.catalogue.names import storable_path
from retrieval.catalogue.schema import Id, Moment, changes, chunks, meta, metadata, now

backups = Table(
    "backups",
    metadata,
    Column("id", Text, primary_key=True),  # a UUID's 32 digits
    Column("path", Text, nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("epoch", Text, nullable=False),
    Column("seq", Id, nullable=False),  # the newest change that it surely holds
)


@dataclass(frozen=True, slots=True)
class BackupRecord:
    """A backup that was made.

    Attributes:
        id: 32 hexadecimal digits.
        path: absolute, on the machine that made it.
        made_at: in UTC; what was committed before is in it.
        epoch, seq: the watermark of the catalogue when it was begun.
    """

    id: str
    path: str
    made_at: datetime
    epoch: str
    seq: int


class BackupLog:
    """The backups of a catalogue. Every method is one transaction, and may raise a StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, path: Path) -> str:
        """Write a backup down before it is made, so that it holds its own record; return its id."""
        with self._database.writing() as connection:
            epoch = select(meta.c.value).where(meta.c.key == "epoch")
            row = {
                "id": uuid4().hex,
                "path": storable_path(str(path)),
                "made_at": now(),
                "epoch": connection.execute(epoch).scalar_one(),
                "seq": connection.scalar(select(func.max(changes.c.seq))) or 0,
            }
            connection.execute(insert(backups), row)
        return str(row["id"])

    def complete(self, backup_id: str, made_at: datetime) -> None:
        """Say that it is there; an older file of the same path is no more."""
        with self._database.writing() as connection:
            own = backups.c.id == backup_id
            path = connection.execute(select(backups.c.path).where(own)).scalar_one_or_none()
            connection.execute(delete(backups).where(backups.c.path == path, ~own))
            connection.execute(update(backups).where(own).values(made_at=made_at))

    def withdraw(self, backup_id: str) -> None:
        """Say that it was not made."""
        with self._database.writing() as connection:
            connection.execute(delete(backups).where(backups.c.id == backup_id))

    def since(self, moment: datetime) -> list[BackupRecord]:
        """Backups of this moment or later, oldest first."""
        with self._database.reading() as connection:
            return [each for each in logged_backups(connection) if each.made_at >= moment]


def logged_backups(connection: Connection) -> list[BackupRecord]:
    """All backups that were made, oldest first."""
    found = connection.execute(select(backups).order_by(backups.c.made_at, backups.c.id))
    return [BackupRecord(*row) for row in found]


def add_backups(connection: Connection, records: list[BackupRecord]) -> None:
    """Write records down, leaving out those that are there."""
    known = {record.id for record in logged_backups(connection)}
    rows = [
        {name: getattr(record, name) for name in BackupRecord.__slots__}
        for record in records
        if record.id not in known
    ]
    for some in chunks(rows):
        connection.execute(insert(backups), some)
