"""The other model of a collection: its vectors beside the active ones, and the switch to it.

The collection's row always holds the active model; here stands the other one: a model that is being
prepared, or the one from before a switch. The switch exchanges the two rows in one transaction, so
whoever reads sees one model or the other; vectors stay where they are (`model_vectors`). A face of
which the active model has no vector is seen by no index, search or calibration until it has one.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

import numpy as np
from sqlalchemy import delete, insert, select, update

from retrieval.catalogue.changes import LogFeed, lock_collection, log_changes, read_faces
from retrieval.catalogue.database import Database
from retrieval.catalogue.lookups import collection_by_id
from retrieval.catalogue.models.other_model_rows import (
    KNOWN_FACES,
    KnownFace,
    OtherModel,
    check_other,
    exchange_models,
    find_other,
    known_face,
    lacking_count,
    lacks,
    spare_models,
    the_other,
)
from retrieval.catalogue.models.vectors import face_columns, forget_some, put_vectors
from retrieval.catalogue.records import Collection
from retrieval.catalogue.schema import chunks, faces, now
from retrieval.catalogue.transactions import question
from retrieval.errors import AlreadyExists, SwapIncomplete
from retrieval.values import Ints, Vectors, check_vectors

_FORGOTTEN = 2_000  # vectors per transaction, so that writers wait for a moment only


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
            AlreadyExists: it is the active model, or there is an other model already.
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
            there = find_other(connection, collection_id)
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
                    " rollcall models swap drop"
                )
            return the_other(connection, collection_id)

    find = question(find_other)
    get = question(the_other)

    def model(self, collection_id: int, fingerprint: str) -> Collection:
        """The collection as it is with one of its two models.

        Raises:
            NotFound: it has no such model (any more).
        """
        with self._database.reading() as connection:
            active = collection_by_id(connection, collection_id)
            if active.fingerprint == fingerprint:
                return active
            return check_other(connection, collection_id, fingerprint).of(active)

    # Vectors

    def lacking(
        self, collection_id: int, fingerprint: str, after: int = 0, limit: int | None = None
    ) -> list[KnownFace]:
        """Faces that have no vector of a model, by id, behind the one with id `after`."""
        with self._database.reading() as connection:
            query = KNOWN_FACES.where(lacks(connection, collection_id, fingerprint))
            query = query.where(faces.c.id > after).order_by(faces.c.id).limit(limit)
            return [known_face(row) for row in connection.execute(query)]

    def lacking_among(
        self, collection_id: int, fingerprint: str, face_ids: Sequence[int]
    ) -> list[KnownFace]:
        """Those of the faces that are enrolled and have no vector of a model, by id."""
        with self._database.reading() as connection:
            query = KNOWN_FACES.where(lacks(connection, collection_id, fingerprint))
            return [
                known_face(row)
                for some in chunks(face_ids)
                for row in connection.execute(
                    query.where(faces.c.id.in_(some)).order_by(faces.c.id)
                )
            ]

    def faces(
        self, collection_id: int, after: int = 0, limit: int | None = None
    ) -> list[KnownFace]:
        """All faces, by id, behind the one with id `after`."""
        query = KNOWN_FACES.where(faces.c.collection_id == collection_id, faces.c.id > after)
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(faces.c.id).limit(limit))
            return [known_face(row) for row in rows]

    lacks = question(lacking_count)

    def put(
        self, collection_id: int, fingerprint: str, face_ids: Sequence[int], vectors: Vectors
    ) -> int:
        """Keep vectors of a model, the other or the active one, for faces that lack them.

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
            missing = lacks(connection, collection_id, fingerprint)
            active = collection.fingerprint == fingerprint
            model = collection if active else the_other(connection, collection_id)
            check_vectors(vectors, model.dimension)
            new = [
                face_id
                for some in chunks(rows)
                for face_id in connection.scalars(
                    select(faces.c.id).where(missing, faces.c.id.in_(some))
                )
            ]
            if not new:
                return 0
            put_vectors(connection, model, {face_id: rows[face_id] for face_id in new})
            if active:
                log_changes(connection, collection_id, new)
            else:
                mine = spare_models.c.collection_id == collection_id
                connection.execute(update(spare_models).where(mine).values(generation=None))
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
            other_model = find_other(connection, collection_id)
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
            other_model = check_other(connection, collection.id, fingerprint)
        other = replace(collection, dimension=other_model.dimension)
        return LogFeed(self._database, other, face_columns(other_model))

    # Calibration, index, switch

    def set_calibration(
        self,
        collection_id: int,
        fingerprint: str,
        document: dict[str, Any] | None,
    ) -> None:
        """Keep the other model's calibration, see `Catalogue.set_calibration`.

        Raises:
            NotFound: that is not the other model (any more).
        """
        mine = spare_models.c.collection_id == collection_id
        with self._database.writing() as connection:
            lock_collection(connection, collection_id)
            check_other(connection, collection_id, fingerprint)
            connection.execute(update(spare_models).where(mine).values(calibration=document))

    def calibration(self, collection_id: int, fingerprint: str) -> dict[str, Any] | None:
        """The document that `set_calibration` keeps, or None.

        Raises:
            NotFound: that is not the other model (any more).
        """
        mine = spare_models.c.collection_id == collection_id
        with self._database.reading() as connection:
            check_other(connection, collection_id, fingerprint)
            document: dict[str, Any] | None = connection.scalar(
                select(spare_models.c.calibration).where(mine)
            )
            return document

    def begin_generation(self, collection_id: int) -> str:
        """Name the index that is made of the vectors there are now; the same while none is added.

        Raises:
            NotFound: there is no other model.
        """
        with self._database.writing() as connection:
            lock_collection(connection, collection_id)
            generation = the_other(connection, collection_id).generation
            if generation is None:
                generation = uuid4().hex
                mine = spare_models.c.collection_id == collection_id
                connection.execute(update(spare_models).where(mine).values(generation=generation))
            return generation

    def forget_index(self, collection_id: int) -> None:
        """Say that the other model's index, if there is such a model, is to be made anew."""
        mine = spare_models.c.collection_id == collection_id
        with self._database.writing() as connection:
            connection.execute(update(spare_models).where(mine).values(generation=None))

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
            other_model = check_other(connection, collection_id, fingerprint)
            missing = lacking_count(connection, collection_id, fingerprint)
            if missing > may_lack:
                raise SwapIncomplete(
                    f"{missing} faces have no vector of {fingerprint} yet. Embed them first."
                )
            exchange_models(connection, active, other_model)
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
                other_model = the_other(connection, collection_id)
            else:
                other_model = check_other(connection, collection_id, fingerprint)
            active = collection_by_id(connection, collection_id)
            left_out = lacking_count(connection, collection_id, active.fingerprint)
        if left_out and not without_missing:
            raise SwapIncomplete(
                f"{left_out} faces have a vector of {other_model.fingerprint} only: nobody would"
                " find them any more. Run `rollcall models swap back`, or give them up with"
                " --without-missing."
            )
        forgotten = _FORGOTTEN
        # Then the model itself: killed before, the same call goes on.
        while forgotten == _FORGOTTEN:
            with self._database.writing() as connection:
                lock_collection(connection, collection_id)
                check_other(connection, collection_id, other_model.fingerprint)
                forgotten = forget_some(connection, other_model, collection_id, _FORGOTTEN)
                if forgotten < _FORGOTTEN:
                    mine = spare_models.c.collection_id == collection_id
                    connection.execute(delete(spare_models).where(mine))
        return other_model
