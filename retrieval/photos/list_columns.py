"""Which columns of a list of people hold what: found by their usual names, or as somebody says.

Names are in English and some other languages, whatever their case, spaces and hyphens.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from retrieval.errors import DataInvalid
from retrieval.values import Location

FIELDS = ("person", "external_id", "photo", "face")

# By `_key`: lower case, letters and digits only. First and last name together are a person.
_USUAL = {
    "person": "person name fullname displayname personname employee employeename staff staffname"
    " mitarbeiter mitarbeitername mitarbeiterin vollername nachnamevorname namevorname"
    " vornamenachname vornamename lastnamefirstname firstnamelastname firstandlastname nom"
    " nomcomplet nombre nombrecompleto nome nomecompleto naam",
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


def named_columns(cells: Sequence[str], given: Mapping[str, str]) -> int:
    """How many columns a line names, of those that mean something in a list."""
    chosen = set(map(_key, given.values()))
    found = {_key(cell) if _key(cell) in chosen else _field(cell) for cell in cells}
    return len(found - {None})


def _key(column: str) -> str:
    """A column's name without case, accents, spaces, underscores and hyphens."""
    letters = unicodedata.normalize("NFKD", column.casefold())
    return "".join(letter for letter in letters if letter.isalnum())


def _field(column: str) -> str | None:
    """Which field a column of this name is for; photo1 and `Photo 2` are photos too."""
    key = _key(column)
    return _FIELD_OF.get(key) or _FIELD_OF.get(key.rstrip("0123456789"))


def columns_of(
    path: Location, header: Sequence[str], given: Mapping[str, str], encoding: str | None
) -> Columns:
    """Understand a list's header.

    Args:
        path: of the list, for messages.
        header: the columns' names.
        given: columns that somebody chose, by field.
        encoding: of a text file; None of a workbook.

    Raises:
        DataInvalid: a chosen column is not there, or none is for names or numbers.
    """
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
            f"{path} has no column for people's names; found: {', '.join(names) or 'nothing'}. A"
            " line at its top must name the columns: person, photo and, if you have them,"
            " external_id."
        )
    ordered = {field: tuple(used[field]) for field in FIELDS if field in used}
    return Columns(ordered, tuple(ignored), tuple(repeated), names, encoding)
