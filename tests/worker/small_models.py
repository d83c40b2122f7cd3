"""Run tasks with a detector and an embedder that are small, slow enough to be killed, and sure.

Photos are little squares of noise. The detector sees one face in each; a photo whose first pixel
is pure red crashes its process, as a broken decoder would.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from retrieval.building import Workshop, open_catalogue
from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.records import Collection
from retrieval.catalogue.runs.run_records import ListedPhoto, Run
from retrieval.collection.bulk import Bulk
from retrieval.collection.pipeline import Pipeline
from retrieval.faces.finder import Finder
from retrieval.people.intake import listed_person
from retrieval.photos.folders import people_below
from retrieval.service import Service
from retrieval.settings import Settings
from retrieval.values import Alignment, Detections, Pixels, Vectors
from worker.jobs import RqJobQueue
from worker.tasks import RunTasks

SIDE_PX = 64
DIMENSION = 16
SECONDS_A_PHOTO = 0.02
_LANDMARKS = np.array([[[22, 26], [42, 26], [32, 36], [24, 46], [40, 46]]], np.float32)


class OneFace:
    """Sees one face in the middle of every photo, and writes down that it looked."""

    name = "one-face"
    clear_score = 0.0

    def __init__(self, home: Path) -> None:
        self._home = home

    def detect(self, pixels: Pixels, *, longest_px: int | None = None) -> Detections:
        if pixels[0, 0].tolist() == [255, 0, 0]:
            os.abort()
        time.sleep(SECONDS_A_PHOTO)
        with (self._home / "looked").open("a") as diary:
            diary.write(".")
        box = np.array([[8, 8, 48, 48]], np.float32)
        return Detections(box, _LANDMARKS, np.ones(1, np.float32))


class Sums:
    """Turns a chip into a unit vector of its pixels' sums."""

    dimension = DIMENSION
    alignments = (
        Alignment(np.array([[11, 13], [21, 13], [16, 18], [12, 23], [20, 23]], np.float32), 32),
    )
    fingerprint = "sums"

    def embed(self, chips: Pixels) -> Vectors:
        rows = chips.reshape(len(chips), DIMENSION, -1).astype(np.float32).mean(axis=2) - 127.5
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.asarray(rows / np.maximum(lengths, 1e-6), np.float32)


class SmallWorkshop(Workshop):
    """Makes services of these."""

    def __init__(self, settings: Settings, catalogue: Catalogue) -> None:
        super().__init__(settings, catalogue, lambda text: None)
        self._home = settings.home

    def new_collection(self, catalogue: Catalogue, name: str) -> Collection:
        return catalogue.create_collection(
            name,
            detector="one-face",
            embedder="dlib-resnet",
            precision="fp32",
            mirror=False,
            fingerprint=Sums.fingerprint,
            dimension=DIMENSION,
        )

    def pipeline(self, collection: Collection) -> Pipeline:
        return Pipeline(
            Finder(OneFace(self._home), any_light=False),
            Sums(),
            threads=1,
            max_pixels=10_000,
            max_bytes=1_000_000,
            min_face_px=24,
        )


def small_service(settings: Settings) -> Service:
    catalogue = open_catalogue(settings)
    return Service(catalogue, SmallWorkshop(settings, catalogue), settings.collection)


def build_tasks(settings: Settings, queue: RqJobQueue) -> RunTasks:
    return RunTasks(settings, queue, small_service)


def write_photos(folder: Path, people: int, photos: int) -> int:
    """Write `people` folders of `photos` squares of noise; return how many photos."""
    random = np.random.default_rng(7)
    for person in range(people):
        own = folder / f"person {person:03}"
        own.mkdir(parents=True)
        for number in range(photos):
            noise = random.integers(0, 255, (SIDE_PX, SIDE_PX, 3), np.uint8)
            Image.fromarray(noise).save(own / f"{number}.png", compress_level=0)
    return people * photos


def write_poison(path: Path) -> None:
    """Write a photo that crashes the process that looks at it."""
    Image.new("RGB", (SIDE_PX, SIDE_PX), (255, 0, 0)).save(path)


def listed(folder: Path) -> Iterator[ListedPhoto]:
    return (listed_person(name, photo) for name, photo in people_below(folder))


def begin(bulk: Bulk, folder: Path) -> Run:
    """Begin a run over a folder, and list and queue all its photos."""
    run = bulk.begin("enrol", "default", str(folder), {})
    for _ in bulk.fill(run, listed(folder)):
        pass
    return run


def looked_at(home: Path) -> int:
    """How many photos detectors have looked at."""
    diary = home / "looked"
    return len(diary.read_text()) if diary.exists() else 0
