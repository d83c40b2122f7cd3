"""How long a large event takes: made-up faces through the real catalogue, index and roll."""

import resource
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar, cast

import numpy as np

from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.events.records import Event, NewPhoto, VerdictKind
from retrieval.catalogue.records import Collection, NewFace
from retrieval.collection.active_model import ActiveModel, Keeping, Parts
from retrieval.events.events import Events
from retrieval.events.verdicts import Judgement
from retrieval.identities.link import LinkRule, Seen, link
from retrieval.index.gallery import Gallery
from retrieval.photos.store import PhotoStore
from retrieval.photos.video_rules import VideoRules
from retrieval.protocols import ChangeFeed
from retrieval.values import Detections, Faces, Floats, Gate, Ints, Quality, Vectors

T = TypeVar("T")

PEOPLE, FACES_EACH, PER_PHOTO, DIMENSION = 2_000, 3, 8, 128
_SPREAD = 0.065  # of a face around its person in each number: cosines of about 0.65
_GATE = Gate(0.52, 0.0, "made up", 0.34, 0.4)
_BATCH = 250  # photos


class _Host:
    """A collection of made-up people, as events see it."""

    def __init__(self, home: Path) -> None:
        self.catalogue = Catalogue.open(home / "catalogue.db")
        self.collection = self.catalogue.create_collection(
            "default",
            detector="none",
            embedder="vectors",
            precision="fp32",
            mirror=False,
            fingerprint="vectors",
            dimension=DIMENSION,
        )
        self.photos = PhotoStore(home / "photos", keeps=False)
        self.keeping, self.video_rules = Keeping(), VideoRules()
        feed = self.catalogue.feed(self.collection.id)
        parts = cast(Parts, self)  # gallery and gate are what is asked of it
        self.active_model = ActiveModel(
            self.catalogue, parts, self.collection, None, feed, _no_models
        )

    def gallery(self, collection: Collection, feed: ChangeFeed) -> Gallery:
        return Gallery(feed, self.photos_home, fingerprint="vectors")

    @property
    def photos_home(self) -> Path:
        return Path(str(self.photos.folder)).parent / "index"

    def gate(self, collection: Collection) -> Gate:
        return _GATE

    def discard(self, photos: set[str], unfinished: bool) -> None:
        """No copies are kept."""

    def ensure_collection(self) -> Collection:
        return self.collection

    def steadily(self, work: Callable[[ActiveModel], T]) -> T:
        return work(self.active_model)


def _no_models(collection: Collection) -> Any:
    raise AssertionError("made-up vectors have no models")


def time_event(faces: int) -> dict[str, Any]:
    """Times, in seconds, of an event of so many faces, eight per photo; and the memory's peak."""
    rng = np.random.default_rng(0)
    with TemporaryDirectory() as home:
        host = _Host(Path(home))
        try:
            return _timed(host, faces, rng)
        finally:
            host.active_model.close()
            host.catalogue.close()


def _timed(host: _Host, faces: int, rng: np.random.Generator) -> dict[str, Any]:
    centres = _unit(rng.normal(size=(PEOPLE + PEOPLE // 4, DIMENSION)))
    owners = np.repeat(np.arange(PEOPLE), FACES_EACH)
    _enrol(host, _near(centres[owners], rng), owners)
    events = Events(host)
    event = events.create("Large")
    # Nobody twice in a photo: a photo's faces are of people who follow each other in a shuffle.
    shuffled = np.concatenate(
        [rng.permutation(len(centres)) for _ in range(-(-faces // len(centres)))]
    )[:faces]
    vectors = _near(centres[shuffled], rng)
    _fill(host, event, vectors, faces)
    times: dict[str, Any] = {"faces": faces, "photos": -(-faces // PER_PHOTO), "people": PEOPLE}
    times["deciding_s"] = _seconds(lambda: events.settle(event))
    times["linking_s"] = _linking(vectors, shuffled, centres, faces)
    times["roll_s"] = _seconds(lambda: events.roll(event), 3)
    roll = events.roll(event)
    face = roll.unknown[0].faces[0]
    said = [
        Judgement(VerdictKind.IS, (face,), person_id=1),
        Judgement(VerdictKind.NOBODY, (face,)),
    ] * 3
    told = iter(said)
    times["verdict_ms"] = round(
        1000 * _seconds(lambda: events.judge(event, next(told), "bench"), len(said)), 1
    )
    times["named"] = sum(len(line.faces) for line in roll.lines)
    times["present"] = len(roll.present)
    times["unknown_groups"] = len(roll.unknown)
    times["peak_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return times


def _linking(vectors: Vectors, owners: Ints, centres: Vectors, faces: int) -> float:
    """Linking alone, where seven of ten faces of people who are enrolled were named one by one."""
    named = (owners < PEOPLE) & (np.arange(faces) % 10 < 7)
    seen = Seen(
        vectors=vectors,
        photos=np.arange(faces, dtype=np.int64) // PER_PHOTO,
        usable=np.ones(faces, bool),
        people=np.where(named, owners, -1),
        excess=np.where(named, np.float32(0.1), np.float32(-np.inf)),
        rivals=np.full(faces, -1, np.float32),
        fixed=np.zeros(faces, bool),
    )
    known = centres[:PEOPLE]
    return _seconds(lambda: link(seen, known, np.arange(PEOPLE), LinkRule.of(_GATE)))


def _seconds(work: Callable[[], object], rounds: int = 1) -> float:
    """The median time of some rounds."""
    found = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return round(float(np.median(found)), 4)


def _unit(vectors: Any) -> Vectors:
    unit: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


def _near(centres: Vectors, rng: np.random.Generator) -> Vectors:
    return _unit(centres + rng.normal(scale=_SPREAD, size=centres.shape))


def _enrol(host: _Host, vectors: Vectors, owners: Any) -> None:
    box, landmarks = np.zeros(4, np.float32), np.zeros((5, 2), np.float32)
    faces = [
        NewFace(f"person {owner}", None, f"{row:064x}", f"{row}.jpg", 640, 480, box, landmarks,
                0.9, 60.0, 9.0, 0.0, 0.0, vector)
        for row, (owner, vector) in enumerate(zip(owners.tolist(), vectors, strict=True))
    ]  # fmt: skip
    host.catalogue.enrol(host.collection.id, faces)


def _fill(host: _Host, event: Event, vectors: Vectors, faces: int) -> None:
    albums = host.catalogue.albums
    starts = range(0, faces, PER_PHOTO)
    photos = [_photo(number, vectors[at : at + PER_PHOTO]) for number, at in enumerate(starts)]
    for start in range(0, len(photos), _BATCH):
        some = photos[start : start + _BATCH]
        albums.add(host.collection.id, event.id, some, [], "vectors")


def _photo(number: int, vectors: Vectors) -> NewPhoto:
    count = len(vectors)
    boxes: Floats = np.zeros((count, 4), np.float32)
    boxes[:, 0] = np.arange(count) * 60
    boxes[:, 2:] = 50
    ones: Floats = np.ones(count, np.float32)
    found = Detections(boxes, np.zeros((count, 5, 2), np.float32), ones)
    quality = Quality(ones * 50, ones * 9, ones, ones * 0, (None,) * count)
    name = f"{number}.jpg"
    return NewPhoto(f"{number:064x}", name, None, 640, 480, None, Faces(found, quality, vectors))
