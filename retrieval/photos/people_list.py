"""Lists that say whom photos show, as offices export them: CSV in any usual form, or XLSX.

Columns are found by their usual names, in English and some other languages, whatever their case,
spaces and hyphens. A row that cannot be used is named by its line; it never stops the others.
"""

import codecs
import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from retrieval.errors import DataInvalid, PhotoUnreadable
from retrieval.files.cells import as_written
from retrieval.files.sheets import NoText, sheet_rows
from retrieval.photos.urls import fetch, location_of
from retrieval.values import Location

FIELDS = ("person", "external_id", "photo", "face")

_MOST_BYTES = 1 << 29  # of a list, which is read whole if it is XLSX or a URL: some million rows
_DELIMITERS = ",;\t|"  # spreadsheets of some countries write semicolons
_FACE = re.compile("[0-9]{1,9}")  # more would be no number of a face
_LINES_OF_A_ROW = 20  # a quote that is still open then was never closed
_BETWEEN_PHOTOS = re.compile(r"[;|\n]")

# By `_key`: lower case, letters and digits only. First and last name together are a person.
_USUAL = {
    "person": "person name fullname displayname personname employee employeename staff staffname"
    " mitarbeiter mitarbeitername mitarbeiterin vollername nachnamevorname nom nomcomplet nombre"
    " nombrecompleto nome nomecompleto naam",
    "external_id": "externalid id employeeid employeenumber employeeno employeenr personnelnumber"
    " personnelno personnelid personid persnr persno personalnummer personalnr mitarbeiternummer"
    " mitarbeiternr mitarbeiterid staffid staffnumber staffno number nummer badge badgenumber"
    " matricule matricola numerodeempleado personeelsnummer",
    "photo": "photo photos photofile photopath photograph picture pictures image images file"
    " filename filepath path bild bilder bilddatei foto fotos datei dateiname dateipfad pfad"
    " fichier imagen immagine afbeelding url photourl",
    "face": "face facenumber faceno gesicht gesichtnr",
    "_first": "firstname givenname forename vorname prenom nombredepila nombrepila voornaam",
    "_last": "lastname surname familyname nachname familienname apellido apellidos cognome"
    " achternaam nomdefamille",
}
_FIELD_OF = {name: field for field, names in _USUAL.items() for name in names.split()}
_OURS = frozenset({"reason", "whattodo"})  # columns of a list of rejected photos, not worth a word


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column holds what, as it was understood.

    Attributes:
        used: columns by field; several where a row has several photos, or a name in two parts.
        ignored: columns that mean nothing here.
        repeated: columns for which an earlier one of the same meaning is used.
        header: all columns.
        encoding: of a text file.
    """

    used: Mapping[str, tuple[int, ...]]
    ignored: tuple[str, ...]
    repeated: tuple[str, ...]
    header: tuple[str, ...]
    encoding: str | None

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "columns": {
                field: [self.header[column] for column in columns]
                for field, columns in self.used.items()
            },
            "ignored": list(self.ignored),
            "repeated": list(self.repeated),
            "encoding": self.encoding,
        }

    def __str__(self) -> str:
        """One line for people."""
        parts = [
            f"{field} from {' and '.join(repr(self.header[column]) for column in columns)}"
            for field, columns in self.used.items()
        ]
        for word, names in (("ignored", self.ignored), ("repeated, not used", self.repeated)):
            parts += [f"{word}: {', '.join(map(repr, names))}"] if names else []
        if self.encoding not in (None, "utf-8-sig"):
            parts.append(f"read as {self.encoding}")
        return "; ".join(parts)


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
            header = next((cells for _, cells, _ in lines if any(cells)), [])
        self.columns = _columns(path, header, self._given, encoding)

    def rows(self) -> Iterator[ListRow]:
        """The rows, read as they are needed; empty ones are passed over."""
        with self._lines() as (lines, _):
            next((cells for _, cells, _ in lines if any(cells)), None)  # the header
            for line, cells, problem in lines:
                if problem is not None:
                    yield ListRow(line, problem=problem)
                elif any(cells):
                    yield self._row(line, cells)

    def cells(self) -> Iterator[tuple[ListRow, list[str]]]:
        """The rows that can be used, each with all of its cells as the list has them."""
        with self._lines() as (lines, _):
            next((cells for _, cells, _ in lines if any(cells)), None)  # the header
            for line, cells, problem in lines:
                if problem is None and any(cells):
                    yield self._row(line, cells), cells

    def _row(self, line: int, cells: Sequence[str]) -> ListRow:
        def all_of(field: str) -> list[str]:
            columns = self.columns.used.get(field, ())
            found = (as_written(cells[column]).strip() for column in columns if column < len(cells))
            return [cell for cell in found if cell]

        person = " ".join(all_of("person"))
        external_id = next(iter(all_of("external_id")), None)
        face = next(iter(all_of("face")), "")
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
        """What is wrong with a row where a spreadsheet made a date of a name or a number."""
        for column in (each for columns in self.columns.used.values() for each in columns):
            if column < len(cells) and isinstance(cells[column], NoText):
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
                yield _text_rows(text), encoding
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


def is_list(path: Location) -> bool:
    """Whether a file is a list, by its ending."""
    return str(path).lower().endswith((".csv", ".tsv", ".txt", ".xlsx", ".xlsm"))


def parse_columns(text: str) -> dict[str, str]:
    """`person=Name,photo=Bild` as columns by field.

    Raises:
        DataInvalid: another form, or a field that there is not.
    """
    found = {}
    for part in text.split(","):
        field, equals, column = (piece.strip() for piece in part.partition("="))
        if not equals or not column or _field(field) not in FIELDS:
            raise DataInvalid(
                f"{part!r} names no column. Write person=NAME,external_id=NUMBER,photo=PHOTO, with"
                " the list's own columns on the right; the fields are " + ", ".join(FIELDS) + "."
            )
        found[str(_field(field))] = column
    return found


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


def _text_rows(file: Iterable[str]) -> Iterator[tuple[int, list[str], str | None]]:
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
            delimiter = max(_DELIMITERS, key=line.count)
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


def _key(column: str) -> str:
    """A column's name without case, accents, spaces, underscores and hyphens."""
    letters = unicodedata.normalize("NFKD", column.casefold())
    return "".join(letter for letter in letters if letter.isalnum())


def _field(column: str) -> str | None:
    """Which field a column of this name is for; photo1 and `Photo 2` are photos too."""
    key = _key(column)
    return _FIELD_OF.get(key) or _FIELD_OF.get(key.rstrip("0123456789"))


def _columns(
    path: Location, header: Sequence[str], given: Mapping[str, str], encoding: str | None
) -> Columns:
    names = tuple(name.strip() for name in header)
    used: dict[str, list[int]] = {}
    ignored, repeated = [], []
    chosen = {_key(column): field for field, column in given.items()}
    missing = [column for column in given.values() if _key(column) not in map(_key, names)]
    if missing:
        raise DataInvalid(
            f"{path} has no column {' and no column '.join(missing)}; found: {', '.join(names)}."
        )
    for number, name in enumerate(names):
        field = chosen.get(_key(name)) or _field(name)
        if field is not None and _key(name) != _key(given.get(field, name)):
            field = None  # another column was chosen for it
        if field is None:
            ignored += [name] if name and _key(name) not in _OURS else []
        elif field in used and field != "photo":
            repeated.append(name)
        else:
            used.setdefault(field, []).append(number)
    parts = [column for part in ("_first", "_last") for column in used.pop(part, [])]
    if "person" in used:
        repeated += [names[column] for column in parts]
    elif parts:
        used["person"] = parts
    if "person" not in used and "external_id" not in used:
        raise DataInvalid(
            f"{path} has no column for people's names; found: {', '.join(names) or 'nothing'}. Its"
            " first line must name the columns: person, photo and, if you have them, external_id."
        )
    ordered = {field: tuple(used[field]) for field in FIELDS if field in used}
    return Columns(ordered, tuple(ignored), tuple(repeated), names, encoding)
