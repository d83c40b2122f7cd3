"""Kept copies of enrolled photos, by SHA-256: for pictures of people, and to embed anew.

A copy is written beside its place, synced and renamed: it is there wholly or not at all.
"""

import errno
import os
import re
from collections.abc import Iterable
from pathlib import Path
from tempfile import NamedTemporaryFile

from retrieval.errors import NotFound, StoreError, StoreFull

_SHA256 = re.compile(r"[0-9a-f]{64}")


class PhotoStore:
    """The kept photos of one collection. Safe to share: each copy is one rename.

    Args:
        folder: where they lie; made when the first one is kept.
        keeps: whether new ones are kept; those that are there can be read and deleted in any case.
    """

    def __init__(self, folder: Path, *, keeps: bool) -> None:
        self.folder = folder
        self.keeps = keeps

    def keep(self, sha256: str, data: bytes) -> None:
        """Keep a photo's bytes, whole or not at all, readable by their owner alone.

        Raises:
            NotFound: that is no SHA-256.
            StoreFull: no space is left.
            StoreError: the folder cannot be written to.
        """
        path = self._path(sha256)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                _write(path, data)
        except OSError as error:
            raise store_error(path, error) from error

    def read(self, sha256: str) -> bytes | None:
        """A photo's bytes, None where none are kept.

        Raises:
            NotFound: that is no SHA-256.
            StoreError: the copy cannot be read.
        """
        path = self._path(sha256)
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise store_error(path, error) from error

    def discard(self, sha256s: Iterable[str]) -> None:
        """Delete photos, where they are kept.

        Raises:
            NotFound: that is no SHA-256.
            StoreError: a copy cannot be deleted.
        """
        for path in map(self._path, sha256s):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise store_error(path, error) from error

    def _path(self, sha256: str) -> Path:
        """Where a copy lies: 256 folders, so that none grows too long to list."""
        if not _SHA256.fullmatch(sha256):
            raise NotFound(f"{sha256!r} is no photo's SHA-256: 64 digits 0-9, a-f are meant.")
        return self.folder / sha256[:2] / sha256


def store_error(path: Path, error: OSError) -> StoreError:
    """What an error of the file system means for the store."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreFull(
            f"There is no space left for a copy of the photo in {path.parent}. Free some, or keep "
            "no copies (ROLLCALL_KEEP_PHOTOS=false)."
        )
    return StoreError(f"{path}: {error.strerror}. Check the permissions of {path.parent}.")


def _write(path: Path, data: bytes) -> None:
    with NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as draft:
        try:
            draft.write(data)
            draft.flush()
            os.fsync(draft.fileno())
            Path(draft.name).replace(path)
        except BaseException:
            Path(draft.name).unlink(missing_ok=True)
            raise
