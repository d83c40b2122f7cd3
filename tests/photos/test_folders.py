import shutil
from pathlib import Path

import pytest

from retrieval.errors import DataInvalid
from retrieval.photos.folders import people_below, photos_below


def make(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def test_photos_come_by_name_without_hidden_files_and_files_of_other_kinds(tmp_path: Path) -> None:
    make(tmp_path, "b.JPG", "a.jpg", "c.heic", ".d.jpg", "notes.txt", "Thumbs.db", "below/e.png")
    assert [path.name for path in photos_below(tmp_path)] == ["a.jpg", "b.JPG", "c.heic"]


def test_recursive_listing_goes_into_folders_but_not_into_hidden_ones(tmp_path: Path) -> None:
    make(tmp_path, "z.jpg", "b/y.jpg", "b/a/x.jpg", ".trash/w.jpg")
    found = [
        path.relative_to(tmp_path).as_posix() for path in photos_below(tmp_path, recursive=True)
    ]
    assert found == ["z.jpg", "b/y.jpg", "b/a/x.jpg"]


def test_a_folder_is_a_person_and_everything_below_it_is_theirs(tmp_path: Path) -> None:
    make(tmp_path, "Zoë 李/1.jpg", "Ann/2021/2.jpg", "Ann/1.jpg", "loose.jpg", ".git/3.jpg")
    found = [(name, path.relative_to(tmp_path).as_posix()) for name, path in people_below(tmp_path)]
    assert found == [
        ("Ann", "Ann/1.jpg"),
        ("Ann", "Ann/2021/2.jpg"),
        ("Zoë 李", "Zoë 李/1.jpg"),
    ]


def test_photos_are_listed_before_all_folders_are_read(tmp_path: Path) -> None:
    make(tmp_path, "a/1.jpg", "b/1.jpg")
    listing = people_below(tmp_path)
    assert next(listing)[0] == "a"
    make(tmp_path, "b/0.jpg")
    assert [path.name for _, path in listing] == ["0.jpg", "1.jpg"]


def test_a_folder_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataInvalid, match="nowhere"):
        list(photos_below(tmp_path / "nowhere"))


def test_a_persons_folder_that_goes_away_during_the_run_does_not_stop_the_others(
    tmp_path: Path,
) -> None:
    make(tmp_path, "a/1.jpg", "b/1.jpg", "c/1.jpg")
    listing = people_below(tmp_path)
    next(listing)
    shutil.rmtree(tmp_path / "b")
    assert [name for name, _ in listing] == ["c"]


def test_a_link_that_leads_back_is_not_followed_for_ever(tmp_path: Path) -> None:
    make(tmp_path, "a/1.jpg")
    (tmp_path / "a" / "again").symlink_to(tmp_path, target_is_directory=True)
    assert [path.name for path in photos_below(tmp_path, recursive=True)] == ["1.jpg"]
