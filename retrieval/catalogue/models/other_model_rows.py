"""The rows of collections' other models: the table, and what is read and exchanged of it.

The collection's row holds the active model, a row here the other one, by the same columns.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    ForeignKey,
    Integer,
    Table,
    Text,
    and_,
    func,
    select,
    update,
)

from retrieval.catalogue.encrypted.encoding import from_bytes
from retrieval.catalogue.lookups import collection_by_id
from retrieval.catalogue.models.vectors import Model, lacks_vector
from retrieval.catalogue.records import Collection
from retrieval.catalogue.schema import Id, Moment, collections, faces, metadata, people, photos
from retrieval.errors import NotFound
from retrieval.values import Floats

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
    Column("term", Text, key="generation"),  # as in collections; null without index
    Column("aside", Boolean, nullable=False),  # as in collections
    Column("former", Boolean, nullable=False),  # whether it was active before the swap
    Column("created_at", Moment, nullable=False),
)

_MODEL = ("embedder", "precision", "mirror", "fingerprint", "dimension", "aside")


@dataclass(frozen=True, slots=True)
class OtherModel:
    """The other model of a collection.

    Attributes:
        embedder, precision, mirror, fingerprint, dimension: as of a collection.
        generation: names its prepared index; None while there is none.
        aside: as of a collection.
        former: whether it was active before the swap: `models swap back` leads to it, not `switch`.
        created_at: when the swap was begun, in UTC.
    """

    embedder: str
    precision: str
    mirror: bool
    fingerprint: str
    dimension: int
    generation: str | None
    aside: bool
    former: bool
    created_at: datetime

    def of(self, collection: Collection) -> Collection:
        """The collection as it is with this model."""
        model = {name: getattr(self, name) for name in _MODEL}
        return replace(collection, **model, generation=self.generation or "")


@dataclass(frozen=True, slots=True, eq=False)
class KnownFace:
    """An enrolled face that is to be embedded anew.

    Attributes:
        id, person: whose it is.
        photo, sha256, photo_sha256: see `EnrolledFace`.
        box: (4,) float32, xywh in pixels of the photo.
        landmarks: (5, 2) float32, x and y in pixels of the photo.
    """

    id: int
    person: str
    photo: str
    sha256: str
    photo_sha256: str
    box: Floats
    landmarks: Floats


_SPARE = select(*(spare_models.c[name] for name in OtherModel.__slots__))
KNOWN_FACES = select(
    faces.c.id,
    people.c.name.label("person"),
    photos.c.photo,
    photos.c.sha256,
    photos.c.photo_sha256,
    faces.c.box,
    faces.c.landmarks,
).select_from(
    faces.join(people, people.c.id == faces.c.person_id).join(
        photos, photos.c.id == faces.c.photo_id
    )
)


def find_other(connection: Connection, collection_id: int) -> OtherModel | None:
    """A collection's other model, or None."""
    query = _SPARE.where(spare_models.c.collection_id == collection_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else OtherModel(*row)


def the_other(connection: Connection, collection_id: int) -> OtherModel:
    """A collection's other model, or NotFound."""
    other_model = find_other(connection, collection_id)
    if other_model is None:
        raise NotFound(
            "The collection has one model only. Begin with `rollcall models swap begin NAME`;"
            " `rollcall models list` shows the names."
        )
    return other_model


def check_other(connection: Connection, collection_id: int, fingerprint: str) -> OtherModel:
    """A collection's other model, if it is the one meant; else NotFound."""
    other_model = find_other(connection, collection_id)
    if other_model is None or other_model.fingerprint != fingerprint:
        raise NotFound(
            f"{fingerprint} is not beside the collection's model any more: the swap was ended or"
            " went on meanwhile. `rollcall models swap status` shows how it stands."
        )
    return other_model


def lacks(connection: Connection, collection_id: int, fingerprint: str) -> ColumnElement[bool]:
    """Which faces of a collection have no vector of one of its two models."""
    model: Model = collection_by_id(connection, collection_id)
    if model.fingerprint != fingerprint:
        model = check_other(connection, collection_id, fingerprint)
    return and_(faces.c.collection_id == collection_id, lacks_vector(model))


def lacking_count(connection: Connection, collection_id: int, fingerprint: str) -> int:
    """How many faces of a collection have no vector of one of its two models."""
    missing = lacks(connection, collection_id, fingerprint)
    return int(
        connection.execute(select(func.count()).select_from(faces).where(missing)).scalar_one()
    )


def known_face(row: Any) -> KnownFace:
    """A face of the columns of `KNOWN_FACES`."""
    box, landmarks = from_bytes(row.box), from_bytes(row.landmarks).reshape(5, 2)
    return KnownFace(row.id, row.person, row.photo, row.sha256, row.photo_sha256, box, landmarks)


def exchange_models(connection: Connection, active: Collection, other_model: OtherModel) -> None:
    """Put the other model into the collection's row, and the active one into its place here."""
    calibration = select(collections.c.calibration).where(collections.c.id == active.id)
    kept: dict[str, Any] = {
        **{name: getattr(active, name) for name in _MODEL},
        "calibration": connection.scalar(calibration),
        "generation": active.generation,
        "former": not other_model.former,
    }
    mine = spare_models.c.collection_id == active.id
    coming = connection.scalar(select(spare_models.c.calibration).where(mine))
    connection.execute(update(spare_models).where(mine).values(**kept))
    connection.execute(
        update(collections)
        .where(collections.c.id == active.id)
        .values(
            **{name: getattr(other_model, name) for name in _MODEL},
            calibration=coming,
            generation=uuid4().hex if other_model.generation is None else other_model.generation,
        )
    )
