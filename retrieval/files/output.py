"""Files that a command writes for its user: written beside, put in place whole, one writer each.

A file appears with all its lines or not at all, and what was there before stays until then. Who
works on a file for a long time holds it: another command that would write the same file hears who
that is, before it does anything.
"""

import fcntl
import json
import os
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from errno import EDQUOT, EFBIG, ENOSPC
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from retrieval.errors import FileHeld, SettingInvalid, StoreError, StoreFull
from retrieval.files.private import open_bytes

_LOOK_S = 0.05


@dataclass(frozen=True, slots=True)
class Holder:
    """Who writes a file.

    Attributes:
        process: its id, on the machine that it runs on.
        command: as it was typed.
        since: in UTC.
    """

    process: int
    command: str
    since: str

    def __str__(self) -> str:
        return f"`{self.command}` (process {self.process}, since {self.since})"


def is_disk_full(error: OSError) -> bool:
    """Whether a file could not be written for want of space, of quota too."""
    return error.errno in (ENOSPC, EDQUOT, EFBIG)


def cannot_write(path: Path, error: OSError) -> StoreError:
    """The error that says why a file could not be written, and what to do."""
    if is_disk_full(error):
        return StoreFull(
            f"No space is left for {path}. Nothing was changed under that name; free some space or"
            " choose another disk."
        )
    return StoreError(
        f"{path} cannot be written: {error.strerror or error}. Check the folder and its"
        " permissions."
    )


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path beside a file, to be written; what was written there then takes its place.

    Raises:
        StoreFull: no space is left. The file is as it was.
        StoreError: it cannot be written. The file is as it was.
    """
    path = path.resolve()  # a link stays one
    if path.exists() and not path.is_file():  # /dev/null, a pipe
        yield path
        return
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        open_bytes(part).close()  # private from the beginning
        yield part
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Let what was renamed in a folder outlast a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_writable(path: Path) -> None:
    """See, before anything is done, that a file can be put at a path.

    Raises:
        SettingInvalid: there is no such folder, or nothing may be written there.
    """
    if path.is_dir():
        raise SettingInvalid(f"{path} is a folder. Name a file in it.")
    if not path.parent.is_dir():
        raise SettingInvalid(f"The folder {path.parent} does not exist. Make it first.")
    if not path.exists() or path.is_file():
        part = path.resolve().with_name(f".{path.name}.{os.getpid()}.part")
        try:
            open_bytes(part).close()
            part.unlink()
        except OSError as error:
            raise SettingInvalid(f"{path} cannot be written: {error.strerror}.") from error


def check_writable_folder(path: Path) -> None:
    """See, before anything is done, that files can be put into a folder, which need not be there.

    Raises:
        SettingInvalid: a file has its name, or nothing may be written there.
    """
    there = next(each for each in (path.absolute(), *path.absolute().parents) if each.exists())
    if not there.is_dir():
        raise SettingInvalid(f"{there} is a file. Name a folder.")
    try:
        with TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise SettingInvalid(f"Nothing can be written to {path}: {error.strerror}.") from error


def lock_of(path: Path) -> Path:
    """The file beside a file that says who holds it; there only while somebody does."""
    return path.with_name(f".{path.name}.lock")


@contextmanager
def holding(path: Path, wait_s: float = 0.0) -> Iterator[None]:
    """Be the only command that writes a file; who that is stands in a lock file beside it.

    The lock is the operating system's, so it ends with the process, however that ends.

    Args:
        path: of the file.
        wait_s: how long another one is waited for.

    Raises:
        FileHeld: another command holds it.
        StoreError: no lock file can be written beside it.
    """
    path = path.resolve()
    if path.exists() and not path.is_file():
        yield
        return
    lock = lock_of(path)
    deadline = time.monotonic() + wait_s
    while (held := _held(lock, path)) is None:
        if time.monotonic() >= deadline:
            raise FileHeld(
                f"{path} is being written by {_holder(lock)}. Wait for its end, or name another"
                " file."
            )
        time.sleep(_LOOK_S)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)  # while it is locked: who waits sees that it is another file
        held.close()


def _held(lock: Path, path: Path) -> BinaryIO | None:
    """The lock file, locked and signed; None where somebody else has it."""
    try:
        file = os.fdopen(os.open(lock, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "a+b")
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}.") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not _is_at(file, lock):  # it was let go and deleted in between
            raise BlockingIOError
        command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
        moment = datetime.now(UTC).isoformat(timespec="seconds")
        file.truncate(0)
        file.write(json.dumps(asdict(Holder(os.getpid(), command, moment))).encode() + b"\n")
        file.flush()
    except BlockingIOError:
        file.close()
        return None
    return file


def _is_at(file: BinaryIO, path: Path) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    return False


def _holder(lock: Path) -> str:
    with suppress(OSError, ValueError, TypeError):
        return str(Holder(**json.loads(lock.read_text(encoding="utf-8"))))
    return "another command"
