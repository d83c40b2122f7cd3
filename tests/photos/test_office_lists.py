"""Staff lists as offices have them, each with the people whom it names."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from retrieval.photos.people_list import PeopleList

Rows = Sequence[Sequence[Any]]
People = list[tuple[str, str | None]]
ANN, BOB = ("Ann Lee", "1001"), ("Bob Ray", "1002")
LEE = [("Lee, Ann", None)]
BOTH = [ANN, BOB]


def people(path: Path) -> People:
    """Everybody whom a list names; what it cannot use is a fault of it."""
    rows = list(PeopleList(path).rows())
    assert [row.problem for row in rows if row.problem] == []
    return [(row.person, row.external_id) for row in rows]


# What a list holds, in which encoding, and whom it names.
TEXTS: dict[str, tuple[str, str, People]] = {
    "numbers with two zeros": ("Name,Number\nAnn Lee,1001.00\nBob Ray,1002.00\n", "utf-8", BOTH),
    "numbers with a comma": ("Name;Number\nAnn Lee;1001,00\nBob Ray;1002,0\n", "utf-8", BOTH),
    "what may be thousands": ("Name;Number\nAnn Lee;1.000\n", "utf-8", [("Ann Lee", "1.000")]),
    "numbers held as text": (
        'Name;Number\nAnn Lee;="00042"\nBob Ray;="1002"\n', "utf-8", [("Ann Lee", "00042"), BOB]
    ),
    "rows of spaces": (
        "Name;Number\n \u00a0 ; \nAnn Lee;1001\n\t;\nBob Ray;1002\n;\n", "utf-8", BOTH
    ),
    "rows of spaces above": ("  ;  \n \nName;Number\nAnn Lee;1001\n", "utf-8", [ANN]),
    "columns that end in nothing": (
        "Name;Number;;;\nAnn Lee;1001;;;\nBob Ray;1002;;\n", "utf-8", BOTH
    ),
    "rows longer than the names": (
        "Name;Number\nAnn Lee;1001;x;y\nBob Ray;1002;;z\n", "utf-8", BOTH
    ),
    "one column with commas": ("Name\nLee, Ann\nRay, Bob\n", "utf-8", [*LEE, ("Ray, Bob", None)]),
    "one column in quotes": ('"Name"\n"Lee, Ann"\n', "utf-8", LEE),
    "one column with a title": ("Staff, as of May\n\nName\nLee, Ann\n", "utf-8", LEE),
    "a title that is a column's name": (
        "Mitarbeiter\nName\nAnn Lee\n", "utf-8", [("Ann Lee", None)]
    ),
    "a title over several columns": (
        "Mitarbeiter;Foto\nName;Personalnummer\nAnn Lee;1001\n", "utf-8", [ANN]
    ),
    "names of columns on each page": (
        "Name;Number\nAnn Lee;1001\n\nName;Number\nBob Ray;1002\n", "utf-8", BOTH
    ),
    "a separator in a column's name": (
        '"Name, Vorname";"Personalnummer"\n"Lee, Ann";"1001"\n', "utf-8", [("Lee, Ann", "1001")]
    ),
    "quoted commas": ('Name,Number\n"Lee, Ann",1001\n"Ray, Bob",1002\n', "utf-8",
                      [("Lee, Ann", "1001"), ("Ray, Bob", "1002")]),
    "dates beside": (
        "Eintritt;Name;PersNr\n01.02.2020;Ann Lee;1001\n2020-03-04;Bob Ray;1002\n", "utf-8", BOTH
    ),
    "a cell of several lines": (
        'Name;"Pers.-\nNr."\nAnn Lee;1001\n"Bob\nRay";1002\n', "utf-8", [ANN, ("Bob\nRay", "1002")]
    ),
    "tabs": ("Nachname\tVorname\tNummer\nLee\tAnn\t1001\nRay\tBob\t1002\n", "utf-16", BOTH),
    "a byte order mark": ("Name;Number\nAnn Lee;1001\n", "utf-8-sig", [ANN]),
    "Latin-1": (
        "Name;Number\nZo\u00eb M\u00fcller;1003\n", "latin-1", [("Zo\u00eb M\u00fcller", "1003")]
    ),
    "UTF-16 without a mark": ("Name;Number\nAnn Lee;1001\n", "utf-16-le", [ANN]),
}  # fmt: skip


@pytest.mark.parametrize(("text", "encoding", "named"), TEXTS.values(), ids=TEXTS)
def test_whom_a_text_names(tmp_path: Path, text: str, encoding: str, named: People) -> None:
    path = tmp_path / "staff.csv"
    path.write_bytes(text.encode(encoding))
    assert people(path) == named


SHEETS: dict[str, tuple[Rows, People]] = {
    "numbers": ([("Name", "Number"), ("Ann Lee", 1001), ("Bob Ray", 1002.0)], BOTH),
    "numbers as text": ([("Name", "Number"), ("Ann Lee", "1001"), ("Bob Ray", "1002.00")], BOTH),
    "rows of spaces": ([("Name", "Number"), (" ", None), ("Ann Lee", 1001), ("\u00a0", "")], [ANN]),
    "titles and dates": (
        [
            ("Staff of Berlin", None, None),
            (date(2026, 11, 29), None, None),
            (),
            ("Since", "Name", "Number"),
            (date(2020, 1, 2), "Ann Lee", 1001),
            (None, "Bob Ray", 1002),
        ],
        BOTH,
    ),
    "a title that is a column's name": (
        [("Employees",), ("Name",), ("Ann Lee",)], [("Ann Lee", None)]
    ),
    "commas": ([("Name",), ("Lee, Ann",)], LEE),
    "columns that end in nothing": (
        [("Name", "Number", None, ""), ("Ann Lee", 1001, "", None)], [ANN]
    ),
}  # fmt: skip


def workbook(path: Path, rows: Rows, *merged: str) -> Path:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for cells in merged:
        book.active.merge_cells(cells)
    book.save(path)
    return path


@pytest.mark.parametrize(("rows", "named"), SHEETS.values(), ids=SHEETS)
def test_whom_a_workbook_names(tmp_path: Path, rows: Rows, named: People) -> None:
    assert people(workbook(tmp_path / "staff.xlsx", rows)) == named


def test_a_title_over_merged_cells_names_no_column(tmp_path: Path) -> None:
    rows = [("Mitarbeiter", "", ""), ("Vorname", "Nachname", "Nr."), ("Ann", "Lee", "x")]
    path = workbook(tmp_path / "staff.xlsx", rows, "A1:C1")
    assert people(path) == [("Ann Lee", None)]


@pytest.mark.parametrize("number", ["1.23457E+11", "1,23457E+11", "#N/A", "#NV", "#WERT!"])
def test_a_number_that_a_spreadsheet_spoilt_is_nobodys(tmp_path: Path, number: str) -> None:
    path = tmp_path / "staff.csv"
    path.write_text(f"Name;Number\nAnn Lee;{number}\nBob Ray;1002\n")
    bad, good = PeopleList(path).rows()
    assert (good.person, good.problem) == ("Bob Ray", None)
    assert f"Its 'Number' is neither text nor number: '{number}'." in str(bad.problem)


def test_the_number_of_a_face_may_be_written_as_a_fraction(tmp_path: Path) -> None:
    path = tmp_path / "staff.csv"
    path.write_text("Name;Photo;Face\nAnn Lee;a.jpg;2.0\n")
    (row,) = PeopleList(path).rows()
    assert (row.face, row.problem) == (2, None)
