"""Unpacks an archive of photos, as a program of its own with little memory and little time.

Nothing in an archive is trusted: neither names (absolute, upwards, links) nor the sizes that it
states, since what comes out is counted while it is read. What a decompressor takes for itself, or
reads to find the next header, only the system can bound: so this runs in a process of its own that
may be killed, see `archives.unpack`.

Reads the archive from standard input, which must be a file, and `Order` as JSON from its only
argument; writes {"photos": n, "passed": how many other files by ending}, or {"error": what is
wrong, "full": no space is left}. It imports nothing of Rollcall's.
"""

import json
import os
import resource
import stat
import sys
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from errno import EDQUOT, ENOSPC
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO

_DEEPEST = 8
_CHUNK = 1 << 20
_MOST_KINDS = 50  # endings that are counted each by itself
_HEADER_BYTES = 1 << 16  # of a long name or of attributes before an entry of a tar
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}  # the others take memory as they like
_LONG = {tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE,
         tarfile.SOLARIS_XHDTYPE}  # fmt: skip
_BROKEN = (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError, ValueError, LookupError,
           RuntimeError, NotImplementedError, ArithmeticError)  # fmt: skip


class Refused(Exception):
    """The archive is not taken; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to unpack.

    Attributes:
        folder: where to; it is there.
        suffixes: of photos, in lower case; other files are passed over, but for those without an
            ending, which are known by their content later.
        max_bytes: of all photos together, and of all that is read to get at them.
        max_photo_bytes: of one photo.
        max_entries: files and folders.
        memory_bytes: of this process.
        cpu_s: of this process.
    """

    folder: str
    suffixes: list[str]
    max_bytes: int
    max_photo_bytes: int
    max_entries: int
    memory_bytes: int
    cpu_s: int


@dataclass(frozen=True, slots=True)
class _Entry:
    """A file or a folder of an archive; `skipped` bytes are read where it is passed over."""

    name: str
    is_link: bool
    skipped: int
    open: Callable[[], IO[bytes] | None]
    is_folder: bool = False


def main() -> None:
    """Do what the argument says."""
    order = Order(**json.loads(sys.argv[1]))
    os.umask(0o077)
    os.nice(10)  # whoever asks a question goes first
    resource.setrlimit(resource.RLIMIT_AS, (order.memory_bytes,) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (order.cpu_s,) * 2)
    with os.fdopen(0, "rb") as archive:
        json.dump(_told(order, archive), sys.stdout)


def _told(order: Order, archive: BinaryIO) -> dict[str, Any]:
    try:
        return _unpack(order, archive)
    except Refused as error:
        return {"error": str(error)}
    except MemoryError:
        return {"error": "The archive takes too much memory to unpack. Pack it as .zip or .tar.gz."}
    except _BROKEN as error:
        if isinstance(error, OSError) and error.errno in (ENOSPC, EDQUOT):
            return {"error": "There is no space left to unpack the archive.", "full": True}
        return {"error": "The archive cannot be read. Pack it again."}


def _unpack(order: Order, archive: BinaryIO) -> dict[str, Any]:
    photos, left = 0, order.max_bytes
    passed: Counter[str] = Counter()
    with _entries(archive, order.max_entries) as entries:
        for entry in entries:
            target = _target(order, entry)
            if target is None or entry.is_folder:
                left -= entry.skipped
            if target is None:
                continue
            if entry.is_folder:  # kept: who has none but an empty one is to be named
                target.mkdir(parents=True, exist_ok=True)
                continue
            if target.suffix and target.suffix.lower() not in order.suffixes:
                target.parent.mkdir(parents=True, exist_ok=True)
                passed[target.suffix.lower() if len(passed) < _MOST_KINDS else "others"] += 1
                left -= entry.skipped
                if left < 0:
                    raise _too_large(entry, order.max_bytes)
                continue
            left -= _write(entry, target, min(left, order.max_photo_bytes))
            photos += 1
    if not photos:
        told = ", ".join(f"{count} x {suffix}" for suffix, count in passed.most_common())
        raise Refused(
            f"The archive has no photos{f' ({told})' if told else ''}. Pack some, for an ingest in"
            " one folder per person."
        )
    return {"photos": photos, "passed": passed}


def _target(order: Order, entry: _Entry) -> Path | None:
    """Where an entry belongs; None for what is hidden."""
    path = PurePosixPath(entry.name.replace("\\", "/"))  # as programs for Windows wrote it
    unsafe = path.is_absolute() or ".." in path.parts or "\0" in entry.name
    if unsafe or ":" in (path.parts or ("",))[0]:
        raise Refused(f"The archive reaches out of its folder: {_shown(entry)}. It is refused.")
    if entry.is_link:
        raise Refused(f"The archive holds a link: {_shown(entry)}. Pack the files themselves.")
    if len(path.parts) > _DEEPEST:
        raise Refused(f"The archive's folders are too deep: {_shown(entry)}.")
    if any(part.startswith((".", "__MACOSX")) for part in path.parts):
        return None
    return Path(order.folder) / path


def _write(entry: _Entry, target: Path, most: int) -> int:
    """Write an entry, counting its bytes; return how many."""
    target.parent.mkdir(parents=True, exist_ok=True)
    source = entry.open()
    if source is None:
        return 0
    written = 0
    with source, target.open("wb") as file:
        while piece := source.read(_CHUNK):
            written += len(piece)
            if written > most:
                raise _too_large(entry, most)
            file.write(piece)
    return written


def _too_large(entry: _Entry, most: int) -> Refused:
    return Refused(
        f"The archive unpacks to more than is allowed, at {_shown(entry)} (more than {most} bytes)."
        " Split it. The settings max_archive_bytes and max_photo_bytes move the limit."
    )


def _shown(entry: _Entry) -> str:
    return repr(entry.name if len(entry.name) <= 200 else f"{entry.name[:200]}...")


@contextmanager
def _entries(archive: BinaryIO, most: int) -> Iterator[Iterator[_Entry]]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            yield _zipped(zipped, most)
    else:
        archive.seek(0)
        with tarfile.open(fileobj=archive, mode="r:*", tarinfo=_Header) as tarred:
            yield _tarred(tarred, most)


def _zipped(archive: zipfile.ZipFile, most: int) -> Iterator[_Entry]:
    _check_count(len(archive.infolist()) - 1, most)
    for info in archive.infolist():
        is_link = stat.S_ISLNK(info.external_attr >> 16)
        is_folder = info.filename.endswith(("/", "\\"))
        yield _Entry(info.filename, is_link, 0, partial(_opened, archive, info), is_folder)


def _opened(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> IO[bytes]:
    if info.compress_type not in _METHODS:
        raise Refused(
            f"The archive is packed by a method that is not taken (number {info.compress_type}), at"
            f" {info.filename[:200]!r}. Pack it as usual: deflated, or not compressed."
        )
    return archive.open(info)


class _Header(tarfile.TarInfo):
    """A tar's header that announces no long name, and no map of holes, to be held in memory."""

    def _proc_member(self, archive: tarfile.TarFile) -> Any:
        if self.type in _LONG and self.size > _HEADER_BYTES:
            raise Refused(
                f"The archive has a header of {self.size:,} bytes; at most {_HEADER_BYTES:,} are"
                " taken. Pack it again."
            )
        if self.type == tarfile.GNUTYPE_SPARSE:
            raise Refused(
                f"The archive holds a file with holes: {self.name[:200]!r}. Pack it whole."
            )
        return super()._proc_member(archive)  # type: ignore[misc]  # not in its stubs


def _tarred(archive: tarfile.TarFile, most: int) -> Iterator[_Entry]:
    number = 0
    while (info := archive.next()) is not None:
        _check_count(number, most)
        archive.members = []  # type: ignore[attr-defined]  # else it remembers all
        number += 1
        strange = not (info.isfile() or info.isdir())
        opened = partial(archive.extractfile, info)
        yield _Entry(info.name, strange, info.size, opened, info.isdir())


def _check_count(before: int, most: int) -> None:
    if before >= most:
        raise Refused(f"The archive has more than {most} entries. Split it.")


if __name__ == "__main__":
    main()
