"""A vector for each photo of a folder of people, or the reason why there is none; kept on disk.

Embedding thousands of photos takes minutes, measuring on their vectors seconds: vectors are kept by
what they depend on: the embedder's fingerprint, settings and code of what finds faces and cuts them
out, the photos' sizes and times.
"""

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

import retrieval.collection.pipeline
import retrieval.faces
import retrieval.photos.decode
from retrieval.benchmarks.progress import Advance, silent
from retrieval.collection.photo_faces import FoundFaces, PhotoFailure
from retrieval.collection.pipeline import Pipeline
from retrieval.errors import FaceUnusable, NoFace
from retrieval.inference.download import writing_beside
from retrieval.protocols import Embedder
from retrieval.values import Floats, Ints, Source, Vectors, check_rows

_PHOTOS_AT_ONCE = 32
# What finds faces and cuts them out: vectors that it led to before it was changed are not its own.
FINDING = (
    *sorted(Path(retrieval.faces.__file__).parent.glob("*.py")),
    Path(retrieval.collection.pipeline.__file__),
    Path(retrieval.photos.decode.__file__),
    Path(__file__),
)

Embedded = Callable[[Sequence[tuple[str, Path]], Advance], tuple[Vectors, npt.NDArray[np.bool_]]]


@dataclass(frozen=True, slots=True, eq=False)
class PhotoVectors:
    """All photos of a folder, and the vector of each one's subject.

    Attributes:
        names: of the people.
        people: (n,) int64, row in `names` of each photo's person.
        vectors: (n, d) float32, rows of unit length; zeros where there is none.
        found: (n,) bool, whether a usable face was found.
        model: fingerprint of the embedder.
        ms: a photo, from the file to its vector, on this machine when it was embedded.
    """

    names: tuple[str, ...]
    people: Ints
    vectors: Vectors
    found: npt.NDArray[np.bool_]
    model: str
    ms: float

    def __post_init__(self) -> None:
        check_rows("vectors", self.vectors, (len(self.people), None))
        check_rows("found", self.found, (len(self.people),))


def embed(
    pipeline: Pipeline,
    looks: Sequence[object],
    photos: Sequence[tuple[str, Path]],
    cache: Path,
    advance: Advance = silent,
    code: Sequence[Path] = FINDING,
) -> PhotoVectors:
    """Embed the subject of each photo, or read what was embedded before.

    A photo's subject is the largest face that covers its middle, or the largest of all. A photo
    without one, or whose subject is unusable, stays without a vector: whoever measures counts it.

    Args:
        pipeline: the models.
        looks: its detector's name, and the settings by which faces are found.
        photos: names and photos.
        cache: folder of what was embedded.
        advance: told of every photo.
        code: files of what finds faces and cuts them out.
    """
    fingerprint = pipeline.embedder.fingerprint
    code_sha256s = [hashlib.sha256(path.read_bytes()).hexdigest() for path in code]
    key = _key(fingerprint, [*map(str, looks), *code_sha256s], photos)
    return kept(photos, fingerprint, cache / f"{key}.npz", partial(_embedded, pipeline), advance)


def kept(
    photos: Sequence[tuple[str, Path]], model: str, file: Path, embedded: Embedded, advance: Advance
) -> PhotoVectors:
    """The vectors that a file holds of these photos, or that are made now and kept there.

    Args:
        photos: names and photos.
        model: what makes the vectors.
        file: named by all that they depend on.
        embedded: makes vectors (n, d), zeros where no face was found, and says where one was.
        advance: told of every photo.
    """
    names = tuple(dict.fromkeys(name for name, _ in photos))
    row_of = {name: row for row, name in enumerate(names)}
    people = np.array([row_of[name] for name, _ in photos], np.int64)
    if file.is_file():
        with np.load(file) as arrays:
            vectors, found, ms = arrays["vectors"], arrays["found"], float(arrays["ms"])
        advance(len(photos))
    else:
        begun = time.perf_counter()
        vectors, found = embedded(photos, advance)
        ms = 1000 * (time.perf_counter() - begun) / len(photos)
        with writing_beside(file) as beside, beside.open("wb") as opened:
            np.savez(opened, vectors=vectors, found=found, ms=ms)
    return PhotoVectors(names, people, vectors, found, model, ms)


def face_ms(embedder: Embedder, rounds: int = 3) -> float:
    """Milliseconds per face of an embedder, mirror image included, in batches; noise for faces."""
    side = [alignment.chip_px for alignment in embedder.alignments]
    shape = (side[0], side[0], 3) if len(side) == 1 else (sum(3 * s * s for s in side),)
    noise = np.random.default_rng(0).integers(0, 256, (_PHOTOS_AT_ONCE, *shape), np.uint8)
    taken = []
    for _ in range(rounds + 1):
        begun = time.perf_counter()
        embedder.embed(noise)
        taken.append(time.perf_counter() - begun)
    return 1000 * min(taken[1:]) / _PHOTOS_AT_ONCE


def subject(found: FoundFaces) -> int:
    """The face that a portrait means, among faces of passers-by.

    Raises:
        NoFace, FaceUnusable: there is none that can be compared.
    """
    row = row_of_subject(found.detections.boxes, found.width, found.height)
    if found.quality.reasons[row] is not None:
        raise FaceUnusable(str(found.quality.reasons[row]))
    return row


def row_of_subject(boxes: Floats, width: int, height: int) -> int:
    """The largest face that covers a photo's middle, or the largest of all.

    Args:
        boxes: (n, 4) xywh.
        width, height: of the photo.

    Raises:
        NoFace: there is none.
    """
    if not len(boxes):
        raise NoFace("no face was found")
    middle = np.array([width / 2, height / 2])
    covers = ((boxes[:, :2] <= middle) & (boxes[:, :2] + boxes[:, 2:] >= middle)).all(axis=1)
    sizes = boxes[:, 2] * boxes[:, 3]
    return int(np.where(covers, sizes, 0).argmax() if covers.any() else sizes.argmax())


def _embedded(
    pipeline: Pipeline, photos: Sequence[tuple[str, Path]], advance: Advance
) -> tuple[Vectors, npt.NDArray[np.bool_]]:
    vectors = np.zeros((len(photos), pipeline.embedder.dimension), np.float32)
    found = np.zeros(len(photos), bool)
    for start in range(0, len(photos), _PHOTOS_AT_ONCE):
        batch = photos[start : start + _PHOTOS_AT_ONCE]
        sources = [Source(f"{name}/{path.name}", path) for name, path in batch]
        for row, entry in enumerate(pipeline.process(sources, subject), start):
            if not isinstance(entry, PhotoFailure):
                vectors[row], found[row] = entry.faces.vectors[0], True
        advance(len(batch))
    return vectors, found


def _key(fingerprint: str, finding: list[str], photos: Sequence[tuple[str, Path]]) -> str:
    stats = [(name, path.name, path.stat()) for name, path in photos]
    listed = [(name, file, stat.st_size, stat.st_mtime_ns) for name, file, stat in stats]
    parts = json.dumps([fingerprint, finding, listed])
    return f"{fingerprint.replace(':', '-')}-{hashlib.sha256(parts.encode()).hexdigest()[:12]}"
