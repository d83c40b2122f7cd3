"""Folders as companies have them: nobody is passed over in silence, nobody gets a wrong name."""

import shutil
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.running import document, rollcall


@pytest.fixture
def grace(samples: Path) -> Path:
    return samples / "employees" / "Grace Hopper" / "1.jpg"


@pytest.fixture
def eileen(tmp_path: Path) -> Path:
    data = pytest.importorskip("skimage.data", reason="needs the extra demo")
    path = tmp_path / "eileen.jpg"
    Image.fromarray(data.astronaut()).save(path)
    return path


def put(photo: Path, *places: Path) -> None:
    for place in places:
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(photo, place)


def people(home: Path) -> list[str]:
    return [
        person["person"]
        for person in document(rollcall(home, "people", "list", "--json"))["people"]
    ]


def test_everybody_who_is_not_taken_is_named_with_the_reason(
    home: Path, tmp_path: Path, grace: Path
) -> None:
    staff = tmp_path / "staff"
    put(grace, staff / "Grace Hopper" / "1.jfif", staff / "loose.jpg", staff / "@eaDir" / "1.jpg")
    (staff / "Bob").mkdir()
    (staff / "Cid").mkdir()
    (staff / "Cid" / "1.cr2").write_bytes(b"II*\0")
    result = rollcall(home, "enroll", staff, "--json")
    assert result.exit_code == 1
    told = document(result)
    assert told["enrolled"] == 1
    assert [(r["person"], r["reason"]) for r in told["rejected"]] == [
        ("", "no-person"),
        ("Bob", "no-photos"),
        ("Cid", "no-photos"),
    ]
    assert told["nobody_of"] == ["Bob", "Cid"]
    assert told["passed_over"] == {"files": {"RAW (.cr2)": 1}, "folders": {"@eaDir": 1}}
    assert "passed over: 1 x RAW (.cr2), 1 x @eaDir" in result.stderr
    shown = rollcall(home, "enroll", staff)
    assert "Nothing was taken of: Bob, Cid." in shown.stdout


def test_a_preview_tells_the_same(home: Path, tmp_path: Path, grace: Path) -> None:
    staff = tmp_path / "staff"
    put(grace, staff / "Grace Hopper" / "1.jpg", staff / "loose.jpg")
    (staff / "notes.txt").write_text("")
    result = rollcall(home, "enroll", staff, "--dry-run", "--json")
    assert result.exit_code == 1
    assert document(result)["rejected"][0]["reason"] == "no-person"
    assert document(result)["passed_over"]["files"] == {".txt": 1}


def test_departments_are_asked_about_and_never_become_people(
    home: Path, tmp_path: Path, grace: Path, eileen: Path
) -> None:
    staff = tmp_path / "staff"
    put(grace, staff / "Navy" / "Grace Hopper" / "1.jpg")
    put(eileen, staff / "NASA" / "Eileen Collins" / "1.jpg")
    asked = rollcall(home, "enroll", staff)
    assert asked.exit_code == 2
    assert "'NASA', 'Navy'" in asked.stderr
    assert "Say --nested if it is the inner ones" in asked.stderr
    assert rollcall(home, "enroll", staff, "--nested").exit_code == 0
    assert people(home) == ["Eileen Collins", "Grace Hopper"]


def test_a_folder_too_high_is_peeled(home: Path, tmp_path: Path, grace: Path, eileen: Path) -> None:
    share = tmp_path / "share"
    put(grace, share / "employees" / "Grace Hopper" / "1.jpg")
    put(eileen, share / "employees" / "Eileen Collins" / "1.jpg")
    assert rollcall(home, "enroll", share).exit_code == 0
    assert people(home) == ["Eileen Collins", "Grace Hopper"]


def test_photos_of_one_person_are_taken_from_folders_in_folders(
    home: Path, tmp_path: Path, grace: Path
) -> None:
    put(grace, tmp_path / "hers" / "2020" / "1.jpg")
    result = rollcall(home, "enroll", tmp_path / "hers", "--person", "Grace Hopper", "--json")
    assert document(result)["enrolled"] == 1


def test_identify_looks_into_folders_in_folders_and_says_where_there_is_nothing(
    home: Path, tmp_path: Path, grace: Path
) -> None:
    put(grace, tmp_path / "party" / "morning" / "1.jpg", tmp_path / "staff" / "Grace" / "1.jpg")
    rollcall(home, "enroll", tmp_path / "staff")
    result = rollcall(home, "identify", tmp_path / "party", "--json")
    assert [Path(photo["photo"]).name for photo in document(result)["photos"]] == ["1.jpg"]
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "list.pdf").write_bytes(b"")
    nothing = rollcall(home, "identify", tmp_path / "empty")
    assert nothing.exit_code == 2
    assert "No photos found" in nothing.stderr
    assert "1 x .pdf" in nothing.stderr


def test_a_list_with_bad_rows_takes_the_others_and_names_the_lines(
    home: Path, tmp_path: Path, grace: Path
) -> None:
    put(grace, tmp_path / "1.jpg")
    listing = tmp_path / "staff.csv"
    listing.write_text(
        "Name;External ID;Dept;Photo\nGrace Hopper;E7;HR;1.jpg\nBob;E8;HR;\n;E9;HR;2.jpg\n"
        'Cid;E10;HR;gone.jpg\n"Dan;E11;HR;3.jpg\n'
    )
    result = rollcall(home, "enroll", "--manifest", listing, "--json")
    assert result.exit_code == 1
    told = document(result)
    assert told["enrolled"] == 1
    assert [(r["photo"].rpartition("/")[2], r["reason"]) for r in told["rejected"]] == [
        ("staff.csv:3", "list-row"),
        ("staff.csv:4", "list-row"),
        ("staff.csv:6", "list-row"),
        ("gone.jpg", "unreadable"),
    ]
    assert "Line 3 of" in told["rejected"][0]["message"]
    assert "ignored: 'Dept'" in result.stderr
    (person,) = document(rollcall(home, "people", "list", "--json"))["people"]
    assert (person["person"], person["external_id"]) == ("Grace Hopper", "E7")


def test_a_face_column_says_which_face_is_meant(
    home: Path, tmp_path: Path, grace: Path, eileen: Path
) -> None:
    with Image.open(grace) as left, Image.open(eileen) as right:
        both = Image.new("RGB", (1200, 600))
        both.paste(left.convert("RGB").resize((600, 600)), (0, 0))
        both.paste(right.convert("RGB").resize((600, 600)), (600, 0))
        both.save(tmp_path / "both.jpg")
    listing = tmp_path / "staff.csv"
    listing.write_text("person,photo,face\nEileen Collins,both.jpg,2\n")
    assert rollcall(home, "enroll", "--manifest", listing).exit_code == 0
    told = document(rollcall(home, "identify", tmp_path / "both.jpg", "--json"))
    assert [face["person"] for face in told["photos"][0]["faces"]] == [None, "Eileen Collins"]


@pytest.mark.parametrize("name", ["GRACE  HOPPER", "grace hopper"])
def test_a_sync_never_deletes_by_a_spelling_or_by_a_photo_that_cannot_be_read(
    home: Path, tmp_path: Path, grace: Path, name: str
) -> None:
    put(grace, tmp_path / "staff" / "Grace Hopper" / "1.jpg")
    rollcall(home, "enroll", tmp_path / "staff")
    listing = tmp_path / "staff.csv"
    listing.write_text(f"person,photo\n{name},gone.jpg\n")
    rollcall(home, "people", "sync", listing, "--yes")
    assert people(home) == ["Grace Hopper"]


def test_a_sync_with_a_row_that_might_be_anybodys_deletes_nobody(
    home: Path, tmp_path: Path, grace: Path
) -> None:
    put(grace, tmp_path / "staff" / "Grace Hopper" / "1.jpg")
    rollcall(home, "enroll", tmp_path / "staff")
    listing = tmp_path / "staff.csv"
    listing.write_text('person,photo\nBob,1.jpg\n"Grace Hopper,2.jpg\n')
    result = rollcall(home, "people", "sync", listing, "--yes")
    assert result.exit_code == 2
    assert "line 3 cannot be read and might be anybody's" in result.stderr
    assert people(home) == ["Grace Hopper"]


def test_a_sync_that_would_delete_many_must_say_how_many(
    home: Path, tmp_path: Path, grace: Path, eileen: Path
) -> None:
    put(grace, tmp_path / "staff" / "Grace Hopper" / "1.jpg")
    put(eileen, tmp_path / "staff" / "Eileen Collins" / "1.jpg")
    rollcall(home, "enroll", tmp_path / "staff")
    listing = tmp_path / "staff.csv"
    listing.write_text("person,photo\nGrace Hopper,staff/Grace Hopper/1.jpg\n")
    sync = ("people", "sync", listing, "--yes")
    asked = rollcall(home, *sync)
    assert asked.exit_code == 2
    assert "1 of 2 people are not in the list" in asked.stderr
    assert "--leavers 1" in asked.stderr
    assert rollcall(home, *sync, "--leavers", "2").exit_code == 2
    assert people(home) == ["Eileen Collins", "Grace Hopper"]
    assert rollcall(home, *sync, "--leavers", "1").exit_code == 0
    assert people(home) == ["Grace Hopper"]


def test_photos_that_left_the_list_are_named_and_removed_where_that_is_wanted(
    home: Path, tmp_path: Path, grace: Path, samples: Path
) -> None:
    second = samples / "employees" / "Grace Hopper" / "2.jpg"
    put(grace, tmp_path / "1.jpg")
    put(second, tmp_path / "2.jpg")
    listing = tmp_path / "staff.csv"
    listing.write_text("person,photo,photo2\nGrace Hopper,1.jpg,2.jpg\n")
    rollcall(home, "enroll", "--manifest", listing)
    (tmp_path / "1.jpg").rename(tmp_path / "moved.jpg")  # by its content it is still there
    listing.write_text("person,photo\nGrace Hopper,moved.jpg\n")
    sync = ("people", "sync", listing, "--yes", "--json")
    told = document(rollcall(home, *sync))
    assert [Path(each["photo"]).name for each in told["vanished"]] == ["2.jpg"]
    shown = document(rollcall(home, "people", "show", "Grace Hopper", "--json"))
    assert len(shown["photos"]) == 2
    rollcall(home, *sync, "--vanished")
    shown = document(rollcall(home, "people", "show", "Grace Hopper", "--json"))
    assert [Path(photo["photo"]).name for photo in shown["photos"]] == ["1.jpg"]


def test_a_conflict_comes_with_the_command_that_mends_it(
    home: Path, tmp_path: Path, grace: Path, eileen: Path
) -> None:
    put(grace, tmp_path / "1.jpg")
    listing = tmp_path / "staff.csv"
    listing.write_text("person,external_id,photo\nGrace Hopper,E7,1.jpg\n")
    rollcall(home, "enroll", "--manifest", listing)
    listing.write_text("person,external_id,photo\nGrace Murray,E7,eileen.jpg\n")
    (reject,) = document(rollcall(home, "enroll", "--manifest", listing, "--json"))["rejected"]
    assert "rollcall people rename 'E7' 'Grace Murray'" in reject["message"]
