"""Pictures of enrolled faces that have none yet, cut from kept copies or where photos lie."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.picture_rows import Of
from retrieval.catalogue.records import EnrolledFace
from retrieval.collection.thumbnails import SIDE_PX, cut
from retrieval.errors import InputError, StoreError
from retrieval.photos.decode import decode, read
from retrieval.photos.store import PhotoStore
from retrieval.photos.urls import location_of

_AT_ONCE = 100  # faces per transaction


def fill(
    catalogue: Catalogue,
    collection_id: int,
    photos: PhotoStore,
    faces: Sequence[int],
    advance: Callable[[int], None],
    *,
    max_pixels: int,
    max_bytes: int,
) -> int:
    """Keep a picture of each face whose photo can be read; return how many were made."""
    made = 0
    for start in range(0, len(faces), _AT_ONCE):
        some = catalogue.faces(faces[start : start + _AT_ONCE])
        pictures = {}
        for face in some.values():
            data = _photo(face, photos, max_bytes)
            picture = None if data is None else _picture(face, data, max_pixels, max_bytes)
            if picture is not None:
                pictures[face.id] = picture
            advance(1)
        made += catalogue.thumbnails.put(collection_id, Of.FACE, pictures)
    return made


def _photo(face: EnrolledFace, photos: PhotoStore, max_bytes: int) -> bytes | None:
    """The photo's bytes, if they are still what was enrolled."""
    try:
        kept = photos.read(face.photo_sha256)
        if kept is not None:
            return kept
        place = location_of(face.photo)
        if isinstance(place, Path) and not place.is_file():
            return None
        data = read(place, face.photo, max_bytes)
    except (InputError, StoreError):
        return None
    return data if hashlib.sha256(data).hexdigest() == face.photo_sha256 else None


def _picture(face: EnrolledFace, data: bytes, max_pixels: int, max_bytes: int) -> bytes | None:
    side = max(face.box[2], face.box[3], 1.0)
    working_px = max(int(max(face.width, face.height) * min(SIDE_PX / side, 1)), 1)
    try:
        photo = decode(
            data, name=face.photo, working_px=working_px, max_pixels=max_pixels, max_bytes=max_bytes
        )
    except InputError:
        return None
    box = np.array([face.box], np.float32) / np.float32(photo.scale)
    return cut(photo.pixels, box)[0]
