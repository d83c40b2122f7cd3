"""Lists as offices export them: any usual encoding, separator and heading, CSV or XLSX."""

import zipfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from retrieval.errors import DataInvalid
from retrieval.files import sheets
from retrieval.photos.list_columns import parse_columns
from retrieval.photos.people_list import ListRow, PeopleList


def write(folder: Path, text: str, encoding: str = "utf-8", name: str = "list.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def rows(path: Path, **columns: str) -> list[ListRow]:
    return list(PeopleList(path, columns).rows())


def people(path: Path) -> list[tuple[str, str | None, list[str]]]:
    return [(row.person, row.external_id, [p.name for p in row.photos]) for row in rows(path)]


ZOE = ("Zoë Müller", "00042", ["1.jpg"])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_any_usual_encoding_and_separator_is_read(
    tmp_path: Path, encoding: str, delimiter: str
) -> None:
    lines = ["person,external_id,photo", "Zoë Müller,00042,1.jpg"]
    text = "\r\n".join(line.replace(",", delimiter) for line in lines)
    assert people(write(tmp_path, text, encoding)) == [ZOE]


@pytest.mark.parametrize(
    "header",
    [
        "Person;External ID;Photo",
        "NAME;Employee-Number;File Name",
        "Mitarbeiter;Pers.-Nr.;Bild",
        "Nom complet;Matricule;Fichier",
    ],
)
def test_columns_are_known_by_their_usual_names_however_written(
    tmp_path: Path, header: str
) -> None:
    assert people(write(tmp_path, f"{header}\nZoë Müller;00042;1.jpg\n")) == [ZOE]


def test_first_and_last_name_are_a_person(tmp_path: Path) -> None:
    path = write(tmp_path, "Nachname,Vorname,PersNr,Foto\nMüller,Zoë,00042,1.jpg\n")
    assert people(path) == [("Zoë Müller", "00042", ["1.jpg"])]
    assert str(PeopleList(path).columns).startswith("person from 'Vorname' and 'Nachname'")


def test_excels_own_first_line_is_no_header(tmp_path: Path) -> None:
    assert people(write(tmp_path, "sep=;\nperson;photo\nAnn;1.jpg\n")) == [("Ann", None, ["1.jpg"])]


TITLES = [
    "Staff list, as of 28.11.2026\n\n{header}",
    "Mitarbeiter\n{header}",  # what a column is called as well
    'sep=;\n"Stand, 28.11.";;;\n;;;\n{header}',
]


@pytest.mark.parametrize("above", TITLES)
def test_titles_may_stand_above_the_columns(tmp_path: Path, above: str) -> None:
    header = "Pers.-Nr.;Nachname;Vorname;Eintritt"
    text = f"{above.format(header=header)}\n1001;Lee, Dr.;Ann;2020\n1002;Ray;Bob;2021\n"
    path = write(tmp_path, text)
    assert people(path) == [("Ann Lee, Dr.", "1001", []), ("Bob Ray", "1002", [])]
    assert [row.line for row in rows(path)] == [text.splitlines().index(header) + n for n in (2, 3)]
    book = openpyxl.Workbook()
    for line in text.splitlines():
        book.worksheets[0].append([cell.strip('"') or None for cell in line.split(";")])
    book.worksheets[0].merge_cells("A1:D1")
    book.save(tmp_path / "list.xlsx")
    assert people(tmp_path / "list.xlsx")[0] == ("Ann Lee, Dr.", "1001", [])


@pytest.mark.parametrize("number", ["1001.0", "1001,0", "1001"])
def test_a_number_that_a_program_wrote_as_a_fraction_is_the_same(
    tmp_path: Path, number: str
) -> None:
    path = write(tmp_path, f"name;number\nAnn;{number}\nBob;1.5\nCid;007\n")
    assert [row.external_id for row in rows(path)] == ["1001", "1.5", "007"]


def test_columns_that_are_chosen_may_have_titles_above(tmp_path: Path) -> None:
    path = write(tmp_path, "Liste\n\nWer;Nr\nAnn;7\n")
    (row,) = rows(path, person="Wer", external_id="Nr")
    assert (row.person, row.external_id, row.line) == ("Ann", "7", 4)


def test_ignored_and_repeated_columns_are_named(tmp_path: Path) -> None:
    path = write(tmp_path, "Name,Employee,Dept,photo,E-mail\nAnn,Bob,HR,1.jpg,a@b\n")
    columns = PeopleList(path).columns
    assert (columns.ignored, columns.repeated) == (("Dept", "E-mail"), ("Employee",))
    assert "ignored: 'Dept', 'E-mail'; repeated, not used: 'Employee'" in str(columns)
    assert people(path) == [("Ann", None, ["1.jpg"])]


def test_several_photos_of_a_row_are_all_taken(tmp_path: Path) -> None:
    (tmp_path / "a;b.jpg").write_bytes(b"")
    text = 'person,photo,Photo 2,photo3\nAnn,1.jpg,2.jpg,\nBob,"3.jpg;4.jpg",,\nCid,a;b.jpg,,\n'
    assert people(write(tmp_path, text)) == [
        ("Ann", None, ["1.jpg", "2.jpg"]),
        ("Bob", None, ["3.jpg", "4.jpg"]),
        ("Cid", None, ["a;b.jpg"]),
    ]


def test_columns_of_other_names_can_be_chosen(tmp_path: Path) -> None:
    path = write(tmp_path, "Who,Name,Snap\nAnn,x,1.jpg\n")
    chosen = parse_columns("person=who, photo=Snap")
    assert [(row.person, len(row.photos)) for row in rows(path, **chosen)] == [("Ann", 1)]
    with pytest.raises(DataInvalid, match="no column Nobody; found: Who, Name, Snap"):
        rows(path, person="Nobody")
    with pytest.raises(DataInvalid, match="the fields are person, external_id, photo, face"):
        parse_columns("colour=Who")


def test_a_bad_row_is_named_by_its_line_and_stops_no_other(tmp_path: Path) -> None:
    text = 'person,photo,face\nAnn,1.jpg,\n"Bob,2.jpg,\nCid,3.jpg,two\nDan,,\n\nEve,5.jpg,2\n'
    found = rows(write(tmp_path, text))
    assert [(row.line, row.person, row.problem) for row in found] == [
        (2, "Ann", None),
        (3, "", "A quote is opened and never closed."),
        (4, "Cid", "The face 'two' is no number."),
        (5, "Dan", None),
        (7, "Eve", None),
    ]
    assert found[3].photos == ()
    assert found[4].face == 2


def test_a_cell_may_have_several_lines(tmp_path: Path) -> None:
    path = write(tmp_path, 'person,photo\n"Ann\nLee",1.jpg\nBob,2.jpg\n')
    assert [(row.line, row.person) for row in rows(path)] == [(2, "Ann\nLee"), (4, "Bob")]


def test_paths_start_at_the_list_also_those_of_windows(tmp_path: Path) -> None:
    path = write(tmp_path, "person,photo\nAnn,photos\\ann\\1.jpg\nBob,/x/2.jpg\nCid,s3://b/3.jpg\n")
    found = [str(row.photos[0]) for row in rows(path)]
    assert found == [str(tmp_path / "photos/ann/1.jpg"), "/x/2.jpg", "s3://b/3.jpg"]


def test_a_workbook_is_read_as_its_sheet_shows_it(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Name", "PersNr", "Bild", "Eintritt"])
    sheet.append(["Zoë Müller", 42, "1.jpg", date(2020, 1, 2)])
    sheet.append(["Ann Lee", 7.0, "2.jpg", None])
    sheet.append([None, None, None, None])
    sheet["B2"].number_format = "00000"
    book.save(tmp_path / "list.xlsx")
    path = tmp_path / "list.xlsx"
    assert people(path) == [ZOE, ("Ann Lee", "7", ["2.jpg"])]
    assert PeopleList(path).columns.ignored == ("Eintritt",)


@pytest.mark.parametrize(
    ("name", "number", "shown"),
    [
        ("Ann Lee", date(2024, 4, 3), "2024-04-03"),  # Excel's reading of 3-4
        ("Ann Lee", datetime(2024, 4, 3, 7, 30), "2024-04-03 07:30:00"),
        ("Ann Lee", True, "TRUE"),
        (False, 7, "FALSE"),
        (date(2024, 1, 1), 7, "2024-01-01"),
        ("Ann Lee", "#N/A", "#N/A"),  # of a formula that found nothing
    ],
)
def test_a_date_or_an_error_is_nobodys_name_and_nobodys_number(
    tmp_path: Path, name: Any, number: Any, shown: str
) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Name", "PersNr", "Bild", "Aktiv"])
    sheet.append([name, number, "1.jpg", True])
    sheet.append(["Bob Ray", 1001.0, "2.jpg", False])
    book.save(tmp_path / "list.xlsx")
    odd, good = rows(tmp_path / "list.xlsx")
    assert odd.problem is not None
    assert f"is neither text nor number: {shown!r}. Give the cell the format Text" in odd.problem
    assert (good.person, good.external_id, good.problem) == ("Bob Ray", "1001", None)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("list.xlsx", b"no workbook", "XLSX file cannot be read"),
        ("list.csv", b"PK\3\4rest", "is a spreadsheet, but not named .xlsx"),
        ("list.csv", b"", "found: nothing"),
        ("list.csv", b"colour,shape\nred,round\n", "found: colour, shape"),
        ("list.csv", b"\0\1\2\3\0\0\0\0person,photo", "is no text|no column"),
    ],
)
def test_what_is_no_list_says_so(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataInvalid, match=message):
        PeopleList(tmp_path / name)


def with_sheet(tmp_path: Path, *rows: str) -> Path:
    """A workbook whose sheet holds these rows of XML."""
    openpyxl.Workbook().save(tmp_path / "plain.xlsx")
    path = tmp_path / "list.xlsx"
    with zipfile.ZipFile(tmp_path / "plain.xlsx") as plain, zipfile.ZipFile(path, "w") as odd:
        for name in plain.namelist():
            sheet = SHEET.format(rows="".join(rows)).encode()
            odd.writestr(name, sheet if name.endswith("sheet1.xml") else plain.read(name))
    return path


SHEET = (
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    '<dimension ref="A1:XFD1048576"/><sheetData>{rows}</sheetData></worksheet>'
)
HEADER = '<row r="1"><c r="A1" t="inlineStr"><is><t>person</t></is></c></row>'


def test_a_cell_far_out_is_no_column(tmp_path: Path) -> None:
    far = '<row r="2"><c r="A2"><v>7</v></c><c r="ZZZ2"><v>1</v></c></row>'
    assert people(with_sheet(tmp_path, HEADER, far)) == [("7", None, [])]


def test_a_cell_that_is_nowhere_is_a_damaged_file(tmp_path: Path) -> None:
    path = with_sheet(tmp_path, HEADER, '<row r="2"><c r="AAAAAAA2"><v>7</v></c></row>')
    with pytest.raises(DataInvalid, match="XLSX file cannot be read"):
        people(path)


def test_a_row_below_any_sheet_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "_MOST_ROWS", 1000)
    path = with_sheet(tmp_path, HEADER, '<row r="99999999999"><c r="A1"><v>7</v></c></row>')
    with pytest.raises(DataInvalid, match="rows beyond"):
        people(path)


def test_a_workbook_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheets, "_MOST_UNPACKED", 1 << 20)
    path = tmp_path / "list.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("xl/sharedStrings.xml", bytes(2 << 20))
    with pytest.raises(DataInvalid, match="unpacks to"):
        PeopleList(path)


def test_a_list_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataInvalid, match="nowhere"):
        PeopleList(tmp_path / "nowhere.csv")


def test_a_cell_longer_than_any_sheets_is_refused(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.worksheets[0].append(["name", "colour"])
    book.worksheets[0].append(["Eve", "red"])
    book.save(tmp_path / "small.xlsx")
    with (
        zipfile.ZipFile(tmp_path / "small.xlsx") as small,
        zipfile.ZipFile(tmp_path / "list.xlsx", "w", zipfile.ZIP_DEFLATED) as large,
    ):
        for name in small.namelist():
            large.writestr(name, small.read(name).replace(b">red<", b">" + b"r" * 40_000 + b"<"))
    with pytest.raises(DataInvalid, match="row 2 with more than 32,767 characters"):
        list(PeopleList(tmp_path / "list.xlsx").rows())


def test_a_zero_byte_or_a_number_of_thousands_of_digits_spoils_its_row_alone(
    tmp_path: Path,
) -> None:
    digits = "9" * 5000
    text = f"name,photo,face\nEve,e\0.png,1\nAnn,a.png,{digits}\nBob,b.png,2\n"
    (tmp_path / "list.csv").write_bytes(text.encode("utf-16"))
    first, second, third = PeopleList(tmp_path / "list.csv").rows()
    assert first.problem == "It holds a zero byte. Type it anew."
    assert str(second.problem).startswith("The face '999")
    assert (third.person, third.face, third.problem) == ("Bob", 2, None)
