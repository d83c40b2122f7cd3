"""Getting a file: downloaded or copied, hashed on the way, written beside and renamed."""

import hashlib
import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from retrieval.errors import DownloadFailed, ModelMissing, StoreError, StoreFull
from retrieval.files.output import is_disk_full

if TYPE_CHECKING:
    from httpx import RequestError, Response

logger = logging.getLogger(__name__)

Progress = Callable[[int, int | None], None]  # bytes so far, bytes in all where known

_CHUNK_BYTES = 1 << 18
_TIMEOUT_S = 30.0


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
    url: str,
    target: Path,
    progress: Progress | None = None,
    *,
    instead: str,
    timeout_s: float = _TIMEOUT_S,
) -> str:
    """Download to `target`, replacing it; return the SHA-256.

    Where a connection breaks, the next one goes on from there, as long as each brings something.

    Args:
        url: http or https.
        target: the file.
        progress: is told how far it is.
        instead: ends the error's message: what else the user can do.
        timeout_s: without a single byte.

    Raises:
        DownloadFailed: no network, the server said no, or the connection broke.
    """
    import httpx  # 0.1 s, of those alone who download

    part = _Part()
    with target.open("wb") as file:
        while True:
            before = part.size
            try:
                _fetch(url, file, part, progress, timeout_s)
                break
            except httpx.HTTPStatusError as error:
                answer = error.response
                why = f"the server answered {answer.status_code} {answer.reason_phrase}"
                raise _failed(url, why, instead) from error
            except httpx.InvalidURL as error:
                raise _failed(url, f"the URL cannot be read: {error}", instead) from error
            except httpx.RequestError as error:
                if part.size == before:
                    raise _failed(url, _broken(error, part), instead) from error
                logger.warning("%s: the connection broke; going on from %d", url, part.size)
    return part.digest.hexdigest()


@dataclass(slots=True)
class _Part:
    """What has arrived of a file; `tag` names the version of it that the server has."""

    size: int = 0
    total: int | None = None
    tag: str | None = None
    digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)


def _fetch(
    url: str, file: BinaryIO, part: _Part, progress: Progress | None, timeout_s: float
) -> None:
    """Get the rest of a file, or all of it from a server that gives no rest."""
    import httpx

    wanted = {"Accept-Encoding": "identity"}  # the hash is of the file as it is
    if part.size:
        wanted["Range"] = f"bytes={part.size}-"
    if part.size and part.tag:
        wanted["If-Range"] = part.tag
    with httpx.stream(
        "GET", url, headers=wanted, timeout=timeout_s, follow_redirects=True
    ) as answer:
        answer.raise_for_status()
        if part.size and not _continues(answer, part.size):
            file.seek(0)
            file.truncate()
            part.size, part.digest = 0, hashlib.sha256()
        length = answer.headers.get("Content-Length")
        part.total = part.size + int(length) if length else None
        part.tag = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
        for chunk in answer.iter_bytes():
            file.write(chunk)
            part.digest.update(chunk)
            part.size += len(chunk)
            if progress is not None:
                progress(part.size, part.total)
    if part.total is not None and part.size < part.total:
        raise httpx.ReadError("the connection was closed")


def _continues(answer: "Response", size: int) -> bool:
    found = answer.headers.get("Content-Range", "")
    return answer.status_code == 206 and found.startswith(f"bytes {size}-")


def _broken(error: "RequestError", part: _Part) -> str:
    if part.total is None:
        return f"no connection: {error or type(error).__name__}"
    if part.size:
        return f"the connection broke after {part.size} of {part.total} bytes"
    return f"the connection broke: {error or type(error).__name__}"


def copy(source: Path, target: Path, progress: Progress | None = None) -> str:
    """Copy to `target`, replacing it; return the SHA-256.

    Raises:
        ModelMissing: the source is no file that can be read.
    """
    if not source.is_file():
        raise ModelMissing(f"There is no file {source} to take the model from. Check the path.")
    digest, size, total = hashlib.sha256(), 0, source.stat().st_size
    with source.open("rb") as opened, target.open("wb") as file:
        for chunk in _chunks(opened):
            file.write(chunk)
            digest.update(chunk)
            size += len(chunk)
            if progress is not None:
                progress(size, total)
    return digest.hexdigest()


def _chunks(source: BinaryIO) -> Iterator[bytes]:
    while chunk := source.read(_CHUNK_BYTES):
        yield chunk


def _failed(url: str, why: str, instead: str) -> DownloadFailed:
    return DownloadFailed(f"{url} could not be downloaded: {why}. {instead}")


def _store_error(target: Path, error: OSError) -> StoreError:
    if is_disk_full(error):
        return StoreFull(f"No space left to write {target}. Free some, or set another --home.")
    return StoreError(f"{target} cannot be written: {error}. Check the folder, or set --home.")
