"""The roll as files: what people wrote is text, faces are pictures, and programs open them."""

import csv
import io
import json
import re
import shutil
import subprocess
from datetime import UTC, date, datetime

import openpyxl
import pytest

from retrieval.catalogue.events.records import VerdictKind
from retrieval.errors import SettingInvalid, StoreError
from retrieval.events.exports import form_of, presence_bytes, roll_bytes, write
from retrieval.events.verdicts import Judgement
from retrieval.values import Source
from tests.api.painted import BLUE, paint

FORMULA = '=cmd|"/c calc"!A1'


@pytest.fixture
def roll(service, party):
    """Of a party at which somebody with a dangerous name was."""
    stranger = service.events.roll(party).unknown[0].faces[0]
    told = Judgement(VerdictKind.IS, (stranger,), person=FORMULA, external_id="+49")
    service.events.judge(party, told, "-eve")
    list(service.events.add(party, [Source("=evil.png", paint(BLUE, seed=44))]))
    return service.events.roll(party)


def test_every_cell_of_a_workbook_is_text_or_a_number(roll):
    book = openpyxl.load_workbook(io.BytesIO(roll_bytes(roll, "xlsx")))
    assert book.sheetnames == ["roll", "appearances", "photos"]
    kinds = {cell.data_type for sheet in book for row in sheet.iter_rows() for cell in row}
    assert "f" not in kinds, "no formula"
    cells = [cell.value for row in book["roll"].iter_rows() for cell in row]
    assert FORMULA in cells
    assert "Red" in cells
    assert "=evil.png" in [row[0].value for row in book["photos"].iter_rows()]


def test_faces_are_pictures_in_cells(roll):
    book = openpyxl.load_workbook(io.BytesIO(roll_bytes(roll, "xlsx")))
    assert len(book["roll"]._images) == len(roll.present) + len(roll.unknown)
    assert len(book["appearances"]._images) == roll.appearances


@pytest.mark.skipif(shutil.which("soffice") is None, reason="needs LibreOffice (soffice)")
def test_libreoffice_opens_the_workbook_and_computes_nothing(roll, tmp_path):
    roll.to_xlsx(tmp_path / "roll.xlsx")
    profile = f"-env:UserInstallation=file://{tmp_path}/profile"
    command = ["soffice", profile, "--headless", "--convert-to", "csv", "--outdir"]
    subprocess.run(
        [*command, str(tmp_path), str(tmp_path / "roll.xlsx")],
        check=True,
        capture_output=True,
        timeout=180,
    )
    text = (tmp_path / "roll.csv").read_text(encoding="utf-8")
    rows = list(csv.reader(io.StringIO(text)))
    names = [row[3] for row in rows]
    assert FORMULA in names
    assert "Red" in names


def test_csv_is_text_in_every_spreadsheet(roll):
    text = roll_bytes(roll, "csv").decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert {row["name"] for row in rows} == {"Red", f"'{FORMULA}"}
    assert {row["number"] for row in rows} == {"E-1", "'+49"}
    assert {row["standing"] for row in rows} == {"present"}


def test_the_page_needs_nothing_else_and_escapes_what_people_wrote(service, roll):
    renamed = service.events.change(roll.event, name="<script>alert(1)</script>")
    page = roll_bytes(service.events.roll(renamed), "html").decode()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert not re.search(r'(src|href)="(?!data:image/jpeg;base64,)', page)
    assert page.count("data:image/jpeg;base64,") == len(roll.present) + len(roll.unknown)
    assert "@page { size: A4" in page


def test_json_is_the_document(roll):
    assert json.loads(roll_bytes(roll, "json")) == roll.document()


def test_the_ending_says_the_form(roll, tmp_path):
    for name in ("roll.xlsx", "roll.CSV", "roll.htm", "roll.html", "roll.json"):
        write(roll, tmp_path / name, form_of(tmp_path / name))
        assert (tmp_path / name).stat().st_size > 100
    with pytest.raises(SettingInvalid, match="pdf"):
        write(roll, tmp_path / "roll.pdf", form_of(tmp_path / "roll.pdf"))
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError):
        write(roll, tmp_path / "file" / "roll.csv", "csv")


def test_presence_is_a_table_of_people_and_events(service, roll):
    service.events.change(roll.event, name="=SUM(1)", day=date(2026, 7, 4))
    found = service.events.presence()
    book = openpyxl.load_workbook(io.BytesIO(presence_bytes(found, "xlsx")))
    rows = [[cell.value for cell in row] for row in book["presence"].iter_rows()]
    assert rows[0][3] == "=SUM(1) (2026-07-04)"
    assert ["E-1", "Red", 1, "present"] in rows
    assert rows[-1] == [None, "present", None, 2]
    text = presence_bytes(found, "csv").decode("utf-8-sig")
    assert text.splitlines()[0] == "number,name,present,'=SUM(1)"
    assert json.loads(presence_bytes(found, "json")) == found.document()
    with pytest.raises(SettingInvalid):
        presence_bytes(found, "html")


def test_moments_of_photos_stand_on_the_roll(service, party):
    line = service.events.roll(party).present[0]
    assert (line.first, line.last) == (None, None), "painted photos have no EXIF"
    assert datetime.now(UTC) > service.events.roll(party).event.created_at


def test_a_form_that_is_named_is_written_whatever_the_file_is_called(roll, tmp_path):
    roll.to_csv(tmp_path / "roll.txt")
    assert (tmp_path / "roll.txt").read_bytes() == roll_bytes(roll, "csv")
    roll.to_html(tmp_path / "roll.json")
    assert (tmp_path / "roll.json").read_text().startswith("<!doctype html>")
