"""Encrypted files: under a data key, in blocks that cannot be moved, dropped or changed.

A file is a magic line, the id of its data key, 16 random bytes of its own, then blocks: what each
MiB of it becomes, encrypted. A block is bound to the file's label and random bytes, to its
number, and to whether it is the last one.

Backups have frames of their own (`backup.frames`): those are made from a passphrase, and located
damage matters more there than speed; these are opened whole, at every start.
"""

import mmap
import os
from collections.abc import Callable
from io import BytesIO
from typing import BinaryIO, Protocol

from retrieval.errors import StoreError
from retrieval.files.keys import KEY_ID, DataKey, DecryptionFailed

_MAGIC = b"Rollcall sealed 1\n"
_OWN = 16  # random bytes
HEAD = len(_MAGIC) + KEY_ID + _OWN  # bytes before the first block
_BLOCK = 1 << 20  # bytes before encryption
_ADDED = 28  # bytes that encryption adds: nonce and tag


class Encryptor(Protocol):
    """Knows the data keys of a catalogue."""

    def active(self) -> DataKey | None:
        """The key that new files are encrypted with; None where they lie in the clear."""

    def find(self, key_id: bytes) -> DataKey:
        """The key with this id.

        Raises:
            CatalogueEncrypted: there is none, or the user's key does not open it.
        """


class EncryptingFile:
    """A file to write to, which encrypts what is written; `finish` writes the last block."""

    def __init__(self, file: BinaryIO, key: DataKey, label: bytes) -> None:
        own = os.urandom(_OWN)
        self._file = file
        self._key = key
        self._label = label + own
        self._number = 0
        self._waiting = bytearray()
        file.write(_MAGIC + key.id + own)

    def write(self, data: bytes | memoryview) -> int:
        """Take bytes; whole blocks of them are written."""
        view = memoryview(data)
        for start in range(0, len(view), _BLOCK):
            self._waiting += view[start : start + _BLOCK]
            if len(self._waiting) > _BLOCK:
                self._block(bytes(self._waiting[:_BLOCK]), last=False)
                del self._waiting[:_BLOCK]
        return len(view)

    def finish(self) -> None:
        """Write what is left as the last block."""
        self._block(bytes(self._waiting), last=True)

    def _block(self, data: bytes, *, last: bool) -> None:
        self._file.write(self._key.encrypt(data, _bound(self._label, self._number, last)))
        self._number += 1


def is_encrypted(start: bytes | memoryview) -> bool:
    """Whether these are the first bytes of an encrypted file."""
    return bytes(start[: len(_MAGIC)]) == _MAGIC


def encrypted_by(start: bytes) -> bytes | None:
    """The id of the data key of an encrypted file with these first bytes; None for another file."""
    return start[len(_MAGIC) :][:KEY_ID] if is_encrypted(start) else None


def encrypt(data: bytes, key: DataKey, label: bytes) -> bytes:
    """A whole encrypted file in memory."""
    target = BytesIO()
    file = EncryptingFile(target, key, label)
    file.write(data)
    file.finish()
    return target.getvalue()


def decrypt(
    encrypted: bytes | memoryview, find: Callable[[bytes], DataKey], label: bytes
) -> memoryview:
    """What an encrypted file holds, once every byte of it was verified.

    Args:
        encrypted: all of the file.
        find: the data key with an id.
        label: that it was encrypted under.

    Raises:
        DecryptionFailed: it is damaged or cut, or was encrypted under another label.
        CatalogueEncrypted: its key is not to be had.
    """
    view = memoryview(encrypted)
    if len(view) < HEAD + _ADDED or not is_encrypted(view):
        raise DecryptionFailed
    key = find(bytes(view[len(_MAGIC) :][:KEY_ID]))
    label += view[len(_MAGIC) + KEY_ID : HEAD]
    body, step = view[HEAD:], _BLOCK + _ADDED
    blocks = range(0, len(body), step)
    size = len(body) - _ADDED * len(blocks)
    opened = memoryview(mmap.mmap(-1, size or 1))[:size]  # begins at a page, as a mapped file does
    for number, start in enumerate(blocks):
        bound = _bound(label, number, last=start + step >= len(body))
        data = key.open(body[start : start + step], bound)
        opened[number * _BLOCK : number * _BLOCK + len(data)] = data
    return opened


def damaged(name: str) -> StoreError:
    """What a file that does not open means."""
    return StoreError(
        f"{name} is damaged or was changed: it is not what was encrypted. Delete it, and restore a "
        "backup if you have one."
    )


def _bound(label: bytes, number: int, last: bool) -> bytes:
    return b"%b %d %d" % (label, number, last)
