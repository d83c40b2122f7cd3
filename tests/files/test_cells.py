"""What people wrote is text in every spreadsheet, and comes back as it was."""

import csv
from pathlib import Path

import pytest

from cli.results import write_results
from retrieval.files.cells import as_text, as_written
from retrieval.photos.people_list import PeopleList

NAMES = (
    "=1+1",
    "+49 30 1",
    "-Ann",
    "@ann",
    "\t=1",
    "＝1",
    "'=1",
    "''@x",
    "Ann",
    "O'Brien",
    "'t Hooft",
    "'",
    "",
)


@pytest.mark.parametrize("name", NAMES)
def test_no_cell_begins_as_a_formula_and_every_one_is_read_back_as_it_was(name: str) -> None:
    cell = as_text(name)
    assert isinstance(cell, str)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝"))
    assert as_written(cell) == name


def test_numbers_stay_numbers() -> None:
    assert [as_text(value) for value in (-1, -0.5, None, True)] == [-1, -0.5, None, True]


def test_results_are_text_where_people_wrote_and_numbers_where_we_measured(tmp_path: Path) -> None:
    face = {
        "box": [1, 2, 3, 4],
        "detection_score": 0.9,
        "decision": "match",
        "person": "=cmd|' /C calc'!A0",
        "score": 0.99,
        "threshold": 0.9,
        "margin": -0.25,
        "candidates": [],
    }
    answers = [{"photo": "-1.jpg", "faces": [face]}, {"photo": "@.jpg", "error": "+no photo"}]
    write_results(tmp_path / "out.csv", answers)
    first, second = csv.DictReader((tmp_path / "out.csv").read_text("utf-8-sig").splitlines())
    assert (first["photo"], first["person"]) == ("'-1.jpg", "'=cmd|' /C calc'!A0")
    assert float(first["margin"]) == -0.25
    assert (second["photo"], second["error"]) == ("'@.jpg", "'+no photo")


def test_a_manifest_gives_the_names_that_a_list_of_rejects_was_given(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("person,external_id,photo\n'=Ann,'-7,'=1/a.jpg\n-Bob,-8,/b.jpg\n")
    ann, bob = PeopleList(path).rows()
    assert (ann.person, ann.external_id, ann.photos) == ("=Ann", "-7", (tmp_path / "=1/a.jpg",))
    assert (bob.person, bob.external_id, bob.photos) == ("-Bob", "-8", (Path("/b.jpg"),))
