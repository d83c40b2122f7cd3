"""A service over made-up vectors: people without photos, for what never looks at pixels."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.records import Collection, NewFace
from retrieval.catalogue.runs.run_records import Run
from retrieval.catalogue.strangers import UnknownFace
from retrieval.collection.active_model import ActiveModel, Keeping
from retrieval.collection.pipeline import Pipeline
from retrieval.errors import ModelMissing
from retrieval.events.events import Events
from retrieval.events.host import Host
from retrieval.index.gallery import Gallery
from retrieval.photos.store import PhotoStore
from retrieval.protocols import ChangeFeed
from retrieval.service import Service
from retrieval.values import Floats, Gate, Vectors
from tests.identities.made import DIMENSION, Crowd

DEFAULT = Gate(0.9, 0.01, "default of vectors, made up")


class VectorParts:
    """The parts of a service that has an index, and no models."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def active_model(self, catalogue: Catalogue, *given: Any) -> ActiveModel:
        return ActiveModel(catalogue, self, *given)

    def events(self, host: Host) -> Events:
        return Events(host)

    def new_collection(self, catalogue: Catalogue, name: str) -> Collection:
        return catalogue.create_collection(
            name,
            detector="none",
            embedder="vectors",
            precision="fp32",
            mirror=False,
            fingerprint="vectors",
            dimension=DIMENSION,
        )

    def pipeline(self, collection: Collection) -> Pipeline:
        raise ModelMissing("This collection's vectors were made up: there is no model of them.")

    def gallery(self, collection: Collection, feed: ChangeFeed) -> Gallery:
        return Gallery(feed, self._home / "index", fingerprint="vectors")

    def photos(self, collection: Collection) -> PhotoStore:
        return PhotoStore(self._home / "photos", keeps=False)

    def drop_files(self, collection: Collection, runs: Sequence[Run]) -> None:
        """Nothing to drop: the folder is the test's own."""

    def drop_other_indexes(self, collection: Collection) -> None:
        """There is no other."""

    keeping = Keeping()

    def gate(self, collection: Collection) -> Gate:
        return DEFAULT


def open_service(home: Path) -> Service:
    """A service, as each process opens its own."""
    catalogue = Catalogue.open(f"sqlite:///{home / 'catalogue.db'}")
    service = Service(catalogue, VectorParts(home), "default")
    service.ensure_collection()
    return service


def enrol(service: Service, crowd: Crowd, prefix: str = "") -> list[int]:
    """Enrol made-up people, called by their numbers; return their faces' ids."""
    faces = [
        new_face(f"{prefix}{person}", f"{prefix}{person}/{row}.jpg", vector)
        for row, (person, vector) in enumerate(zip(crowd.people, crowd.vectors, strict=True))
    ]
    results = service.catalogue.enrol(service.collection.id, faces)
    return [result.face_id for result in results if result.face_id is not None]


def new_face(person: str, photo: str, vector: Vectors) -> NewFace:
    """A face of a photo that nobody took."""
    return NewFace(
        person=person,
        external_id=None,
        sha256=photo.encode().hex().rjust(64, "0")[-64:],
        photo=photo,
        width=100,
        height=100,
        box=np.array([10, 10, 80, 80], np.float32),
        landmarks=np.zeros((5, 2), np.float32),
        score=0.99,
        size_px=80.0,
        sharpness=100.0,
        yaw_deg=5.0,
        cut_off=0.0,
        vector=vector,
    )


def unknown_face(photo: str, vector: Floats, number: int = 1) -> UnknownFace:
    """A face that a query met, of a photo that nobody took."""
    return UnknownFace(
        photo=photo,
        sha256=photo.encode().hex().rjust(64, "0"),
        width=100,
        height=100,
        face=number,
        box=np.array([10 * number, 10, 40, 40], np.float32),
        landmarks=np.zeros((5, 2), np.float32),
        score=0.9,
        size_px=40.0,
        sharpness=50.0,
        yaw_deg=3.0,
        cut_off=0.0,
        vector=vector,
    )
