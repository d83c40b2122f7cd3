"""Getting a file: downloaded or copied, hashed on the way, written beside and renamed."""

import errno
import hashlib
import http.client
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from retrieval.errors import DownloadFailed, ModelMissing, StoreError, StoreFull

Progress = Callable[[int, int | None], None]  # bytes so far, bytes in all where known

_CHUNK_BYTES = 1 << 18
_TIMEOUT_S = 30.0  # without a single byte
_INSTEAD = "Try again, or download it elsewhere and run: rollcall models pull NAME --from PATH"


@contextmanager
def writing_beside(target: Path) -> Iterator[Path]:
    """Give a path to write to; rename it to `target` at the end, or remove it on any error.

    Raises:
        StoreFull: no space left.
        StoreError: the folder cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        os.close(handle)
    except OSError as error:
        raise _store_error(target, error) from error
    beside = Path(name)
    try:
        yield beside
        with beside.open("rb+") as file:
            os.fsync(file.fileno())
        beside.replace(target)
    except OSError as error:
        raise _store_error(target, error) from error
    finally:
        beside.unlink(missing_ok=True)


def download(
    url: str, target: Path, progress: Progress | None = None, *, instead: str = _INSTEAD
) -> str:
    """Download to `target`, replacing it; return the SHA-256. Nothing remains of a broken one.

    `instead` ends the error's message: what else the user can do.

    Raises:
        DownloadFailed: no network, the server said no, or the connection broke.
    """
    try:
        # Only http and https get here: the manifest's schema allows no other scheme.
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer, target.open("wb") as file:
            length = answer.headers.get("Content-Length")
            total = int(length) if length else None
            digest, size = _pour(answer, file, total, progress)
    except urllib.error.HTTPError as error:
        raise _failed(url, f"the server answered {error.code} {error.reason}", instead) from error
    except urllib.error.URLError as error:
        raise _failed(url, f"no connection: {error.reason}", instead) from error
    except (http.client.HTTPException, ConnectionError, TimeoutError) as error:
        raise _failed(
            url, f"the connection broke: {error or type(error).__name__}", instead
        ) from error
    if total is not None and size != total:
        raise _failed(url, f"the connection broke after {size} of {total} bytes", instead)
    return digest


def copy(source: Path, target: Path, progress: Progress | None = None) -> str:
    """Copy to `target`, replacing it; return the SHA-256.

    Raises:
        ModelMissing: the source is no file that can be read.
    """
    if not source.is_file():
        raise ModelMissing(f"There is no file {source} to take the model from. Check the path.")
    with source.open("rb") as opened, target.open("wb") as file:
        return _pour(opened, file, source.stat().st_size, progress)[0]


def _pour(
    source: "BinaryIO | http.client.HTTPResponse",
    target: BinaryIO,
    total: int | None,
    progress: Progress | None,
) -> tuple[str, int]:
    """Copy all bytes; return their SHA-256 and count."""
    digest, size = hashlib.sha256(), 0
    while chunk := source.read(_CHUNK_BYTES):
        target.write(chunk)
        digest.update(chunk)
        size += len(chunk)
        if progress is not None:
            progress(size, total)
    return digest.hexdigest(), size


def _failed(url: str, why: str, instead: str) -> DownloadFailed:
    return DownloadFailed(f"{url} could not be downloaded: {why}. {instead}")


def _store_error(target: Path, error: OSError) -> StoreError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreFull(f"No space left to write {target}. Free some, or set another --home.")
    return StoreError(f"{target} cannot be written: {error}. Check the folder, or set --home.")
