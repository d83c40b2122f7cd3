"""People as painted squares: a detector and an embedder that need no network, for fast tests.

A face is a textured square of one of the cube's corner colours on grey; its vector is the colour's
direction, so that two squares of one colour are the same person.
"""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from retrieval.building import video_rules
from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.records import Collection
from retrieval.catalogue.runs.run_records import Run
from retrieval.collection.active_model import ActiveModel, Keeping
from retrieval.collection.pipeline import Pipeline
from retrieval.errors import InferenceFailed
from retrieval.events.events import Events
from retrieval.events.host import Host
from retrieval.faces.finder import Finder
from retrieval.index.gallery import Gallery
from retrieval.photos.store import PhotoStore
from retrieval.photos.video_rules import VideoRules
from retrieval.protocols import ChangeFeed
from retrieval.service import Service
from retrieval.settings import Settings
from retrieval.values import Alignment, Detections, Gate, Pixels, Vectors
from tests.catalogue.made import new_face

RED, GREEN, BLUE = (250, 6, 6), (6, 250, 6), (6, 6, 250)
YELLOW, PINK, WHITE = (250, 250, 6), (250, 6, 250), (250, 250, 250)
Colour = tuple[int, int, int]

SIDE = 96
_GREY = 128
# Eyes, nose, mouth corners in a square of side 1.
_LANDMARKS = np.array(
    [[0.32, 0.36], [0.68, 0.36], [0.5, 0.56], [0.36, 0.76], [0.64, 0.76]], np.float32
)


def paint(*colours: Colour, seed: int = 0) -> bytes:
    """A PNG with a square of each colour, side by side; another seed, other bytes."""
    width = SIDE * 2 * max(len(colours), 1)
    picture = np.full((SIDE * 2, width, 3), _GREY, np.int16)
    texture = np.random.default_rng(seed).integers(-20, 21, (SIDE, SIDE, 1))
    for number, colour in enumerate(colours):
        left = SIDE // 2 + number * 2 * SIDE
        picture[SIDE // 2 : SIDE * 3 // 2, left : left + SIDE] = np.array(colour) + texture
    if not colours:
        picture[:2, :2] += seed % 50
    data = io.BytesIO()
    Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(data, "PNG")
    return data.getvalue()


class SquareDetector:
    """Finds the squares."""

    name = "squares"
    clear_score = 0.0

    def detect(self, pixels: Pixels, *, longest_px: int | None = None) -> Detections:
        far = (np.abs(pixels.astype(np.int16) - _GREY).max(axis=2) > 60).astype(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(far)
        boxes = stats[1:, :4].astype(np.float32)
        boxes = boxes[boxes[:, 2] > SIDE / 2]
        if not len(boxes):
            return Detections.none()
        landmarks = boxes[:, None, :2] + _LANDMARKS[None] * boxes[:, None, 2:]
        return Detections(boxes, landmarks, np.full(len(boxes), 0.9, np.float32))


class GivenSquare:
    """Takes a given box as it is."""

    def find(
        self, photo: Any, box: tuple[float, float, float, float], name: str, side: int | None = None
    ) -> tuple[Detections, int]:
        given = np.array([box], np.float32)
        landmarks = given[:, None, :2] + _LANDMARKS[None] * given[:, None, 2:]
        return Detections(given, landmarks, np.full(1, 0.9, np.float32)), 0


class ColourEmbedder:
    """The direction of a chip's mean colour."""

    dimension = 3
    alignments = (Alignment(_LANDMARKS * 32, 32),)
    fingerprint = "colours"

    def embed(self, chips: Pixels) -> Vectors:
        if not len(chips):
            return np.zeros((0, 3), np.float32)
        centred = chips[:, 8:24, 8:24].reshape(len(chips), -1, 3).mean(axis=1) - _GREY
        lengths = np.linalg.norm(centred, axis=1, keepdims=True)
        if not lengths.all():
            raise InferenceFailed("Grey has no direction.")
        return np.asarray(centred / lengths, np.float32)


class BrightnessIsLife:
    """Takes pale squares for pictures of squares."""

    def scores(self, pixels: Pixels, boxes: Any) -> Any:
        middles = (boxes[:, :2] + boxes[:, 2:] / 2).astype(int)
        pale = [pixels[y, x].min() > 60 for x, y in middles]
        return np.where(pale, 0.1, 0.9).astype(np.float32)


class PaintedParts:
    """The parts of a service over painted people."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def active_model(self, catalogue: Catalogue, *given: Any) -> ActiveModel:
        return ActiveModel(catalogue, self, *given)

    def events(self, host: Host) -> Events:
        return Events(host)

    def new_collection(self, catalogue: Catalogue, name: str) -> Collection:
        return catalogue.create_collection(
            name,
            detector="squares",
            embedder="colours",
            precision="fp32",
            mirror=False,
            fingerprint="colours",
            dimension=3,
        )

    def pipeline(self, collection: Collection) -> Pipeline:
        return Pipeline(
            Finder(SquareDetector(), working_px=self._settings.working_px, any_light=False),
            ColourEmbedder(),
            load_given_face=GivenSquare,  # type: ignore[arg-type]
            threads=2,
            max_pixels=self._settings.max_pixels,
            max_bytes=self._settings.max_photo_bytes,
            min_face_px=self._settings.min_face_px,
        )

    def gallery(self, collection: Collection, feed: ChangeFeed) -> Gallery:
        folder: Path = self._settings.home / "index" / str(collection.id)
        return Gallery(feed, folder, collection=collection.name, fingerprint="colours")

    def photos(self, collection: Collection) -> PhotoStore:
        folder = self._settings.home / "photos" / str(collection.id)
        return PhotoStore(folder, keeps=self._settings.keep_photos)

    def drop_files(self, collection: Collection, runs: Sequence[Run]) -> None:
        """Nothing to drop: the folder is the test's own."""

    def drop_other_indexes(self, collection: Collection) -> None:
        """There is no other."""

    @property
    def keeping(self) -> Keeping:
        return Keeping(self._settings.unknown_days, None, self._settings.thumbnails)

    def liveness(self) -> Any:
        return BrightnessIsLife()

    @property
    def videos(self) -> VideoRules:
        return video_rules(self._settings)

    def gate(self, collection: Collection) -> Gate:
        return Gate(0.9, 0.02, "painted")


def catalogue_of(settings: Settings) -> Catalogue:
    """The settings' catalogue: by its URL, or under the home folder."""
    settings.home.mkdir(parents=True, exist_ok=True)
    return Catalogue.open(settings.catalogue_url or f"sqlite:///{settings.home / 'catalogue.db'}")


def painted_service(settings: Settings, collection: str) -> Service:
    """A service over painted people."""
    return Service(catalogue_of(settings), PaintedParts(settings), collection)


def enrol_crowd(settings: Settings, collection: str) -> None:
    """Enrol twelve people with four faces each, near to a direction of their own."""
    rng = np.random.default_rng(5)
    with painted_service(settings, collection) as service:
        service.ensure_collection()
        faces = []
        for person in range(12):
            centre = rng.normal(size=3)
            for row in range(4):
                face = new_face(f"person {person}", person * 10 + row, dimension=3)
                vector = centre / np.linalg.norm(centre) + rng.normal(scale=0.05, size=3)
                face.vector[:] = vector / np.linalg.norm(vector)
                faces.append(face)
        service.catalogue.enrol(service.collection.id, faces)
