"""A folder for the copy of the catalogue that is being backed up or restored; gone afterwards."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

from retrieval.errors import CatalogueUnavailable, StoreError, StoreFull
from retrieval.files.output import is_disk_full
from retrieval.files.private import make_folder, open_bytes

_LOCK = "lock"
_BESIDE = ".rollcall-backup-work-"
_ROOM = 1 << 20  # beside the copy itself: its log


@contextmanager
def workspace(home: Path, file: Path, needs: int) -> Iterator[Path]:
    """An empty folder for its owner alone: below the home folder, of one process at a time.

    Where there is no home yet, or it has no room or cannot be written to, it lies beside the
    backup. What a killed process left in either place is deleted first.

    Args:
        home: the home folder.
        file: the backup that is written or read.
        needs: bytes that the copy takes.

    Raises:
        CatalogueUnavailable: another backup or restore is at work.
        StoreFull: neither has room.
        StoreError: the folder cannot be made.
    """
    beside = file.absolute().parent
    elsewhere = not _has_room(home, needs) and os.access(beside, os.W_OK)
    with _beside(beside, home) if elsewhere else _below(home) as folder:
        yield folder


def _has_room(home: Path, needs: int) -> bool:
    return (
        home.is_dir() and os.access(home, os.W_OK) and shutil.disk_usage(home).free > needs + _ROOM
    )


@contextmanager
def _below(home: Path) -> Iterator[Path]:
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


@contextmanager
def _beside(parent: Path, home: Path) -> Iterator[Path]:
    """A folder of this process's own, which holds it for as long as it works."""
    try:
        for left in parent.glob(f"{_BESIDE}*"):
            _delete_unheld(left)
        folder = Path(mkdtemp(prefix=_BESIDE, dir=parent))
        held = os.open(folder, os.O_RDONLY)
    except OSError as error:
        said = (
            f"{home} has no room for a copy of the catalogue, and {parent} cannot hold one:"
            f" {error.strerror}. Free some space in either."
        )
        raise StoreFull(said) if is_disk_full(error) else StoreError(said) from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def _delete_unheld(folder: Path) -> None:
    held = os.open(folder, os.O_RDONLY)
    try:
        with suppress(BlockingIOError):
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(held)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name != _LOCK:
            path.unlink(missing_ok=True)
