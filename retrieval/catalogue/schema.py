"""The catalogue's tables as they are today; `migrations.py` brings an older catalogue up to them.

Ids are never used twice: SQLite's AUTOINCREMENT, PostgreSQL's identity sequences. A face's id is
also its id in every index, so a reused one would name the wrong person from an old snapshot.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import (
    DDL,
    JSON,
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
)
from sqlalchemy.event import listen

T = TypeVar("T")

NO_VECTOR = b""  # in `faces` of a face whose vectors stand elsewhere, or that has none

metadata = MetaData()

Id = BigInteger().with_variant(Integer(), "sqlite")  # SQLite autoincrements INTEGER only
# Ordered by code point in both databases, so that a page of names ends at the same name.
Name = Text().with_variant(Text(collation="C"), "postgresql")


class Moment(TypeDecorator[datetime]):
    """A moment in UTC, kept as ISO 8601 text: sorts as time, reads as time, in any database."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """Write with milliseconds."""
        return None if value is None else value.astimezone(UTC).isoformat(timespec="milliseconds")

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Read with its time zone."""
        return None if value is None else datetime.fromisoformat(value)


def now() -> datetime:
    """The present moment, as precise as `Moment` keeps it."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def days_ago(days: int, moment: datetime | None = None) -> datetime:
    """So many days before a moment, the present one by default; the first of all if there is none.

    Args:
        days: how many; whoever reads old values of settings may find any number.
        moment: in UTC.
    """
    try:
        return (moment or now()) - timedelta(days=days)
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)


def chunks(values: Iterable[T], size: int = 1_000) -> Iterator[list[T]]:
    """Cut values into lists that fit an IN (...) of any database."""
    every = list(values)
    for start in range(0, len(every), size):
        yield every[start : start + size]


def collection_column() -> Column[int]:
    """A reference to the collection that a row belongs to and disappears with."""
    owner = ForeignKey("collections.id", ondelete="CASCADE")
    return Column("collection_id", Id, owner, nullable=False)


meta = Table(
    "meta",
    metadata,
    Column(
        "key", Text, primary_key=True
    ),  # "schema": the version; "epoch": a UUID; "erasing:ID"; more
    Column("value", Text, nullable=False),
)

collections = Table(
    "collections",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("name", Name, nullable=False, unique=True),
    Column("detector", Text, nullable=False),
    Column("embedder", Text, nullable=False),
    Column("precision", Text, nullable=False),
    Column("mirror", Boolean, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("dimension", Integer, nullable=False),
    Column("calibration", JSON(none_as_null=True)),
    Column("created_at", Moment, nullable=False),
    Column("term", Text, key="generation", nullable=False, server_default=""),  # of its index
    Column("aside", Boolean, nullable=False, server_default=false()),  # see Collection
    sqlite_autoincrement=True,
)

people = Table(
    "people",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    collection_column(),
    Column("name", Name, nullable=False),
    Column("folded", Text, nullable=False),  # the case-folded name: whose it is, in any script
    Column("external_id", Text),
    Column("created_at", Moment, nullable=False),
    Column("sought", Name, nullable=False, server_default=""),  # without accents, for search
    Column("cover", Id),  # the face that stands for them, where one was chosen
    UniqueConstraint("collection_id", "external_id"),
    Index("people_by_name", "collection_id", "name"),
    Index("people_by_folded", "collection_id", "folded"),
    Index("people_by_sought", "collection_id", "sought"),
    sqlite_autoincrement=True,
)
# People of one name are told apart by their numbers; without one a name is one person's. Written
# out, since an `Index` with a condition of PostgreSQL's loads that dialect for SQLite as well.
listen(
    people,
    "after_create",
    DDL(  # type: ignore[no-untyped-call]
        "CREATE UNIQUE INDEX people_without_number ON people (collection_id, name)"
        " WHERE external_id IS NULL"
    ),
)

photos = Table(
    "photos",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    collection_column(),
    Column("sha256", Text, nullable=False),  # of what is enrolled once: a photo, or a part of one
    Column("photo", Text, nullable=False),  # its path or an upload's file name
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("photo_sha256", Text, nullable=False, server_default=""),  # of the whole photo
    UniqueConstraint("collection_id", "sha256"),
    Index("photos_by_photo", "collection_id", "photo_sha256"),
    sqlite_autoincrement=True,
)

faces = Table(
    "faces",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    collection_column(),
    Column("photo_id", Id, ForeignKey("photos.id", ondelete="CASCADE"), nullable=False),
    Column("person_id", Id, ForeignKey("people.id", ondelete="CASCADE"), nullable=False),
    Column("score", Double, nullable=False),
    Column("size_px", Double, nullable=False),
    Column("sharpness", Double, nullable=False),
    Column("yaw_deg", Double, nullable=False),
    Column("cut_off", Double, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("box", LargeBinary, nullable=False),  # 4 little-endian float32, xywh
    Column("landmarks", LargeBinary, nullable=False),  # 10 little-endian float32, five (x, y)
    Column("vector", LargeBinary, nullable=False),  # of the collection's first model, or NO_VECTOR
    Index("faces_by_collection", "collection_id", "id"),
    Index("faces_by_photo", "photo_id"),
    Index("faces_by_person", "person_id"),
    sqlite_autoincrement=True,
)

changes = Table(
    "changes",
    metadata,
    Column("seq", Id, primary_key=True, autoincrement=True),
    collection_column(),
    Column("face_id", Id, nullable=False),  # no reference: it outlives the face
    Index("changes_by_collection", "collection_id", "seq", "face_id"),
    sqlite_autoincrement=True,
)

journal = Table(
    "journal",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    collection_column(),
    Column("kind", Text, nullable=False),  # rename, merge, split or move
    Column("document", JSON(none_as_null=True)),  # what undoes it; null once a person is erased
    Column("created_at", Moment, nullable=False),
    Column("undone_at", Moment),
    Index("journal_by_collection", "collection_id", "id"),
    sqlite_autoincrement=True,
)

journal_people = Table(
    "journal_people",
    metadata,
    Column("entry_id", Id, ForeignKey("journal.id", ondelete="CASCADE"), primary_key=True),
    Column("person_id", Id, primary_key=True),  # no reference: a merged person is gone
    Index("journal_people_by_person", "person_id"),
)
