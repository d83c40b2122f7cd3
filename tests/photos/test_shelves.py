"""Kept photos behind URLs: the same calls as on a folder, and the same answers."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from retrieval.errors import StorageUnavailable
from retrieval.files.keys import DataKey
from retrieval.photos.shelves import shelf_of, shelves_below
from retrieval.photos.store import PhotoStore
from retrieval.values import Location, Url
from tests.photos.test_store import DATA, SHA256, Keys
from tests.processes import free_port
from tests.storage_servers import PASSWORD, ftp_server

fsspec = pytest.importorskip("fsspec", reason="needs the extra storage")
pytest.importorskip("pyftpdlib", reason="needs pyftpdlib, an FTP server")
OTHER = SHA256[::-1]


@pytest.fixture(scope="module")
def ftp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with ftp_server(tmp_path_factory.mktemp("ftp")) as url:
        yield url


@pytest.fixture(params=["path", "file", "memory", "ftp"])
def root(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Location:
    if request.param == "path":
        return tmp_path / "kept"
    if request.param == "file":
        return Url(f"file://{tmp_path}/kept")
    if request.param == "memory":
        return Url(f"memory://{uuid4().hex}")
    monkeypatch.setitem(fsspec.config.conf, "ftp", {"password": PASSWORD})
    return Url(f"{request.getfixturevalue('ftp')}/{uuid4().hex}")


def test_copies_are_kept_read_listed_and_deleted(root: Location) -> None:
    assert shelves_below(root) == []
    store = PhotoStore(root / "7", keeps=True)
    assert (store.read(SHA256), store.kept()) == (None, [])
    store.discard([SHA256])
    store.keep(SHA256, DATA)
    store.keep(SHA256, b"another photo of the same name is not written")
    store.keep(OTHER, DATA)
    assert (store.read(SHA256), store.kept()) == (DATA, sorted([SHA256, OTHER]))
    assert shelves_below(root) == [(7, root / "7")]
    store.discard([SHA256])
    assert (store.read(SHA256), store.kept()) == (None, [OTHER])
    store.clear()
    store.clear()
    assert store.kept() == []


def test_copies_are_encrypted_and_written_anew(root: Location) -> None:
    PhotoStore(root / "7", keeps=True).keep(SHA256, DATA)
    encrypted = PhotoStore(root / "7", keeps=True, encryptor=Keys(DataKey.new()))
    assert encrypted.key_of(SHA256) is None
    assert encrypted.write_anew(SHA256)
    assert not encrypted.write_anew(SHA256)
    assert encrypted.read(SHA256) == DATA
    assert PhotoStore(root / "7", keeps=True).read(SHA256) != DATA


def test_nothing_but_whole_files_is_left_or_listed(root: Location) -> None:
    shelf = shelf_of(root / "7")
    shelf.write(SHA256, DATA)
    shelf.write(SHA256, DATA[::-1])
    assert (shelf.read(SHA256), shelf.read(SHA256, 2)) == (DATA[::-1], DATA[::-1][:2])
    shelf.write(SHA256[:2] + ".half", b"")  # no draft: its name begins otherwise
    assert len(shelf.names()) == 2
    shelf.drop_drafts()
    assert len(shelf.names()) == 2


def test_a_server_that_is_away_loses_nothing_and_is_named() -> None:
    store = PhotoStore(Url(f"ftp://127.0.0.1:{free_port()}/kept"), keeps=True)
    with pytest.raises(StorageUnavailable, match="cannot be reached"):
        store.keep(SHA256, DATA)
    with pytest.raises(StorageUnavailable, match="cannot be reached"):
        store.read(SHA256)
