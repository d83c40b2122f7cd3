"""Files of a folder that must not be left: no link leads out of it, whenever it is put there."""

from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import pytest

from retrieval.catalogue.runs.run_records import Run, RunState
from retrieval.collection.bulk import content_of
from retrieval.errors import PhotoTooLarge, PhotoUnreadable
from retrieval.photos.decode import read
from retrieval.values import Confined


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inside = tmp_path / "in" / "Rosa"
    inside.mkdir(parents=True)
    (inside / "1.png").write_bytes(b"inside")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "1.png").write_bytes(b"outside")
    return tmp_path / "in"


def content(folder: Path, inside: str, most: int = 100) -> bytes:
    return read(Confined(folder, PurePosixPath(inside)), inside, most)


def test_a_file_below_the_folder_is_read(folder: Path) -> None:
    assert content(folder, "Rosa/1.png") == b"inside"
    with pytest.raises(PhotoTooLarge):
        content(folder, "Rosa/1.png", most=3)
    for missing in ("Rosa/2.png", "Gustav/1.png", "Rosa/1.png/2.png"):
        with pytest.raises(PhotoUnreadable):
            content(folder, missing)
    for folder_itself in ("", "Rosa"):
        with pytest.raises(PhotoUnreadable):
            content(folder, folder_itself)


def test_no_link_is_followed_neither_on_the_way_nor_at_its_end(folder: Path) -> None:
    out = folder.parent / "out"
    (folder / "Gustav").symlink_to(out)
    (folder / "Rosa" / "2.png").symlink_to(out / "1.png")
    (folder / "Rosa" / "3.png").symlink_to("1.png")  # also one that stays inside
    for inside in ("Gustav/1.png", "Rosa/2.png", "Rosa/3.png"):
        with pytest.raises(PhotoUnreadable, match="link"):
            content(folder, inside)


def test_nothing_outside_of_the_folder_is_read_for_a_run(folder: Path) -> None:
    for inside in ("../out/1.png", "Rosa/../../out"):
        with pytest.raises(PhotoUnreadable, match="outside"):
            content(folder, inside)
    now = datetime.now(UTC)
    options = {"base": str(folder), "within": str(folder)}
    run = Run("0" * 32, "enrol", "c", "s", options, RunState.FINISHED, True, None, None, now, now)
    for path in (folder.parent / "out" / "1.png", Path("../out/1.png"), Path("/dev/zero")):
        with pytest.raises(PhotoUnreadable, match="outside"):
            read(content_of(run, str(path)), str(path), 100)
    assert read(content_of(run, "Rosa/1.png"), "1.png", 100) == b"inside"
