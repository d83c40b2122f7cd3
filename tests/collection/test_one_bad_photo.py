"""A photo on which a network or OpenCV fails is told with its reason; the others are taken."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from retrieval.catalogue.records import Collection
from retrieval.collection.enrolments import EnrolItem
from retrieval.collection.photo_faces import PhotoFailure
from retrieval.collection.pipeline import Pipeline
from retrieval.errors import InferenceFailed
from retrieval.faces.finder import Finder
from retrieval.service import Service
from retrieval.settings import Settings
from retrieval.values import Detections, Pixels, Source, Vectors
from tests.api.painted import (
    BLUE,
    GREEN,
    PINK,
    RED,
    WHITE,
    YELLOW,
    ColourEmbedder,
    PaintedParts,
    SquareDetector,
    catalogue_of,
    paint,
)


class BadEmbedder(ColourEmbedder):
    """Fails on a batch that holds a pink face."""

    def embed(self, chips: Pixels) -> Vectors:
        means = chips[:, 8:24, 8:24].reshape(len(chips), -1, 3).mean(axis=1)
        if len(chips) and (np.abs(means - PINK) < 30).all(axis=1).any():
            raise InferenceFailed("The embedder answered a vector that is zero or not finite.")
        return super().embed(chips)


class BadDetector(SquareDetector):
    """Fails on yellow, as a network does, and on white, as OpenCV does."""

    def detect(self, pixels: Pixels, *, longest_px: int | None = None) -> Detections:
        centre = pixels[pixels.shape[0] // 2, pixels.shape[1] // 2]
        if (np.abs(centre - np.array(YELLOW)) < 30).all():
            raise InferenceFailed("onet.onnx failed on inputs {}: overflow")
        if (np.abs(centre - np.array(WHITE)) < 30).all():
            cv2.resize(pixels[:0], (0, 0))
        return super().detect(pixels)


class BadParts(PaintedParts):
    def pipeline(self, collection: Collection) -> Pipeline:
        settings = self._settings
        return Pipeline(
            Finder(BadDetector(), working_px=settings.working_px, any_light=False),
            BadEmbedder(),
            threads=2,
            max_pixels=settings.max_pixels,
            max_bytes=settings.max_photo_bytes,
            min_face_px=settings.min_face_px,
        )


PHOTOS = {
    name: paint(colour)
    for name, colour in (
        ("Rosa", RED),
        ("Pia", PINK),
        ("Gustav", GREEN),
        ("Yves", YELLOW),
        ("Bianca", WHITE),
        ("Blau", BLUE),
    )
}
BAD = {
    "Pia": "zero or not finite",
    "Yves": "overflow",
    "Bianca": "Bianca.png: it could not be looked at",
}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    settings = Settings(home=tmp_path)
    with Service(catalogue_of(settings), BadParts(settings), "default") as opened:
        yield opened


def test_enrolling_rejects_it_with_the_reason_and_takes_the_others(service: Service) -> None:
    items = [EnrolItem(name, f"{name}.png", data) for name, data in PHOTOS.items()]
    results = {result.person: result for result in service.enrol(items)}
    taken = {name for name, result in results.items() if result.outcome == "enrolled"}
    assert taken == PHOTOS.keys() - BAD.keys()
    for name, reason in BAD.items():
        assert results[name].code == "inference"
        assert reason in str(results[name].message)


def test_identifying_answers_about_the_others(service: Service) -> None:
    service.ensure_collection()
    answers = service.identify([Source(f"{n}.png", data) for n, data in PHOTOS.items()])
    for name, answer in zip(PHOTOS, answers, strict=True):
        assert (answer.error_code == "inference") == (name in BAD)
        assert bool(answer.faces) != (name in BAD)


def test_embedding_anew_misses_only_the_bad_one(service: Service) -> None:
    service.ensure_collection()
    sources = [Source(name, PHOTOS[name]) for name in ("Rosa", "Pia", "Gustav")]
    points = np.tile(np.array([[80, 80], [110, 80], [96, 96], [84, 115], [110, 115]]), (3, 1, 1))
    found = service.pipeline.embed_at(sources, points.astype(np.float32))
    assert [isinstance(entry, PhotoFailure) for entry in found] == [False, True, False]


def test_one_photo_alone_is_still_an_error_of_the_model(service: Service) -> None:
    service.ensure_collection()
    with pytest.raises(InferenceFailed):
        service.search(Source("Pia", PHOTOS["Pia"]))
