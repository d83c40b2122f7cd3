"""Photos in other places than this machine's folders: whatever fsspec reaches by URL.

Who may read there is fsspec's configuration or the protocol's own (AWS_*, FSSPEC_FTP_PASSWORD,
~/.config/fsspec): a URL is stored, shown and logged, so one with a secret in it is refused.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from retrieval.errors import (
    DataInvalid,
    PhotoUnreadable,
    RollcallError,
    SettingInvalid,
    StorageUnavailable,
    StoreError,
)
from retrieval.values import Location, Url

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_PASSWORD = re.compile(r"//.*:.*@")  # a slash or an @ in it, unescaped, does not end it
_USER = re.compile(r"//[^/]*@")
_SIGNED = re.compile(r"[?&][^=&]*(sig|token|key|secret|password|credential)[^=&]*=", re.IGNORECASE)
_WORDS = 200  # characters of another library's message that are repeated


def location_of(text: str) -> Location:
    """A URL or a path, as a user names it.

    Raises:
        DataInvalid: a URL that holds a secret, or several.
    """
    if not _URL.match(text):
        return Path(text)
    protocol = text.partition(":")[0].lower()
    web = protocol in ("http", "https") and ("?" in text or _USER.search(text))
    if web or _PASSWORD.search(text) or _SIGNED.search(text):
        raise DataInvalid(
            f"A {protocol}:// URL holds a password or a signature, which would be stored with the "
            "photo. Leave it out: fsspec takes credentials from the environment "
            f"(FSSPEC_{protocol.upper()}_PASSWORD, AWS_ACCESS_KEY_ID, ...)."
        )
    if "::" in text:
        raise DataInvalid(f"{text} chains several URLs. Name one that the photo lies at.")
    return Url(text)


def absolute(location: Location) -> Location:
    """A path from the root of the file system, so that it means the same file from anywhere.

    It has no `..`: one file is called alike from wherever it is named. Behind a link to a folder,
    `..` is not what stands before it; there links are followed.
    """
    if not isinstance(location, Path):
        return location
    if ".." not in location.parts:
        return location.absolute()
    plain = Path(os.path.normpath(location.absolute()))
    with suppress(OSError):
        return plain if plain.samefile(location) else location.resolve()
    return location.resolve() if location.exists() else plain


def fetch(url: Url, limit: int) -> tuple[bytes, int]:
    """Read a file, but never more than `limit` bytes and one.

    Returns:
        its bytes, or none where it is known to be larger; and its size as far as it was found.

    Raises:
        PhotoUnreadable: it is not there, is a folder, or may not be read.
        StorageUnavailable: the server does not answer or does not let anybody in.
        SettingInvalid: fsspec knows no such protocol.
    """
    with _reading(url), _opened(url) as (files, path), files.open(path, "rb") as file:
        size = getattr(file, "size", None)
        if size is not None and size > limit:
            return b"", int(size)
        data: bytes = file.read(limit + 1)
        return data, len(data)


def beginning(url: Url, most: int) -> bytes:
    """The first bytes of a file, all of them if there are no more than `most`.

    Raises:
        PhotoUnreadable, StorageUnavailable, SettingInvalid: see `fetch`.
    """
    with _reading(url), _opened(url) as (files, path), files.open(path, "rb") as file:
        size = getattr(file, "size", None)
        data: bytes = file.read(most if size is None else min(most, size))
        return data


def put(url: Url, data: bytes, draft: Url | None) -> None:
    """Write a file.

    Args:
        url: where to; what is there is replaced.
        data: its bytes.
        draft: where it is written first, to be moved when it is whole; None writes it at once.

    Raises:
        StoreError: there is no permission.
        StorageUnavailable, SettingInvalid: see `fetch`.
    """
    try:
        with _opened(url) as (files, path):
            if draft is None:
                files.pipe_file(path, data)
                return
            beside = str(files._strip_protocol(draft.text))  # as url_to_fs does
            files.makedirs(beside.rpartition("/")[0], exist_ok=True)
            try:
                files.pipe_file(beside, data)
                files.mv(beside, path)
            except BaseException:
                with suppress(Exception):
                    files.rm_file(beside)
                raise
    except _OF_ONE_FILE as error:
        raise StoreError(
            f"{url} cannot be written: {_said(error)}. Check the permissions there."
        ) from error


def delete(url: Url, *, recursive: bool = False) -> None:
    """Delete a file, or a folder with everything in it, if it is there.

    Raises:
        StoreError: there is no permission.
        StorageUnavailable, SettingInvalid: see `fetch`.
    """
    try:
        with _opened(url) as (files, path), suppress(FileNotFoundError):
            if files.exists(path):
                files.rm(path, recursive=recursive)
    except _OF_ONE_FILE as error:
        raise StoreError(
            f"{url} cannot be deleted: {_said(error)}. Check the permissions there."
        ) from error


@contextmanager
def _reading(url: Url) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise PhotoUnreadable(f"{url}: there is no such file. Check the URL.") from error
    except PermissionError as error:
        raise PhotoUnreadable(
            f"{url}: there is no permission to read it. Check the credentials of this machine."
        ) from error
    except IsADirectoryError as error:
        raise PhotoUnreadable(f"{url}: this is a folder. Name the photos in it.") from error


def is_folder(url: Url) -> bool:
    """Whether a URL is a folder's.

    Raises:
        StorageUnavailable, SettingInvalid: see `fetch`.
    """
    with _opened(url) as (files, path):
        return bool(files.isdir(path))


def exists(url: Url) -> bool:
    """Whether there is anything under a URL.

    Raises:
        StorageUnavailable, SettingInvalid: see `fetch`.
    """
    with _opened(url) as (files, path):
        return bool(files.exists(path))


def entries(folder: Url) -> list[tuple[str, bool, bool]]:
    """What a folder holds: name, whether it is a folder, whether it is a link.

    Raises:
        DataInvalid: it is not there, or may not be listed.
        StorageUnavailable, SettingInvalid: see `fetch`.
    """
    try:
        with _opened(folder) as (files, path):
            listed: list[dict[str, Any]] = files.ls(path, detail=True)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataInvalid(f"{folder}: there is no such folder or bucket. Check the URL.") from error
    except PermissionError as error:
        raise DataInvalid(
            f"{folder}: there is no permission to list it. Check the credentials of this machine."
        ) from error
    own = path.rstrip("/")  # object stores may list a marker of the folder itself
    names = ((entry, entry["name"].rstrip("/")) for entry in listed)
    return [
        (name.rpartition("/")[2], entry["type"] == "directory", bool(entry.get("islink")))
        for entry, name in names
        if name != own
    ]


@contextmanager
def _opened(url: Url) -> Iterator[tuple[Any, str]]:
    """The file system of a URL and the path in it; its troubles as errors of ours.

    What says something of one file or folder alone stays an OSError, for the caller to word.
    """
    connecting = True
    try:
        files, path = _fsspec().url_to_fs(url.text, use_listings_cache=False)
        connecting = False
        yield files, path
    except RollcallError:
        raise
    except ImportError as error:
        raise StorageUnavailable(
            f"{url}: the package that reads such URLs is missing on this machine: {error}."
        ) from error
    except ValueError as error:
        if not connecting:
            raise _unavailable(url, error) from error
        raise SettingInvalid(
            f"{url}: fsspec cannot use this URL: {_said(error)}. Check its beginning."
        ) from error
    except _OF_ONE_FILE as error:
        if connecting:
            raise _unavailable(url, error) from error
        raise
    except Exception as error:  # a library a protocol, each with errors of its own
        raise _unavailable(url, error) from error


_OF_ONE_FILE = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)


def _fsspec() -> Any:
    try:
        import fsspec
    except ModuleNotFoundError as error:
        raise StorageUnavailable(
            "Photos by URL need the package fsspec: install rollcall[storage], and what the "
            "protocol needs (s3fs for s3://, gcsfs for gs://, ...)."
        ) from error
    return fsspec


def _unavailable(url: Url, error: Exception) -> StorageUnavailable:
    return StorageUnavailable(
        f"{url} cannot be reached: {_said(error)}. Check that the server answers and lets this "
        "machine in (credentials from the environment or ~/.config/fsspec), then try again."
    )


def _said(error: Exception) -> str:
    """The first line of another library's message, without what might be a secret."""
    line = (str(error).strip().splitlines() or [""])[0]
    line = re.sub(r"//[^/@\s]*@", "//", line)
    line = re.sub(r"\?\S*", "", line)
    return line[:_WORDS].rstrip(".") or type(error).__name__
