"""`enroll --replace` and `photos remove`: photos whose files change."""

from pathlib import Path
from shutil import copytree

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
    assert f"Removed {photo} from the gallery" in done.stdout
    again = rollcall(home, "photos", "remove", photo.relative_to(tmp_path), "--yes")
    assert "There is no photo" in again.stderr
