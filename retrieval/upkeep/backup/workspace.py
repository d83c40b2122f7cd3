"""A folder for the copy of the catalogue that is being backed up or restored; gone afterwards."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from retrieval.errors import CatalogueUnavailable, StoreError
from retrieval.files.private import make_folder, open_bytes

_LOCK = "lock"


@contextmanager
def workspace(home: Path) -> Iterator[Path]:
    """An empty folder below the home folder, for its owner alone, of one process at a time.

    What a killed process left there is deleted first.

    Raises:
        CatalogueUnavailable: another backup or restore is at work.
        StoreError: the folder cannot be made.
    """
    folder = home / "backup-work"
    try:
        make_folder(folder)
        lock = open_bytes(folder / _LOCK)
    except OSError as error:
        raise StoreError(
            f"{folder} cannot be made: {error.strerror}. Check the permissions of {home}."
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CatalogueUnavailable(
                f"Another backup or restore of {home} is at work. Try again when it is done."
            ) from error
        _empty(folder)
        try:
            yield folder
        finally:
            _empty(folder)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name != _LOCK:
            path.unlink(missing_ok=True)
