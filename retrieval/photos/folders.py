"""Folders of photos, listed as they are read, so that a million photos need no memory.

Hidden files and files whose ending is no photo's are passed over; whether a listed file really is
a photo, and still there, shows when it is decoded.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeVar

from retrieval.errors import DataInvalid
from retrieval.photos import urls
from retrieval.values import Location, Url

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".mpo", ".png", ".webp", ".heic", ".heif", ".avif", ".tif", ".tiff"}
    | {".bmp", ".gif", ".pnm", ".ppm", ".pgm", ".pbm", ".jp2", ".j2k"}
)


P = TypeVar("P", Path, Url, Location)  # below a path lie paths, below a URL URLs


def is_folder(place: Location) -> bool:
    """Whether there is a folder in this place.

    Raises:
        StorageUnavailable: a URL's server does not answer.
    """
    return place.is_dir() if isinstance(place, Path) else urls.is_folder(place)


def exists(place: Location) -> bool:
    """Whether there is anything in this place.

    Raises:
        StorageUnavailable: a URL's server does not answer.
    """
    return place.exists() if isinstance(place, Path) else urls.exists(place)


def photos_below(folder: P, *, recursive: bool = False) -> Iterator[P]:
    """The photos in a folder, by name; with `recursive`, then those of its folders.

    Raises:
        DataInvalid: the folder cannot be read.
        StorageUnavailable: a URL's server does not answer.
    """
    folders = []
    for entry in _entries(folder):
        if entry.is_folder and not entry.is_link:
            folders.append(entry.name)
        elif PurePosixPath(entry.name).suffix.lower() in SUFFIXES:
            yield folder / entry.name
    if recursive:
        for below in folders:
            yield from _photos_of(folder / below)


def people_below(folder: P) -> Iterator[tuple[str, P]]:
    """Names and photos of a folder that holds a folder a person, both by name.

    Photos in folders below a person's are that person's too.

    Raises:
        DataInvalid: the folder cannot be read.
        StorageUnavailable: a URL's server does not answer.
    """
    for entry in _entries(folder):
        if entry.is_folder:
            for photo in _photos_of(folder / entry.name):
                yield entry.name, photo


def _photos_of(folder: P) -> Iterator[P]:
    """The photos of a folder that another one lists; the folder itself where it cannot be read.

    So one bad folder stops no run: it is rejected, with its reason, when it is decoded. One that
    went away since it was listed has no photos.
    """
    try:
        yield from photos_below(folder, recursive=True)
    except DataInvalid:
        if exists(folder):
            yield folder


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    is_folder: bool  # or a link to one
    is_link: bool


def _entries(folder: Location) -> list[_Entry]:
    """What a folder holds, by name, without what is hidden."""
    found = (
        _local(folder)
        if isinstance(folder, Path)
        else [_Entry(*entry) for entry in urls.entries(folder)]
    )
    return sorted((e for e in found if not e.name.startswith(".")), key=lambda entry: entry.name)


def _local(folder: Path) -> list[_Entry]:
    try:
        with os.scandir(folder) as entries:
            return [_Entry(entry.name, entry.is_dir(), entry.is_symlink()) for entry in entries]
    except OSError as error:
        raise DataInvalid(
            f"The folder {folder} cannot be read: {error.strerror}. Check its name and permissions."
        ) from error
