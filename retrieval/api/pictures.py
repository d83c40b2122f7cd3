"""Pictures of enrolled faces: cut from the kept copy, or from the file that was enrolled."""

import hashlib
import io
import threading
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path

from PIL import Image

from retrieval.catalogue.records import EnrolledFace
from retrieval.errors import NotFound, PhotoError
from retrieval.photos.decode import decode
from retrieval.service import Service
from retrieval.settings import Settings

SIDE_PX = 224
_AROUND = 1.7  # of the box's longer side: hair and chin are on the picture
_HELD = 2_000  # pictures of some 8 kB each


class Pictures:
    """Cuts pictures of faces, and holds the last ones in memory. Safe to share."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._held: OrderedDict[int, bytes] = OrderedDict()

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
        data = service.photos.read(face.sha256) or _original(face, self._settings)
        if data is None:
            raise NotFound(
                f"There is no picture of the face {face.id}: no copy of its photo is kept. Set"
                " ROLLCALL_KEEP_PHOTOS=true before photos are enrolled."
            )
        picture = _cut(data, face, self._settings)
        with self._lock:
            self._held[face.id] = picture
            while len(self._held) > _HELD:
                self._held.popitem(last=False)
        return picture

    def forget(self, face_ids: Iterable[int]) -> None:
        """Hold no pictures of these faces."""
        with self._lock:
            for face_id in face_ids:
                self._held.pop(face_id, None)


def _original(face: EnrolledFace, settings: Settings) -> bytes | None:
    """The file that was enrolled, if it is still there and still the same."""
    try:
        path = Path(face.photo)
        if path.stat().st_size > settings.max_photo_bytes:
            return None
        data = path.read_bytes()
    except (OSError, ValueError):  # ValueError: a name that is no path
        return None
    return data if hashlib.sha256(data).hexdigest() == face.sha256 else None


def _cut(data: bytes, face: EnrolledFace, settings: Settings) -> bytes:
    left, top, width, height = face.box
    side = max(width, height) * _AROUND
    longer = max(face.width, face.height)
    try:
        photo = decode(
            data,
            name=face.photo,
            working_px=max(int(longer * min(SIDE_PX / side, 1)), 1),
            max_pixels=settings.max_pixels,
            max_bytes=settings.max_photo_bytes,
        )
    except PhotoError as error:
        raise NotFound(f"There is no picture of the face {face.id}: {error}") from error
    x, y, half = left + width / 2, top + height / 2, side / 2
    box = tuple(round(edge / photo.scale) for edge in (x - half, y - half, x + half, y + half))
    cut = Image.fromarray(photo.pixels).crop((box[0], box[1], box[2], box[3]))
    written = io.BytesIO()
    cut.resize((SIDE_PX, SIDE_PX), Image.Resampling.LANCZOS).save(written, "JPEG", quality=85)
    return written.getvalue()
