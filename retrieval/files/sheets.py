"""Rows of XLSX files, whatever they claim: sizes, and where cells stand, are bounded."""

import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import IO, Any

from retrieval.errors import DataInvalid

_MOST_UNPACKED = 1 << 28  # bytes; a list of a million people has some 200 MB
_MOST_ROWS = 1 << 20  # of a sheet
_MOST_CHARACTERS = 32_767  # of a cell, as Excel has it
_MOST_COLUMNS = 200  # further to the right nobody writes names


class NoText(str):
    """A cell that is a date, TRUE or FALSE, or an error, as text: neither a name nor a number.

    Spreadsheets make such cells of what people type: 3-4 becomes the third of April.
    """

    __slots__ = ()


def sheet_rows(file: IO[bytes]) -> Iterator[tuple[int, list[str], str | None]]:
    """Line numbers, cells and no problem of all rows of a workbook's first sheet.

    Raises:
        DataInvalid: it is no workbook, or one that no list of people is.
    """
    import openpyxl

    _check_unpacked(file)
    try:
        book = openpyxl.load_workbook(file, read_only=True, data_only=True)
    except Exception as error:  # openpyxl lets all through that a damaged archive raises
        raise DataInvalid("The XLSX file cannot be read. Save it anew.") from error
    try:
        sheet = book.worksheets[0] if book.worksheets else None
        if sheet is None:
            return
        sheet.reset_dimensions()  # what the sheet says of its size is anybody's word
        for number, row in enumerate(sheet.iter_rows(), 1):
            if number > _MOST_ROWS:
                raise DataInvalid(
                    f"The XLSX file has rows beyond {_MOST_ROWS:,}, more than a sheet can hold."
                    " Save it anew."
                )
            cells = [
                "" if cell.value is None else _cell(cell.value, cell.number_format, cell.data_type)
                for cell in row[:_MOST_COLUMNS]
            ]
            if any(len(cell) > _MOST_CHARACTERS for cell in cells):
                raise DataInvalid(
                    f"The XLSX file has a cell in row {number} with more than"
                    f" {_MOST_CHARACTERS:,} characters, more than one can hold. Save it anew."
                )
            while cells and not cells[-1]:
                cells.pop()
            yield number, cells, None
    except DataInvalid:
        raise
    except Exception as error:  # as above, when the sheet itself is damaged
        raise DataInvalid("The XLSX file cannot be read. Save it anew.") from error
    finally:
        book.close()


def _check_unpacked(file: IO[bytes]) -> None:
    """Refuse a workbook that would unpack to more than any list of people."""
    try:
        with zipfile.ZipFile(file) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except zipfile.BadZipFile as error:
        raise DataInvalid("The XLSX file cannot be read. Save it anew.") from error
    if unpacked > _MOST_UNPACKED:
        raise DataInvalid(
            f"The XLSX file unpacks to {unpacked:,} bytes; {_MOST_UNPACKED:,} are the most."
            " Save the list alone, or as CSV."
        )
    file.seek(0)


def _cell(value: Any, number_format: str | None, kind: str) -> str:
    """A cell as its sheet shows it, as far as names and numbers go."""
    if kind == "e":
        return NoText(value)
    if isinstance(value, bool):
        return NoText(str(value).upper())
    if isinstance(value, datetime) and value.time() == time.min:
        value = value.date()
    if isinstance(value, date | time | timedelta):
        return NoText(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value)
    zeros = number_format or ""
    if isinstance(value, int) and zeros and not zeros.strip("0"):
        return text.zfill(len(zeros))  # 00042 is stored as 42, shown by the format 00000
    return text
