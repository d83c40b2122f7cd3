"""A CSV file that says whom photos show: person, external_id (optional), photo."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from retrieval.errors import DataInvalid

_DELIMITERS = ",;\t"  # spreadsheets of some countries write semicolons


@dataclass(frozen=True, slots=True)
class CsvRow:
    """One row; the photo's path is relative to the CSV file's folder, or absolute."""

    person: str
    external_id: str | None
    photo: Path


def read_people_csv(path: Path) -> Iterator[CsvRow]:
    """The rows of the file, read as they are needed; further columns are passed over.

    Raises:
        DataInvalid: the file cannot be read, has no such columns, or has a row without a photo.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
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


def _check(path: Path, columns: list[str]) -> None:
    missing = [column for column in ("person", "photo") if column not in columns]
    if missing:
        raise DataInvalid(
            f"{path} has no column {' and no column '.join(missing)}; found: "
            f"{', '.join(columns) or 'nothing'}. Its first line must name person, photo and, if "
            "you have them, external_id."
        )


def _row(path: Path, row: dict[str, str | None]) -> CsvRow:
    photo = (row.get("photo") or "").strip()
    if not photo:
        raise DataInvalid(f"{path}: the row of {row.get('person') or 'nobody'} names no photo.")
    return CsvRow(row.get("person") or "", row.get("external_id") or None, path.parent / photo)
