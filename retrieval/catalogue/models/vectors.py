"""Where the vectors of a collection's models lie, and how they are read and written there.

Those of its first model stand in `faces.vector`, those of every later one in `model_vectors`, by
the model's fingerprint. So a change of model moves no vector: it only says which ones are meant.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    ForeignKey,
    LargeBinary,
    Select,
    Table,
    Text,
    and_,
    delete,
    insert,
    select,
    update,
)

from retrieval.catalogue.encrypted.encoding import encode_vectors
from retrieval.catalogue.schema import NO_VECTOR, Id, faces, metadata
from retrieval.values import Floats

model_vectors = Table(
    "model_vectors",
    metadata,
    Column("face_id", Id, ForeignKey("faces.id", ondelete="CASCADE"), primary_key=True),
    Column("fingerprint", Text, primary_key=True),
    Column("vector", LargeBinary, nullable=False),  # as in faces
)


class Model(Protocol):
    """What tells where a model's vectors are; a collection and an other model are both one."""

    @property
    def fingerprint(self) -> str:
        """Names the model."""

    @property
    def aside(self) -> bool:
        """Whether its vectors stand in `model_vectors`."""


def face_columns(model: Model) -> Select[Any]:
    """Id, person and vector of the faces of which a model has one."""
    if not model.aside:
        columns = select(faces.c.id, faces.c.person_id, faces.c.vector)
        return columns.where(faces.c.vector != NO_VECTOR)
    own = and_(
        model_vectors.c.face_id == faces.c.id, model_vectors.c.fingerprint == model.fingerprint
    )
    columns = select(faces.c.id, faces.c.person_id, model_vectors.c.vector)
    return columns.select_from(faces.join(model_vectors, own))


def lacks_vector(model: Model) -> ColumnElement[bool]:
    """Whether a face has no vector of a model."""
    if not model.aside:
        return faces.c.vector == NO_VECTOR
    own = select(model_vectors.c.face_id).where(
        model_vectors.c.face_id == faces.c.id, model_vectors.c.fingerprint == model.fingerprint
    )
    return ~own.exists()


def put_vectors(connection: Connection, model: Model, vectors: Mapping[int, Floats]) -> None:
    """Write the vectors of faces that have none of a model, behind `lock_collection`."""
    stored = encode_vectors(connection, np.stack(list(vectors.values())))
    if model.aside:
        rows = [
            {"face_id": face_id, "fingerprint": model.fingerprint, "vector": value}
            for face_id, value in zip(vectors, stored, strict=True)
        ]
        connection.execute(insert(model_vectors), rows)
        return
    for face_id, value in zip(vectors, stored, strict=True):
        connection.execute(update(faces).where(faces.c.id == face_id).values(vector=value))


def forget_some(connection: Connection, model: Model, collection_id: int, limit: int) -> int:
    """Forget a model's vectors of some faces of a collection; return of how many."""
    columns = face_columns(model).with_only_columns(faces.c.id)
    query = columns.where(faces.c.collection_id == collection_id).limit(limit)
    some = list(connection.scalars(query))
    if model.aside:
        own = model_vectors.c.fingerprint == model.fingerprint
        connection.execute(delete(model_vectors).where(own, model_vectors.c.face_id.in_(some)))
    else:
        connection.execute(update(faces).where(faces.c.id.in_(some)).values(vector=NO_VECTOR))
    return len(some)
