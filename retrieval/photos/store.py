"""Kept copies of enrolled photos, by SHA-256: for pictures of people, and to embed anew.

A copy is there wholly or not at all. With an encryptor each copy is an encrypted file; copies from
before that can be read as well.
"""

import re
from collections.abc import Iterable

from retrieval.errors import CatalogueEncrypted, NotFound
from retrieval.files.encrypted import (
    HEAD,
    Encryptor,
    damaged,
    decrypt,
    encrypt,
    encrypted_by,
    is_encrypted,
)
from retrieval.files.keys import DataKey, DecryptionFailed
from retrieval.photos.shelves import shelf_of
from retrieval.values import Location

_SHA256 = re.compile(r"[0-9a-f]{64}")


class PhotoStore:
    """The kept photos of one collection. Safe to share: a copy appears in one step.

    Args:
        folder: where they lie; made when the first one is kept.
        keeps: whether new ones are kept; those that are there can be read and deleted in any case.
        encryptor: encrypts and decrypts them; None takes and gives bytes as they lie in the files.
    """

    def __init__(
        self, folder: Location, *, keeps: bool, encryptor: Encryptor | None = None
    ) -> None:
        self.folder = folder
        self.keeps = keeps
        self._encryptor = encryptor
        self._shelf = shelf_of(folder)

    def keep(self, sha256: str, data: bytes) -> None:
        """Keep a photo's bytes, whole or not at all.

        Raises:
            NotFound: that is no SHA-256.
            StoreFull: no space is left.
            StoreError: the folder cannot be written to.
            CatalogueEncrypted: the catalogue was encrypted, and its key is not to be had.
        """
        name = _checked(sha256)
        if self._shelf.has(name):
            return
        key = self._active()
        self._shelf.write(name, _as_wanted(name, data, key))
        try:  # whoever changed the key meanwhile saw no copy
            while _id(key) != _id(key := self._active()):
                self._shelf.write(name, _as_wanted(name, data, key))
        except CatalogueEncrypted:
            if self.key_of(name) is None:
                self._shelf.delete(name)
            raise

    def read(self, sha256: str) -> bytes | None:
        """A photo's bytes, None where none are kept.

        Raises:
            NotFound: that is no SHA-256.
            StoreError: the copy cannot be read, or is damaged.
            CatalogueEncrypted: its key is not to be had.
        """
        data = self._shelf.read(_checked(sha256))
        return (
            data
            if data is None or self._encryptor is None
            else opened(sha256, data, self._encryptor)
        )

    def has(self, sha256: str) -> bool:
        """Whether a copy of a photo is kept."""
        return self._shelf.has(_checked(sha256))

    def write_anew(self, sha256: str) -> bool:
        """Encrypt or decrypt a copy as the encryptor's active key says.

        It may come back for somebody who deletes it at the same time: look, and delete it again.

        Returns:
            Whether anything was to do.

        Raises:
            StoreFull: no space is left.
            StoreError: the copy is damaged, or the folder cannot be written to.
            CatalogueEncrypted: its key is not to be had.
        """
        key = self._active()
        if self.key_of(sha256) == _id(key):
            return False
        data = self.read(sha256)
        if data is not None:
            self._shelf.write(sha256, _as_wanted(sha256, data, key))
        return data is not None

    def key_of(self, sha256: str) -> bytes | None:
        """The id of the data key of a copy; None where it lies in the clear, or not at all."""
        return encrypted_by(self._shelf.read(_checked(sha256), HEAD) or b"")

    def kept(self) -> list[str]:
        """The SHA-256 of every copy."""
        return [name for name in self._shelf.names() if _SHA256.fullmatch(name)]

    def drop_drafts(self) -> None:
        """Delete what killed processes left of copies that they did not finish."""
        self._shelf.drop_drafts()

    def discard(self, sha256s: Iterable[str]) -> None:
        """Delete photos, where they are kept.

        Raises:
            NotFound: that is no SHA-256.
            StoreError: a copy cannot be deleted.
        """
        for name in map(_checked, sha256s):
            self._shelf.delete(name)

    def clear(self) -> None:
        """Delete all of them."""
        self._shelf.clear()

    def _active(self) -> DataKey | None:
        return self._encryptor.active() if self._encryptor else None


def opened(sha256: str, data: bytes, encryptor: Encryptor) -> bytes:
    """A copy's photo.

    Raises:
        StoreError: it is damaged.
        CatalogueEncrypted: its key is not to be had.
    """
    if not is_encrypted(data):
        return data
    try:
        return bytes(decrypt(data, encryptor.find, _label(sha256)))
    except DecryptionFailed as error:
        raise damaged(f"The kept photo {sha256}") from error


def _as_wanted(sha256: str, data: bytes, key: DataKey | None) -> bytes:
    return data if key is None else encrypt(data, key, _label(sha256))


def _id(key: DataKey | None) -> bytes | None:
    return None if key is None else key.id


def _label(sha256: str) -> bytes:
    return b"photo " + sha256.encode()


def _checked(sha256: str) -> str:
    if not _SHA256.fullmatch(sha256):
        raise NotFound(f"{sha256!r} is no photo's SHA-256: 64 digits 0-9, a-f are meant.")
    return sha256
