"""`face_recognition` (the package face-recognition-ng over dlib-bin) on a folder's photos.

Its own whole pipeline: HOG detector, five landmarks, dlib's network, one look at each chip. Its
vectors are brought to unit length, so that the rules that ours are asked by can be asked of them.
"""

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from retrieval.benchmarks.face_vectors import PhotoVectors, kept, row_of_subject
from retrieval.benchmarks.progress import Advance, silent
from retrieval.errors import NoFace
from retrieval.values import Gate, Vectors

NAME = "face_recognition"
# Its tolerance is a distance of 0.6 between vectors about 1.3 long: a cosine of 0.89.
GATE = Gate(0.89, 0.0, "face_recognition's tolerance of 0.6, as a cosine")
DIMENSION = 128


def installed() -> bool:
    """Whether it can be measured."""
    try:
        import face_recognition  # noqa: F401
    except ImportError:
        return False
    return True


def embed(
    photos: Sequence[tuple[str, Path]], cache: Path, advance: Advance = silent
) -> PhotoVectors:
    """Embed the subject of each photo, or read what was embedded before.

    Args:
        photos: names and photos.
        cache: folder of what was embedded.
        advance: told of every photo.
    """
    facts = [(name, path.name, path.stat()) for name, path in photos]
    listed = [(name, file, fact.st_size, fact.st_mtime_ns) for name, file, fact in facts]
    digest = hashlib.sha256(json.dumps(listed).encode()).hexdigest()[:12]
    return kept(photos, NAME, cache / f"{NAME}-{digest}.npz", _embedded, advance)


def _embedded(
    photos: Sequence[tuple[str, Path]], advance: Advance
) -> tuple[Vectors, npt.NDArray[np.bool_]]:
    import face_recognition

    vectors = np.zeros((len(photos), DIMENSION), np.float32)
    for row, (_, path) in enumerate(photos):
        vector = _vector(face_recognition, path)
        if vector is not None:
            vectors[row] = vector / np.linalg.norm(vector)
        advance(1)
    return vectors, np.asarray(vectors.any(axis=1), np.bool_)


def _vector(rival: Any, path: Path) -> npt.NDArray[np.float64] | None:
    image = rival.load_image_file(str(path))
    places = rival.face_locations(image)
    boxes = np.array([(left, top, right - left, low - top) for top, right, low, left in places])
    try:
        row = row_of_subject(
            boxes.reshape(-1, 4).astype(np.float32), image.shape[1], image.shape[0]
        )
    except NoFace:
        return None
    return np.asarray(rival.face_encodings(image, [places[row]])[0])


def pass_ms(rounds: int = 3) -> float:
    """Milliseconds per face, once it is found; noise for a photo."""
    import face_recognition

    image = np.random.default_rng(0).integers(0, 256, (150, 150, 3), np.uint8)
    encode: Callable[..., Any] = face_recognition.face_encodings
    taken = []
    for _ in range(rounds):
        begun = time.perf_counter()
        encode(image, [(0, 150, 150, 0)])
        taken.append(time.perf_counter() - begun)
    return 1000 * min(taken)
