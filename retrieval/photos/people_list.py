"""Lists that say whom photos show, as offices export them: CSV in any usual form, or XLSX.

A row that cannot be used is named by its line; it never stops the others.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO

from retrieval.errors import DataInvalid, PhotoUnreadable
from retrieval.files.cells import as_written
from retrieval.files.sheets import NoText, sheet_rows
from retrieval.photos.list_columns import columns_of, named_columns
from retrieval.photos.urls import fetch, location_of
from retrieval.values import Location

_MOST_BYTES = 1 << 29  # of a list, which is read whole if it is XLSX or a URL: some million rows
_DELIMITERS = ",;\t|"  # spreadsheets of some countries write semicolons
_NOTHING = "\x1f"  # parts no cells: it stands in no list
_FACE = re.compile("[0-9]{1,9}")  # more would be no number of a face
_LINES_ABOVE = 20  # among which the one that names the columns is: titles stand above it
_LINES_OF_A_ROW = 20  # a quote that is still open then was never closed
_AS_FLOAT = re.compile(r"^([0-9]+)[.,]00?$")  # three zeros may be thousands
_SHORTENED = re.compile(r"^[0-9][.,][0-9]+E\+[0-9]{2}$")  # what spreadsheets write of long numbers
_AS_FORMULA = re.compile(r'^="(.*)"$')  # keeps zeros at the front of a number in CSV
# Of formulas, as CSV has them: N/A, VALUE and so on, in English and German.
_FAULT = re.compile(r"^#(N/A|NV|(NAME|REF|VALUE|DIV/0|NUM|NULL|BEZUG|WERT|ZAHL)[!?])$")
_BETWEEN_PHOTOS = re.compile(r"[;|\n]")


@dataclass(frozen=True, slots=True)
class ListRow:
    """One row.

    Attributes:
        line: of the file or the sheet, from 1.
        person: the name; may be empty.
        external_id: the employee number, or None.
        photos: URLs, or paths from the list's folder, or absolute ones; empty where none is named.
        face: which face of the photos is meant, from 1; None for the dominant one.
        problem: why the row cannot be used, or None.
    """

    line: int
    person: str = ""
    external_id: str | None = None
    photos: tuple[Location, ...] = ()
    face: int | None = None
    problem: str | None = None


class PeopleList:
    """A list of people and their photos.

    Args:
        path: a .csv, .tsv or .txt file in any usual encoding, or an .xlsx file.
        columns: columns by field, where their names are not the usual ones; see `parse_columns`.

    Raises:
        DataInvalid: it cannot be read, or has no column that names people.
        StorageUnavailable: a URL's server does not answer.
    """

    def __init__(self, path: Location, columns: Mapping[str, str] | None = None) -> None:
        self.path = path
        self._given = dict(columns or {})
        with self._lines() as (lines, encoding):
            filled = ((line, cells) for line, cells, _ in lines if _filled(cells))
            top = list(islice(filled, _LINES_ABOVE))
        self._header, header = _header(top, self._given)
        self._names = [cell.strip() for cell in header]
        self.columns = columns_of(path, header, self._given, encoding)

    def rows(self) -> Iterator[ListRow]:
        """The rows, read as they are needed; empty ones are passed over."""
        with self._lines() as (lines, _):
            for line, cells, problem in lines:
                if line <= self._header:
                    continue
                if problem is not None:
                    yield ListRow(line, problem=problem)
                elif self._tells(cells):
                    yield self._row(line, cells)

    def cells(self) -> Iterator[tuple[ListRow, list[str]]]:
        """The rows that can be used, each with all of its cells as the list has them."""
        with self._lines() as (lines, _):
            for line, cells, problem in lines:
                if line > self._header and problem is None and self._tells(cells):
                    yield self._row(line, cells), cells

    def _tells(self, cells: Sequence[str]) -> bool:
        """Whether a row is one: not empty, and not the columns' names at the top of a page."""
        return _filled(cells) and [cell.strip() for cell in cells] != self._names

    def _row(self, line: int, cells: Sequence[str]) -> ListRow:
        def all_of(field: str) -> list[str]:
            columns = self.columns.used.get(field, ())
            found = (_text(cells[column]) for column in columns if column < len(cells))
            return [cell for cell in found if cell]

        person = " ".join(all_of("person"))
        external_id = next(map(_whole, all_of("external_id")), None)
        face = next(map(_whole, all_of("face")), "")
        if any("\0" in cell for cell in cells):  # which no path and no name has
            return ListRow(line, problem="It holds a zero byte. Type it anew.")
        if odd := self._no_text(cells):
            return ListRow(line, person, external_id, problem=odd)
        if face and not (_FACE.fullmatch(face) and int(face) > 0):
            return ListRow(line, person, external_id, problem=f"The face {face!r} is no number.")
        try:
            photos = tuple(place for cell in all_of("photo") for place in self._places(cell))
        except DataInvalid as error:
            return ListRow(line, person, external_id, problem=str(error))
        return ListRow(line, person, external_id, photos, int(face) if face else None)

    def _no_text(self, cells: Sequence[str]) -> str | None:
        """What is wrong with a row whose name or number a spreadsheet made into something else."""
        for column in (each for columns in self.columns.used.values() for each in columns):
            if column < len(cells) and _is_spoilt(cells[column]):
                return (
                    f"Its {self.columns.header[column]!r} is neither text nor number:"
                    f" {str(cells[column])!r}. Give the cell the format Text, and type it anew."
                )
        return None

    def _places(self, cell: str) -> list[Location]:
        """The photos that one cell names; a separator may be a part of the one file's name."""
        whole = self._place(cell)
        if not _BETWEEN_PHOTOS.search(cell) or (isinstance(whole, Path) and whole.exists()):
            return [whole]
        parts = (part.strip() for part in _BETWEEN_PHOTOS.split(cell))
        return [self._place(part) for part in parts if part]

    def _place(self, text: str) -> Location:
        place = location_of(text)
        if not isinstance(place, Path) or place.is_absolute():
            return place
        below = self.path.parent / text
        if "\\" in text and isinstance(below, Path) and not below.exists():
            return self.path.parent / text.replace("\\", "/")  # written on Windows
        return below

    @contextmanager
    def _lines(self) -> Iterator[tuple[Iterator[tuple[int, list[str], str | None]], str | None]]:
        """Line numbers, cells and problems of all rows, and the encoding of a text file."""
        try:
            with _opened(self.path) as file:
                if str(self.path).lower().endswith((".xlsx", ".xlsm")):
                    yield sheet_rows(file), None
                    return
                encoding = _encoding(self.path, file)
                text = io.TextIOWrapper(file, encoding, newline="")
                yield _text_rows(text, self._given), encoding
        except DataInvalid:
            raise
        except (csv.Error, UnicodeError) as error:
            raise DataInvalid(
                f"{self.path} cannot be read as CSV: {error}. Save it as CSV UTF-8 or as XLSX."
            ) from error
        except OSError as error:
            raise DataInvalid(
                f"{self.path} cannot be read: {error.strerror or error}. Check the path."
            ) from error


def _filled(cells: Iterable[str]) -> bool:
    return any(map(str.strip, cells))


def _header(
    top: Iterable[tuple[int, list[str]]], given: Mapping[str, str]
) -> tuple[int, list[str]]:
    """The row that names most columns; of two that stand together the lower: the other is a title.

    Not the lowest of all: the names may stand again at the top of each page.
    """
    header, most, before = (0, list[str]()), -1, 0
    for line, cells in top:
        count = named_columns(cells, given)
        if count > most or (count == most > 0 and header[0] == before):
            header, most = (line, cells), count
        before = line
    return header


def _text(cell: str) -> str:
    """What a cell says, however a spreadsheet was kept from changing it."""
    return as_written(_AS_FORMULA.sub(r"\1", cell.strip())).strip()


def _is_spoilt(cell: str) -> bool:
    """Whether a spreadsheet made a date, a fault or a shortened number of what was typed."""
    told = cell.strip()
    return isinstance(cell, NoText) or bool(_FAULT.match(told) or _SHORTENED.match(told))


def _whole(number: str) -> str:
    """A number as people write it: 1001.0 is what programs make of 1001."""
    return _AS_FLOAT.sub(r"\1", number)


def is_list(path: Location) -> bool:
    """Whether a file is a list, by its ending."""
    return str(path).lower().endswith((".csv", ".tsv", ".txt", ".xlsx", ".xlsm"))


@contextmanager
def _opened(path: Location) -> Iterator[IO[bytes]]:
    if isinstance(path, Path):
        if path.exists() and not path.is_file():
            raise DataInvalid(f"The list {path} is no file. Check the path.")
        with path.open("rb") as file:
            yield file
        return
    try:
        data, size = fetch(path, _MOST_BYTES)
    except PhotoUnreadable as error:
        raise DataInvalid(str(error)) from error
    if size > _MOST_BYTES:
        raise DataInvalid(f"{path} has more than {_MOST_BYTES:,} bytes. Split the file.")
    yield io.BytesIO(data)


def _encoding(path: Location, file: IO[bytes]) -> str:
    """The encoding of a text file: by its first bytes, UTF-8 if it is, else Windows' own."""
    beginning = file.read(4096)
    file.seek(0)
    if beginning.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if beginning.startswith((b"PK\3\4", b"\xd0\xcf\x11\xe0")):
        raise DataInvalid(f"{path} is a spreadsheet, but not named .xlsx. Save it as XLSX or CSV.")
    if beginning[1::2].count(0) > len(beginning) // 4:
        return "utf-16-le"
    if b"\0" in beginning:
        raise DataInvalid(f"{path} is no text. Save it as CSV UTF-8 or as XLSX.")
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while piece := file.read(1 << 20):
            decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252"
    finally:
        file.seek(0)
    return "utf-8-sig"


def _text_rows(
    file: Iterable[str], given: Mapping[str, str]
) -> Iterator[tuple[int, list[str], str | None]]:
    """Rows of a text file; one whose quote is never closed costs its own line only."""
    delimiter, number = "", 0
    waiting: list[str] = []  # lines that were read already
    lines = iter(file)

    def following() -> str | None:
        return waiting.pop(0) if waiting else next(lines, None)

    while (line := following()) is not None:
        number += 1
        if not delimiter:
            if line.strip().lower().startswith("sep=") and len(line.strip()) <= 5:
                delimiter = line.strip()[4:] or "\t"  # Excel's own first line
                continue
            if not line.strip("\r\n \ufeff"):
                continue
            waiting += islice(lines, max(_LINES_ABOVE - 1 - len(waiting), 0))
            delimiter = _delimiter([line, *waiting], given)
        more: list[str] = []
        while (line + "".join(more)).count('"') % 2 and len(more) < _LINES_OF_A_ROW:
            another = following()
            if another is None:
                break
            more.append(another)
        text = line + "".join(more)
        if text.count('"') % 2:
            waiting[:0] = more
            yield number, [], "A quote is opened and never closed."
            continue
        try:
            cells = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
        except csv.Error as error:
            yield number, [], f"It cannot be read as CSV: {error}."
        else:
            yield number, [cell.strip("\ufeff") for cell in cells], None
        number += len(more)


def _delimiter(top: Sequence[str], given: Mapping[str, str]) -> str:
    """What parts the cells: it makes the most columns' names of a line, or parts that line most.

    Where the names' line is not parted, there is one column, and a comma is a part of a name.
    """

    found = {}
    for each in _DELIMITERS:
        rows = ((number, _parted(line, each)) for number, line in enumerate(top))
        _, header = _header((row for row in rows if _filled(row[1])), given)
        found[each] = (named_columns(header, given), len(header))
    best = max(_DELIMITERS, key=lambda each: found[each])
    if found[best][1] > 1:
        return best
    return next((each for each in ";\t|" if any(each in line for line in top)), _NOTHING)


def _parted(line: str, delimiter: str) -> list[str]:
    """The cells of a line; one that is no CSV is one cell."""
    try:
        cells = next(csv.reader([line.strip("\r\n\ufeff")], delimiter=delimiter), [])
    except csv.Error:
        return [line]
    return [cell.strip(" \ufeff") for cell in cells]
