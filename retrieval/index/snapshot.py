"""Snapshots: named arrays in one immutable, checksummed, memory-mapped file.

A file is a body (the arrays, each at a multiple of 64 bytes, zeros between), a footer (JSON: the
stamp, where the arrays lie, a CRC-32 for each 16 MiB of the body) and a trailer (the footer's
length and CRC-32, and a magic number). Every byte lies under a checksum, so a file that is
truncated anywhere, or has any byte changed, is refused.

With an encryptor the whole file is encrypted: it is decrypted into memory instead of mapped, and
one that lies in the clear is refused.

Files are never changed: they are written beside, synced and renamed, named by watermark, and
deleted when a newer one is in place; who has mapped a deleted one keeps it until unmapping.
"""

import fcntl
import json
import mmap
import os
import struct
import time
import zlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import numpy.typing as npt

from retrieval.errors import CatalogueEncrypted, SnapshotInvalid, StoreError, StoreFull
from retrieval.files.encrypted import HEAD, EncryptingFile, Encryptor, decrypt, encrypted_by
from retrieval.files.keys import DataKey, DecryptionFailed
from retrieval.files.output import is_disk_full, sync_folder
from retrieval.files.private import make_folder, open_bytes
from retrieval.protocols import Watermark

Array = npt.NDArray[Any]

_BLOCK = 1 << 24  # bytes a checksum: enough blocks for all cores, small enough to start at once
_ALIGN = 64  # a cache line; every dtype's own alignment divides it
_TRAILER = struct.Struct("<QI12s")  # footer's length, footer's CRC-32, magic
_MAGIC = b"rollcall-ix1"
_SUFFIX = ".snapshot"
_LABEL = b"snapshot"


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a snapshot was made of; it is refused where any of it does not fit.

    Attributes:
        collection: the collection's identity.
        fingerprint: the model's.
        dimension: numbers per vector.
        epoch, seq: the watermark.
    """

    collection: str
    fingerprint: str
    dimension: int
    epoch: str
    seq: int

    @property
    def watermark(self) -> Watermark:
        """How far the snapshot has followed the change log."""
        return Watermark(self.epoch, self.seq)


class SnapshotOutdated(SnapshotInvalid):
    """Of the model that the collection had before: expected after each change of it."""


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """A verified file, mapped or, where it was encrypted, decrypted into memory.

    Attributes:
        path: where it was when it was opened.
        stamp: what it was made of.
        notes: JSON values kept beside the arrays.
        arrays: read-only views into it, by name.
    """

    path: Path
    stamp: Stamp
    notes: Mapping[str, Any]
    arrays: Mapping[str, Array]


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Be the only process that writes or deletes the folder's snapshots.

    Raises:
        StoreError: the folder cannot be made or written to.
    """
    with _translated(folder):
        make_folder(folder)
        lock = open_bytes(folder / "lock")
        fcntl.flock(lock, fcntl.LOCK_EX)
    with lock:
        yield


def write(
    folder: Path,
    stamp: Stamp,
    arrays: Mapping[str, Array],
    notes: Mapping[str, Any],
    encryptor: Encryptor | None = None,
) -> Path:
    """Write a snapshot beside its place, sync it and rename it.

    Args:
        folder: of the index.
        stamp: what it is made of.
        arrays, notes: what it holds.
        encryptor: encrypts it, where it has a key.

    Raises:
        StoreFull: no space is left; nothing has changed.
        StoreError: the folder cannot be written to.
    """
    path = folder / f"{stamp.seq:016d}-{time.time_ns():016x}{_SUFFIX}"
    beside = path.with_suffix(f".{os.getpid()}.part")
    key = encryptor.active() if encryptor else None
    with _translated(folder):
        make_folder(folder)
        try:
            with open_bytes(beside) as file:
                if key is None:
                    _write_file(file, stamp, arrays, notes)
                else:
                    sealing = EncryptingFile(file, key, _LABEL)
                    _write_file(cast(BinaryIO, sealing), stamp, arrays, notes)
                    sealing.finish()
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        sync_folder(folder)
    return path


def newest_first(folder: Path) -> list[Path]:
    """The folder's snapshots, the one that knows most first."""
    return sorted(folder.glob(f"*{_SUFFIX}"), reverse=True)


def retire(folder: Path, keep: Path | None) -> None:
    """Delete all other snapshots, and what interrupted writers left behind."""
    for path in folder.iterdir():
        if path != keep and path.suffix in (_SUFFIX, ".part"):
            path.unlink(missing_ok=True)


def load(path: Path, expected: Stamp, encryptor: Encryptor | None = None) -> Snapshot:
    """Map a snapshot and verify every byte of it.

    Args:
        path: of the file.
        expected: what it must have been made of; its `seq` is the newest that may be there.
        encryptor: decrypts it; where that has a key, the file must be encrypted.

    Raises:
        SnapshotOutdated: sound, but of another model.
        SnapshotInvalid: damaged, of another collection, dimension or epoch, ahead of the
            catalogue, in the clear where it should not be, or encrypted by a key that is not there.
    """
    content = _content(path, encryptor if encryptor and encryptor.active() else None)
    footer, end = _footer(path, content)
    stamp = Stamp(**footer["stamp"])
    _check_fit(path, stamp, expected)
    _check_body(path, content[:end], footer["checksums"])
    arrays = {name: _view(content, place) for name, place in footer["arrays"].items()}
    return Snapshot(path, stamp, footer["notes"], arrays)


def write_anew(folder: Path, encryptor: Encryptor) -> int:
    """Encrypt or decrypt a folder's snapshots as the encryptor's active key says; return how many.

    One that cannot be read is deleted: an index is made from the catalogue at any time.

    Raises:
        StoreFull: no space is left.
        StoreError: the folder cannot be written to.
    """
    with writing(folder), _translated(folder):
        key = encryptor.active()
        others = [
            path for path in newest_first(folder) if key_of(path) != (key.id if key else None)
        ]
        for path in others:
            try:
                content = _content(path, encryptor if key_of(path) else None)
                _copy(path, content, key)
            except SnapshotInvalid:
                path.unlink(missing_ok=True)
        for path in folder.glob("*.part"):
            path.unlink(missing_ok=True)
        return len(others)


def key_of(path: Path) -> bytes | None:
    """The id of the data key of a snapshot; None where it lies in the clear."""
    with path.open("rb") as file:
        return encrypted_by(file.read(HEAD))


def _copy(path: Path, content: memoryview, key: DataKey | None) -> None:
    beside = path.with_suffix(f".{os.getpid()}.part")
    with open_bytes(beside) as file:
        if key is None:
            file.write(content)
        else:
            sealing = EncryptingFile(file, key, _LABEL)
            sealing.write(content)
            sealing.finish()
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


class _Body:
    """Counts and checksums what is written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.length = 0
        self.checksums: list[int] = []

    def write(self, content: memoryview) -> None:
        while len(content):
            filled = self.length % _BLOCK
            part = content[: _BLOCK - filled]
            if filled == 0:
                self.checksums.append(0)
            self.checksums[-1] = zlib.crc32(part, self.checksums[-1])
            self._file.write(part)
            self.length += len(part)
            content = content[len(part) :]


def _write_file(
    file: BinaryIO, stamp: Stamp, arrays: Mapping[str, Array], notes: Mapping[str, Any]
) -> None:
    body = _Body(file)
    places = {}
    for name, array in arrays.items():
        places[name] = {
            "dtype": array.dtype.str,
            "shape": array.shape,
            "offset": body.length,
        }
        body.write(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
        body.write(memoryview(bytes(-body.length % _ALIGN)))
    footer = json.dumps(
        {"stamp": asdict(stamp), "notes": notes, "arrays": places, "checksums": body.checksums}
    ).encode()
    file.write(footer)
    file.write(_TRAILER.pack(len(footer), zlib.crc32(footer), _MAGIC))


def _footer(path: Path, content: memoryview) -> tuple[dict[str, Any], int]:
    length, checksum, magic = _TRAILER.unpack(content[-_TRAILER.size :])
    end = len(content) - _TRAILER.size - length
    if magic != _MAGIC or end < 0:
        raise SnapshotInvalid(f"{path.name} is no snapshot, of another version, or cut short.")
    footer = bytes(content[end : end + length])
    if zlib.crc32(footer) != checksum:
        raise SnapshotInvalid(f"{path.name} is damaged: its footer's checksum does not fit.")
    return json.loads(footer), end


def _content(path: Path, encryptor: Encryptor | None) -> memoryview:
    """The bytes of a snapshot: mapped, or decrypted."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < _TRAILER.size:
                raise SnapshotInvalid(f"{path.name} has {size} bytes, too few for a snapshot.")
            flags = mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0)
            content = memoryview(mmap.mmap(file.fileno(), size, flags=flags, prot=mmap.PROT_READ))
    except OSError as error:
        raise SnapshotInvalid(f"{path.name} cannot be read: {error.strerror}.") from error
    if encryptor is None:
        return content
    try:
        return decrypt(content, encryptor.find, _LABEL).toreadonly()
    except (DecryptionFailed, CatalogueEncrypted) as error:
        raise SnapshotInvalid(
            f"{path.name} is not encrypted by a key of this catalogue, or is damaged."
        ) from error


def _check_fit(path: Path, found: Stamp, expected: Stamp) -> None:
    for name in ("collection", "fingerprint", "dimension", "epoch"):
        if getattr(found, name) != getattr(expected, name):
            kind = SnapshotOutdated if name == "fingerprint" else SnapshotInvalid
            raise kind(
                f"{path.name} is of {name} {getattr(found, name)!r}, but the catalogue of"
                f" {getattr(expected, name)!r}."
            )
    if found.seq > expected.seq:
        raise SnapshotInvalid(
            f"{path.name} has seen change {found.seq}, but the catalogue ends at {expected.seq}."
        )


def _check_body(path: Path, body: memoryview, checksums: list[int]) -> None:
    parts = [body[start : start + _BLOCK] for start in range(0, len(body), _BLOCK)]
    if len(parts) < 2:
        found = [zlib.crc32(part) for part in parts]
    else:
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            found = list(pool.map(zlib.crc32, parts))  # zlib lets go of the interpreter's lock
    if found != checksums:
        raise SnapshotInvalid(f"{path.name} is damaged: a checksum does not fit.")


def _view(content: memoryview, place: Mapping[str, Any]) -> Array:
    dtype, shape = np.dtype(place["dtype"]), tuple(place["shape"])
    count = int(np.prod(shape))
    return np.frombuffer(content, dtype, count, place["offset"]).reshape(shape)


@contextmanager
def _translated(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if is_disk_full(error):
            raise StoreFull(
                f"No space is left for an index snapshot in {folder}: free some. Answers stay"
                " right meanwhile."
            ) from error
        raise StoreError(
            f"Index snapshots cannot be written in {folder}: {error.strerror}. Check its owner"
            " and permissions."
        ) from error
