"""Which erasures there were, so that a backup from before one does not bring anybody back.

A line says what was erased by ids and by marks of photos: no names, no vectors, no pixels. A mark
is a digest of a photo's SHA-256, so that not even that is left of an erased photo; who has a backup
can still tell which of its photos are meant.

A backup holds the log of its time; what the log of today has beyond that came after the backup.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import JSON, Column, Connection, Table, Text, insert, select

from retrieval.catalogue.schema import Moment, Name, chunks, collections, metadata, now
from retrieval.errors import DataInvalid

erasures = Table(
    "erasures",
    metadata,
    Column("id", Text, primary_key=True),  # a UUID's 32 digits: unique over all catalogues
    Column("at", Moment, nullable=False),
    Column("kind", Text, nullable=False),
    Column("collection", Name, nullable=False),
    Column("document", JSON, nullable=False),
)


class ErasureKind(StrEnum):
    """What was erased."""

    PERSON = "person"
    PHOTO = "photo"
    COLLECTION = "collection"


@dataclass(frozen=True, slots=True)
class Erasure:
    """A line of the log.

    Attributes:
        id: 32 hexadecimal digits; empty in a receipt from before there was a log.
        at: in UTC.
        kind: see `ErasureKind`.
        collection: its name.
        rows: (id, moment of creation) of each person, or of the collection, that was erased. Both
            together name the same row in every copy of a catalogue, and no other.
        faces: ids of the faces.
        marks: of the photos, see `mark_of`.
    """

    id: str
    at: datetime
    kind: ErasureKind
    collection: str
    rows: tuple[tuple[int, datetime], ...]
    faces: tuple[int, ...]
    marks: tuple[str, ...]

    def joined(self, other: "Erasure") -> "Erasure":
        """With what another receipt of the same erasure tells, of somebody else of it."""
        return replace(
            self,
            rows=tuple(dict.fromkeys((*self.rows, *other.rows))),
            faces=tuple(dict.fromkeys((*self.faces, *other.faces))),
            marks=tuple(dict.fromkeys((*self.marks, *other.marks))),
        )


def mark_of(sha256: str) -> str:
    """What the log knows a photo by, of its SHA-256."""
    return hashlib.sha256(f"erased {sha256}".encode()).hexdigest()


def is_of(stored: str | None, sha256: str) -> bool:
    """Whether a photo's hash, or the mark that was left in its place, is that of this photo."""
    return stored in (sha256, mark_of(sha256))


def log_erasure(
    connection: Connection,
    kind: ErasureKind,
    collection_id: int,
    rows: Iterable[tuple[int, datetime]] = (),
    faces: Sequence[int] = (),
    photos: Sequence[str] = (),
) -> str:
    """Write an erasure down, in its own transaction; return the line's id."""
    named = select(collections.c.name).where(collections.c.id == collection_id)
    name = connection.execute(named).scalar_one()
    marks = tuple(map(mark_of, photos))
    line = Erasure(uuid4().hex, now(), kind, name, tuple(rows), tuple(faces), marks)
    add_erasures(connection, [line])
    return line.id


def add_erasures(connection: Connection, lines: Iterable[Erasure]) -> None:
    """Write lines down, leaving out those that are there."""
    lines = list(lines)
    known: set[str] = set()
    for ids in chunks([line.id for line in lines]):
        known.update(connection.scalars(select(erasures.c.id).where(erasures.c.id.in_(ids))))
    rows = [
        {
            "id": line.id,
            "at": line.at,
            "kind": line.kind,
            "collection": line.collection,
            "document": {
                "rows": [[row, created.isoformat()] for row, created in line.rows],
                "faces": list(line.faces),
                "marks": list(line.marks),
            },
        }
        for line in lines
        if line.id not in known
    ]
    for some in chunks(rows):
        connection.execute(insert(erasures), some)


def logged_erasures(connection: Connection) -> list[Erasure]:
    """All lines, oldest first."""
    found = connection.execute(select(erasures).order_by(erasures.c.at, erasures.c.id))
    return [
        Erasure(
            row.id,
            row.at,
            ErasureKind(row.kind),
            row.collection,
            tuple((number, datetime.fromisoformat(made)) for number, made in row.document["rows"]),
            tuple(row.document["faces"]),
            tuple(row.document["marks"]),
        )
        for row in found
    ]


def _marks(told: dict[str, Any]) -> tuple[str, ...]:
    if "erased_photos" in told:  # hashes, as receipts had them before they had marks
        return tuple(mark_of(str(photo)) for photo in told["erased_photos"])
    return tuple(map(str, told["erased_photo_marks"]))


def read_receipt(path: Path) -> Erasure:
    """The erasure that a receipt of `rollcall people delete` proves.

    Raises:
        DataInvalid: the file cannot be read, or is no receipt.
    """
    if path.exists() and not path.is_file():
        raise DataInvalid(f"The receipt {path} is no file. Check the path.")
    try:
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        at = datetime.fromisoformat(told["erased_at"])
        return Erasure(
            id=str(told.get("erasure") or ""),
            at=at if at.tzinfo else at.replace(tzinfo=UTC),
            kind=ErasureKind.PERSON,
            collection=str(told["collection"]),
            rows=(),
            faces=tuple(int(face) for face in told["erased_faces"]),
            marks=_marks(told),
        )
    except OSError as error:
        raise DataInvalid(f"The receipt {path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataInvalid(
            f"{path} is no receipt of a deletion: expected the JSON file that `rollcall people"
            f" delete --receipt` writes, found something else. Check the path."
        ) from error
