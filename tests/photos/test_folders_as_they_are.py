"""Folders as people have them: other endings, departments, what programs leave in them."""

from pathlib import Path

import pytest
from PIL import Image

from retrieval.photos.folders import (
    PassedOver,
    Problem,
    everything_below,
    layout,
    people_below,
    photos_below,
)
from tests.photos.test_folders import make


def picture(path: Path, format_: str = "JPEG") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8)).save(path, format_)


@pytest.mark.parametrize(
    "name", ["a.jfif", "a.JIF", "a.jpe", "a.HIF", "a.heics", "a.avifs", "a.dib", "a.J2C", "a.apng"]
)
def test_every_ending_of_a_known_format_is_listed(tmp_path: Path, name: str) -> None:
    make(tmp_path, name)
    assert [path.name for path in photos_below(tmp_path)] == [name]


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "GIF", "TIFF", "BMP", "WEBP", "PPM"])
def test_a_photo_without_an_ending_is_known_by_its_content(tmp_path: Path, format_: str) -> None:
    picture(tmp_path / "IMG_0001", format_)
    (tmp_path / "README").write_text("Brings no photo")
    (tmp_path / "clip").write_bytes(b"\0\0\0\x18ftypisom\0\0\0\0")
    passed = PassedOver()
    assert [path.name for path in photos_below(tmp_path, passed=passed)] == ["IMG_0001"]
    assert passed.files == {"no ending": 2}


def test_what_is_passed_over_is_counted_by_kind_and_said_in_one_line(tmp_path: Path) -> None:
    make(
        tmp_path, "Ann/1.jpg", "Ann/1.CR2", "Ann/2.cr2", "Ann/list.pdf", "Ann/walk.mov", "notes.txt"
    )
    make(tmp_path, "@eaDir/1.jpg", "Ann/@eaDir/1.jpg", "#recycle/Bob/1.jpg", "Ann/.picasa.ini")
    passed = PassedOver()
    assert [found.person for found in everything_below(tmp_path, passed=passed)] == ["Ann"]
    assert passed.document() == {
        "files": {"RAW (.cr2)": 2, ".pdf": 1, "video (.mov)": 1, ".txt": 1},
        "folders": {"@eaDir": 2, "#recycle": 1},
    }
    assert str(passed).startswith("passed over: 2 x RAW (.cr2), ")


@pytest.mark.parametrize(
    "name",
    [
        *("@eaDir", "#recycle", "#snapshot", "$RECYCLE.BIN", "__MACOSX", ".stversions"),
        *(".thumbnails", "lost+found", "System Volume Information", "@Recycle", ".Trash-1000"),
    ],
)
def test_folders_of_programs_are_nobody(tmp_path: Path, name: str) -> None:
    make(tmp_path, f"{name}/1.jpg", f"{name}/Bob/1.jpg", "Ann/1.jpg", f"Ann/{name}/2.jpg")
    assert [(person, path.name) for person, path in people_below(tmp_path)] == [("Ann", "1.jpg")]


def test_loose_photos_and_empty_folders_are_found_with_what_is_wrong(tmp_path: Path) -> None:
    make(tmp_path, "loose.jpg", "Ann/1.jpg", "Bob/cv.pdf")
    (tmp_path / "Cid").mkdir()
    found = [(f.person, f.place.name, f.problem) for f in everything_below(tmp_path)]
    assert found == [
        ("", "loose.jpg", Problem.LOOSE),
        ("Ann", "1.jpg", None),
        ("Bob", "Bob", Problem.EMPTY),
        ("Cid", "Cid", Problem.EMPTY),
    ]


LAYOUTS = [
    # files                                                      nested  sure
    (["Ann/1.jpg", "Bob/1.jpg"], False, True),
    (["Ann/1.jpg", "Ann/old/1.jpg"], False, True),
    (["Ann/2020/1.jpg", "Bob/2021/1.jpg"], False, True),  # nobody is called 2020
    (["Ann/old/1.jpg", "Ann/new/1.jpg", "Bob/old/1.jpg"], False, True),
    (["Ann/Rome/1.jpg", "Bob/Rome/1.jpg", "Cid/Rome/1.jpg"], False, True),  # the same in each
    (["staff/Ann/1.jpg", "staff/Bob/1.jpg"], True, True),  # one folder wraps all
    (["a/staff/Ann/1.jpg", "a/staff/Bob/1.jpg"], True, True),
    (["HR/Ann/1.jpg", "Sales/Bob/1.jpg", "Sales/Cid/1.jpg"], True, False),
    (["Ann/1.jpg", "Sales/Bob/1.jpg", "Sales/Cid/1.jpg"], False, False),
    (["staff/Ann/1.jpg"], True, False),  # a department of one, or Ann's folder in staff's
    # a photo of all in the department's folder makes it nobody's
    (["HR/team.jpg", "HR/Ann/1.jpg", "HR/Bob/1.jpg"], True, False),
    (["HR/team.jpg", "HR/Ann/1.jpg", "HR/Bob/1.jpg", "Sales/Cid/1.jpg"], True, False),
    # one of many people with albums
    (["Ann/1.jpg", "Ann/Rome/1.jpg", "Ann/Oslo/1.jpg", "Bob/1.jpg", "Cid/1.jpg"], False, True),
    (["Ann/1.jpg", "Ann/Rome/1.jpg", "Bob/1.jpg", "Bob/Oslo/1.jpg"], False, True),
    (["A/1.jpg", "A/Oslo/1.jpg", "A/Rome/1.jpg", "B/Oslo/1.jpg", "B/Rome/1.jpg"], False, True),
    ([], False, True),
]


@pytest.mark.parametrize(("files", "nested", "sure"), LAYOUTS)
def test_folders_tell_whether_they_are_people_or_departments(
    tmp_path: Path, files: list[str], nested: bool, sure: bool
) -> None:
    make(tmp_path, *files)
    found = layout(tmp_path)
    assert (found.nested, found.sure) == (nested, sure)


def test_people_of_departments_are_the_first_folders_that_hold_a_photo(tmp_path: Path) -> None:
    make(tmp_path, "HR/Ann/1.jpg", "HR/Ann/old/2.jpg", "Sales/South/Bob/1.jpg", "Cid/1.jpg")
    found = [(f.person, f.place.name) for f in everything_below(tmp_path, nested=True)]
    assert found == [("Cid", "1.jpg"), ("Ann", "1.jpg"), ("Ann", "2.jpg"), ("Bob", "1.jpg")]


def test_loose_photos_of_a_department_make_it_no_person(tmp_path: Path) -> None:
    make(tmp_path, *[f"IT/{name}/{at}1.jpg" for name in ("Fay", "Gil") for at in ("", "A/", "B/")])
    make(tmp_path, "W/HR/team.jpg", "W/HR/Ann/1.jpg", "W/HR/Bob/1.jpg", "Sales/Cid/1.jpg")
    make(
        tmp_path,
        "Sales/Dan/1.jpg",
        "Sales/Dan/Rome/2.jpg",
        "Sales/Dan/Oslo/3.jpg",
        "Sales/Eve/1.jpg",
    )
    found = [(f.person, f.place.name, f.problem) for f in everything_below(tmp_path, nested=True)]
    assert found == [
        *[("Fay", "1.jpg", None)] * 3,
        *[("Gil", "1.jpg", None)] * 3,
        ("Cid", "1.jpg", None),
        *[("Dan", name, None) for name in ("1.jpg", "3.jpg", "2.jpg")],
        ("Eve", "1.jpg", None),
        ("", "team.jpg", Problem.LOOSE),
        ("Ann", "1.jpg", None),
        ("Bob", "1.jpg", None),
    ]


def test_two_folders_of_one_name_are_never_one_person_by_accident(tmp_path: Path) -> None:
    make(tmp_path, "HR/Ann Lee/1.jpg", "Sales/ann lee/2.jpg", "Sales/ann lee/3.jpg")
    found = [(f.place.name, f.problem) for f in everything_below(tmp_path, nested=True)]
    assert found == [
        ("1.jpg", None),
        ("2.jpg", Problem.SAME_NAME),
        ("3.jpg", Problem.SAME_NAME),
    ]
