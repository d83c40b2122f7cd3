"""Nobody else on the machine reads what a home folder holds, whatever the umask is."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from retrieval.collection.enrolments import EnrolItem
from retrieval.files.private import close_to_others, make_folder, open_bytes, open_to_others
from retrieval.people.deletions import forget_with_receipt
from retrieval.photos.folders import people_below
from retrieval.settings import Settings
from tests.cli.running import rollcall
from tests.worker.small_models import small_service, write_photos
from worker.redis_server import EmbeddedRedis, connect


@pytest.fixture(autouse=True)
def _generous_umask() -> Iterator[None]:
    """A program that lets everybody read and write what it makes."""
    before = os.umask(0)
    yield
    os.umask(before)


def modes(home: Path) -> set[tuple[str, str]]:
    """Of all folders and files: what kind, and which rights."""
    return {
        ("folder" if path.is_dir() else "file", f"{stat.S_IMODE(path.lstat().st_mode):o}")
        for path in (home, *home.rglob("*"))
        if not path.is_socket()
    }


def test_a_home_that_the_library_makes_is_private_whatever_the_umask_is(tmp_path: Path) -> None:
    home = tmp_path / "not" / "there yet"
    write_photos(tmp_path / "staff", 2, 2)
    photos = people_below(tmp_path / "staff")
    with small_service(Settings(home=home, keep_photos=True)) as service:
        items = [EnrolItem(name, str(path), path) for name, path in photos]
        assert [result.outcome for result in service.enrol(items)] == ["enrolled"] * 4
        service.write_index()
        forget_with_receipt(service, "person 001", home)
        assert list(home.glob("index/1/*.snapshot"))
        assert len(list(home.glob("photos/1/*/*"))) == 2
        (home / "looked").unlink()  # by the test's own detector
        assert modes(home) == {("folder", "700"), ("file", "600")}


def test_the_embedded_redis_and_what_it_writes_are_private(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path / "home") as server, connect(server.url) as client:
        client.set("kept", 1)
        assert modes(tmp_path / "home") == {("folder", "700"), ("file", "600")}


def test_a_command_makes_all_that_it_writes_private(tmp_path: Path) -> None:
    home = tmp_path / "home"
    rollcall(home, "people", "list")
    rollcall(home, "models", "export", "dlib-resnet")
    assert modes(home) == {("folder", "700"), ("file", "600")}


def test_a_file_that_was_open_to_others_is_closed_when_it_is_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_bytes(b"before")
    with open_bytes(path) as file:
        file.write(b"after")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"after", 0o600)


def test_folders_that_are_there_keep_their_modes_until_they_are_closed(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o770)
    make_folder(shared / "home" / "index")
    assert stat.S_IMODE(shared.stat().st_mode) == 0o770
    assert open_to_others(shared) == [shared]
    close_to_others([shared, tmp_path / "gone meanwhile"])
    assert open_to_others(shared) == []
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FileExistsError):
        make_folder(tmp_path / "file")
