"""Photo -> faces -> vectors. Stores nothing.

Decoding, detection and alignment run in threads, a photo each (OpenCV and ONNX Runtime let go of
the interpreter's lock); the chips of all photos of a call then share embedding batches.
"""

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import cv2
import numpy as np

from retrieval.errors import InferenceFailed, InputError
from retrieval.faces.align import cut
from retrieval.faces.quality import assess
from retrieval.photos.decode import decode, read
from retrieval.photos.memory import MEMORY_BYTES
from retrieval.protocols import Detector, Embedder
from retrieval.values import (
    Detections,
    Faces,
    Floats,
    Photo,
    Pixels,
    Quality,
    Source,
    Url,
    Vectors,
)

_FETCHED_AT_ONCE = 16  # photos by URL: their servers are waited for, not computed with

Fault = InputError | InferenceFailed  # what one photo can have: it never stops the others

Cut = Callable[[Pixels, Floats], tuple[bytes, ...]]  # of an image and boxes: a picture a face
Choice = Callable[["FoundFaces"], int]  # which face of a photo is meant; raises an InputError


@dataclass(frozen=True, slots=True, eq=False)
class FoundFaces:
    """A photo's faces before they are embedded, in pixels of the upright original.

    Attributes:
        sha256, width, height: of the photo.
        detections, quality: a row per face.
        chips: (n, ...) uint8, cut as the embedder wants them.
        pictures: JPEG files to show, one a face, or none at all.
    """

    sha256: str
    width: int
    height: int
    detections: Detections
    quality: Quality
    chips: Pixels
    pictures: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class PhotoFaces:
    """A photo and its embedded faces; `pictures` shows each, where that was asked for."""

    source: Source
    sha256: str
    width: int
    height: int
    faces: Faces
    pictures: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class PhotoFailure:
    """A photo that could not be taken, and why."""

    source: Source
    error: Fault


class Pipeline:
    """Decode, detect, assess, align, embed: one object for a collection's models.

    Args:
        detector, embedder: shared by all threads.
        threads: photos that are prepared at a time.
        working_px: photos are decoded so that their longer side has at least so many pixels;
            None for full size.
        max_pixels, max_bytes: limits on one photo.
        memory_bytes: limit on the photos that are decoded at a time in this process.
        min_face_px: smaller faces are unusable.
    """

    def __init__(
        self,
        detector: Detector,
        embedder: Embedder,
        *,
        threads: int,
        working_px: int | None,
        max_pixels: int,
        max_bytes: int,
        min_face_px: int,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        self.embedder = embedder
        self._detector = detector
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="photos")
        self._fetchers = ThreadPoolExecutor(_FETCHED_AT_ONCE, thread_name_prefix="fetchers")
        self._working_px = working_px
        self._max_pixels = max_pixels
        self._max_bytes = max_bytes
        self._memory_bytes = memory_bytes
        self._min_face_px = min_face_px

    def close(self) -> None:
        """End the threads."""
        self._fetchers.shutdown(wait=True, cancel_futures=True)
        self._pool.shutdown(wait=True, cancel_futures=True)

    def read(self, sources: Sequence[Source]) -> list[tuple[Source, str] | PhotoFailure]:
        """Read photos without decoding them.

        Returns:
            An entry a source, in order: the photo by its bytes with their SHA-256, or the failure.

        Raises:
            StorageUnavailable: a URL's server does not answer.
        """
        return list(self._pool.map(self._read, sources, self._fetched(sources)))

    def _read(
        self, source: Source, fetched: Source | InputError
    ) -> tuple[Source, str] | PhotoFailure:
        if isinstance(fetched, InputError):
            return PhotoFailure(source, fetched)
        try:
            data = read(fetched.content, source.name, self._max_bytes)
        except InputError as error:
            return PhotoFailure(source, error)
        return Source(source.name, data), hashlib.sha256(data).hexdigest()

    def _fetched(self, sources: Sequence[Source]) -> Sequence[Source | InputError]:
        """The sources, those by URL with their bytes, or with why there are none."""
        if not any(isinstance(source.content, Url) for source in sources):
            return sources
        return list(self._fetchers.map(self._fetch, sources))

    def _fetch(self, source: Source) -> Source | InputError:
        if not isinstance(source.content, Url):
            return source
        try:
            return Source(source.name, read(source.content, source.name, self._max_bytes))
        except InputError as error:
            return error

    def process(
        self,
        sources: Sequence[Source],
        choose: Choice | Sequence[Choice] | None = None,
        cut: Cut | None = None,
    ) -> list[PhotoFaces | PhotoFailure]:
        """Find and embed the faces of a batch of photos.

        Args:
            sources: the photos.
            choose: names the one face to keep of each photo (one for all, or one a photo); None
                keeps all.
            cut: makes a picture of each face that is kept.

        Returns:
            An entry a source, in order; one bad photo does not stop the others.

        Raises:
            StorageUnavailable: a URL's server does not answer.
        """
        choices: Sequence[Choice | None]
        choices = choose if isinstance(choose, Sequence) else [choose] * len(sources)
        prepared = partial(self._prepared, cut=cut)
        found = list(self._pool.map(prepared, self._fetched(sources), choices))
        embedded = iter(self._embedded([f for f in found if isinstance(f, FoundFaces)]))
        return [
            PhotoFailure(source, entry)
            if not isinstance(entry, FoundFaces)
            else _joined(source, entry, next(embedded))
            for source, entry in zip(sources, found, strict=True)
        ]

    def _prepared(
        self, source: Source | InputError, choose: Choice | None, cut: Cut | None
    ) -> FoundFaces | Fault:
        if isinstance(source, InputError):
            return source
        try:
            found = self.align(photo := self.decode(source), self.detect(photo))
            found = found if choose is None else _only(found, choose(found))
            if cut is None:
                return found
            boxes = found.detections.boxes / np.float32(photo.scale)
            return replace(found, pictures=cut(photo.pixels, boxes))
        except (InputError, InferenceFailed) as error:
            return error
        except cv2.error as error:
            return InferenceFailed(f"OpenCV failed on {source.name}: {str(error).strip()}")

    def _embedded(self, found: Sequence[FoundFaces]) -> list[Faces | InferenceFailed]:
        """Embed photos together; if that fails, each alone: nobody suffers for another's photo."""
        try:
            return [*self.embed(found)]
        except InferenceFailed as error:
            if len(found) == 1:
                return [error]
            return [entry for each in found for entry in self._embedded([each])]

    def embed_at(
        self, sources: Sequence[Source], landmarks: Floats
    ) -> list[Vectors | PhotoFailure]:
        """Embed one face of each photo, whose place is known, without looking for it.

        Args:
            sources: the photos.
            landmarks: (n, 5, 2), in pixels of the upright originals.

        Returns:
            the (1, d) vector or the failure of each source, in order.
        """
        cut = list(self._pool.map(self._chip, sources, landmarks))
        vectors = iter(
            self._vectors([entry for entry in cut if not isinstance(entry, PhotoFailure)])
        )
        embedded = [entry if isinstance(entry, PhotoFailure) else next(vectors) for entry in cut]
        return [
            PhotoFailure(source, entry) if isinstance(entry, InferenceFailed) else entry
            for source, entry in zip(sources, embedded, strict=True)
        ]

    def _vectors(self, cut: Sequence[Pixels]) -> list[Vectors | InferenceFailed]:
        """Embed chips together; if that fails, each alone."""
        if not cut:
            return []
        try:
            return [*self.embedder.embed(np.concatenate(cut))[:, None]]
        except InferenceFailed as error:
            if len(cut) == 1:
                return [error]
            return [entry for each in cut for entry in self._vectors([each])]

    def _chip(self, source: Source, landmarks: Floats) -> Pixels | PhotoFailure:
        try:
            photo = self.decode(source)
            found = landmarks[None] / np.float32(photo.scale)
            return cut(photo.pixels, found, self.embedder.alignments)
        except InputError as error:
            return PhotoFailure(source, error)
        except cv2.error as error:
            failed = InferenceFailed(f"OpenCV failed on {source.name}: {str(error).strip()}")
            return PhotoFailure(source, failed)

    def decode(self, source: Source) -> Photo:
        """Decode one photo.

        Raises:
            PhotoUnreadable, PhotoTooLarge: see `retrieval.photos.decode`.
        """
        return decode(
            source.content,
            name=source.name,
            working_px=self._working_px,
            max_pixels=self._max_pixels,
            max_bytes=self._max_bytes,
            memory_bytes=self._memory_bytes,
        )

    def detect(self, photo: Photo) -> Detections:
        """Find the faces of one photo, in the pixels of `photo.pixels`."""
        return self._detector.detect(photo.pixels)

    def align(self, photo: Photo, detections: Detections) -> FoundFaces:
        """Assess the faces and cut their chips."""
        quality = assess(photo.pixels, detections, scale=photo.scale, min_face_px=self._min_face_px)
        chips = cut(photo.pixels, detections.landmarks, self.embedder.alignments)
        return FoundFaces(
            photo.sha256, photo.width, photo.height, detections.scaled(photo.scale), quality, chips
        )

    def embed(self, found: Sequence[FoundFaces]) -> list[Faces]:
        """Embed the chips of several photos together."""
        if not found:
            return []
        vectors = self.embedder.embed(np.concatenate([f.chips for f in found]))
        ends = np.cumsum([len(f.chips) for f in found])
        return [
            Faces(f.detections, f.quality, own)
            for f, own in zip(found, np.split(vectors, ends[:-1]), strict=True)
        ]


def _joined(
    source: Source, found: FoundFaces, faces: Faces | InferenceFailed
) -> PhotoFaces | PhotoFailure:
    if isinstance(faces, InferenceFailed):
        return PhotoFailure(source, faces)
    return PhotoFaces(source, found.sha256, found.width, found.height, faces, found.pictures)


def _only(found: FoundFaces, row: int) -> FoundFaces:
    rows = np.array([row], np.intp)
    return FoundFaces(
        found.sha256,
        found.width,
        found.height,
        found.detections.take(rows),
        found.quality.take(rows),
        found.chips[rows],
    )
