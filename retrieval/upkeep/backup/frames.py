"""Frames: bytes under digests, so that whatever was changed is found, and where.

A file is a magic line, a header (JSON) with its SHA-256, then frames, then the SHA-256 of all that
stands before it. A frame is a length (its highest bit marks the last frame), a body of up to 64 KiB
and the SHA-256 of the header's digest, the frame's number, its length and its body: so a byte that
was changed, a frame that was moved and a file that was cut are found.

With a passphrase each body is encrypted by AES-256-GCM: the key comes from scrypt with a salt of
the file's own, so that the frame's number can be the nonce; header and length are authenticated
with it. The digests are of what stands in the file, so damage is told from a wrong passphrase.

Source: scrypt's cost N = 2^17, r = 8, p = 1: OWASP, Password Storage Cheat Sheet.
"""

import hashlib
import json
import os
import struct
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from retrieval.errors import DataInvalid, SettingInvalid

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_MAGIC = b"Rollcall backup 1\n"
_LENGTH = struct.Struct(">I")
_LAST = 1 << 31
_FRAME = 1 << 16  # bytes of a body: how narrowly damage is located
_TAG = 16  # bytes that AES-GCM adds
_DIGEST = hashlib.sha256().digest_size
_HEADER_MAX = 4_096
_SALT, _KEY, _CHECK = 16, 32, 16  # bytes
_SCRYPT = {"n": 2**17, "r": 8, "p": 1}  # 128 MiB and a third of a second a guess

Passphrase = Callable[[], str]


class Header:
    """The values of a file's header, its digest, and where it ends."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values
        text = json.dumps(values, sort_keys=True).encode()
        plain = _MAGIC + _LENGTH.pack(len(text)) + text
        self.digest = hashlib.sha256(plain).digest()
        self.bytes = plain + self.digest


class FrameWriter:
    """A file to write to, which cuts what is written into frames.

    Attributes:
        abandoned: what is written from now on goes nowhere.
    """

    def __init__(self, file: BinaryIO, passphrase: str | None) -> None:
        self.abandoned = False
        self._file = file
        self._cipher: AESGCM | None = None
        values: dict[str, Any] = {}
        if passphrase is not None:
            salt = os.urandom(_SALT)
            self._cipher, check = _derive(passphrase, salt)
            values["encryption"] = {"salt": salt.hex(), "check": check.hex()}
        self._header = Header(values)
        self._whole = hashlib.sha256()
        self._number = 0
        self._waiting = bytearray()
        self._write(self._header.bytes)

    def write(self, data: bytes) -> int:
        if self.abandoned:
            return len(data)
        self._waiting += data
        while len(self._waiting) > _FRAME:
            self._frame(bytes(self._waiting[:_FRAME]), 0)
            del self._waiting[:_FRAME]
        return len(data)

    def finish(self) -> str:
        self._frame(bytes(self._waiting), _LAST)
        whole = self._whole.digest()
        self._file.write(whole)
        return whole.hex()

    def _frame(self, body: bytes, last: int) -> None:
        length = _LENGTH.pack(len(body) + (_TAG if self._cipher else 0) | last)
        if self._cipher is not None:
            body = self._cipher.encrypt(_nonce(self._number), body, self._header.digest + length)
        self._write(length + body + _frame_digest(self._header, self._number, length, body))
        self._number += 1

    def _write(self, data: bytes) -> None:
        self._whole.update(data)
        self._file.write(data)


class FrameReader:
    """Joins verified frames.

    Attributes:
        inside: the member that is being read, for the message.
    """

    def __init__(self, path: Path, file: BinaryIO, header: Header, cipher: "AESGCM | None") -> None:
        self.inside = ""
        self._path = path
        self._file = file
        self._header = header
        self._cipher = cipher
        self._whole = hashlib.sha256(header.bytes)
        self._at = file.seek(len(header.bytes))
        self._number = 0
        self._ended = False
        self._ready = bytearray()

    def read(self, size: int) -> bytes:
        while len(self._ready) < size and not self._ended:
            self._ready += self._next()
        given = bytes(self._ready[:size])
        del self._ready[:size]
        return given

    def finish(self) -> None:
        """Verify what follows the last member."""
        self.inside = ""
        while self.read(_FRAME):
            pass
        if self._file.read(_DIGEST) != self._whole.digest():
            raise self._damaged(_DIGEST, ", the digest of the whole file,")
        self._at += _DIGEST
        if beyond := len(self._file.read(_FRAME)):
            raise self._damaged(beyond, " behind the end")

    def _next(self) -> bytes:
        start = self._file.read(_LENGTH.size)
        if len(start) < _LENGTH.size:
            raise self._cut()
        (word,) = _LENGTH.unpack(start)
        size = word & ~_LAST
        if size > _FRAME + _TAG:
            raise self._damaged(_LENGTH.size)
        rest = self._file.read(size + _DIGEST)
        body, digest = rest[:size], rest[size:]
        whole = _LENGTH.size + size + _DIGEST
        if len(rest) < size + _DIGEST:
            raise self._cut()
        if digest != _frame_digest(self._header, self._number, start, body):
            raise self._damaged(whole)
        self._whole.update(start + rest)
        if self._cipher is not None:
            body = self._open(self._cipher, body, start, whole)
        self._number += 1
        self._at += whole
        self._ended = bool(word & _LAST)
        return body

    def _open(self, cipher: "AESGCM", body: bytes, length: bytes, whole: int) -> bytes:
        from cryptography.exceptions import InvalidTag

        try:
            return cipher.decrypt(_nonce(self._number), body, self._header.digest + length)
        except InvalidTag as error:
            raise self._damaged(whole, " (forged: only who knows the passphrase can write)") from (
                error
            )

    def _damaged(self, size: int, what: str = "") -> DataInvalid:
        where = f" in {self.inside}" if self.inside else ""
        return DataInvalid(
            f"{self._path} is damaged: bytes {self._at} to {self._at + size - 1}{what}{where} are "
            "not what was written. Nothing is taken from it; use another copy of the backup."
        )

    def _cut(self) -> DataInvalid:
        end = self._file.seek(0, os.SEEK_END)
        where = f" in {self.inside}" if self.inside else ""
        return DataInvalid(
            f"{self._path} is damaged: it ends at byte {end}{where}, and more was written, or the "
            f"bytes from {self._at} on are not what was written. Use another copy of the backup."
        )


def decrypt(path: Path, header: Header, passphrase: Passphrase | None) -> "AESGCM | None":
    """The cipher of an encrypted file, None for one that is not.

    Raises:
        DataInvalid: it is encrypted in another way.
        SettingInvalid: the passphrase is wrong, or there is none.
    """
    sealing = header.values.get("encryption")
    if sealing is None:
        return None
    if passphrase is None:
        raise SettingInvalid(
            f"{path} is encrypted: set ROLLCALL_BACKUP_PASSPHRASE to its passphrase."
        )
    try:
        salt, expected = bytes.fromhex(sealing["salt"]), bytes.fromhex(sealing["check"])
    except (KeyError, TypeError, ValueError) as error:
        raise DataInvalid(f"{path} is encrypted in a way that is not ours.") from error
    cipher, check = _derive(passphrase(), salt)
    if check != expected:
        raise SettingInvalid(
            f"The passphrase is not that of {path}. Nothing was changed; "
            "set ROLLCALL_BACKUP_PASSPHRASE, or type it when asked."
        )
    return cipher


def read_header(path: Path, file: BinaryIO) -> Header:
    """The header of a file, verified; the file stands behind it then.

    Raises:
        DataInvalid: it is damaged, or another file.
    """
    start = file.read(len(_MAGIC) + _LENGTH.size)
    if not start.startswith(_MAGIC) or len(start) < len(_MAGIC) + _LENGTH.size:
        raise DataInvalid(
            f"{path} is no backup of Rollcall's, or is damaged in bytes 0 to {len(_MAGIC) - 1}. "
            "Give a file that rollcall backup wrote."
        )
    size = min(_LENGTH.unpack(start[len(_MAGIC) :])[0], _HEADER_MAX)
    rest = file.read(size + _DIGEST)
    if hashlib.sha256(start + rest[:size]).digest() != rest[size:]:
        raise DataInvalid(
            f"{path} is damaged: bytes 0 to {len(start) + size + _DIGEST - 1}, its header, are "
            "not what was written. Nothing is taken from it; use another copy of the backup."
        )
    try:
        header = Header(dict(json.loads(rest[:size])))
    except (TypeError, ValueError) as error:
        raise DataInvalid(f"{path} has a header that is not ours.") from error
    if header.bytes != start + rest:
        raise DataInvalid(f"{path} has a header that is not ours.")
    return header


def _frame_digest(header: Header, number: int, length: bytes, body: bytes) -> bytes:
    return hashlib.sha256(header.digest + number.to_bytes(8) + length + body).digest()


def _nonce(number: int) -> bytes:
    return number.to_bytes(12)


def _derive(passphrase: str, salt: bytes) -> "tuple[AESGCM, bytes]":
    """The cipher, and a value that tells a wrong passphrase at once."""
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
    except ModuleNotFoundError as error:
        raise SettingInvalid(
            "Encrypted backups need the package cryptography: install rollcall[encryption]."
        ) from error
    secret = unicodedata.normalize("NFC", passphrase).encode()  # as typed on any keyboard
    derived = Scrypt(salt=salt, length=_KEY + _CHECK, **_SCRYPT).derive(secret)
    return AESGCM(derived[:_KEY]), derived[_KEY:]
