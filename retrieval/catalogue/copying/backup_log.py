"""Which backups were made: whoever erases somebody is told which files may still hold them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from sqlalchemy import Column, Connection, Table, Text, delete, func, insert, select, update

from retrieval.catalogue.database import Database
from retrieval.catalogue.names import storable_path
from retrieval.catalogue.schema import Id, Moment, changes, chunks, meta, metadata, now

NOT_YET = 2**62  # above the number of any change

backups = Table(
    "backups",
    metadata,
    Column("id", Text, primary_key=True),  # a UUID's 32 digits
    Column("path", Text, nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("epoch", Text, nullable=False),
    Column("seq", Id, nullable=False),  # the newest change that it holds, or may hold
)


@dataclass(frozen=True, slots=True)
class BackupRecord:
    """A backup that was made.

    Attributes:
        id: 32 hexadecimal digits.
        path: absolute, on the machine that made it.
        made_at: in UTC; what was committed before is in it.
        epoch: of the catalogue when it was begun.
        seq: of the newest change in it; `NOT_YET` until it is complete. Numbers of changes are
            never used twice, so they say what is in it, whatever a clock said.
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
                "seq": NOT_YET,
            }
            connection.execute(insert(backups), row)
        return str(row["id"])

    def settle(self, backup_id: str) -> int:
        """Say in the copy that is backed up which is its newest change; return that."""
        with self._database.writing() as connection:
            seq = connection.scalar(select(func.max(changes.c.seq))) or 0
            connection.execute(update(backups).where(backups.c.id == backup_id).values(seq=seq))
        return seq

    def complete(self, backup_id: str, made_at: datetime, seq: int) -> None:
        """Say that it is there; an older file of the same path is no more."""
        with self._database.writing() as connection:
            own = backups.c.id == backup_id
            path = connection.execute(select(backups.c.path).where(own)).scalar_one_or_none()
            connection.execute(delete(backups).where(backups.c.path == path, ~own))
            connection.execute(update(backups).where(own).values(made_at=made_at, seq=seq))

    def withdraw(self, backup_id: str) -> None:
        """Say that it was not made."""
        with self._database.writing() as connection:
            connection.execute(delete(backups).where(backups.c.id == backup_id))

    def holding(self, face_ids: Iterable[int]) -> list[BackupRecord]:
        """Backups that may hold these faces, since they hold the first of their changes.

        Those who have no face that was ever written down may be in any.
        """
        first = select(func.min(changes.c.seq))
        with self._database.reading() as connection:
            firsts = [
                connection.scalar(first.where(changes.c.face_id.in_(some)))
                for some in chunks(face_ids)
            ]
            seq = min((each for each in firsts if each is not None), default=0)
            return [each for each in logged_backups(connection) if each.seq >= seq]


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
