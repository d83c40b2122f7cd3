"""An event's photos after they came in: read again, and faces in them that were missed."""

from pathlib import Path
from typing import NoReturn

import numpy as np

from retrieval.boxes import same_face
from retrieval.catalogue.erasing.erasure_log import is_of
from retrieval.catalogue.events.records import Event, EventPhoto
from retrieval.collection.active_model import ActiveModel
from retrieval.collection.enrolments import FaceBox
from retrieval.collection.photo_faces import FoundFaces, InBox, PhotoFailure
from retrieval.collection.thumbnails import cut
from retrieval.errors import (
    AlreadyExists,
    InferenceFailed,
    InputError,
    NoFace,
    NotFound,
)
from retrieval.events.host import Host
from retrieval.photos.urls import location_of
from retrieval.values import Source


def photo_of(host: Host, event: Event, photo_id: int) -> EventPhoto:
    """A photo of an event that was taken, or NotFound."""
    photo = host.catalogue.albums.photo(event.id, photo_id)
    if photo is None:
        raise NotFound(f"The event has no photo {photo_id}.")
    return photo


def read_again(host: Host, photo: EventPhoto | None) -> Source | None:
    """Where a photo is to be read again, None if nowhere; a video's frames are not looked for."""
    return None if photo is None or photo.seconds is not None else where(host, photo)


def where(host: Host, photo: EventPhoto) -> Source | None:
    """Where a photo or video is: its kept copy, else where it lay; None if nowhere."""
    if photo.sha256 is None:
        return None
    kept = host.photos.read(photo.sha256)
    if kept is not None:
        return Source(photo.photo, kept)
    if photo.location is None:
        return None
    try:
        place = location_of(photo.location)
    except InputError:
        return None
    if isinstance(place, Path) and not place.is_file():
        return None
    return Source(photo.photo, place)


def add_face(host: Host, event: Event, photo_id: int, box: FaceBox) -> int:
    """Add a face that was missed, where somebody saw it; it is decided with the others.

    Args:
        host: whose event it is.
        event: which.
        photo_id: of a photo of it.
        box: xywh in pixels of the upright photo.

    Returns:
        the id of the new appearance.

    Raises:
        NotFound: no such photo, or it cannot be read again.
        PhotoError: nothing in the box is like a face, or no vector can be made of it.
        AlreadyExists: the event has that face.
    """
    photo = photo_of(host, event, photo_id)
    source = read_again(host, photo)
    if source is None:
        raise NotFound(
            f"{photo.photo} was not kept, so faces that were missed cannot be added. Events keep"
            " their photos where that was chosen before these were added."
        )

    def work(active_model: ActiveModel) -> int:
        pictures = cut if host.keeping.thumbnails else None
        choice = InBox(box, _the_one)
        (found,) = active_model.pipeline.process([source], choice, cut=pictures)
        if isinstance(found, PhotoFailure):
            _refuse(photo, found)
        if not is_of(photo.sha256, found.sha256):
            raise NotFound(f"{photo.photo} is another photo by now where it lay.")
        taken = host.catalogue.event_faces.shown(event.id, photos=[photo_id])
        boxes = np.array([each.box for each in taken], np.float32).reshape(-1, 4)
        if same_face(found.faces.detections.boxes, boxes).any():
            raise AlreadyExists(f"{photo.photo} has a face there already.")
        collection = active_model.collection
        return host.catalogue.albums.add_face(
            collection.id, event.id, photo, found.faces, found.pictures, collection.fingerprint
        )

    return host.steadily(work)


def _refuse(photo: EventPhoto, found: PhotoFailure) -> NoReturn:
    if isinstance(found.error, InferenceFailed):
        raise NoFace(
            f"{photo.photo}: no vector can be made of what the box holds. Draw it from the forehead"
            " to the chin, or leave this face out."
        ) from found.error
    raise found.error


def _the_one(found: FoundFaces) -> int:
    return 0
