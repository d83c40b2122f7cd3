"""`people sync`: who left the list is deleted for good, and it is said who, with a receipt."""

import json
import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from retrieval.building import build_service
from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.erasing.erasure_log import read_receipt
from retrieval.catalogue.erasing.receipt_log import receipts
from retrieval.catalogue.schema import now
from retrieval.errors import NotFound
from retrieval.people import sync as syncing
from retrieval.photos.people_list import PeopleList
from retrieval.settings import Settings
from tests.api.test_staff_lists import meanwhile
from tests.catalogue.made import new_faces
from tests.cli.running import document, rollcall

GRACE = "Grace Hopper"


@pytest.fixture
def gallery(home: Path, samples: Path) -> Path:
    """Grace Hopper with her photos, and two people who are in no list."""
    assert rollcall(home, "enroll", samples / "employees").exit_code == 0
    with Catalogue.open(home / "catalogue.db") as catalogue:
        made = [*new_faces("Ann", [1, 2], 128), *new_faces("Ben", [3], 128)]
        catalogue.enrol(catalogue.collection("default").id, made)
    return home


@pytest.fixture
def stay(samples: Path, tmp_path: Path) -> Path:
    """A list with Grace Hopper alone."""
    photo = next((samples / "employees" / GRACE).glob("*.jpg"))
    path = tmp_path / "stay.csv"
    path.write_text(f"person,photo\n{GRACE},{photo}\n")
    return path


def test_who_was_removed_is_said_with_a_receipt_that_a_restore_takes(
    gallery: Path, stay: Path, tmp_path: Path
) -> None:
    receipt = tmp_path / "receipt.json"
    done = rollcall(
        gallery,
        "people",
        "sync",
        stay,
        "--yes",
        "--leavers",
        "2",
        "--receipt",
        receipt,
    )
    assert done.exit_code == 0, done.output
    assert "Deleted for good: Ann, Ben: 3 faces are gone; none of their" in done.stdout
    assert "Nothing to do" not in done.stdout
    assert "Nothing to enrol: 1 photo known before." in done.stdout
    told = json.loads(receipt.read_text())
    assert len(told["erased_faces"]) == 3
    assert "Ann" not in receipt.read_text()
    assert len(read_receipt(receipt).marks) == 3
    people = document(rollcall(gallery, "people", "list", "--json"))["people"]
    assert [person["person"] for person in people] == [GRACE]


def test_json_names_them_and_holds_the_receipt(gallery: Path, stay: Path) -> None:
    again = ("people", "sync", stay, "--yes", "--leavers", "2", "--json")
    found = document(rollcall(gallery, *again))
    assert [person["person"] for person in found["leavers"]] == ["Ann", "Ben"]
    assert (len(found["receipt"]["erased_faces"]), found["receipt"]["traces"]) == (3, [])
    nobody = document(rollcall(gallery, *again))
    assert nobody["leavers"] == []
    assert "receipt" not in nobody


def test_who_leaves_or_is_deleted_has_a_receipt_in_the_catalogue(gallery: Path, stay: Path) -> None:
    told = document(rollcall(gallery, "people", "delete", "Ann", "--yes", "--json"))
    with Catalogue.open(gallery / "catalogue.db") as catalogue:
        (ann,) = catalogue.receipts.newest("default")
        people = catalogue.people(catalogue.collection("default").id)
        catalogue.enrol(catalogue.collection("default").id, new_faces("Eve", [7], 128))
    assert (ann.deleted_id, ann.finished_at is None) == (told["id"], False)
    assert ann.document["erased_faces"] == told["erased_faces"]
    assert ann.document["summary"] == told["summary"]
    again = ("people", "sync", stay, "--yes", "--leavers", "2", "--json")
    both = document(rollcall(gallery, *again))["receipt"]
    with Catalogue.open(gallery / "catalogue.db") as catalogue:
        kept = catalogue.receipts.newest("default")[:2]
        asked = [("Ben", None), ("ann", None), (GRACE, None)]
        assert catalogue.receipts.deleted_among("default", asked) == asked[:2]
    (ben,) = (person.id for person in people if person.name == "Ben")
    assert ben in {each.deleted_id for each in kept}
    assert {each.document["erasure"] for each in kept} == {both["erasure"]}
    found = [face for each in kept for face in each.document["erased_faces"]]
    assert sorted(found) == both["erased_faces"]
    assert all(each.document["clean"] for each in kept)
    assert "1 face is gone, with 1 other person; none of" in kept[0].document["summary"]


def test_receipts_of_the_command_line_are_forgotten_as_the_others_are(gallery: Path) -> None:
    for name in ("Ann", "Ben"):  # each finds the one before too old
        assert rollcall(gallery, "people", "delete", name, "--yes").exit_code == 0
        with Catalogue.open(gallery / "catalogue.db") as catalogue:
            assert len(catalogue.receipts.newest("default")) == 1
            old = update(receipts).values(finished_at=now() - timedelta(days=400))
            with catalogue._database.writing() as connection:
                connection.execute(old)


def test_who_was_deleted_by_another_sync_meanwhile_has_left(gallery: Path, stay: Path) -> None:
    with closing(sqlite3.connect(gallery / "catalogue.db")) as catalogue:
        catalogue.execute(meanwhile("Ann"))
    done = rollcall(gallery, "people", "sync", stay, "--yes", "--leavers", "2")
    assert done.exit_code == 0, done.output
    assert "Deleted for good: Ann, Ben: 1 face is gone" in done.stdout
    people = document(rollcall(gallery, "people", "list", "--json"))["people"]
    assert [person["person"] for person in people] == [GRACE]


def test_a_receipt_that_cannot_be_written_is_told_before_anybody_is_deleted(
    gallery: Path, stay: Path, tmp_path: Path
) -> None:
    receipt = tmp_path / "no" / "receipt.json"
    sync = ("people", "sync", stay, "--yes", "--leavers", "2", "--receipt", receipt)
    alone = ("people", "delete", "Ann", "--yes", "--receipt", receipt)
    for command in (sync, alone):
        result = rollcall(gallery, *command)
        assert result.exit_code == 2
        assert "does not exist" in result.stderr
    assert len(document(rollcall(gallery, "people", "list", "--json"))["people"]) == 3


def test_a_sync_that_was_stopped_goes_on_with_what_is_missing(
    home: Path, lfw_dir: Path, tmp_path: Path
) -> None:
    folders = [each for each in sorted(lfw_dir.iterdir()) if len(list(each.glob("*.jpg"))) > 1]
    photos = [sorted(folder.glob("*.jpg")) for folder in folders[:3]]
    share = [tmp_path / f"{number}.jpg" for number in range(3)]
    for place, own in zip(share, photos, strict=True):
        shutil.copy(own[0], place)
    path = tmp_path / "staff.csv"
    rows = [f"Person {n},{n},{n}.jpg" for n in range(3)]
    path.write_text("\n".join(["person,external_id,photo", *rows]) + "\n")
    assert rollcall(home, "people", "sync", path, "--yes").exit_code == 0
    for place, own in zip(share, photos, strict=True):  # each file holds another picture by now
        shutil.copy(own[1], place)
    with build_service(Settings(home=home)) as service:
        plan = syncing.plan(service, PeopleList(path), max_bytes=10_000_000)
        assert len(plan.replaced) == 3
        steps = syncing.enrol(service, plan)
        next(steps)
        steps.close()  # as Ctrl-C does
    assert len(document(rollcall(home, "photos", "list", "--json"))["photos"]) > 3
    again = rollcall(home, "people", "sync", path, "--yes")
    assert again.exit_code == 0, again.output
    assert "reading: 3/3" in again.stderr
    assert "enrolling: 3/3" in again.stderr
    there = document(rollcall(home, "photos", "list", "--json"))["photos"]
    assert sorted(each["photo"] for each in there) == [str(each) for each in share]
    assert "Nothing to do" in rollcall(home, "people", "sync", path, "--yes").stdout


def test_a_photo_that_another_sync_removed_meanwhile_is_no_fault(gallery: Path) -> None:
    with build_service(Settings(home=gallery)) as service:
        first, second, _ = service.catalogue.photos(service.collection.id)[-3:]
        assert (first.person, second.person) == ("Ann", "Ann")
        for _ in range(2):
            syncing.remove(service, first)
        ben = service.person("Ben")
        service.catalogue.move_faces(service.collection.id, [second.id], ben)
        with pytest.raises(NotFound, match="'Ben''s now"):
            syncing.remove(service, second)


def test_a_number_under_two_names_deletes_nobody_and_renames_nobody(
    gallery: Path, samples: Path, tmp_path: Path
) -> None:
    photo = next((samples / "employees" / GRACE).glob("*.jpg"))
    path = tmp_path / "twice.csv"
    path.write_text(f"person,external_id,photo\n{GRACE},1,{photo}\nAnn,1,{photo}\n")
    refused = rollcall(gallery, "people", "sync", path, "--yes", "--leavers", "1")
    assert refused.exit_code == 2, refused.output
    assert f"line 3 gives 'Ann' the number 1 of '{GRACE}'" in " ".join(refused.stderr.split())
    people = document(rollcall(gallery, "people", "list", "--json"))["people"]
    assert [person["person"] for person in people] == ["Ann", "Ben", GRACE]


def test_a_number_with_other_zeros_before_it_deletes_nobody(gallery: Path, tmp_path: Path) -> None:
    assert rollcall(gallery, "people", "number", "Ann", "1001").exit_code == 0
    path = tmp_path / "padded.csv"
    path.write_text(f"number;name\n01001;ann\n;Ben\n;{GRACE}\n")
    refused = rollcall(gallery, "people", "sync", path, "--yes", "--leavers", "3")
    assert refused.exit_code == 2, refused.output
    told = " ".join(refused.stderr.split())
    assert "line 2 gives 'ann' the number 01001, and 1001 is enrolled" in told
    path.write_text(f"number;name\n1001;ann\n;Ben\n;{GRACE}\n")
    assert rollcall(gallery, "people", "sync", path, "--yes").exit_code == 0


def test_folders_of_people_whose_photos_the_list_names_are_no_fault(
    gallery: Path, stay: Path, samples: Path
) -> None:
    words = ("people", "sync", stay, "--photos", samples / "employees", "--dry-run", "--json")
    told = document(rollcall(gallery, *words))
    assert told["rejected"] == []
    assert [each["person"] for each in told["leavers"]] == ["Ann", "Ben"]


def test_departments_are_asked_about_with_what_to_type(
    gallery: Path, stay: Path, tmp_path: Path
) -> None:
    for place in ("HR/Ann", "IT/Ben"):
        (tmp_path / "share" / place).mkdir(parents=True)
        (tmp_path / "share" / place / "1.jpg").write_bytes(b"")
    asked = rollcall(gallery, "people", "sync", stay, "--photos", tmp_path / "share", "--dry-run")
    assert asked.exit_code == 2
    assert "Say --nested if it is the inner ones" in asked.stderr
