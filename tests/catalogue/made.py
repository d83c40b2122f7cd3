"""Faces and collections for tests, made from numbers: the same arguments, the same bytes."""

import hashlib
from collections.abc import Sequence

import numpy as np

from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.records import Collection, EnrolledFace, NewFace, Person
from retrieval.values import Floats

DIMENSION = 8


def vector(number: int, dimension: int = DIMENSION) -> Floats:
    """A unit vector that belongs to this number alone."""
    drawn = np.random.default_rng(number).normal(size=dimension)
    return (drawn / np.linalg.norm(drawn)).astype(np.float32)


def sha256(number: int) -> str:
    """The digest of the photo with this number."""
    return hashlib.sha256(f"photo {number}".encode()).hexdigest()


def new_face(
    person: str, number: int, external_id: str | None = None, dimension: int = DIMENSION
) -> NewFace:
    """The face of photo `number`, to be enrolled under `person`."""
    return NewFace(
        person=person,
        external_id=external_id,
        sha256=sha256(number),
        photo=f"photos/{person}/{number}.jpg",
        width=640,
        height=480,
        box=np.array([10.5, 20.25, 100, 120], np.float32),
        landmarks=np.arange(10, dtype=np.float32).reshape(5, 2),
        score=0.75,
        size_px=100.0,
        sharpness=12.5,
        yaw_deg=3.5,
        cut_off=0.0,
        vector=vector(number, dimension),
    )


def new_faces(person: str, numbers: Sequence[int], dimension: int = DIMENSION) -> list[NewFace]:
    """One face a number, all of one person."""
    return [new_face(person, number, dimension=dimension) for number in numbers]


def make_collection(
    catalogue: Catalogue, name: str = "default", dimension: int = DIMENSION
) -> Collection:
    """An empty collection of a model that does not exist."""
    return catalogue.create_collection(
        name,
        detector="yunet",
        embedder="dlib-resnet",
        precision="fp32",
        mirror=True,
        fingerprint="fingerprint",
        dimension=dimension,
    )


def state(catalogue: Catalogue, collection_id: int) -> tuple[list[Person], list[EnrolledFace]]:
    """Everybody and every face of a collection: equal states are equal values."""
    return catalogue.people(collection_id), catalogue.photos(collection_id)
