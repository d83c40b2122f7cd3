"""A CSV file that says whom photos show: person, external_id (optional), photo."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from retrieval.cells import as_written
from retrieval.errors import DataInvalid, PhotoUnreadable
from retrieval.photos.urls import fetch, location_of
from retrieval.values import Location

_MOST_BYTES = 1 << 29  # of a CSV file by URL, which is fetched whole: some five million rows
_DELIMITERS = ",;\t"  # spreadsheets of some countries write semicolons


@dataclass(frozen=True, slots=True)
class CsvRow:
    """One row; the photo is a URL, or a path from the CSV file's folder, or absolute."""

    person: str
    external_id: str | None
    photo: Location


def read_people_csv(path: Location) -> Iterator[CsvRow]:
    """The rows of the file, read as they are needed; further columns are passed over.

    Raises:
        DataInvalid: the file cannot be read, has no such columns, or has a row without a photo.
        StorageUnavailable: a URL's server does not answer.
    """
    try:
        with _text(path) as file:
            header = file.readline()
            delimiter = max(_DELIMITERS, key=header.count)
            columns = [
                column.strip().lower()
                for column in next(csv.reader([header], delimiter=delimiter), [])
            ]
            _check(path, columns)
            for row in csv.DictReader(file, columns, delimiter=delimiter):
                if any(value for value in row.values()):
                    yield _row(path, row)
    except UnicodeDecodeError as exc:
        raise DataInvalid(f"{path} is not UTF-8 text. Save it as CSV UTF-8.") from exc
    except csv.Error as exc:
        raise DataInvalid(f"{path} cannot be read as CSV: {exc}. Save it as CSV UTF-8.") from exc
    except OSError as exc:
        raise DataInvalid(f"{path} cannot be read: {exc.strerror}. Check the path.") from exc


def _text(path: Location) -> TextIO:
    if isinstance(path, Path):
        return path.open(encoding="utf-8-sig", newline="")
    try:
        data, size = fetch(path, _MOST_BYTES)
    except PhotoUnreadable as error:
        raise DataInvalid(str(error)) from error
    if size > _MOST_BYTES:
        raise DataInvalid(f"{path} has more than {_MOST_BYTES:,} bytes. Split the file.")
    return io.TextIOWrapper(io.BytesIO(data), "utf-8-sig", newline="")


def _check(path: Location, columns: list[str]) -> None:
    missing = [column for column in ("person", "photo") if column not in columns]
    if missing:
        raise DataInvalid(
            f"{path} has no column {' and no column '.join(missing)}; found: "
            f"{', '.join(columns) or 'nothing'}. Its first line must name person, photo and, if "
            "you have them, external_id."
        )


def _row(path: Location, row: dict[str, str | None]) -> CsvRow:
    person, external_id, photo = (
        as_written(row.get(column) or "") for column in ("person", "external_id", "photo")
    )
    photo = photo.strip()
    if not photo:
        raise DataInvalid(f"{path}: the row of {person or 'nobody'} names no photo.")
    place = location_of(photo)
    if isinstance(place, Path) and not place.is_absolute():
        place = path.parent / photo
    return CsvRow(person, external_id or None, place)
