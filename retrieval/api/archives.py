"""Uploaded archives of photos, unpacked safely: a folder per person, as `rollcall enroll` takes it.

The work is done by `unpacking`, in a process of its own: an archive is a program for a decompressor
that a stranger wrote, and what it takes of memory and time shows only when it runs.
"""

import json
import math
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from io import UnsupportedOperation
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO

from retrieval.api import unpacking
from retrieval.errors import DataInvalid, StoreFull
from retrieval.files.private import make_folder
from retrieval.photos.folders import PassedOver
from retrieval.photos.kinds import SUFFIXES, VIDEO_SUFFIXES, kind_of

MOST_ENTRIES = 200_000
TIMEOUT_S = 60.0
_MEMORY_BYTES = 400 << 20  # address space: Python 30 MiB, 200,000 names 150, `xz -9` 65


def unpack(
    archive: BinaryIO,
    folder: Path,
    *,
    max_bytes: int,
    max_photo_bytes: int,
    timeout_s: float = TIMEOUT_S,
    passed: PassedOver | None = None,
) -> int:
    """Unpack the photos of a .zip or .tar(.gz, .bz2, .xz) file.

    Args:
        archive: its bytes, seekable.
        folder: where to, made by this call; nothing is left of it after an error.
        max_bytes: of all photos together, and of all that must be read to get at them.
        max_photo_bytes: of one photo.
        timeout_s: for all of it.
        passed: counts other files by kind.

    Returns:
        how many photos there were, with files that have no ending, which may be some.

    Raises:
        DataInvalid: no archive, or one that is damaged, encrypted, too large or too slow, or that
            reaches out of its folder.
        StoreFull: no space is left.
    """
    order = unpacking.Order(
        folder=str(folder),
        suffixes=sorted(SUFFIXES | VIDEO_SUFFIXES),
        max_bytes=max_bytes,
        max_photo_bytes=max_photo_bytes,
        max_entries=MOST_ENTRIES,
        memory_bytes=_MEMORY_BYTES,
        cpu_s=math.ceil(timeout_s),
    )
    make_folder(folder)
    try:
        with _as_file(archive) as file:
            told = _unpacked(file, order, timeout_s)
        if told.get("full"):
            raise StoreFull(f"{told['error']} Free some, then send it again.")
        if "error" in told:
            raise DataInvalid(told["error"])
        if passed is not None:
            passed.files.update({kind_of(f"x{end}"): n for end, n in told["passed"].items()})
        return int(told["photos"])
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _unpacked(file: BinaryIO, order: unpacking.Order, timeout_s: float) -> dict[str, Any]:
    # Isolated and without site-packages: it needs the standard library only, and starts in 20 ms.
    command = [sys.executable, "-I", "-S", unpacking.__file__, json.dumps(asdict(order))]
    with suppress(subprocess.TimeoutExpired, ValueError):  # ValueError: killed before it told
        done = subprocess.run(
            command, stdin=file, capture_output=True, timeout=timeout_s, check=False
        )
        told: dict[str, Any] = json.loads(done.stdout)
        return told
    return {
        "error": f"The archive takes more than {timeout_s:g} s, or too much memory, to unpack."
        " Split it."
    }


@contextmanager
def _as_file(archive: BinaryIO) -> Iterator[BinaryIO]:
    """The archive as a file of the system's, at its beginning."""
    archive.seek(0)
    try:
        archive.fileno()  # one that is held in memory until it is large goes to the disk
    except UnsupportedOperation:
        with TemporaryFile() as copy:
            shutil.copyfileobj(archive, copy, 1 << 20)
            copy.seek(0)
            yield copy
    else:
        archive.flush()
        archive.seek(0)
        yield archive
