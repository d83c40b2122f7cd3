"""A second person of a taken name is asked about where the faces say that it is another."""

from pathlib import Path
from shutil import copy

import pytest

from retrieval.building import build_service
from retrieval.collection.enrolments import EnrolItem
from retrieval.settings import Settings
from tests.cli.asking import asked
from tests.cli.running import document, rollcall

NAME = "Anna Schmidt"


@pytest.fixture(scope="module")
def two(lfw_dir: Path) -> list[list[Path]]:
    """Five photos each of two people."""
    found = [sorted(each.glob("*.jpg")) for each in sorted(lfw_dir.iterdir())]
    return [photos[:5] for photos in found if len(photos) >= 5][1:3]


@pytest.fixture
def anna(home: Path, tmp_path: Path, two: list[list[Path]]) -> Path:
    """A share: three photos of one Anna Schmidt are enrolled, two of another lie there."""
    share = tmp_path / "share" / NAME
    share.mkdir(parents=True)
    for photo in two[0][:3]:
        copy(photo, share)
    assert rollcall(home, "enroll", share.parent).exit_code == 0
    for photo in two[1][:2]:
        copy(photo, share)
    return share.parent


def _photos(home: Path) -> dict[str | None, int]:
    listed = document(rollcall(home, "people", "list", "--json"))["people"]
    return {each["external_id"]: each["photos"] for each in listed if each["person"] == NAME}


def test_without_a_terminal_the_photos_are_rejected_with_what_answers(
    home: Path, anna: Path
) -> None:
    told = rollcall(home, "enroll", anna)
    assert told.exit_code == 1
    assert "Anna Schmidt is enrolled, and looks otherwise" in " ".join(told.stdout.split())
    assert "`enroll --same-person` takes the photos" in told.stdout
    assert _photos(home) == {None: 3}
    listed = anna.parent / "list.csv"
    listed.write_text("person,photo\n" + "".join(f"{NAME},{p}\n" for p in anna.rglob("*.jpg")))
    rejected = document(rollcall(home, "enroll", "--manifest", listed, "--json"))["rejected"]
    assert [each["reason"] for each in rejected] == ["same-name"] * 2
    assert rollcall(home, "enroll", anna, "--same-person").exit_code == 0
    assert _photos(home) == {None: 5}


def test_on_a_terminal_it_is_asked_and_yes_takes_them(home: Path, anna: Path) -> None:
    questions: list[str] = []
    code, said = asked(home, "enroll", anna, meanwhile=questions.append)
    assert "Is this Anna Schmidt the one who is enrolled?" in questions[0]
    assert code == 0, said
    assert _photos(home) == {None: 5}


def test_numbers_tell_the_two_apart(home: Path, anna: Path, two: list[list[Path]]) -> None:
    new = [str(photo) for photo in two[1][:2]]
    number = ("enroll", *new, "--person", NAME, "--number", "1002")
    assert rollcall(home, *number).exit_code == 1, "the one who is enrolled has none yet"
    assert _photos(home) == {None: 3}
    assert rollcall(home, "people", "number", NAME, "1001").exit_code == 0
    assert rollcall(home, *number).exit_code == 0
    assert _photos(home) == {"1001": 3, "1002": 2}


def test_new_photos_of_who_is_enrolled_are_taken_and_one_speaks_for_all(
    home: Path, anna: Path, two: list[list[Path]]
) -> None:
    copy(two[0][3], anna / NAME)
    told = document(rollcall(home, "enroll", anna, "--json"))
    assert (told["enrolled"], told["rejected"]) == (3, [])


def test_who_comes_with_the_same_run_is_not_asked_about(home: Path, two: list[list[Path]]) -> None:
    mixed = [two[0][0], two[1][0]]
    with build_service(Settings(home=home)) as service:
        results = list(service.enrol(EnrolItem(NAME, str(p), p) for p in mixed))
    assert [each.outcome for each in results] == ["enrolled"] * 2
