"""Keys: the user's key locks data keys, and data keys encrypt vectors and files by AES-256-GCM.

A data key is random, has a random id, and lies in the catalogue only wrapped: encrypted by the
user's key, which is 32 random bytes that the user keeps elsewhere. So the user's key can change
without a row being written anew, and a row says by which data key it was encrypted.

An encrypted value is a random nonce of 12 bytes, the ciphertext and a tag of 16 bytes. Random
nonces are good for 2^32 values per key (NIST SP 800-38D, section 8.3); a data key that nears that
is renewed by `rollcall catalogue rotate-key`.
"""

import base64
import binascii
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.errors import AlreadyExists, SettingInvalid, StoreError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SECRET = 32  # bytes of a key: AES-256
KEY_ID = 8  # bytes; random, so that no plain vector begins with one by chance
_NONCE = 12  # bytes, as AES-GCM wants them


class DecryptionFailed(Exception):
    """What was opened is not what this key encrypted under this label."""


class DataKey:
    """Encrypts values. Safe to share between threads.

    Attributes:
        id: 8 bytes, random.
    """

    def __init__(self, key_id: bytes, secret: bytes) -> None:
        self.id = key_id
        self._secret = secret
        self._cipher = _cipher(secret)

    @classmethod
    def new(cls) -> "DataKey":
        """A random one."""
        return cls(os.urandom(KEY_ID), os.urandom(SECRET))

    def encrypt(self, data: bytes | memoryview, label: bytes) -> bytes:
        """Nonce, ciphertext and tag; it opens under the same label only."""
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, data, label)

    def open(self, encrypted: bytes | memoryview, label: bytes) -> bytes:
        """What was encrypted.

        Raises:
            DecryptionFailed: damaged, forged, or encrypted by another key or under another label.
        """
        return _opened(self._cipher, encrypted, label)

    def encrypt_rows(self, rows: Sequence[bytes], label: bytes) -> list[bytes]:
        """Each row as its key's id and what `seal` makes of it: many small values at once."""
        nonces = os.urandom(_NONCE * len(rows))
        encrypt, key_id = self._cipher.encrypt, self.id
        return [
            key_id + (nonce := nonces[start : start + _NONCE]) + encrypt(nonce, row, label)
            for start, row in zip(range(0, len(nonces), _NONCE), rows, strict=True)
        ]

    def open_rows(self, encrypted: Sequence[bytes], label: bytes) -> list[bytes]:
        """The rows that `seal_rows` of this key sealed.

        Raises:
            DecryptionFailed: one of them is damaged or forged.
        """
        decrypt, start, end = self._cipher.decrypt, KEY_ID, KEY_ID + _NONCE
        with _told():
            return [decrypt(row[start:end], row[end:], label) for row in encrypted]

    def wrapped(self, user_key: "UserKey") -> bytes:
        """The secret, encrypted by the user's key."""
        nonce = os.urandom(_NONCE)
        return nonce + user_key.cipher.encrypt(nonce, self._secret, _wrapping(self.id))


class UserKey:
    """The key that a user keeps; it encrypts data keys and nothing else.

    Attributes:
        id: 16 hexadecimal digits of a digest: tells keys apart and says nothing about them.
        cipher: of the key.
    """

    def __init__(self, secret: bytes) -> None:
        self.id = hashlib.sha256(b"Rollcall user key\n" + secret).hexdigest()[:16]
        self.cipher = _cipher(secret)

    def unwrap(self, key_id: bytes, wrapped: bytes) -> DataKey:
        """The data key that this key has wrapped.

        Raises:
            StoreError: it is damaged.
        """
        try:
            return DataKey(key_id, _opened(self.cipher, wrapped, _wrapping(key_id)))
        except DecryptionFailed as error:
            raise StoreError(
                f"The data key {key_id.hex()} in the catalogue is damaged: it is not what was "
                "locked by your key. Restore a backup."
            ) from error


UserKeySource = Callable[[], UserKey]  # asked again where a key file may have been replaced


def new_user_key() -> str:
    """A random user's key as text: 32 bytes in base64."""
    return base64.urlsafe_b64encode(os.urandom(SECRET)).decode()


def read_user_key(text: str, origin: str) -> UserKey:
    """The user's key from its text: 32 bytes in base64 or in hexadecimal digits.

    Args:
        text: white space around it does not matter.
        origin: where it comes from, for the message; the text itself is never shown.

    Raises:
        SettingInvalid: that is no key, or cryptography is not installed.
    """
    given = text.strip()
    try:
        if len(given) == 2 * SECRET:
            secret = bytes.fromhex(given)
        else:
            secret = base64.b64decode(given.translate(_STANDARD), validate=True)
    except (ValueError, binascii.Error):
        secret = b""
    if len(secret) != SECRET:
        raise SettingInvalid(
            f"{origin} holds no key: 32 bytes in base64 (44 characters) or hexadecimal (64) are "
            f"meant, found {len(given)} characters. Make one with rollcall catalogue new-key FILE."
        )
    return UserKey(secret)


_STANDARD = str.maketrans("-_", "+/")


def read_key_file(path: Path) -> UserKey:
    """The user's key from a file.

    Raises:
        SettingInvalid: it cannot be read, or holds no key.
    """
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise SettingInvalid(f"The key file {path} cannot be read: {reason}.") from error
    return read_user_key(text, f"The key file {path}")


def write_key_file(path: Path) -> UserKey:
    """Make a key, in a file that its owner alone can read.

    Raises:
        AlreadyExists: the file is there; a key that is written over is lost.
        SettingInvalid: it cannot be written.
    """
    text = new_user_key()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError as error:
        raise AlreadyExists(f"{path} is there already. Choose another name.") from error
    except OSError as error:
        raise SettingInvalid(f"{path} cannot be written: {error.strerror}.") from error
    return read_user_key(text, str(path))


def _wrapping(key_id: bytes) -> bytes:
    return b"data key " + key_id


def _opened(cipher: "AESGCM", encrypted: bytes | memoryview, label: bytes) -> bytes:
    with _told():
        return cipher.decrypt(bytes(encrypted[:_NONCE]), encrypted[_NONCE:], label)


@contextmanager
def _told() -> Iterator[None]:
    """Say in our word that something does not open."""
    from cryptography.exceptions import InvalidTag

    try:
        yield
    except (InvalidTag, ValueError) as error:  # ValueError: shorter than nonce and tag
        raise DecryptionFailed from error


def _cipher(secret: bytes) -> "AESGCM":
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ModuleNotFoundError as error:
        raise SettingInvalid(
            "Encryption needs the package cryptography: install rollcall[encryption]."
        ) from error
    return AESGCM(secret)
