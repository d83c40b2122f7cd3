"""Tables as offices open them: the same rows whatever the ending, texts that stay texts."""

import importlib.util
from pathlib import Path

import pytest
from openpyxl import load_workbook

from retrieval.errors import DataInvalid, SettingInvalid
from retrieval.files import sheets
from retrieval.files.tables import check_table, read_rows, write_table

COLUMNS = {"person": str, "number": str, "score": float, "face": int}
ROWS = [
    {"person": "=cmd|' /C calc'!A0", "number": "-007", "score": 0.5, "face": 1},
    {"person": "Zoë Müller", "number": None, "score": None, "face": None},
]


@pytest.mark.parametrize("ending", ["csv", "xlsx", "jsonl", "parquet"])
def test_rows_come_back_as_they_were(tmp_path: Path, ending: str) -> None:
    if ending == "parquet" and importlib.util.find_spec("pyarrow") is None:
        pytest.skip("needs pyarrow")
    path = tmp_path / f"table.{ending}"
    assert write_table(path, COLUMNS, ROWS) == 2
    found = [(row["person"], row["number"] or None) for row in read_rows(path)]
    assert found == [(row["person"], row["number"]) for row in ROWS]


@pytest.mark.parametrize("ending", ["csv", "xlsx", "jsonl", "parquet"])
def test_a_file_name_that_is_no_utf_8_stops_no_table(tmp_path: Path, ending: str) -> None:
    if ending == "parquet" and importlib.util.find_spec("pyarrow") is None:
        pytest.skip("needs pyarrow")
    path = tmp_path / f"table.{ending}"
    assert write_table(path, COLUMNS, [{"person": "caf\udce9.jpg"}, *ROWS]) == 3
    names = [row["person"] for row in read_rows(path)]
    assert names[1:] == [row["person"] for row in ROWS]
    assert names[0].startswith("caf")
    assert names[0].endswith(".jpg")


def test_a_cell_of_excels_is_never_a_formula(tmp_path: Path) -> None:
    write_table(tmp_path / "table.xlsx", COLUMNS, ROWS)
    sheet = load_workbook(tmp_path / "table.xlsx").worksheets[0]
    assert sheet["A2"].data_type == "s"
    assert sheet["C2"].value == 0.5
    assert sheet.freeze_panes == "A2"


def test_csv_begins_with_the_mark_by_which_excel_knows_utf_8(tmp_path: Path) -> None:
    write_table(tmp_path / "table.csv", COLUMNS, ROWS)
    data = (tmp_path / "table.csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbfperson,number,score,face\r\n'=cmd")


def test_another_ending_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    with pytest.raises(SettingInvalid, match=r"must end in \.csv, \.xlsx, \.jsonl, \.parquet"):
        check_table(tmp_path / "table.ods")


def test_a_workbook_is_read_within_the_bounds_of_a_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_table(tmp_path / "table.xlsx", COLUMNS, ROWS)
    monkeypatch.setattr(sheets, "_MOST_UNPACKED", 1000)
    with pytest.raises(DataInvalid, match="unpacks to"):
        list(read_rows(tmp_path / "table.xlsx"))
