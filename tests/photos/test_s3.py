"""Photos in an S3 bucket: a real S3 server on loopback, where s3fs and moto are installed."""

from collections.abc import Iterator

import pytest

from retrieval.errors import (
    DataInvalid,
    PhotoTooLarge,
    PhotoUnreadable,
    StorageUnavailable,
    StoreError,
)
from retrieval.photos.decode import read
from retrieval.photos.folders import is_folder, people_below, photos_below
from retrieval.photos.shelves import shelves_below
from retrieval.photos.store import PhotoStore
from retrieval.values import Url
from tests.processes import free_port
from tests.storage_servers import s3_server

s3fs = pytest.importorskip("s3fs", reason="needs s3fs (pip install s3fs)")
pytest.importorskip("moto", reason="needs moto (pip install 'moto[s3,server]')")
fsspec = pytest.importorskip("fsspec")

SECRET = "secret-5108"
SHA256 = "0123456789abcdef" * 4


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with s3_server() as url:
        yield url


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    options = {"endpoint_url": endpoint, "key": "AKIA1", "secret": SECRET}
    monkeypatch.setitem(fsspec.config.conf, "s3", options)


@pytest.fixture(scope="module")
def people(endpoint: str) -> Url:
    files = s3fs.S3FileSystem(endpoint_url=endpoint, key="AKIA1", secret=SECRET)
    files.mkdir("staff")
    files.pipe(
        {
            "staff/people/Ann/1.jpg": b"one",
            "staff/people/Ann/2021/2.jpg": b"two",
            "staff/people/Ann/": b"",  # the marker that consoles make for a folder
            "staff/people/Zoë 李/a#b %20.png": b"odd",
            "staff/people/loose.jpg": b"loose",
            "staff/empty.jpg": b"",
        }
    )
    return Url("s3://staff/people")


def test_a_bucket_is_listed_as_a_folder_is(people: Url) -> None:
    found = [(name, url.text.removeprefix("s3://staff/")) for name, url in people_below(people)]
    assert found == [
        ("Ann", "people/Ann/1.jpg"),
        ("Ann", "people/Ann/2021/2.jpg"),
        ("Zoë 李", "people/Zoë 李/a#b %20.png"),
    ]
    assert (is_folder(people), is_folder(people / "loose.jpg")) == (True, False)


def test_an_object_is_read_up_to_the_limit(people: Url) -> None:
    assert read(people / "loose.jpg", "loose", max_bytes=5) == b"loose"
    with pytest.raises(PhotoTooLarge, match="5 bytes"):
        read(people / "loose.jpg", "loose", max_bytes=4)
    with pytest.raises(PhotoUnreadable, match="empty"):
        read(Url("s3://staff/empty.jpg"), "empty", max_bytes=4)


def test_what_is_not_there_is_named(people: Url) -> None:
    with pytest.raises(PhotoUnreadable, match="no such file"):
        read(people / "nobody.jpg", "nobody", max_bytes=10)
    with pytest.raises(PhotoUnreadable, match="no such file"):
        read(Url("s3://no-such-bucket/a.jpg"), "a", max_bytes=10)
    with pytest.raises(DataInvalid, match="no such folder or bucket"):
        list(photos_below(Url("s3://no-such-bucket/people")))


def test_copies_of_photos_are_kept_in_a_bucket(people: Url) -> None:
    store = PhotoStore(Url("s3://staff/kept/7"), keeps=True)
    assert (store.read(SHA256), store.kept()) == (None, [])
    store.keep(SHA256, b"photo")
    assert (store.read(SHA256), store.kept()) == (b"photo", [SHA256])
    assert shelves_below(Url("s3://staff/kept")) == [(7, store.folder)]
    store.discard([SHA256, SHA256])
    assert (store.read(SHA256), store.kept()) == (None, [])
    store.keep(SHA256, b"photo")
    store.clear()
    assert store.kept() == []
    with pytest.raises(StoreError, match=r"cannot be (written|reached)"):
        PhotoStore(Url("s3://no-such-bucket/7"), keeps=True).keep(SHA256, b"photo")


def test_an_endpoint_that_does_not_answer_may_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    options = {
        "endpoint_url": f"http://127.0.0.1:{free_port()}",
        "key": "AKIA1",
        "secret": SECRET,
        "config_kwargs": {"retries": {"max_attempts": 0}},
    }
    monkeypatch.setitem(fsspec.config.conf, "s3", options)
    with pytest.raises(StorageUnavailable, match="cannot be reached") as lost:
        read(Url("s3://staff/loose.jpg"), "loose", max_bytes=10)
    assert SECRET not in str(lost.value)
