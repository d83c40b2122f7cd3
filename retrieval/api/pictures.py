"""Pictures of enrolled faces: cut from the kept copy, or from the file that was enrolled."""

import hashlib
import io
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

from PIL import Image
from starlette.responses import Response

from retrieval.catalogue.picture_rows import Of
from retrieval.catalogue.records import EnrolledFace
from retrieval.catalogue.strangers import UnknownFace
from retrieval.errors import NotFound, PhotoError
from retrieval.photos.decode import decode, read
from retrieval.service import Service
from retrieval.settings import Settings
from retrieval.values import Confined, Location, Photo, Source

CACHED = {"Cache-Control": "private, max-age=300"}
SIDE_PX = 224
_AROUND = 1.7  # of the box's longer side: hair and chin are on the picture
_HELD = 2_000  # pictures of some 8 kB each
_STEPS = (320, 640, 1280, 2048)  # longer sides of previews: a grid, a large grid, a screen, a zoom
_PREVIEW_BYTES = 64 << 20  # of previews in memory: some 2,000 of a grid


def jpeg_or_nothing(picture: Callable[[], bytes], *, optional: bool) -> Response:
    """The picture, or 204 where it is missing and that is allowed."""
    try:
        return Response(picture(), media_type="image/jpeg", headers=CACHED)
    except NotFound:
        if not optional:
            raise
        return Response(status_code=204)


class Pictures:
    """Cuts pictures of faces, and holds the last ones in memory. Safe to share."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._held: OrderedDict[int, bytes] = OrderedDict()
        self._previews: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._preview_bytes = 0

    def held(self, face_id: int) -> bytes | None:
        """The picture of a face, where it was cut lately."""
        with self._lock:
            picture = self._held.get(face_id)
            if picture is not None:
                self._held.move_to_end(face_id)
            return picture

    def cut(self, service: Service, face: EnrolledFace) -> bytes:
        """The picture of a face as JPEG.

        Raises:
            NotFound: no copy of its photo is kept, and the file is not there any more.
        """
        data = service.photos.read(face.photo_sha256)
        data = data or _original(face.photo, face.photo_sha256, self._settings)
        if data is None:
            thumbnail = self.thumbnail(service, face.id)
            if thumbnail is not None:
                return thumbnail
            raise NotFound(
                f"There is no picture of the face {face.id}: no copy of its photo is kept. The"
                " setting keep_photos keeps those of photos that are enrolled afterwards."
            )
        picture = _cut(data, face.photo, face.box, face.width, face.height, self._settings)
        with self._lock:
            self._held[face.id] = picture
            while len(self._held) > _HELD:
                self._held.popitem(last=False)
        return picture

    def thumbnail(self, service: Service, face_id: int) -> bytes | None:
        """The picture of 112 px that was kept of an enrolled face, or None."""
        return service.catalogue.thumbnails.find(service.collection.id, Of.FACE, [face_id]).get(
            face_id
        )

    def of_stranger(self, service: Service, faces: Sequence[UnknownFace]) -> bytes:
        """The picture of the first of these faces that has one; unknown photos are not kept."""
        ids = [face.id for face in faces]
        kept = service.catalogue.thumbnails.find(service.collection.id, Of.STRANGER, ids)
        found = next((kept[face_id] for face_id in ids if face_id in kept), None)
        if found is not None:
            return found
        for face in faces:
            data = _original(face.photo, face.sha256, self._settings)
            if data is not None:
                left, top, width, height = face.box.tolist()
                shown = (left, top, width, height)
                return _cut(data, face.photo, shown, face.width, face.height, self._settings)
        raise NotFound("There is no picture: photos that are asked about are not kept.")

    def preview(self, source: Source, sha256: str | None, side: int) -> bytes:
        """A whole photo as JPEG, upright, its longer side at least `side` pixels if it has them.

        Args:
            source: where it is.
            sha256: what its bytes must be, so that it is held as well; None of one that nobody may
                keep.
            side: what is asked for; the next of a few steps is made.

        Raises:
            NotFound: another photo lies there by now.
            PhotoError: it cannot be read.
        """
        step = next((step for step in _STEPS if step >= side), _STEPS[-1])
        key = (sha256 or "", step)
        with self._lock:
            held = self._previews.get(key) if sha256 else None
            if held is not None:
                self._previews.move_to_end(key)
                return held
        data = read(source.content, source.name, self._settings.max_photo_bytes)
        if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
            raise NotFound(f"{source.name} is another photo by now where it lay.")
        photo = self._decoded(data, source.name, step)
        picture = Image.fromarray(photo.pixels)
        picture.thumbnail((step, step), Image.Resampling.LANCZOS)
        made = _jpeg(picture)
        if sha256 is not None:
            self._hold(key, made)
        return made

    def _decoded(self, data: bytes, name: str, working_px: int) -> Photo:
        return decode(
            data,
            name=name,
            working_px=working_px,
            max_pixels=self._settings.max_pixels,
            max_bytes=self._settings.max_photo_bytes,
            memory_bytes=self._settings.memory_bytes,
        )

    def _hold(self, key: tuple[str, int], made: bytes) -> None:
        with self._lock:
            before = self._previews.pop(key, b"")
            self._previews[key] = made
            self._preview_bytes += len(made) - len(before)
            while self._preview_bytes > _PREVIEW_BYTES:
                _, oldest = self._previews.popitem(last=False)
                self._preview_bytes -= len(oldest)

    def small(self, path: Location | Confined) -> bytes:
        """A small copy of a whole photo as JPEG, or NotFound where it cannot be read."""
        photo = _decoded(path, str(path), SIDE_PX, self._settings)
        picture = Image.fromarray(photo.pixels)
        picture.thumbnail((SIDE_PX, SIDE_PX), Image.Resampling.LANCZOS)
        return _jpeg(picture)

    def forget(self, face_ids: Iterable[int], sha256s: Collection[str]) -> None:
        """Hold no pictures of these faces, nor previews of these photos."""
        with self._lock:
            for face_id in face_ids:
                self._held.pop(face_id, None)
            for key in [key for key in self._previews if key[0] in sha256s]:
                self._preview_bytes -= len(self._previews.pop(key))


def _original(photo: str, sha256: str, settings: Settings) -> bytes | None:
    """The file that was enrolled or asked about, if it is still there and still the same."""
    try:
        path = Path(photo)
        if path.stat().st_size > settings.max_photo_bytes:
            return None
        data = path.read_bytes()
    except (OSError, ValueError):  # ValueError: a name that is no path
        return None
    return data if hashlib.sha256(data).hexdigest() == sha256 else None


def _cut(
    data: bytes,
    name: str,
    face: tuple[float, float, float, float],
    photo_width: int,
    photo_height: int,
    settings: Settings,
) -> bytes:
    left, top, width, height = face
    side = min(max(width, height) * _AROUND, photo_width, photo_height)
    working_px = max(int(max(photo_width, photo_height) * min(SIDE_PX / side, 1)), 1)
    photo = _decoded(data, name, working_px, settings)
    x = min(max(left + width / 2 - side / 2, 0), photo_width - side)
    y = min(max(top + height / 2 - side / 2, 0), photo_height - side)
    box = (x / photo.scale, y / photo.scale, (x + side) / photo.scale, (y + side) / photo.scale)
    size = (SIDE_PX, SIDE_PX)
    return _jpeg(Image.fromarray(photo.pixels).resize(size, Image.Resampling.LANCZOS, box))


def _decoded(
    source: Location | Confined | bytes, name: str, working_px: int, settings: Settings
) -> Photo:
    try:
        return decode(
            source,
            name=name,
            working_px=working_px,
            max_pixels=settings.max_pixels,
            max_bytes=settings.max_photo_bytes,
            memory_bytes=settings.memory_bytes,
        )
    except PhotoError as error:
        raise NotFound(f"There is no picture: {error}") from error


def _jpeg(picture: Image.Image) -> bytes:
    written = io.BytesIO()
    picture.save(written, "JPEG", quality=85)
    return written.getvalue()
