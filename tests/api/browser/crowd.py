"""A large event made from numbers: a service over vectors, with an album of pictures that are kept.

Of 300 people who are enrolled most attend, some are seen once and barely like enough, strangers
come several times, and some faces are too small to tell.
"""

import hashlib
import io
from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
from PIL import Image

from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.events.records import NewPhoto
from retrieval.catalogue.records import Collection, NewFace
from retrieval.service import Service
from retrieval.settings import Settings
from retrieval.values import Detections, Faces, Floats, Gate, Ints, Quality, Vectors
from tests.api.painted import PaintedParts, catalogue_of

DIMENSION = 128
PEOPLE, ATTEND, LONE, STRANGERS = 300, 200, 12, 60
PER_PHOTO = 8
WIDTH, HEIGHT = 960, 640
BEGAN = datetime(2026, 7, 4, 15, 0)


class CrowdParts(PaintedParts):
    """Painted parts whose vectors are long enough for a crowd."""

    def new_collection(self, catalogue: Catalogue, name: str) -> Collection:
        return catalogue.create_collection(
            name,
            detector="squares",
            embedder="colours",
            precision="fp32",
            mirror=False,
            fingerprint="colours",
            dimension=DIMENSION,
        )

    def gate(self, collection: Collection) -> Gate:
        return Gate(0.5, 0.02, "made", photo_threshold=0.35)


def crowd_service(settings: Settings, collection: str) -> Service:
    return Service(catalogue_of(settings), CrowdParts(settings), collection)


def make_crowd(settings: Settings, *, photos: int, seed: int = 0, least_alike: float = 0.85) -> int:
    """Enrol the people and fill an event; return its id.

    Args:
        settings, photos, seed: of the service, how many, and of the random numbers.
        least_alike: cosine of faces to their person's, evenly from here to 0.85.
    """
    rng = np.random.default_rng(seed)
    centres = _unit(rng.normal(size=(PEOPLE + STRANGERS, DIMENSION)))
    with crowd_service(settings, "default") as service:
        service.ensure_collection()
        owners = np.repeat(np.arange(PEOPLE), 3)
        vectors = _near(centres[owners], np.full(len(owners), 0.95), rng)
        faces = [_enrolled(row, int(owner), vectors[row]) for row, owner in enumerate(owners)]
        service.catalogue.enrol(service.collection.id, faces)
        event = service.events.create("Summer party", keep_photos=True)
        who = _attending(photos, rng)
        alike = np.random.default_rng(seed + 1).uniform(least_alike, 0.85, len(who))
        likeness = np.where((who >= ATTEND) & (who < ATTEND + LONE), 0.43, alike)
        seen = _near(centres[who], likeness, rng)
        album = _Album(rng)
        for start in range(0, photos, 50):
            some = range(start, min(start + 50, photos))
            new = []
            for number in some:
                rows = slice(number * PER_PHOTO, (number + 1) * PER_PHOTO)
                photo, data = album.photo(number, seen[rows])
                service.photos.keep(photo.sha256, data)
                new.append(photo)
            service.catalogue.albums.add(service.collection.id, event.id, new, [], "colours")
        return event.id


def _attending(photos: int, rng: np.random.Generator) -> Ints:
    """Who each face is: nobody twice in a photo, the lone ones once in all."""
    often = np.concatenate([np.arange(ATTEND), PEOPLE + np.arange(STRANGERS)])
    drawn = [rng.permutation(often) for _ in range(-(-photos * PER_PHOTO // len(often)))]
    who: Ints = np.concatenate(drawn)[: photos * PER_PHOTO].astype(np.int64)
    alone = rng.choice(photos, min(LONE, photos), replace=False)
    for number, photo in enumerate(alone.tolist()):
        who[photo * PER_PHOTO] = ATTEND + number
    return who


class _Album:
    """Photos with coloured heads, and pictures of these."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._heads = [_jpeg(_head(rng)) for _ in range(40)]
        self._grounds = [_ground(rng) for _ in range(12)]

    def photo(self, number: int, vectors: Vectors) -> tuple[NewPhoto, bytes]:
        boxes = _boxes(self._rng, len(vectors))
        picture = self._grounds[number % len(self._grounds)].copy()
        data = _jpeg(picture, comment=f"photo {number}".encode())
        sizes = boxes[:, 2].copy()
        reasons: list[str | None] = [None] * len(vectors)
        if number % 9 == 0:
            reasons[-1], sizes[-1] = "the face has 18 px, 24 are needed", 18
        ones: Floats = np.ones(len(vectors), np.float32)
        found = Detections(boxes, np.zeros((len(vectors), 5, 2), np.float32), ones)
        quality = Quality(sizes, ones * 9, ones, ones * 0, tuple(reasons))
        drawn = self._rng.integers(len(self._heads), size=len(vectors))
        photo = NewPhoto(
            hashlib.sha256(data).hexdigest(),
            f"IMG_{number:04d}.jpg",
            None,
            WIDTH,
            HEIGHT,
            BEGAN + timedelta(seconds=40 * number),
            Faces(found, quality, vectors),
            tuple(self._heads[head] for head in drawn),
        )
        return photo, data


def _boxes(rng: np.random.Generator, count: int) -> Floats:
    boxes: Floats = np.zeros((count, 4), np.float32)
    boxes[:, 0] = np.arange(count) * (WIDTH / count) + rng.uniform(4, 30, count)
    boxes[:, 1] = rng.uniform(120, 380, count)
    boxes[:, 2], boxes[:, 3] = 70, 86
    return boxes


def _head(rng: np.random.Generator) -> Image.Image:
    picture = Image.new("RGB", (112, 112), tuple(rng.integers(90, 230, 3).tolist()))
    skin = tuple((np.array([225, 180, 150]) * rng.uniform(0.5, 1.1)).clip(0, 255).astype(int))
    picture.paste(skin, (30, 20, 82, 96))
    return picture


def _ground(rng: np.random.Generator) -> Image.Image:
    small = rng.integers(60, 230, (4, 6, 3)).astype(np.uint8)
    return Image.fromarray(small).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)


def _jpeg(picture: Image.Image, **more: object) -> bytes:
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=80, **more)  # type: ignore[arg-type]
    return data.getvalue()


def _enrolled(row: int, owner: int, vector: Floats) -> NewFace:
    return NewFace(
        person=f"Person {owner:03d}",
        external_id=f"E-{owner:04d}",
        sha256=f"{row:064x}",
        photo=f"enrolled/{row}.jpg",
        width=640,
        height=480,
        box=np.array([0, 0, 60, 60], np.float32),
        landmarks=np.zeros((5, 2), np.float32),
        score=0.9,
        size_px=60.0,
        sharpness=9.0,
        yaw_deg=0.0,
        cut_off=0.0,
        vector=vector,
    )


def _unit(vectors: Floats) -> Vectors:
    unit: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


def _near(centres: Vectors, cosines: Sequence[float] | Floats, rng: np.random.Generator) -> Vectors:
    """Unit vectors (n, d) with these cosines to the centres (n, d)."""
    other = rng.normal(size=centres.shape)
    other -= (other * centres).sum(axis=1, keepdims=True) * centres
    share = np.asarray(cosines, np.float64)[:, None]
    return _unit(share * centres + np.sqrt(1 - share**2) * _unit(other))
