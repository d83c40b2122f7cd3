"""The other model of a collection: its vectors beside the active ones, and the switch to it.

The collection's row always holds the active model; here stands the other one: a model that is being
prepared, or the one from before a switch. The switch exchanges the two rows in one transaction, so
whoever reads sees one model or the other; vectors stay where they are (`model_vectors`). A face of
which the active model has no vector is seen by no index, search or calibration until it has one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import uuid4

import numpy as np
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    ForeignKey,
    Integer,
    LargeBinary,
    Table,
    Text,
    and_,
    delete,
    func,
    insert,
    select,
    update,
)

from retrieval.catalogue.changes import LogFeed, lock_collection, log_changes, read_faces
from retrieval.catalogue.database import Database
from retrieval.catalogue.encrypted.encoding import decode_vectors, encode_vectors, from_bytes
from retrieval.catalogue.lookups import collection_by_id
from retrieval.catalogue.models.spaces import spaces
from retrieval.catalogue.models.vectors import (
    Model,
    face_columns,
    forget_some,
    lacks_vector,
    put_vectors,
)
from retrieval.catalogue.records import Collection
from retrieval.catalogue.schema import (
    Id,
    Moment,
    chunks,
    collections,
    faces,
    metadata,
    now,
    people,
    photos,
)
from retrieval.errors import AlreadyExists, NotFound, SwapIncomplete
from retrieval.values import Floats, Ints, Vectors, check_vectors

spare_models = Table(
    "spare_models",
    metadata,
    Column("collection_id", Id, ForeignKey("collections.id", ondelete="CASCADE"), primary_key=True),
    Column("embedder", Text, nullable=False),
    Column("precision", Text, nullable=False),
    Column("mirror", Boolean, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("dimension", Integer, nullable=False),
    Column("calibration", JSON(none_as_null=True)),
    Column("matrix", LargeBinary),  # of the space that calibration fitted, as in spaces
    Column("term", Text),  # as in collections; null while its index is not prepared
    Column("aside", Boolean, nullable=False),  # likewise
    Column("former", Boolean, nullable=False),  # whether it was active before the swap
    Column("created_at", Moment, nullable=False),
)

_MODEL = ("embedder", "precision", "mirror", "fingerprint", "dimension", "aside")
_FORGOTTEN = 2_000  # vectors a transaction, so that writers wait for a moment only


@dataclass(frozen=True, slots=True)
class OtherModel:
    """The other model of a collection.

    Attributes:
        embedder, precision, mirror, fingerprint, dimension: as of a collection.
        term: names its prepared index; None while there is none.
        aside: as of a collection.
        former: whether it was active before the swap: `--back` leads to it, not `--switch`.
        created_at: when the swap was begun, in UTC.
    """

    embedder: str
    precision: str
    mirror: bool
    fingerprint: str
    dimension: int
    term: str | None
    aside: bool
    former: bool
    created_at: datetime

    def of(self, collection: Collection) -> Collection:
        """The collection as it is with this model."""
        model = {name: getattr(self, name) for name in _MODEL}
        return replace(collection, **model, term=self.term or "")


@dataclass(frozen=True, slots=True, eq=False)
class KnownFace:
    """An enrolled face that is to be embedded anew.

    Attributes:
        id, person: whose it is.
        photo, sha256: the photo that it is from.
        box: (4,) float32, xywh in pixels of the photo.
        landmarks: (5, 2) float32, likewise.
    """

    id: int
    person: str
    photo: str
    sha256: str
    box: Floats
    landmarks: Floats


class OtherModels:
    """The other models of a catalogue's collections. Every method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(
        self,
        collection_id: int,
        *,
        embedder: str,
        precision: str,
        mirror: bool,
        fingerprint: str,
        dimension: int,
    ) -> OtherModel:
        """Give a collection another model, which has no vectors yet; the same again goes on.

        Raises:
            NotFound: no such collection.
            AlreadyExists: it is the active model, or there is another spare one.
        """
        model = {
            "embedder": embedder,
            "precision": precision,
            "mirror": mirror,
            "fingerprint": fingerprint,
            "dimension": dimension,
        }
        with self._database.writing() as connection:
            lock_collection(connection, collection_id)
            if collection_by_id(connection, collection_id).fingerprint == fingerprint:
                raise AlreadyExists(f"The collection uses {fingerprint} already.")
            there = _find(connection, collection_id)
            if there is None:
                row = {
                    "collection_id": collection_id,
                    "aside": True,
                    "former": False,
                    "created_at": now(),
                }
                connection.execute(insert(spare_models), {**row, **model})
            elif there.fingerprint != fingerprint:
                raise AlreadyExists(
                    f"The collection keeps {there.fingerprint} beside its model. End that first:"
                    " rollcall models swap --drop"
                )
            return _found(connection, collection_id)

    def find(self, collection_id: int) -> OtherModel | None:
        """The collection's other model, or None."""
        with self._database.reading() as connection:
            return _find(connection, collection_id)

    def get(self, collection_id: int) -> OtherModel:
        """The collection's other model, or NotFound."""
        with self._database.reading() as connection:
            return _found(connection, collection_id)

    def model(self, collection_id: int, fingerprint: str) -> Collection:
        """The collection as it is with one of its two models.

        Raises:
            NotFound: it has no such model (any more).
        """
        with self._database.reading() as connection:
            active = collection_by_id(connection, collection_id)
            if active.fingerprint == fingerprint:
                return active
            return _check_other(connection, collection_id, fingerprint).of(active)

    # Vectors

    def lacking(
        self, collection_id: int, fingerprint: str, after: int = 0, limit: int | None = None
    ) -> list[KnownFace]:
        """Faces that have no vector of a model, by id, behind the one with id `after`."""
        with self._database.reading() as connection:
            query = _KNOWN.where(_lacks(connection, collection_id, fingerprint))
            query = query.where(faces.c.id > after).order_by(faces.c.id).limit(limit)
            return [_known(row) for row in connection.execute(query)]

    def lacking_among(
        self, collection_id: int, fingerprint: str, face_ids: Sequence[int]
    ) -> list[KnownFace]:
        """Those of the faces that are enrolled and have no vector of a model, by id."""
        with self._database.reading() as connection:
            query = _KNOWN.where(_lacks(connection, collection_id, fingerprint))
            return [
                _known(row)
                for some in chunks(face_ids)
                for row in connection.execute(
                    query.where(faces.c.id.in_(some)).order_by(faces.c.id)
                )
            ]

    def faces(
        self, collection_id: int, after: int = 0, limit: int | None = None
    ) -> list[KnownFace]:
        """All faces, by id, behind the one with id `after`."""
        query = _KNOWN.where(faces.c.collection_id == collection_id, faces.c.id > after)
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(faces.c.id).limit(limit))
            return [_known(row) for row in rows]

    def lacks(self, collection_id: int, fingerprint: str) -> int:
        """How many faces have no vector of a model."""
        with self._database.reading() as connection:
            return _lacking_count(connection, collection_id, fingerprint)

    def put(
        self, collection_id: int, fingerprint: str, face_ids: Sequence[int], vectors: Vectors
    ) -> int:
        """Keep vectors of a model, the spare or the active one, for faces that lack them.

        Args:
            collection_id: whose.
            fingerprint: of the model.
            face_ids: faces that are gone, or have a vector, are passed over.
            vectors: (n, d) float32 of unit length.

        Returns:
            How many were kept.

        Raises:
            NotFound: the collection has no such model (any more).
            VectorInvalid: of another dimension, NaN or infinite.
        """
        rows = dict(zip(face_ids, vectors, strict=True))
        with self._database.writing() as connection:
            lock_collection(connection, collection_id)
            collection = collection_by_id(connection, collection_id)
            lacks = _lacks(connection, collection_id, fingerprint)
            active = collection.fingerprint == fingerprint
            model = collection if active else _found(connection, collection_id)
            check_vectors(vectors, model.dimension)
            new = [
                face_id
                for some in chunks(rows)
                for face_id in connection.scalars(
                    select(faces.c.id).where(lacks, faces.c.id.in_(some))
                )
            ]
            if not new:
                return 0
            put_vectors(connection, model, {face_id: rows[face_id] for face_id in new})
            if active:
                log_changes(connection, collection_id, new)
            else:
                mine = spare_models.c.collection_id == collection_id
                connection.execute(update(spare_models).where(mine).values(term=None))
            return len(new)

    def vectors(
        self, collection_id: int, face_ids: Sequence[int] | None = None
    ) -> tuple[Ints, Ints, Vectors]:
        """The other model's vectors, ascending by face: ids (n,), people (n,), vectors (n, d).

        Args:
            collection_id: whose; without another model there are none.
            face_ids: only these; None for all.
        """
        with self._database.reading() as connection:
            other_model = _find(connection, collection_id)
            if other_model is None:
                none = np.zeros(0, np.int64)
                return none, none, np.zeros((0, 0), np.float32)
            query = face_columns(other_model).order_by(faces.c.id)
            query = query.where(faces.c.collection_id == collection_id)
            if face_ids is None:
                return read_faces(connection, query, other_model.dimension)
            parts = [
                read_faces(connection, query.where(faces.c.id.in_(some)), other_model.dimension)
                for some in chunks(sorted(face_ids) or [0])
            ]
            ids, owners, found = zip(*parts, strict=True)
            return np.concatenate(ids), np.concatenate(owners), np.concatenate(found)

    def feed(self, collection: Collection, fingerprint: str) -> LogFeed:
        """The change log with the other model's vectors, while the active one stays `collection`'s.

        That a vector is added here is no change of the log: an index is made once all are there.

        Raises:
            NotFound: that is not the other model (any more).
        """
        with self._database.reading() as connection:
            other_model = _check_other(connection, collection.id, fingerprint)
        other = replace(collection, dimension=other_model.dimension)
        return LogFeed(self._database, other, face_columns(other_model))

    # Calibration, index, switch

    def set_calibration(
        self,
        collection_id: int,
        fingerprint: str,
        document: dict[str, Any] | None,
        matrix: Floats | None,
    ) -> None:
        """Keep the other model's calibration, see `Catalogue.set_calibration`.

        Raises:
            NotFound: that is not the other model (any more).
        """
        mine = spare_models.c.collection_id == collection_id
        with self._database.writing() as connection:
            lock_collection(connection, collection_id)
            _check_other(connection, collection_id, fingerprint)
            stored = None
            if matrix is not None:
                (stored,) = encode_vectors(connection, np.reshape(matrix, (1, -1)))
            chosen = update(spare_models).where(mine)
            connection.execute(chosen.values(calibration=document, matrix=stored))

    def calibrated(
        self, collection_id: int, fingerprint: str
    ) -> tuple[dict[str, Any] | None, Floats | None]:
        """The document and the matrix (d, d) that `set_calibration` keeps.

        Raises:
            NotFound: that is not the other model (any more).
        """
        query = select(spare_models.c.calibration, spare_models.c.matrix)
        with self._database.reading() as connection:
            side = _check_other(connection, collection_id, fingerprint).dimension
            row = connection.execute(
                query.where(spare_models.c.collection_id == collection_id)
            ).one()
            if row.matrix is None:
                return row.calibration, None
            (matrix,) = decode_vectors(connection, [row.matrix], side * side)
            return row.calibration, matrix.reshape(side, side)

    def begin_term(self, collection_id: int) -> str:
        """Name the index that is made of the vectors there are now; the same while none is added.

        Raises:
            NotFound: there is no other model.
        """
        with self._database.writing() as connection:
            lock_collection(connection, collection_id)
            term = _found(connection, collection_id).term
            if term is None:
                term = uuid4().hex
                mine = spare_models.c.collection_id == collection_id
                connection.execute(update(spare_models).where(mine).values(term=term))
            return term

    def forget_index(self, collection_id: int) -> None:
        """Say that the other model's index, if there is such a model, is to be made anew."""
        mine = spare_models.c.collection_id == collection_id
        with self._database.writing() as connection:
            connection.execute(update(spare_models).where(mine).values(term=None))

    def exchange(self, collection_id: int, fingerprint: str, *, may_lack: int = 0) -> int:
        """Make the other model the active one, and the active one the other, in one transaction.

        Args:
            collection_id: whose.
            fingerprint: of the other model.
            may_lack: faces that may have no vector of it; they keep the one that they have,
                beside, and are not seen until they have one or this is undone.

        Returns:
            How many faces have no vector of the model that is active now.

        Raises:
            NotFound: that is not the collection's other model (any more).
            SwapIncomplete: more faces than that have none.
        """
        with self._database.writing() as connection:
            lock_collection(connection, collection_id)
            active = collection_by_id(connection, collection_id)
            other_model = _check_other(connection, collection_id, fingerprint)
            missing = _lacking_count(connection, collection_id, fingerprint)
            if missing > may_lack:
                raise SwapIncomplete(
                    f"{missing} faces have no vector of {fingerprint} yet. Embed them first."
                )
            _exchange_models(connection, active, other_model)
            return missing

    def drop(
        self, collection_id: int, fingerprint: str | None = None, *, without_missing: bool = False
    ) -> OtherModel:
        """Forget the other model and its vectors for good.

        Args:
            collection_id: whose.
            fingerprint: of the model that is meant; None for whichever is the other one.
            without_missing: go on where faces have a vector of that model only.

        Raises:
            NotFound: there is none, or it is another one by now.
            SwapIncomplete: there are such faces.
        """
        with self._database.reading() as connection:
            if fingerprint is None:
                other_model = _found(connection, collection_id)
            else:
                other_model = _check_other(connection, collection_id, fingerprint)
            active = collection_by_id(connection, collection_id)
            left_out = _lacking_count(connection, collection_id, active.fingerprint)
        if left_out and not without_missing:
            raise SwapIncomplete(
                f"{left_out} faces have a vector of {other_model.fingerprint} only: nobody would"
                " find them any more. Go `--back`, or give them up with --without-missing."
            )
        forgotten = _FORGOTTEN
        while (
            forgotten == _FORGOTTEN
        ):  # then the model itself: killed before, the same call goes on
            with self._database.writing() as connection:
                lock_collection(connection, collection_id)
                _check_other(connection, collection_id, other_model.fingerprint)
                forgotten = forget_some(connection, other_model, collection_id, _FORGOTTEN)
                if forgotten < _FORGOTTEN:
                    mine = spare_models.c.collection_id == collection_id
                    connection.execute(delete(spare_models).where(mine))
        return other_model


_SPARE = select(*(spare_models.c[name] for name in OtherModel.__slots__))
_KNOWN = select(
    faces.c.id,
    people.c.name.label("person"),
    photos.c.photo,
    photos.c.sha256,
    faces.c.box,
    faces.c.landmarks,
).select_from(
    faces.join(people, people.c.id == faces.c.person_id).join(
        photos, photos.c.id == faces.c.photo_id
    )
)


def _find(connection: Connection, collection_id: int) -> OtherModel | None:
    query = _SPARE.where(spare_models.c.collection_id == collection_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else OtherModel(*row)


def _found(connection: Connection, collection_id: int) -> OtherModel:
    other_model = _find(connection, collection_id)
    if other_model is None:
        raise NotFound(
            "The collection has one model only. Begin with `rollcall models swap NAME`; `rollcall"
            " models list` shows the names."
        )
    return other_model


def _check_other(connection: Connection, collection_id: int, fingerprint: str) -> OtherModel:
    other_model = _find(connection, collection_id)
    if other_model is None or other_model.fingerprint != fingerprint:
        raise NotFound(
            f"{fingerprint} is not beside the collection's model any more: the swap was ended or"
            " went on meanwhile. `rollcall models swap --status` shows how it stands."
        )
    return other_model


def _lacks(connection: Connection, collection_id: int, fingerprint: str) -> ColumnElement[bool]:
    """Which faces of a collection have no vector of one of its two models."""
    model: Model = collection_by_id(connection, collection_id)
    if model.fingerprint != fingerprint:
        model = _check_other(connection, collection_id, fingerprint)
    return and_(faces.c.collection_id == collection_id, lacks_vector(model))


def _lacking_count(connection: Connection, collection_id: int, fingerprint: str) -> int:
    lacks = _lacks(connection, collection_id, fingerprint)
    return int(
        connection.execute(select(func.count()).select_from(faces).where(lacks)).scalar_one()
    )


def _known(row: Any) -> KnownFace:
    box, landmarks = from_bytes(row.box), from_bytes(row.landmarks).reshape(5, 2)
    return KnownFace(row.id, row.person, row.photo, row.sha256, box, landmarks)


def _exchange_models(connection: Connection, active: Collection, other_model: OtherModel) -> None:
    calibration = select(collections.c.calibration).where(collections.c.id == active.id)
    own_space = spaces.c.collection_id == active.id
    kept: dict[str, Any] = {
        **{name: getattr(active, name) for name in _MODEL},
        "calibration": connection.scalar(calibration),
        "matrix": connection.scalar(select(spaces.c.matrix).where(own_space)),
        "term": active.term,
        "former": not other_model.former,
    }
    mine = spare_models.c.collection_id == active.id
    coming = connection.execute(
        select(spare_models.c.calibration, spare_models.c.matrix).where(mine)
    ).one()
    connection.execute(update(spare_models).where(mine).values(**kept))
    connection.execute(
        update(collections)
        .where(collections.c.id == active.id)
        .values(
            **{name: getattr(other_model, name) for name in _MODEL},
            calibration=coming.calibration,
            term=uuid4().hex if other_model.term is None else other_model.term,
        )
    )
    connection.execute(delete(spaces).where(own_space))
    if coming.matrix is not None:
        row = {"collection_id": active.id, "matrix": coming.matrix}
        connection.execute(insert(spaces), row)
