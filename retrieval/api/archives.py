"""Uploaded archives of photos, unpacked safely: a folder a person, as `rollcall enroll` takes them.

Nothing in an archive is trusted: neither names (absolute, upwards, links) nor the sizes that it
states, since what comes out is counted while it is written.
"""

import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO

from retrieval.errors import DataInvalid
from retrieval.photos.kinds import SUFFIXES

MOST_ENTRIES = 200_000
_DEEPEST = 8
_CHUNK = 1 << 20
_BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    EOFError,
    OSError,
    RuntimeError,
    NotImplementedError,
)


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    is_link: bool
    open: Callable[[], IO[bytes] | None]


def unpack(archive: BinaryIO, folder: Path, *, max_bytes: int, max_photo_bytes: int) -> int:
    """Unpack the photos of a .zip or .tar(.gz, .bz2, .xz) file.

    Args:
        archive: its bytes, seekable.
        folder: where to, made by this call; nothing is left of it after an error.
        max_bytes: of all photos together.
        max_photo_bytes: of one photo.

    Returns:
        how many photos there were. Other files are passed over.

    Raises:
        DataInvalid: no archive, or one that is damaged, encrypted, too large, or that reaches out
            of its folder.
    """
    folder.mkdir(parents=True)
    try:
        return _unpack(archive, folder, max_bytes, max_photo_bytes)
    except _BROKEN as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise DataInvalid(f"The archive cannot be read: {error}. Pack it again.") from error
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _unpack(archive: BinaryIO, folder: Path, max_bytes: int, max_photo_bytes: int) -> int:
    photos, left = 0, max_bytes
    with _entries(archive) as entries:
        for number, entry in enumerate(entries, 1):
            if number > MOST_ENTRIES:
                raise DataInvalid(f"The archive has more than {MOST_ENTRIES} entries. Split it.")
            target = _target(entry, folder)
            if target is None:
                continue
            left -= _write(entry, target, min(left, max_photo_bytes))
            photos += 1
    if not photos:
        raise DataInvalid("The archive has no photos. Pack a folder a person, with photos in it.")
    return photos


def _target(entry: _Entry, folder: Path) -> Path | None:
    """Where an entry is written; None for what is no photo."""
    path = PurePosixPath(entry.name)
    unsafe = path.is_absolute() or ".." in path.parts or "\\" in entry.name or "\0" in entry.name
    if unsafe or ":" in (path.parts or ("",))[0]:
        raise DataInvalid(f"The archive reaches out of its folder: {entry.name!r}. It is refused.")
    if entry.is_link:
        raise DataInvalid(f"The archive holds a link: {entry.name!r}. Pack the files themselves.")
    if len(path.parts) > _DEEPEST:
        raise DataInvalid(f"The archive's folders are too deep: {entry.name!r}.")
    hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
    if hidden or path.suffix.lower() not in SUFFIXES:
        return None
    return folder / path


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
                raise DataInvalid(
                    f"The archive unpacks to more than is allowed, at {entry.name!r} (more than"
                    f" {most} bytes left). Split it, or let the service allow more"
                    " (ROLLCALL_MAX_ARCHIVE_BYTES, ROLLCALL_MAX_PHOTO_BYTES)."
                )
            file.write(piece)
    return written


@contextmanager
def _entries(archive: BinaryIO) -> Iterator[Iterator[_Entry]]:
    with ExitStack() as opened:
        if zipfile.is_zipfile(archive):
            yield _zipped(opened.enter_context(zipfile.ZipFile(archive)))
        else:
            archive.seek(0)
            yield _tarred(opened.enter_context(tarfile.open(fileobj=archive, mode="r:*")))


def _zipped(archive: zipfile.ZipFile) -> Iterator[_Entry]:
    for info in archive.infolist():
        if not info.is_dir():
            is_link = stat.S_ISLNK(info.external_attr >> 16)
            yield _Entry(info.filename, is_link, partial(archive.open, info))


def _tarred(archive: tarfile.TarFile) -> Iterator[_Entry]:
    for info in archive:
        if not info.isdir():
            strange = not info.isfile()
            yield _Entry(info.name, strange, partial(archive.extractfile, info))
