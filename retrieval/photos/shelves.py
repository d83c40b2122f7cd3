"""Where the bytes of kept photos lie: in a folder of this machine, or behind a URL.

A file is there wholly or not at all. In a folder it is written beside its place, synced and
renamed. Object stores put an object in one step; behind any other protocol it is written beside
its place and renamed there, and whether that is synced is the server's matter.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Protocol
from uuid import uuid4

from retrieval.errors import DataInvalid, PhotoUnreadable, StoreError, StoreFull
from retrieval.files.output import is_disk_full
from retrieval.files.private import make_folder
from retrieval.photos import urls
from retrieval.photos.folders import exists
from retrieval.values import Location, Url

_DRAFT_S = 3600.0  # no copy takes that long
_DRAFTS = ".drafts"  # below a shelf: files that are being written, under a lock
_MOST_BYTES = 1 << 40  # what was kept is read, whatever limit there is for new photos today


class Shelf(Protocol):
    """Files by name, in 256 folders, so that none grows too long to list."""

    def read(self, name: str, most: int = _MOST_BYTES) -> bytes | None:
        """A file's first bytes, all of them if there are no more than `most`; None if none."""

    def write(self, name: str, data: bytes) -> None:
        """Write a file, whole or not at all; an older one is replaced."""

    def has(self, name: str) -> bool:
        """Whether there is such a file."""

    def delete(self, name: str) -> None:
        """Delete a file, if it is there."""

    def names(self) -> list[str]:
        """All files that are whole."""

    def drop_drafts(self) -> None:
        """Delete what killed processes left of files that they did not finish."""

    def clear(self) -> None:
        """Delete everything."""


def shelf_of(place: Location) -> Shelf:
    """The shelf in a place."""
    return FolderShelf(place) if isinstance(place, Path) else UrlShelf(place)


def shelves_below(root: Location) -> list[tuple[int, Location]]:
    """The collections that photos are kept of below a root: their ids and places."""
    if isinstance(root, Path):
        names = [path.name for path in root.glob("*")]
    else:
        try:
            names = [name for name, is_folder, _ in urls.entries(root) if is_folder]
        except DataInvalid:
            if exists(root):
                raise
            names = []
    return [(int(name), root / name) for name in sorted(names) if name.isdecimal()]


class FolderShelf:
    """Files in a folder of this machine, readable by their owner alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, name: str, most: int = _MOST_BYTES) -> bytes | None:
        """See `Shelf`."""
        path = self._path(name)
        try:
            with path.open("rb") as file:
                return file.read(most) if most < _MOST_BYTES else file.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise store_error(path, error) from error

    def write(self, name: str, data: bytes) -> None:
        """See `Shelf`."""
        path = self._path(name)
        try:
            make_folder(path.parent)
            make_folder(self.folder / _DRAFTS)
            _write(path, self.folder / _DRAFTS, data)
        except OSError as error:
            raise store_error(path, error) from error

    def has(self, name: str) -> bool:
        """See `Shelf`."""
        return self._path(name).exists()

    def delete(self, name: str) -> None:
        """See `Shelf`."""
        path = self._path(name)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise store_error(path, error) from error

    def names(self) -> list[str]:
        """See `Shelf`."""
        return sorted(p.name for p in self.folder.glob("??/*") if not p.name.startswith("."))

    def drop_drafts(self) -> None:
        """See `Shelf`."""
        if not (self.folder / _DRAFTS).exists():  # from before drafts had a folder of their own
            for path in self.folder.glob("??/.*"):
                with suppress(OSError):
                    if time.time() - path.stat().st_mtime > _DRAFT_S:
                        path.unlink()
        for path in self.folder.glob(f"{_DRAFTS}/*"):
            with suppress(OSError), path.open("rb") as draft:  # somebody holds it: being written
                fcntl.flock(draft, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()

    def clear(self) -> None:
        """See `Shelf`."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, name: str) -> Path:
        return self.folder / name[:2] / name


class UrlShelf:
    """Files behind a URL. Every method may raise StorageUnavailable."""

    def __init__(self, url: Url) -> None:
        self._url = url

    def read(self, name: str, most: int = _MOST_BYTES) -> bytes | None:
        """See `Shelf`."""
        try:
            return urls.beginning(self._file(name), most)
        except PhotoUnreadable as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return None
            raise StoreError(f"A kept photo cannot be read: {error}") from error

    def write(self, name: str, data: bytes) -> None:
        """See `Shelf`."""
        place = self._file(name)
        draft = None if place.protocol in _PUT_IN_ONE_STEP else place.parent / f".{uuid4().hex}"
        urls.put(place, data, draft)

    def has(self, name: str) -> bool:
        """See `Shelf`."""
        return exists(self._file(name))

    def delete(self, name: str) -> None:
        """See `Shelf`."""
        urls.delete(self._file(name))

    def names(self) -> list[str]:
        """See `Shelf`."""
        return sorted(name for _, name in self._entries() if not name.startswith("."))

    def drop_drafts(self) -> None:
        """See `Shelf`; of whatever age: clocks differ, and a write that fails is repeated."""
        for folder, name in self._entries():
            if name.startswith("."):
                urls.delete(folder / name)

    def clear(self) -> None:
        """See `Shelf`."""
        urls.delete(self._url, recursive=True)

    def _file(self, name: str) -> Url:
        return self._url / name[:2] / name

    def _entries(self) -> Iterator[tuple[Url, str]]:
        if not exists(self._url):
            return
        for folder, is_folder, _ in urls.entries(self._url):
            if is_folder:
                for name, _, _ in urls.entries(self._url / folder):
                    yield self._url / folder, name


# Where an object appears only when all of it is there; a move there would be a copy.
_PUT_IN_ONE_STEP = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oci"})


def store_error(path: Path, error: OSError) -> StoreError:
    """What an error of the file system means for the store."""
    if is_disk_full(error):
        return StoreFull(
            f"There is no space left for a copy of the photo in {path.parent}. Free some, or keep "
            "no copies (of enrolled photos: ROLLCALL_KEEP_PHOTOS=false)."
        )
    return StoreError(f"{path}: {error.strerror}. Check the permissions of {path.parent}.")


def _write(path: Path, drafts: Path, data: bytes) -> None:
    with _draft(drafts) as draft:
        try:
            draft.write(data)
            draft.flush()
            os.fsync(draft.fileno())
            Path(draft.name).replace(path)
        except BaseException:
            Path(draft.name).unlink(missing_ok=True)
            raise


@contextmanager
def _draft(folder: Path) -> Iterator[IO[bytes]]:
    """A new file that nobody takes for one of a process that was killed, since it is locked."""
    while True:
        with NamedTemporaryFile(dir=folder, delete=False) as draft:
            fcntl.flock(draft, fcntl.LOCK_EX)
            if Path(draft.name).exists():  # nobody was faster than the lock
                yield draft
                return
