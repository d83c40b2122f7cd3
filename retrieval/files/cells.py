"""Cells of CSV files: what people wrote is text in every spreadsheet, never a formula.

A spreadsheet takes a cell for a formula by its first character, so that somebody's name could fetch
a page or start a program when a list is opened. An apostrophe before it makes it text (OWASP, "CSV
Injection"); who reads such a file back takes the apostrophe off.
"""

import csv
import re
from collections.abc import Iterable
from typing import TextIO

# With the full-width forms, which spreadsheets of some countries take for the same.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")


def as_text(cell: object) -> object:
    """A cell's value as it is written: text that would be a formula gets an apostrophe."""
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell


def as_written(text: str) -> str:
    """The text that `as_text` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


class CsvWriter:
    """Writes rows of CSV (RFC 4180). Every CSV file of Rollcall's is written by this.

    Args:
        file: opened with `newline=""`.
    """

    def __init__(self, file: TextIO) -> None:
        self._writer = csv.writer(file)

    def row(self, cells: Iterable[object]) -> None:
        """Write one row; None is an empty cell."""
        self._writer.writerow([as_text(cell) for cell in cells])

    def rows(self, rows: Iterable[Iterable[object]]) -> None:
        """Write several rows."""
        for cells in rows:
            self.row(cells)
