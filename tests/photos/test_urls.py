"""Photos by URL: a real FTP server, file:// and memory://, and what their troubles are called."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from retrieval.errors import (
    DataInvalid,
    PhotoTooLarge,
    PhotoUnreadable,
    SettingInvalid,
    StorageUnavailable,
)
from retrieval.photos.decode import read
from retrieval.photos.folders import exists, is_folder, people_below, photos_below
from retrieval.photos.people_list import PeopleList
from retrieval.photos.urls import location_of
from retrieval.values import Url
from tests.processes import free_port
from tests.storage_servers import PASSWORD, ftp_server

fsspec = pytest.importorskip("fsspec", reason="needs the extra storage")
pytest.importorskip("pyftpdlib", reason="needs pyftpdlib, an FTP server")

FILES = {
    "Ann/1.jpg": b"one",
    "Ann/2021/2.jpg": b"two",
    "Zoë 李/a#b %20.png": b"odd",
    "loose.jpg": b"loose",
    ".hidden/3.jpg": b"hidden",
    "Ann/notes.txt": b"no photo",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("people")
    for name, data in FILES.items():
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_bytes(data)
    return made


@pytest.fixture(scope="module")
def ftp(folder: Path) -> Iterator[str]:
    with ftp_server(folder) as url:
        yield url


@pytest.fixture(params=["file", "memory", "ftp"])
def people(request: pytest.FixtureRequest, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Url:
    """The same files behind three protocols."""
    if request.param == "file":
        return Url(f"file://{folder}")
    if request.param == "memory":
        fsspec.filesystem("memory").pipe({f"/people/{name}": data for name, data in FILES.items()})
        return Url("memory://people")
    monkeypatch.setitem(fsspec.config.conf, "ftp", {"password": PASSWORD})
    return Url(request.getfixturevalue("ftp"))


def test_a_folder_by_url_is_listed_as_a_folder_of_this_machine_is(
    people: Url, folder: Path
) -> None:
    by_path = [(name, p.relative_to(folder).as_posix()) for name, p in people_below(folder)]
    by_url = [(name, url.text.removeprefix(f"{people}/")) for name, url in people_below(people)]
    assert by_url == by_path
    assert [url.stem for url in photos_below(people)] == ["loose"]
    assert (is_folder(people / "Ann"), is_folder(people / "loose.jpg")) == (True, False)
    assert (exists(people / "loose.jpg"), exists(people / "nobody")) == (True, False)


def test_a_photo_by_url_has_the_files_bytes(people: Url) -> None:
    found = [read(url, str(url), max_bytes=100) for _, url in people_below(people)]
    assert found == [b"one", b"two", b"odd"]


def test_no_more_is_read_of_a_photo_than_the_limit_allows(people: Url) -> None:
    assert read(people / "loose.jpg", "loose", max_bytes=5) == b"loose"
    with pytest.raises(PhotoTooLarge, match="5 bytes are more than the limit of 4"):
        read(people / "loose.jpg", "loose", max_bytes=4)


def test_a_file_that_grows_or_has_no_size_is_cut_at_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    endless = Url("file:///dev/zero")  # says that it has no bytes, and has no end
    with pytest.raises(PhotoTooLarge, match="1,001 bytes"):
        read(endless, "endless", max_bytes=1_000)


def test_what_is_not_there_is_named(people: Url) -> None:
    with pytest.raises(PhotoUnreadable, match="no such file"):
        read(people / "Ann" / "9.jpg", "9", max_bytes=100)
    with pytest.raises(DataInvalid, match="no such folder or bucket"):
        list(photos_below(people / "nobody"))


def test_a_manifest_may_lie_at_a_url_and_name_urls_paths_and_neighbours(people: Url) -> None:
    files, path = fsspec.url_to_fs(people.text)
    rows = "person,photo\nAnn,Ann/1.jpg\nBob,/local/b.jpg\nZoë,s3://bucket/z.jpg\n"
    files.pipe_file(f"{path}/people.csv", rows.encode())
    found = [photo for row in PeopleList(people / "people.csv").rows() for photo in row.photos]
    assert found == [people / "Ann/1.jpg", Path("/local/b.jpg"), Url("s3://bucket/z.jpg")]
    with pytest.raises(DataInvalid, match="no such file"):
        PeopleList(people / "nobody.csv")


def test_a_server_that_lets_nobody_in_or_is_not_there_may_come_back(
    ftp: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(fsspec.config.conf, "ftp", {"password": "wrong-4711"})
    with pytest.raises(StorageUnavailable, match="cannot be reached") as refused:
        read(Url(f"{ftp}/loose.jpg"), "loose", max_bytes=100)
    assert "wrong-4711" not in str(refused.value)
    with pytest.raises(StorageUnavailable, match=r"cannot be reached: .*refused"):
        list(photos_below(Url(f"ftp://127.0.0.1:{free_port()}/people")))


@pytest.mark.parametrize(
    "text",
    [
        "ftp://anna:secret@host/people",
        "s3://key:secret@bucket/people",
        "https://host/photo.jpg?X-Amz-Signature=secret",
        "sftp://user:sec/secret@host/x",
        "sftp://anna@example.org:secret@host/x",
        "https://secret@host/x",
        "abfs://c@account/x?sv=1&sig=secret",
        "s3://bucket/x?X-Amz-Signature=secret",
        "gs://bucket/x?access_token=secret",
    ],
)
def test_a_url_with_a_secret_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(DataInvalid, match="password or a signature") as refused:
        location_of(text)
    assert "secret" not in str(refused.value)


def test_paths_stay_paths() -> None:
    for text in ("photo.jpg", "/a/b", "s3:/bucket", "C:x"):
        assert location_of(text) == Path(text)
    for url in (
        "s3://bucket/a?b.jpg",
        "abfs://c@account/x",
        "sftp://anna@host/a",
        "s3://b/a@b.jpg",
    ):
        assert location_of(url) == Url(url)
    with pytest.raises(DataInvalid, match="chains"):
        location_of("zip://a.jpg::s3://bucket/a.zip")


def test_an_unknown_protocol_and_a_missing_package_say_what_to_do() -> None:
    with pytest.raises(SettingInvalid, match="fsspec cannot use this URL"):
        read(Url("nonsense://a/b"), "b", max_bytes=100)
    with pytest.raises(StorageUnavailable, match=r"missing on this machine: .*[Ii]nstall"):
        read(Url(f"{_protocol_without_its_package()}://a/b"), "b", max_bytes=100)


def test_without_fsspec_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(StorageUnavailable, match=r"rollcall\[storage\]"):
        read(Url("s3://bucket/a.jpg"), "a", max_bytes=100)


def _protocol_without_its_package() -> str:
    for protocol in ("oci", "dropbox", "hf", "adl", "s3"):
        try:
            fsspec.get_filesystem_class(protocol)
        except ImportError:
            return protocol
    pytest.skip("every protocol's package is installed")
