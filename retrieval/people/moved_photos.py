"""A share of photos that lies elsewhere now: its paths are mended where its photos are there."""

import hashlib

from retrieval.catalogue.enrolment import is_of
from retrieval.catalogue.photo_paths import moved_path
from retrieval.catalogue.records import EnrolledFace
from retrieval.errors import NotFound, PhotoError, SettingInvalid
from retrieval.photos.decode import read
from retrieval.photos.urls import location_of
from retrieval.service import Service

_LOOKED_AT = 20  # photos whose content is compared, spread over all


def check_moved(service: Service, folder: str, to: str, max_bytes: int) -> tuple[int, int]:
    """See that the photos that were enrolled from one folder lie in another one now.

    Args:
        service: of the collection.
        folder, to: the old and the new place, absolute.
        max_bytes: of a photo.

    Returns:
        how many photos there are, and how many of them were read and are the same.

    Raises:
        NotFound: no enrolled photo is of the old place.
        SettingInvalid: both places are one; a photo that was read is not there, or is another one.
    """
    if folder == to:
        raise SettingInvalid(f"The photos lie in {to} already: say where they lay before.")
    moved = [
        (after, face)
        for face in service.catalogue.photos(service.collection.id)
        if (after := moved_path(face.photo, folder, to)) is not None
    ]
    if not moved:
        raise NotFound(
            f"No enrolled photo lies below {folder}. `rollcall photos list` says where they do."
        )
    chosen = moved[:: max(len(moved) // _LOOKED_AT, 1)][:_LOOKED_AT]
    for path, face in chosen:
        _check_same(face, path, max_bytes)
    return len(moved), len(chosen)


def _check_same(face: EnrolledFace, path: str, max_bytes: int) -> None:
    try:
        data = read(location_of(path), path, max_bytes)
    except PhotoError as error:
        raise SettingInvalid(f"Nothing was changed: {error}") from error
    sha256 = hashlib.sha256(data).hexdigest()
    if not is_of(face, sha256):
        raise SettingInvalid(
            f"Nothing was changed: {path} is another photo than was enrolled. Check the folders."
        )
