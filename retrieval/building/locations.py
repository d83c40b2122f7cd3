"""Settings -> where photos, indexes and everything else lie."""

from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.errors import InputError, SettingInvalid
from retrieval.files.private import make_folder
from retrieval.settings import Settings
from retrieval.values import Location

if TYPE_CHECKING:
    from retrieval.index.milvus.server import MilvusServer


def milvus_server(settings: Settings) -> "MilvusServer":
    """The index server that the settings name; nothing is asked yet.

    Raises:
        SettingInvalid: pymilvus is not installed, or vectors are encrypted, which they would not be
            on the server.
    """
    if settings.data_key is not None or settings.data_key_file is not None:
        raise SettingInvalid(
            "Vectors are encrypted (ROLLCALL_DATA_KEY), but Milvus would hold them in the clear."
            " Unset ROLLCALL_INDEX_URL: the index is then kept in memory and encrypted files."
        )
    try:
        from retrieval.index.milvus.server import MilvusServer
    except ModuleNotFoundError as error:
        raise SettingInvalid(
            f"ROLLCALL_INDEX_URL is set, but {error.name} is not installed. Run: pip install"
            " 'rollcall[milvus]'"
        ) from error
    return MilvusServer(settings.index_url or "")


def photos_root(settings: Settings) -> Location:
    """Where kept photos lie, a folder per collection.

    Raises:
        SettingInvalid: ROLLCALL_PHOTOS_URL is no URL that can be stored.
    """
    from retrieval.photos.urls import location_of
    from retrieval.values import Url

    if settings.photos_url is None:
        return home_of(settings) / "photos"
    try:
        place = location_of(settings.photos_url)
    except InputError as error:
        raise SettingInvalid(f"ROLLCALL_PHOTOS_URL: {error}") from error
    if not isinstance(place, Url):
        raise SettingInvalid(
            f"ROLLCALL_PHOTOS_URL is no URL: {settings.photos_url!r}. Expected s3://bucket/folder,"
            " ftp://user@host/folder or the like."
        )
    return place


def home_of(settings: Settings) -> Path:
    """The home folder, made where it is missing.

    Raises:
        SettingInvalid: it cannot be made.
    """
    try:
        make_folder(settings.home)
    except OSError as error:
        raise SettingInvalid(
            f"The home folder {settings.home} cannot be made: {error.strerror}. Choose another"
            " with --home DIR or ROLLCALL_HOME."
        ) from error
    return settings.home
