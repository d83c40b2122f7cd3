"""Folders of photos, listed as they are read, so that a million photos need no memory.

Hidden files and files whose ending is no photo's are passed over; whether a listed file really is
a photo, and still there, shows when it is decoded.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from retrieval.errors import DataInvalid

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".mpo", ".png", ".webp", ".heic", ".heif", ".avif", ".tif", ".tiff"}
    | {".bmp", ".gif", ".pnm", ".ppm", ".pgm", ".pbm", ".jp2", ".j2k"}
)


def photos_below(folder: Path, *, recursive: bool = False) -> Iterator[Path]:
    """The photos in a folder, by name; with `recursive`, then those of its folders.

    Raises:
        DataInvalid: the folder cannot be read.
    """
    folders = []
    for entry in _entries(folder):
        if entry.is_dir(follow_symlinks=False):
            folders.append(Path(entry.path))
        elif Path(entry.name).suffix.lower() in SUFFIXES:
            yield Path(entry.path)
    if recursive:
        for below in folders:
            yield from _photos_of(below)


def people_below(folder: Path) -> Iterator[tuple[str, Path]]:
    """Names and photos of a folder that holds a folder a person, both by name.

    Photos in folders below a person's are that person's too.

    Raises:
        DataInvalid: the folder cannot be read.
    """
    for entry in _entries(folder):
        if entry.is_dir():
            for photo in _photos_of(Path(entry.path)):
                yield entry.name, photo


def _photos_of(folder: Path) -> Iterator[Path]:
    """The photos of a folder that another one lists; the folder itself where it cannot be read.

    So one bad folder stops no run: it is rejected, with its reason, when it is decoded. One that
    went away since it was listed has no photos.
    """
    try:
        yield from photos_below(folder, recursive=True)
    except DataInvalid:
        if folder.exists():
            yield folder


def _entries(folder: Path) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            visible = [entry for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        raise DataInvalid(
            f"The folder {folder} cannot be read: {error.strerror}. Check its name and permissions."
        ) from error
    return sorted(visible, key=lambda entry: entry.name)
