"""Folders and files that their owner alone can read, whatever the umask is.

A home folder holds vectors and photos of people. Entry points set `UMASK` for what other programs
and libraries write; what this library writes it makes private itself, since a program that imports
it has a umask of its own.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, TextIO

UMASK = 0o077
_FOLDER, _FILE, _OTHERS = 0o700, 0o600, 0o077


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it that are missing; one that is there stays as it is.

    Raises:
        OSError: it cannot be made.
    """
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(_FOLDER, exist_ok=True)  # another process may be faster
    if not folder.is_dir():
        folder.mkdir()  # says what is in the way


def open_bytes(path: Path) -> BinaryIO:
    """Open a file to write it anew; an older one becomes private as well.

    Raises:
        OSError: it cannot be opened.
    """
    return open(path, "wb", opener=_private)


def open_text(path: Path, errors: str = "strict") -> TextIO:
    """Open a file to write UTF-8 to it anew, with line ends as they are given.

    Raises:
        OSError: it cannot be opened.
    """
    return open(path, "w", encoding="utf-8", errors=errors, newline="", opener=_private)


def _private(name: str, flags: int) -> int:
    descriptor = os.open(name, flags, _FILE)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):  # nobody's business at /dev/stdout
        with suppress(PermissionError):  # somebody else's file that this user may write
            os.fchmod(descriptor, _FILE)
    return descriptor


def open_to_others(home: Path) -> list[Path]:
    """What of a home folder somebody else can read, write or look into: itself or below it.

    Links are passed over, and so is what belongs to another user: its mode is not ours to change.
    """
    return [path for path, mode in _own(home) if mode & _OTHERS]


def close_to_others(paths: Iterable[Path]) -> None:
    """Take all rights of others away.

    Raises:
        OSError: a mode cannot be changed.
    """
    for path in paths:
        with suppress(FileNotFoundError):  # a draft that is gone
            path.chmod(stat.S_IMODE(path.lstat().st_mode) & ~_OTHERS)


def _own(home: Path) -> Iterator[tuple[Path, int]]:
    for path in (home, *home.rglob("*")):
        with suppress(FileNotFoundError):
            found = path.lstat()
            if not stat.S_ISLNK(found.st_mode) and found.st_uid == os.getuid():
                yield path, found.st_mode
