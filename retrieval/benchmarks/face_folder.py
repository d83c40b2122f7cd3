"""The faces of a folder with a folder per person, as vectors: what the face benchmarks work on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from retrieval.benchmarks.progress import Advance, silent
from retrieval.collection.photo_faces import FoundFaces, PhotoFailure
from retrieval.collection.pipeline import Pipeline
from retrieval.errors import DataInvalid
from retrieval.faces.quality import dominant
from retrieval.photos.folders import people_below
from retrieval.values import Ints, Source, Vectors, check_rows

_PHOTOS_AT_ONCE = 32


@dataclass(frozen=True, slots=True, eq=False)
class FaceFolder:
    """One face a photo, and whose it is.

    Attributes:
        names: of the people.
        people: (n,) int64, row in `names` of each photo's person.
        photos: (n) as person/file.
        vectors: (n, d) float32, rows of unit length.
        skipped: photos without one clear face.
        model: fingerprint of the embedder.
    """

    names: tuple[str, ...]
    people: Ints
    photos: tuple[str, ...]
    vectors: Vectors
    skipped: tuple[str, ...] = ()
    model: str = ""

    def __post_init__(self) -> None:
        check_rows("vectors", self.vectors, (len(self.photos), None))
        check_rows("people", self.people, (len(self.photos),))

    def facts(self) -> dict[str, object]:
        """What a result says of its data."""
        return {
            "people": len(self.names),
            "photos": len(self.photos),
            "skipped": list(self.skipped),
            "model": self.model,
        }


def photos_of_people(folder: Path) -> list[tuple[str, Path]]:
    """Names and photos of a folder.

    Raises:
        DataInvalid: it holds no photos in folders of people.
    """
    found = list(people_below(folder))
    if not found:
        raise DataInvalid(
            f"{folder} holds no photos of people. Expected a folder per person: DIR/<person>/*.jpg"
        )
    return found


def read(
    pipeline: Pipeline, photos: Sequence[tuple[str, Path]], advance: Advance = silent
) -> FaceFolder:
    """Find and embed the one clear face of each photo.

    Args:
        pipeline: the models.
        photos: names and photos, from `photos_of_people`.
        advance: told of every photo.
    """
    names = tuple(dict.fromkeys(name for name, _ in photos))
    people, kept, vectors, skipped = [], [], [], []
    for batch in _batches(photos):
        sources = [Source(f"{name}/{path.name}", path) for name, path in batch]
        for (name, _), entry in zip(batch, pipeline.process(sources, _clear), strict=True):
            if isinstance(entry, PhotoFailure):
                skipped.append(entry.source.name)
            else:
                people.append(names.index(name))
                kept.append(entry.source.name)
                vectors.append(entry.faces.vectors)
        advance(len(batch))
    if not kept:
        raise DataInvalid("No photo shows one clear face. Try another detector, or larger photos.")
    return FaceFolder(
        names,
        np.array(people, np.int64),
        tuple(kept),
        np.concatenate(vectors),
        tuple(skipped),
        pipeline.embedder.fingerprint,
    )


def _clear(found: FoundFaces) -> int:
    return dominant(found.detections.boxes, name=found.name)


def _batches(photos: Sequence[tuple[str, Path]]) -> list[Sequence[tuple[str, Path]]]:
    starts = range(0, len(photos), _PHOTOS_AT_ONCE)
    return [photos[start : start + _PHOTOS_AT_ONCE] for start in starts]
