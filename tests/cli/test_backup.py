"""`backup`, `restore` and `catalogue migrate`, as people and scripts use them."""

from pathlib import Path

import pytest

from retrieval.catalogue.catalogue import Catalogue
from tests.catalogue.made import new_faces
from tests.cli.running import document, rollcall


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "monday.backup"


def names(home: Path, **environment: str) -> list[str]:
    listed = document(rollcall(home, "people", "list", "--json", **environment))
    return [person["person"] for person in listed["people"]]


def test_a_deleted_person_is_told_of_the_backup_and_does_not_come_back_with_it(
    used: Path, file: Path
) -> None:
    made = rollcall(used, "backup", file)
    assert made.exit_code == 0, made.output
    assert "2 people with 3 faces in 1 collection" in made.stdout
    assert "not encrypted" in made.stderr
    deleted = rollcall(used, "people", "delete", "Ann", "--yes", "--json")
    assert document(deleted)["backups"] == [str(file)]
    restored = rollcall(used, "restore", file, "--yes")
    assert restored.exit_code == 0, restored.output
    assert "2 faces deleted since, gone again" in restored.stdout
    assert names(used) == ["Bob"]


def test_a_receipt_is_enough_where_the_catalogue_is_lost(
    used: Path, file: Path, tmp_path: Path
) -> None:
    receipt = tmp_path / "receipt.json"
    rollcall(used, "backup", file)
    rollcall(used, "people", "delete", "Ann", "--yes", "--receipt", receipt)
    lost = tmp_path / "new"
    restored = rollcall(lost, "restore", file, "--yes", "--receipt", receipt, "--json")
    assert document(restored)["erased_faces"] == 2
    assert names(lost) == ["Bob"]


def test_check_reads_everything_and_changes_nothing(used: Path, file: Path) -> None:
    rollcall(used, "backup", file)
    rollcall(used, "people", "rename", "Ann", "Anna")
    checked = document(rollcall(used, "restore", file, "--check", "--json"))
    assert (checked["sound"], checked["encrypted"]) == (True, False)
    assert checked["collections"] == [
        {"collection": "default", "people": 2, "photos": 3, "faces": 3}
    ]
    assert names(used) == ["Anna", "Bob"]
    data = bytearray(file.read_bytes())
    data[70_000] ^= 1
    file.write_bytes(data)
    for words in (["--check"], ["--yes"]):
        refused = rollcall(used, "restore", file, *words)
        assert refused.exit_code == 2
        assert "in catalogue.db are not what was written" in refused.stderr
    assert names(used) == ["Anna", "Bob"]


def test_a_passphrase_comes_from_the_environment_only(used: Path, file: Path) -> None:
    pytest.importorskip("cryptography", reason="needs the extra encryption")
    key = {"ROLLCALL_BACKUP_PASSPHRASE": "correct horse"}
    assert "not encrypted" not in rollcall(used, "backup", file, **key).stderr
    for environment in ({}, {"ROLLCALL_BACKUP_PASSPHRASE": "wrong horse"}):
        refused = rollcall(used, "restore", file, "--yes", **environment)
        assert refused.exit_code == 2
        assert "ROLLCALL_BACKUP_PASSPHRASE" in refused.stderr
    assert rollcall(used, "restore", file, "--yes", **key).exit_code == 0
    asked = rollcall(used, "backup", file, "--overwrite", "--encrypt")
    assert asked.exit_code == 2
    assert "nobody can answer here" in asked.stderr
    assert rollcall(used, "restore", file, "--check", **key).exit_code == 0, "the old one is there"


def test_a_backup_is_not_overwritten_unasked_and_a_restore_asks(used: Path, file: Path) -> None:
    rollcall(used, "backup", file)
    again = rollcall(used, "backup", file)
    assert (again.exit_code, "--overwrite" in again.stderr) == (2, True)
    unasked = rollcall(used, "restore", file)
    assert (unasked.exit_code, "--yes" in unasked.stderr) == (2, True)


def test_migrate_leaves_the_origin_and_says_what_to_set(used: Path, tmp_path: Path) -> None:
    target = f"sqlite:///{tmp_path}/moved.db"
    moved = rollcall(used, "catalogue", "migrate", "--to", target)
    assert moved.exit_code == 0, moved.output
    assert "ROLLCALL_CATALOGUE_URL" in moved.stdout
    assert names(used) == ["Ann", "Bob"]
    assert names(tmp_path / "elsewhere", ROLLCALL_CATALOGUE_URL=target) == ["Ann", "Bob"]
    again = rollcall(used, "catalogue", "migrate", "--from", target, "--to", target, "--json")
    assert (again.exit_code, document(again)["error"]["code"]) == (2, "already-exists")


def test_a_restore_names_those_who_would_be_gone_before_it_does_anything(
    used: Path, file: Path
) -> None:
    rollcall(used, "backup", file)
    rollcall(used, "people", "delete", "Ann", "--yes")
    with Catalogue.open(used / "catalogue.db") as catalogue:
        gallery = catalogue.collection("default").id
        catalogue.enrol(gallery, [*new_faces("Ann", [11]), *new_faces("Cid", [12])])
    asked = rollcall(used, "restore", file)
    assert asked.exit_code == 2
    assert "gone after a restore: Ann, Cid. Deleted after the backup and enrolled again: Ann." in (
        " ".join(asked.stderr.split())
    )
    assert names(used) == ["Ann", "Bob", "Cid"]
    done = rollcall(used, "restore", file, "--yes", "--json")
    assert document(done)["lost"] == [
        {"collection": "default", "person": "Ann", "enrolled_again": True},
        {"collection": "default", "person": "Cid", "enrolled_again": False},
    ]
