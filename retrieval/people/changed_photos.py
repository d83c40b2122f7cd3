"""Enrolled photos beside their files as they are by now: replaced, moved, or gone."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from retrieval.catalogue.enrolment import is_of
from retrieval.catalogue.names import folded
from retrieval.catalogue.records import EnrolledFace, Owner
from retrieval.catalogue.runs.run_records import ListedPhoto
from retrieval.collection.enrolments import EnrolResult
from retrieval.errors import PhotoError
from retrieval.photos.decode import read
from retrieval.photos.urls import location_of
from retrieval.values import Location, Url


def vanished(
    enrolled: Iterable[EnrolledFace],
    path: Location,
    listed: Sequence[ListedPhoto],
    hashes: Mapping[str, str | None],
) -> list[EnrolledFace]:
    """Enrolled photos from the list's folder, of people who are in the list, that it has no more.

    A photo is there by its content or by its path, so one that was moved or changed is not gone.

    Args:
        enrolled: in the collection.
        path: of the list, on this machine's disk; a list at a URL has no folder.
        listed: the list's photos that can be used.
        hashes: of the listed photos, by path.
    """
    if not isinstance(path, Path):
        return []
    paths = {photo.path for photo in listed}
    people = {folded(photo.person) for photo in listed}
    there = {hashes[photo.path] for photo in listed}
    return [
        face
        for face in enrolled
        if folded(face.person) in people
        and Path(face.photo).is_relative_to(path.parent)
        and face.photo not in paths
        and face.photo_sha256 not in there
    ]


def replaced(
    enrolled: Iterable[EnrolledFace],
    photos: Iterable[ListedPhoto],
    hashes: Mapping[str, str | None],
) -> list[EnrolledFace]:
    """Enrolled photos whose file, listed for the same person, holds another picture by now.

    A picture that another of the listed files holds was moved, and is none.

    Args:
        enrolled: in the collection.
        photos: listed, that can be used.
        hashes: of the listed photos, by path.
    """
    listed = {photo.path: photo for photo in photos}
    there = [face for face in enrolled if face.photo in listed]
    held = {hashes[face.photo] for face in there}
    return [
        face
        for face in there
        if (now := hashes[face.photo]) is not None
        and face.photo_sha256 not in held
        and not is_of(face, now)
        and Owner(face.person, face.external_id).may_be(
            listed[face.photo].person, listed[face.photo].external_id
        )
    ]


def outdated(
    enrolled: Iterable[EnrolledFace], results: Iterable[EnrolResult], max_bytes: int
) -> list[EnrolledFace]:
    """Faces enrolled before, whose file another picture was enrolled from now.

    Args:
        enrolled: before the enrolment.
        results: of the enrolment; a picture that is among them under another path was moved.
        max_bytes: of a photo.
    """
    results = list(results)
    taken = {result.photo for result in results if result.outcome == "enrolled"}
    held = {result.sha256 for result in results}
    others = [face for face in enrolled if face.photo in taken and face.photo_sha256 not in held]
    # Of an old part its photo is not always known: the file itself tells.
    hashes = {path: sha256_of(path, max_bytes) for path in {face.photo for face in others}}
    return [
        face for face in others if (now := hashes[face.photo]) is not None and not is_of(face, now)
    ]


def sha256_of(path: str, max_bytes: int) -> str | None:
    """The SHA-256 of a photo's file; None where it cannot be read."""
    place = location_of(path)
    try:
        if isinstance(place, Url):
            return hashlib.sha256(read(place, path, max_bytes)).hexdigest()
        with place.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, PhotoError):
        return None
