"""Photo -> faces -> vectors. Stores nothing.

A photo is read once and decoded as small as finding its faces allows; where a face is small, its
chip is cut from a larger decode.

Decoding, detection and alignment run in threads, a photo each (OpenCV and ONNX Runtime let go of
the interpreter's lock); the chips of all photos of a call then share embedding batches.
"""

import hashlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import cv2
import numpy as np

from retrieval.boxes import reading_order
from retrieval.collection.photo_faces import (
    Choice,
    Cut,
    Fault,
    FoundFaces,
    InBox,
    PhotoFaces,
    PhotoFailure,
)
from retrieval.errors import InferenceFailed, InputError, ModelMissing, SeveralFaces
from retrieval.faces.align import cut, image_px_per_chip_px
from retrieval.faces.finder import Finder, Found
from retrieval.faces.quality import assess
from retrieval.photos.decode import OneSize, StoredPhoto, read
from retrieval.photos.memory import MEMORY_BYTES
from retrieval.protocols import Embedder, PhotoSizes
from retrieval.values import (
    Detail,
    Detections,
    Faces,
    Floats,
    Ints,
    Photo,
    Pixels,
    Source,
    Url,
    Vectors,
)

if TYPE_CHECKING:
    from retrieval.faces.given import GivenFace

_NOT_LOOKED_AT = "{}: it could not be looked at. Copy the photo anew, or save it as JPEG."
_FETCHED_AT_ONCE = 16  # photos by URL: their servers are waited for, not computed with

ChooseRows = Callable[[Sequence[Detections]], Sequence[Ints]]  # of each frame those that are meant


class Pipeline:
    """Decode, detect, assess, align, embed: one object for a collection's models.

    Args:
        finder, embedder: shared by all threads.
        threads: photos that are prepared at a time.
        load_given_face: loads what finds the landmarks in a given box, when there is one.
        max_pixels, max_bytes: limits on one photo.
        memory_bytes: limit on the photos that are decoded at a time in this process.
        min_face_px: smaller faces are unusable.
    """

    def __init__(
        self,
        finder: Finder,
        embedder: Embedder,
        *,
        threads: int,
        load_given_face: "Callable[[], GivenFace] | None" = None,
        max_pixels: int,
        max_bytes: int,
        min_face_px: int,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        self.embedder = embedder
        self._finder = finder
        self._load_given_face = load_given_face
        self._loaded_given_face: GivenFace | None = None
        self._loading = threading.Lock()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="photos")
        self._fetchers = ThreadPoolExecutor(_FETCHED_AT_ONCE, thread_name_prefix="fetchers")
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
        detail: Detail | None = None,
    ) -> list[PhotoFaces | PhotoFailure]:
        """Find and embed the faces of a batch of photos.

        Args:
            sources: the photos.
            choose: names the one face to keep of each photo (one for all, or one per photo); None
                keeps all.
            cut: makes a picture of each face that is kept.
            detail: how closely they are looked at, in place of the pipeline's own.

        Returns:
            An entry a source, in order; one bad photo does not stop the others.

        Raises:
            StorageUnavailable: a URL's server does not answer.
        """
        choices: Sequence[Choice | None]
        choices = choose if isinstance(choose, Sequence) else [choose] * len(sources)
        prepared = partial(self._prepared, cut=cut, detail=detail)
        found = list(self._pool.map(prepared, self._fetched(sources), choices))
        embedded = iter(self._embedded([f for f in found if isinstance(f, FoundFaces)]))
        return [
            _failure(source, entry)
            if not isinstance(entry, FoundFaces)
            else _joined(source, entry, next(embedded))
            for source, entry in zip(sources, found, strict=True)
        ]

    def unclear(self, failures: Sequence[PhotoFailure]) -> list[PhotoFaces | PhotoFailure]:
        """Embed all faces of photos that failed since several were found (`failure.unclear`)."""
        found = [each.unclear for each in failures if each.unclear is not None]
        return [
            _joined(each.source, faces, vectors)
            for each, faces, vectors in zip(failures, found, self._embedded(found), strict=True)
        ]

    def find(
        self, sources: Sequence[Source], detail: Detail | None = None
    ) -> list[FoundFaces | PhotoFailure]:
        """Find the faces of a batch of photos without embedding them; see `process`."""
        prepared = partial(self._prepared, choose=None, cut=None, detail=detail)
        found = self._pool.map(prepared, self._fetched(sources))
        return [
            entry if isinstance(entry, FoundFaces) else _failure(source, entry)
            for source, entry in zip(sources, found, strict=True)
        ]

    def _prepared(
        self,
        source: Source | InputError,
        choose: Choice | None,
        cut: Cut | None,
        detail: Detail | None = None,
    ) -> FoundFaces | PhotoFailure | Fault:
        if isinstance(source, InputError):
            return source
        try:
            photo = self.open(source)
            if isinstance(choose, InBox):
                others = self.detect(photo)
                side = others.turned if len(others.detections) else None
                at = self._given_face.find(photo, choose.box, source.name, side)
                found, choose = self.align(photo, Found(*at)), choose.choose
            else:
                found = self.align(photo, self.detect(photo, detail))
            try:
                found = found if choose is None else found.only(choose(found))
            except SeveralFaces as error:
                return PhotoFailure(source, error, found.pictured(photo, cut))
            return found.pictured(photo, cut)
        except (InputError, InferenceFailed) as error:
            return error
        except cv2.error:
            return InferenceFailed(_NOT_LOOKED_AT.format(source.name))

    def _embedded(self, found: Sequence[FoundFaces]) -> list[Faces | InferenceFailed]:
        """Embed photos together; if that fails, each alone: nobody suffers for another's photo."""
        try:
            return [*self.embed(found)]
        except InferenceFailed as error:
            if len(found) == 1:
                return [error]
            return [entry for each in found for entry in self._embedded([each])]

    @property
    def _given_face(self) -> "GivenFace":
        with self._loading:
            if self._load_given_face is None:
                raise ModelMissing("This pipeline has no network for faces in given boxes.")
            self._loaded_given_face = self._loaded_given_face or self._load_given_face()
            return self._loaded_given_face

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
            photo = self._sharp(self.open(source), landmarks[None])
            return self._chips(photo, landmarks[None])
        except InputError as error:
            return PhotoFailure(source, error)
        except cv2.error:
            return PhotoFailure(source, InferenceFailed(_NOT_LOOKED_AT.format(source.name)))

    def look(
        self, frames: Sequence[Pixels], choose: ChooseRows | None = None
    ) -> tuple[list[Detections], list[Faces]]:
        """Find and embed the faces of frames of a video, each (h, w, 3) RGB uint8 and upright.

        One look at each, as the next shows the same people. Dark ones are brought to common light.

        Args:
            frames: the pictures.
            choose: says of all frames' detections which rows of each are embedded; None: all.

        Returns:
            of each frame all faces, in the order in which they are counted, and those of the chosen
            rows with their vectors.

        Raises:
            InferenceFailed: a network failed.
        """
        try:
            frames = list(self._pool.map(self._finder.lit, frames))
            found = list(self._pool.map(self._glanced, frames))
            chosen = found
            if choose is not None:
                chosen = [f.take(r) for f, r in zip(found, choose(found), strict=True)]
            cut_out = list(self._pool.map(self._cut_out, frames, chosen))
        except cv2.error as error:
            raise InferenceFailed(_NOT_LOOKED_AT.format("a frame")) from error
        return found, self.embed(cut_out)

    def side_up(self, pixels: Pixels, found: Detections) -> int | None:
        """Which side of a frame is up; see `Finder.side_up`."""
        return self._finder.side_up(self._finder.lit(pixels), found)

    def _glanced(self, pixels: Pixels) -> Detections:
        found = self._finder.glance(pixels).detections
        return found.take(reading_order(found.boxes))

    def _cut_out(self, pixels: Pixels, detections: Detections) -> FoundFaces:
        frame = OneSize(Photo("frame", "", pixels.shape[1], pixels.shape[0], pixels))
        return self._aligned(frame, detections, 0)

    def open(self, source: Source) -> StoredPhoto:
        """Read one photo; its pixels are decoded when they are asked for.

        Raises:
            PhotoUnreadable, PhotoTooLarge: see `retrieval.photos.decode`.
        """
        data = read(source.content, source.name, self._max_bytes)
        return StoredPhoto(
            data, source.name, max_pixels=self._max_pixels, memory_bytes=self._memory_bytes
        )

    @property
    def working_px(self) -> int:
        """Longer side to which a photo is decoded before faces are looked for."""
        return self._finder.working_px

    def detect(self, photo: PhotoSizes, detail: Detail | None = None) -> Found:
        """Find the faces of one photo, in pixels of the original.

        Raises:
            PhotoUnreadable, PhotoTooLarge: see `retrieval.photos.decode`.
        """
        return self._finder.find(photo, detail)

    def align(self, photo: PhotoSizes, found: Found) -> FoundFaces:
        """Number the faces, assess them and cut their chips."""
        ordered = found.detections.take(reading_order(found.detections.boxes))
        return self._aligned(photo, ordered, found.turned)

    def _aligned(self, photo: PhotoSizes, detections: Detections, turned: int) -> FoundFaces:
        usable = detections.boxes[:, 2:].min(axis=1) >= self._min_face_px
        sharp = self._sharp(photo, detections.landmarks[usable])
        quality = assess(
            sharp.pixels,
            detections.scaled(1 / sharp.scale),
            scale=sharp.scale,
            min_face_px=self._min_face_px,
        )
        chips = self._chips(sharp, detections.landmarks)
        of = sharp.name, sharp.sha256, sharp.width, sharp.height
        return FoundFaces(*of, detections, quality, chips, turned=turned)

    def _sharp(self, photo: PhotoSizes, landmarks: Floats) -> Photo:
        """The photo so large that no chip of these faces is enlarged, if it has the pixels."""
        known = photo.at_least(1)
        longer = max(known.width, known.height)
        step = min(
            image_px_per_chip_px(landmarks, alignment.template).min(initial=longer)
            for alignment in self.embedder.alignments
        )
        needed = int(longer / max(float(step), 1.0))
        return photo.at_least(max(needed, self.working_px))  # as it was when faces were looked for

    def _chips(self, photo: Photo, landmarks: Floats) -> Pixels:
        """The chips of faces whose landmarks are in pixels of the original."""
        return cut(photo.pixels, landmarks / np.float32(photo.scale), self.embedder.alignments)

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


def _failure(source: Source, entry: PhotoFailure | Fault) -> PhotoFailure:
    if isinstance(entry, PhotoFailure):
        return replace(entry, source=source)  # not as it was fetched
    return PhotoFailure(source, entry)


def _joined(
    source: Source, found: FoundFaces, faces: Faces | InferenceFailed
) -> PhotoFaces | PhotoFailure:
    if isinstance(faces, InferenceFailed):
        return PhotoFailure(source, faces)
    return PhotoFaces(
        source, found.sha256, found.width, found.height, faces, found.pictures, found.turned
    )
