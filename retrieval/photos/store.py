"""Kept copies of enrolled photos, by SHA-256: for pictures of people, and to embed anew.

A copy is written beside its place, synced and renamed: it is there wholly or not at all. With a
sealer each copy is a sealed file; copies from before that can be read as well.
"""

import errno
import os
import re
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from retrieval.errors import NotFound, StoreError, StoreFull
from retrieval.sealing.files import HEAD, Sealer, damaged, is_sealed, seal, sealed_by, unseal
from retrieval.sealing.keys import DataKey, WrongSeal

_SHA256 = re.compile(r"[0-9a-f]{64}")
_DRAFT_S = 3600.0  # no copy takes that long


class PhotoStore:
    """The kept photos of one collection. Safe to share: each copy is one rename.

    Args:
        folder: where they lie; made when the first one is kept.
        keeps: whether new ones are kept; those that are there can be read and deleted in any case.
        sealer: encrypts and decrypts them; None takes and gives bytes as they lie in the files.
    """

    def __init__(self, folder: Path, *, keeps: bool, sealer: Sealer | None = None) -> None:
        self.folder = folder
        self.keeps = keeps
        self._sealer = sealer

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
                key = self._sealer.active() if self._sealer else None
                _write(path, _as_wanted(sha256, data, key))
        except OSError as error:
            raise store_error(path, error) from error

    def read(self, sha256: str) -> bytes | None:
        """A photo's bytes, None where none are kept.

        Raises:
            NotFound: that is no SHA-256.
            StoreError: the copy cannot be read, or is damaged.
            CatalogueSealed: its key is not to be had.
        """
        path = self._path(sha256)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise store_error(path, error) from error
        return data if self._sealer is None else opened(sha256, data, self._sealer)

    def write_anew(self, sha256: str) -> bool:
        """Encrypt or decrypt a copy as the sealer's active key says.

        It may come back for somebody who deletes it at the same time: look, and delete it again.

        Returns:
            Whether anything was to do.

        Raises:
            StoreFull: no space is left.
            StoreError: the copy is damaged, or the folder cannot be written to.
            CatalogueSealed: its key is not to be had.
        """
        path = self._path(sha256)
        key = self._sealer.active() if self._sealer else None
        try:
            if self.key_of(sha256) == (key.id if key else None):
                return False
            data = self.read(sha256)
            if data is not None:
                _write(path, _as_wanted(sha256, data, key))
        except FileNotFoundError:
            return False
        except OSError as error:
            raise store_error(path, error) from error
        return data is not None

    def key_of(self, sha256: str) -> bytes | None:
        """The id of the data key of a copy that is there; None where it lies in the clear."""
        with self._path(sha256).open("rb") as file:
            return sealed_by(file.read(HEAD))

    def kept(self) -> list[str]:
        """The SHA-256 of every copy."""
        return sorted(p.name for p in self.folder.glob("??/*") if _SHA256.fullmatch(p.name))

    def drop_drafts(self) -> None:
        """Delete what killed processes left of copies that they did not finish."""
        for path in self.folder.glob("??/.*"):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > _DRAFT_S:
                    path.unlink()

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


def opened(sha256: str, data: bytes, sealer: Sealer) -> bytes:
    """A copy's photo.

    Raises:
        StoreError: it is damaged.
        CatalogueSealed: its key is not to be had.
    """
    if not is_sealed(data):
        return data
    try:
        return bytes(unseal(data, sealer.find, _label(sha256)))
    except WrongSeal as error:
        raise damaged(f"The kept photo {sha256}") from error


def _as_wanted(sha256: str, data: bytes, key: DataKey | None) -> bytes:
    return data if key is None else seal(data, key, _label(sha256))


def _label(sha256: str) -> bytes:
    return b"photo " + sha256.encode()


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
