"""The rows of runs and of their photos: the tables, and what is read and written of them."""

import os
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    insert,
    select,
)

from retrieval.catalogue.names import storable_path
from retrieval.catalogue.runs.run_records import (
    ListedPhoto,
    PhotoOutcome,
    Run,
    RunPhoto,
    RunState,
    Taken,
)
from retrieval.catalogue.schema import (
    Id,
    Moment,
    Name,
    chunks,
    collections,
    metadata,
    now,
    photos,
)
from retrieval.errors import InputError, NotFound

runs = Table(
    "runs",
    metadata,
    Column("id", Text, primary_key=True),  # a UUID's 32 digits
    Column("kind", Text, nullable=False),  # enrol, identify, embed or event
    Column("collection", Name, nullable=False),  # by name: a worker makes it if it is missing
    Column("source", Text, nullable=False),  # what the user named: a folder, a CSV
    Column("options", JSON, nullable=False),
    Column("state", Text, nullable=False),
    Column("listed", Boolean, nullable=False),  # whether all photos of the source are in the list
    Column("counts", JSON, nullable=False),  # of photos that have left the list
    Column("reason", Text),  # why it failed
    Column("passed_over", JSON(none_as_null=True)),  # what the source holds that is no photo
    Column("started_at", Moment, nullable=False),
    Column("finished_at", Moment),
)

run_photos = Table(
    "run_photos",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("run_id", Text, ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("path", LargeBinary, nullable=False),  # as the file system has it, which may be no text
    Column("person", Name, nullable=False),  # empty where nobody is meant
    Column("external_id", Text),
    Column("face", Integer),  # which is meant, from 1
    Column("face_id", Id),  # of the enrolled face to embed anew; no reference: it may be gone
    Column("outcome", Text),  # null while it is to be done
    Column("code", Text),
    Column("message", Text),
    Column("answer", JSON(none_as_null=True)),
    Index("run_photos_by_outcome", "run_id", "outcome", "code"),
    Index("run_photos_by_path", "run_id", "path", "person", unique=True),
    sqlite_autoincrement=True,
)


RUN = select(*(runs.c[name] for name in Run.__slots__))
PHOTO = select(*(run_photos.c[name] for name in RunPhoto.__slots__))


NEWEST_FIRST = (runs.c.started_at.desc(), runs.c.id)


def older_than(run_id: str) -> ColumnElement[bool]:
    """Runs behind one in the order of the newest first."""
    at = select(runs.c.started_at).where(runs.c.id == run_id).scalar_subquery()
    same: ColumnElement[bool] = (runs.c.started_at == at) & (runs.c.id > run_id)
    return (runs.c.started_at < at) | same


def of_runs(
    collection: str | None, kind: str | None, event: int | None
) -> list[ColumnElement[bool]]:
    """Conditions of runs of a collection, by name, of a kind, and into an event; None for all."""
    wanted = {
        runs.c.collection: collection,
        runs.c.kind: kind,
        runs.c.options["event"].as_integer(): event,
    }
    return [column == value for column, value in wanted.items() if value is not None]


def as_run(row: Any) -> Run:
    """A run of a row of `RUN`."""
    return Run(**{**row._mapping, "state": RunState(row.state)})


def as_photo(row: Any) -> RunPhoto:
    """A photo of a row of `PHOTO`."""
    outcome = None if row.outcome is None else Taken(row.outcome)
    found = {name: row._mapping[name] for name in RunPhoto.__slots__}
    return RunPhoto(**{**found, "path": os.fsdecode(row.path), "outcome": outcome})


def run_meant(connection: Connection, run_id: str) -> Run:
    """The run whose id begins so; NotFound or InputError where none or several do."""
    begins = runs.c.id.startswith(run_id.lower(), autoescape=True)
    rows = connection.execute(RUN.where(begins).limit(2)).all() if run_id else []
    if not rows:
        raise NotFound(f"There is no run {run_id!r}. See `rollcall jobs list`.")
    if len(rows) > 1:
        raise InputError(f"Several runs begin with {run_id!r}. Give more of the id.")
    return as_run(rows[0])


def created(
    connection: Connection, kind: str, collection: str, source: str, options: Mapping[str, Any]
) -> Run:
    """Write a new run that has no photos yet."""
    row = {
        "id": uuid4().hex,
        "kind": kind,
        "collection": collection,
        "source": storable_path(source),
        "options": dict(options),
        "state": RunState.WORKING,
        "listed": False,
        "counts": {},
        "started_at": now(),
    }
    connection.execute(insert(runs), row)
    return run_meant(connection, str(row["id"]))


def newest_unfinished(
    connection: Connection, kind: str, collection: str, source: str, options: Mapping[str, Any]
) -> Run | None:
    """The newest run of just these words that is not finished, or not fetched; or None."""
    answers = select(run_photos.c.id).where(
        run_photos.c.run_id == runs.c.id, run_photos.c.answer.is_not(None)
    )
    query = RUN.where(
        runs.c.kind == kind,
        runs.c.collection == collection,
        runs.c.source == storable_path(source),
        (runs.c.state != RunState.FINISHED) | answers.exists(),
    ).order_by(runs.c.started_at.desc())
    found = (as_run(row) for row in connection.execute(query))
    return next((run for run in found if run.options == dict(options)), None)


def is_done(run_id: str) -> ColumnElement[bool]:
    """Whether a run that works has listed all its photos and none waits."""
    waits = select(run_photos.c.id).where(
        run_photos.c.run_id == run_id, run_photos.c.outcome.is_(None)
    )
    works = (runs.c.id == run_id) & (runs.c.state == RunState.WORKING)
    return works & runs.c.listed & ~waits.exists()


def row_of(run_id: str, photo: ListedPhoto) -> dict[str, Any]:
    """The row of a photo that is listed."""
    code, message = photo.reason or (None, None)
    return {
        "run_id": run_id,
        "path": os.fsencode(photo.path),
        "person": storable_path(photo.person),
        "external_id": photo.external_id,
        "face": photo.face,
        "face_id": photo.face_id,
        "outcome": Taken.REJECTED if photo.reason else None,
        "code": code,
        "message": message,
    }


def known_paths(
    connection: Connection, run_id: str, photos: Sequence[ListedPhoto]
) -> set[tuple[bytes, str]]:
    """Those of the photos that the run has listed: their paths and people."""
    query = select(run_photos.c.path, run_photos.c.person).where(run_photos.c.run_id == run_id)
    return {
        (row.path, row.person)
        for some in chunks({os.fsencode(photo.path) for photo in photos})
        for row in connection.execute(query.where(run_photos.c.path.in_(some)))
    }


def is_own(connection: Connection, run_id: str, outcome: PhotoOutcome) -> bool:
    """Whether this run enrolled the photo from this very path."""
    listed = connection.execute(
        select(run_photos.c.path, runs.c.started_at, collections.c.id)
        .join(runs, runs.c.id == run_photos.c.run_id)
        .join(collections, collections.c.name == runs.c.collection)
        .where(run_photos.c.id == outcome.id)
    ).first()
    if listed is None:  # the collection is gone meanwhile
        return False
    query = select(photos.c.id).where(
        photos.c.collection_id == listed.id,
        photos.c.photo_sha256 == outcome.sha256,
        photos.c.photo == storable_path(os.fsdecode(listed.path)),
        photos.c.created_at >= listed.started_at,
    )
    return connection.execute(query).first() is not None
