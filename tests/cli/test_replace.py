"""`enroll --replace` and `photos remove`: photos whose files change."""

from pathlib import Path
from shutil import copy, copytree

import pytest
from PIL import Image

from retrieval.catalogue.catalogue import Catalogue
from tests.cli.running import document, rollcall


def test_a_file_that_changed_replaces_its_photo_and_is_removed_by_number(
    home: Path, samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = copytree(samples / "employees", tmp_path / "people")
    monkeypatch.chdir(tmp_path)
    assert rollcall(home, "enroll", "people").exit_code == 0
    photo = next(people.glob("Grace Hopper/*.jpg"))
    Image.open(photo).rotate(2).save(photo, quality=80)
    both = rollcall(home, "enroll", "people")
    assert "--replace removes the older ones" in both.stderr
    Image.open(photo).rotate(-4).save(photo, quality=80)
    told = document(rollcall(home, "enroll", "people", "--replace", "--json"))
    assert {each["photo"] for each in told["replaced"]} == {str(photo)}
    with Catalogue.open(home / "catalogue.db") as catalogue:
        found = [face for face in catalogue.photos(1) if face.photo == str(photo)]
    assert len(found) == 1
    done = rollcall(home, "photos", "remove", f"id:{found[0].id}", "--yes")
    assert f"Removed {photo} from the collection" in done.stdout
    again = rollcall(home, "photos", "remove", photo.relative_to(tmp_path), "--yes")
    assert "There is no photo" in again.stderr


def test_parts_of_a_photo_are_the_picture_that_its_file_holds(
    home: Path, samples: Path, tmp_path: Path
) -> None:
    group = copy(samples / "queries" / "group.jpg", tmp_path / "group.jpg")
    assert rollcall(home, "enroll", group, "--face", "1=Eileen").exit_code == 0
    whole = document(rollcall(home, "enroll", group, "--person", "Grace", "--face", 2, "--json"))
    assert (whole["enrolled"], whole.get("outdated", [])) == (1, [])
    for person, face in (("Ann", 1), ("Grace", 2)):
        words = ("enroll", group, "--person", person, "--face", face, "--replace", "--json")
        assert document(rollcall(home, *words)).get("replaced", []) == []
    with Catalogue.open(home / "catalogue.db") as catalogue:
        assert {face.person for face in catalogue.photos(1)} >= {"Eileen", "Grace"}


def _paths(home: Path) -> list[str]:
    return [
        each["photo"] for each in document(rollcall(home, "photos", "list", "--json"))["photos"]
    ]


def test_a_share_that_was_moved_is_mended_by_one_command(
    home: Path, samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = copytree(samples / "employees", tmp_path / "old share" / "people")
    assert rollcall(home, "enroll", share).exit_code == 0
    group = samples / "queries" / "group.jpg"
    copy(group, share / "group.jpg")
    monkeypatch.chdir(share)  # a path is stored from the root, wherever it was typed
    parts = ("enroll", "group.jpg", "--face", "1=Ann", "--face", "2=Grace Hopper")
    assert rollcall(home, *parts).exit_code == 0
    assert str(share / "group.jpg") in _paths(home)
    before = _paths(home)
    (tmp_path / "old share").rename(tmp_path / "new")
    known = document(rollcall(home, "enroll", tmp_path / "new" / "people", "--json"))
    assert (known["enrolled"], known["known"]) == (0, len(before) - 2), "known by their content"
    move = ("photos", "moved", tmp_path / "old share", tmp_path / "new", "--yes")
    done = rollcall(home, *move)
    assert done.exit_code == 0, done.output
    assert f"Moved {len(before)} photos of {tmp_path}/old share to {tmp_path}/new" in done.stdout
    assert _paths(home) == [path.replace("old share", "new") for path in before]
    assert rollcall(home, *move).exit_code == 2, "nothing lies there any more"


def test_paths_are_not_moved_to_where_the_photos_are_not(
    home: Path, samples: Path, tmp_path: Path
) -> None:
    share = copytree(samples / "employees", tmp_path / "share")
    assert rollcall(home, "enroll", share).exit_code == 0
    before = _paths(home)
    nowhere = rollcall(home, "photos", "moved", share, tmp_path / "nowhere", "--yes")
    assert nowhere.exit_code == 2
    assert "Nothing was changed" in nowhere.stderr
    same = rollcall(home, "photos", "moved", share, share, "--yes")
    assert (same.exit_code, "lie in" in same.stderr) == (2, True)
    other = copytree(share, tmp_path / "other")
    for photo in other.rglob("*.jpg"):
        Image.open(photo).rotate(1).save(photo, quality=70)
    told = rollcall(home, "photos", "moved", share, other, "--yes")
    assert "is another photo than was enrolled" in " ".join(told.stderr.split())
    assert _paths(home) == before


def test_a_renamed_folder_is_known_by_its_content(
    home: Path, samples: Path, tmp_path: Path
) -> None:
    share = copytree(samples / "employees", tmp_path / "share")
    assert rollcall(home, "enroll", share).exit_code == 0
    (share / "Grace Hopper").rename(share / "GRACE  HOPPER")
    told = document(rollcall(home, "enroll", share, "--json"))
    assert (told["enrolled"], told["known"], told["rejected"]) == (0, len(_paths(home)), [])
