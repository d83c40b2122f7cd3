"""The change log: which faces an index must look at again, and the feed that indexes read.

A row of the log says only that something happened to a face: it was enrolled, moved to another
person or removed. What holds now stands in the table of faces, and is read in the same transaction
as the log. So many rows about one face fold into one answer, vectors are stored once, and the log
names nobody after a deletion. A reader that has not reached the end may see a face's later state
early; at the end (`complete`) it holds exactly the catalogue at its watermark.

Within a collection `seq` grows in the order of commits, so a reader never skips a row that commits
late: SQLite has one writer at a time (BEGIN IMMEDIATE), and on PostgreSQL every writer locks the
collection's row (`lock_collection`) before it draws its first `seq`.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any
from uuid import uuid4

import numpy as np
from sqlalchemy import ColumnElement, Connection, Select, func, insert, select, update

from retrieval.catalogue.database import Database
from retrieval.catalogue.encrypted.encoding import decode_vectors
from retrieval.catalogue.models.vectors import face_columns
from retrieval.catalogue.records import Collection
from retrieval.catalogue.schema import changes, chunks, collections, faces, meta, photos
from retrieval.errors import ModelSwitched, NotFound, SnapshotInvalid, VectorDamaged
from retrieval.protocols import Changes, Watermark
from retrieval.values import Ints, Vectors

_NAMED = 5  # photos that a message names


def lock_collection(connection: Connection, collection_id: int) -> int:
    """Be the only writer of a collection until the transaction ends; return its dimension.

    Raises:
        NotFound: no such collection.
    """
    connection.execute(
        select(collections.c.id).where(collections.c.id == collection_id).with_for_update()
    )
    return dimension_of(connection, collection_id)


def dimension_of(connection: Connection, collection_id: int) -> int:
    """Numbers per vector of a collection; NotFound if there is none."""
    query = select(collections.c.dimension).where(collections.c.id == collection_id)
    dimension = connection.scalar(query)
    if dimension is None:
        raise _gone(collection_id)
    return int(dimension)


def log_changes(connection: Connection, collection_id: int, face_ids: Sequence[int]) -> None:
    """Tell every index to look at these faces again; in the transaction that changes them."""
    if face_ids:
        rows = [{"collection_id": collection_id, "face_id": face_id} for face_id in face_ids]
        connection.execute(insert(changes), rows)


def renew_epoch(connection: Connection) -> str:
    """Make every watermark void, as after a restore: every index is rebuilt."""
    epoch = str(uuid4())
    connection.execute(update(meta).where(meta.c.key == "epoch").values(value=epoch))
    return epoch


def read_faces(
    connection: Connection, query: Select[Any], dimension: int
) -> tuple[Ints, Ints, Vectors]:
    """Run a query for (face id, person id, vector) and return its columns as arrays.

    Raises:
        VectorDamaged: some are not what was written; of which photos.
    """
    # The driver's own tuples: SQLAlchemy's rows would double the time of a million faces.
    cursor = connection.execute(query).cursor
    rows = cursor.fetchall() if cursor is not None else []
    ids, owners, stored = zip(*rows, strict=True) if rows else ((), (), ())
    try:
        vectors = decode_vectors(connection, stored, dimension)
    except VectorDamaged as error:
        raise _which_are_damaged(connection, rows, dimension) from error
    return np.array(ids, np.int64), np.array(owners, np.int64), vectors


def _which_are_damaged(
    connection: Connection, rows: Sequence[tuple[Any, ...]], dimension: int
) -> VectorDamaged:
    damaged = []
    for face_id, _, value in rows:
        try:
            decode_vectors(connection, [value], dimension)
        except VectorDamaged:
            damaged.append(face_id)
    shown = select(photos.c.sha256).join(faces, faces.c.photo_id == photos.c.id)
    hashes = connection.scalars(shown.where(faces.c.id.in_(damaged[:_NAMED]))).all()
    names = ", ".join(sha256[:12] for sha256 in hashes) + (", ..." * (len(damaged) > _NAMED))
    return VectorDamaged(
        f"The vectors of {len(damaged)} faces in the catalogue are damaged or were changed. Remove "
        f"their photos ({names}) by `rollcall photos remove` and enrol them again, or restore a "
        "backup."
    )


class LogFeed:
    """One collection's change log: the ChangeFeed of every index.

    It is bound to the model that the collection had when it was made: once that is another one,
    every question raises ModelSwitched, so no index mixes the vectors of two models.
    """

    def __init__(
        self, database: Database, collection: Collection, columns: Select[Any] | None = None
    ) -> None:
        """Prepare to read.

        Args:
            database: of the catalogue.
            collection: as it is now; `dimension` is of the vectors that `columns` gives.
            columns: (face id, person id, vector) of faces; None for the active model's.
        """
        self._database = database
        self._collection_id = collection.id
        self._dimension = collection.dimension
        self._model = (collection.fingerprint, collection.generation)
        self._columns = face_columns(collection) if columns is None else columns
        self._head_query = _head_query(collection.id)  # built once: it is asked all the time

    @property
    def dimension(self) -> int:
        """Numbers per vector."""
        return self._dimension

    def head(self) -> Watermark:
        """The newest change of the log; one query over an index.

        Raises:
            NotFound: the collection was deleted.
            ModelSwitched: it has another model now.
        """
        with self._database.reading() as connection:
            return self._head(connection)

    def changes(self, since: Watermark, limit: int = 100_000) -> Changes:
        """The net effect of at most `limit` log rows after `since`, from one transaction.

        Raises:
            NotFound: the collection was deleted.
            ModelSwitched: it has another model now.
            SnapshotInvalid: `since` is not of this log: another epoch, or beyond its end.
        """
        with self._database.reading() as connection:
            head = self._head(connection)
            if since.epoch != head.epoch or since.seq > head.seq:
                raise SnapshotInvalid(
                    f"The index follows another catalogue or an older state of it: it is at "
                    f"{since}, the log at {head}. It is rebuilt from the catalogue."
                )
            span = self._span(connection, since.seq, limit)
            upto = int(span[-1, 0]) if len(span) == limit else head.seq
            touched = np.unique(span[:, 1])
            alive = self._touched_faces(connection, since.seq, upto)
        ids, people, vectors = alive
        return Changes(
            removed=np.setdiff1d(touched, ids, assume_unique=True),
            added=ids,
            people=people,
            vectors=vectors,
            watermark=Watermark(head.epoch, upto),
            complete=upto == head.seq,
        )

    def everything(self, chunk: int = 50_000) -> Iterator[Changes]:
        """All faces that exist now, in ascending chunks from one transaction.

        Raises:
            NotFound: the collection was deleted.
            ModelSwitched: it has another model now.
        """
        with self._database.reading() as connection:
            head = self._head(connection)
            last, complete = 0, False
            while not complete:
                query = self._columns.where(
                    faces.c.collection_id == self._collection_id, faces.c.id > last
                )
                ids, people, vectors = read_faces(
                    connection, query.order_by(faces.c.id).limit(chunk), self._dimension
                )
                complete = len(ids) < chunk
                last = int(ids[-1]) if len(ids) else last
                gone = np.zeros(0, np.int64)
                yield Changes(gone, ids, people, vectors, head, complete)

    def of_people(self, people: Ints) -> Changes:
        """All faces that some people have now, from one transaction; nothing of who is gone.

        Raises:
            NotFound: the collection was deleted.
            ModelSwitched: it has another model now.
        """
        with self._database.reading() as connection:
            head = self._head(connection)
            parts = [
                read_faces(connection, self._columns.where(*self._of(some)), self._dimension)
                for some in chunks(people.tolist())
            ]
        if not parts:
            parts = [_no_faces(self._dimension)]
        ids, owners, vectors = (np.concatenate(column) for column in zip(*parts, strict=True))
        return Changes(np.zeros(0, np.int64), ids, owners, vectors, head, complete=True)

    def _of(self, people: list[int]) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
        return faces.c.collection_id == self._collection_id, faces.c.person_id.in_(people)

    def _head(self, connection: Connection) -> Watermark:
        row = connection.execute(self._head_query).one_or_none()
        if row is None:
            raise _gone(self._collection_id)
        epoch, seq, *model = row
        if tuple(model) != self._model:
            raise switched(self._model[0], model[0])
        return Watermark(epoch, seq or 0)

    def _span(self, connection: Connection, since: int, limit: int) -> Ints:
        """The log's rows after `since` as (n, 2): seq, face id."""
        query = select(changes.c.seq, changes.c.face_id).where(
            changes.c.collection_id == self._collection_id, changes.c.seq > since
        )
        rows = connection.execute(query.order_by(changes.c.seq).limit(limit)).all()
        return np.fromiter(chain.from_iterable(rows), np.int64, 2 * len(rows)).reshape(-1, 2)

    def _touched_faces(
        self, connection: Connection, since: int, upto: int
    ) -> tuple[Ints, Ints, Vectors]:
        touched = select(changes.c.face_id).where(
            changes.c.collection_id == self._collection_id,
            changes.c.seq > since,
            changes.c.seq <= upto,
        )
        query = self._columns.where(faces.c.id.in_(touched)).order_by(faces.c.id)
        return read_faces(connection, query, self._dimension)


def _head_query(collection_id: int) -> Select[Any]:
    """One row, epoch, newest seq and the model; no row where the collection is gone."""
    newest = select(func.max(changes.c.seq)).where(changes.c.collection_id == collection_id)
    return (
        select(
            meta.c.value,
            newest.scalar_subquery(),
            collections.c.fingerprint,
            collections.c.generation,
        )
        .select_from(collections.join(meta, meta.c.key == "epoch"))
        .where(collections.c.id == collection_id)
    )


def _no_faces(dimension: int) -> tuple[Ints, Ints, Vectors]:
    none = np.zeros(0, np.int64)
    return none, none, np.zeros((0, dimension), np.float32)


def check_model(connection: Connection, collection_id: int, fingerprint: str) -> None:
    """See that vectors of this model may be written; behind `lock_collection`.

    Raises:
        ModelSwitched: the collection has another model now.
    """
    query = select(collections.c.fingerprint).where(collections.c.id == collection_id)
    active = connection.scalar(query)
    if active != fingerprint:
        raise switched(fingerprint, str(active))


def switched(before: str, now: str) -> ModelSwitched:
    """What whoever still works with the model from before is told."""
    return ModelSwitched(
        f"The collection went from {before} to {now} meanwhile. Do it again: nothing was changed."
    )


def _gone(collection_id: int) -> NotFound:
    return NotFound(
        f"There is no collection with id {collection_id} any more. See rollcall collections list."
    )
