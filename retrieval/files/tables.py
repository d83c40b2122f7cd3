"""Tables as files that offices open: .csv, .xlsx, .jsonl or .parquet, by the file's ending.

A text is a text, whatever it begins with: no cell is a formula. CSV begins with the mark by which
Excel knows UTF-8.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from retrieval.errors import SettingInvalid
from retrieval.files.cells import CsvWriter
from retrieval.files.output import check_writable
from retrieval.files.private import open_bytes, open_text

Columns = Mapping[str, type]  # names, and str, int or float
Row = Mapping[str, Any]

BOM = "\ufeff"
_ROWS_AT_ONCE = 10_000
_WIDEST = 60  # characters of a column
_SHEET_ROWS = 1_048_576  # of Excel's


def check_table(path: Path) -> None:
    """Check, before anything is done, that a table can be written there.

    Raises:
        SettingInvalid: another ending, no pyarrow for .parquet, or no such folder, or it cannot be
            written to.
    """
    if path.suffix not in _WRITERS:
        raise SettingInvalid(f"{path} must end in {', '.join(_WRITERS)}.")
    if path.suffix == ".parquet" and find_spec("pyarrow") is None:
        raise SettingInvalid(f"{path} needs pyarrow: `pip install pyarrow`, or write .csv.")
    check_writable(path)


def write_table(
    path: Path, columns: Columns, rows: Iterable[Row], suffix: str | None = None
) -> int:
    """Write rows; return how many.

    Args:
        path: what is written; its ending says how.
        columns: of the table; in .jsonl each line has what its row has.
        rows: each by columns' names; what is missing is an empty cell.
        suffix: the ending that says how, where the path's own does not.

    Raises:
        OSError: it cannot be written.
        SettingInvalid: more rows than an Excel sheet has.
    """
    counted = _Counted(rows)
    _WRITERS[suffix or path.suffix](path, columns, counted)
    return counted.count


def table_bytes(form: str, columns: Columns, rows: Iterable[Row]) -> bytes:
    """Rows as a file of a form: csv, xlsx, jsonl or parquet.

    Raises:
        SettingInvalid: more rows than an Excel sheet has.
    """
    with TemporaryDirectory() as folder:  # for its owner alone
        path = Path(folder) / f"table.{form}"
        write_table(path, columns, rows)
        return path.read_bytes()


class _Counted:
    """Rows that are counted while they are written."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = rows
        self.count = 0

    def __iter__(self) -> Iterator[Row]:
        for row in self._rows:
            self.count += 1
            yield row


def _write_csv(path: Path, columns: Columns, rows: Iterable[Row]) -> None:
    with open_text(path, errors="backslashreplace") as file:
        file.write(BOM)
        writer = CsvWriter(file)
        writer.row(columns)
        writer.rows([row.get(name) for name in columns] for row in rows)


def _write_jsonl(path: Path, columns: Columns, rows: Iterable[Row]) -> None:
    # Names that are no UTF-8 hold lone surrogates: as escapes they are JSON, and the same names.
    with open_text(path, errors="backslashreplace") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")


def _write_parquet(path: Path, columns: Columns, rows: Iterable[Row]) -> None:
    import pyarrow
    import pyarrow.parquet

    types = {str: pyarrow.string(), int: pyarrow.int64(), float: pyarrow.float64()}
    schema = pyarrow.schema([(name, types[kind]) for name, kind in columns.items()])
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        some: list[Row] = []
        for row in rows:
            some.append({name: _as(kind, row.get(name)) for name, kind in columns.items()})
            if len(some) >= _ROWS_AT_ONCE:
                writer.write_table(pyarrow.Table.from_pylist(some, schema))
                some = []
        writer.write_table(pyarrow.Table.from_pylist(some, schema))


def _as(kind: type, value: Any) -> Any:
    if kind is str and value is not None:  # as in CSV, where a name is no UTF-8
        return str(value).encode(errors="backslashreplace").decode()
    return None if value is None else kind(value)


def _write_xlsx(path: Path, columns: Columns, rows: Iterable[Row]) -> None:
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    book = Workbook(write_only=True)
    sheet: Any = book.create_sheet("rollcall")
    kept: list[list[Any]] = []
    for row in rows:
        kept.append([row.get(name) for name in columns])
        if len(kept) >= _SHEET_ROWS:
            raise SettingInvalid(
                f"{path}: an Excel sheet holds {_SHEET_ROWS:,} rows. Write .csv or .parquet."
            )
    for number, width in enumerate(_widths(list(columns), kept), 1):
        sheet.column_dimensions[get_column_letter(number)].width = width
    sheet.freeze_panes = "A2"

    def cell(value: Any, *, bold: bool = False) -> Any:
        if not isinstance(value, str):
            return value
        made: Any = WriteOnlyCell(sheet, storable(value))
        made.data_type = "s"  # else a text that begins with = would be a formula
        if bold:
            made.font = Font(bold=True)
        return made

    sheet.append([cell(name, bold=True) for name in columns])
    for cells in kept:
        sheet.append([cell(value) for value in cells])
    sheet.auto_filter.ref = f"A1:{get_column_letter(len(columns))}{len(kept) + 1}"
    with open_bytes(path) as file:
        book.save(file)


def storable(text: str) -> str:
    """Text without what XML, and so a cell of Excel's, cannot hold."""
    return "".join(each if each.isprintable() or each in "\t\n" else "\ufffd" for each in text)


def _widths(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterator[int]:
    for number, name in enumerate(names):
        cells = (len(str(row[number])) for row in rows[:1000] if row[number] is not None)
        yield min(max([len(name), *cells]) + 2, _WIDEST)


_WRITERS: dict[str, Callable[[Path, Columns, Iterable[Row]], None]] = {
    ".csv": _write_csv,
    ".xlsx": _write_xlsx,
    ".jsonl": _write_jsonl,
    ".parquet": _write_parquet,
}


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a file that `write_table` wrote, as far as they are texts.

    Raises:
        OSError, ValueError, KeyError, DataInvalid: it is none.
    """
    return _READERS[path.suffix](path)


def _read_csv(path: Path) -> Iterator[Row]:
    import csv

    from retrieval.files.cells import as_written

    with path.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            yield {name: as_written(text) for name, text in row.items() if text is not None}


def _read_jsonl(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def _read_parquet(path: Path) -> Iterator[Row]:
    import pyarrow.parquet

    for batch in pyarrow.parquet.ParquetFile(path).iter_batches():
        yield from batch.to_pylist()


def _read_xlsx(path: Path) -> Iterator[Row]:
    from retrieval.files.sheets import sheet_rows

    with path.open("rb") as file:
        rows = (cells for _, cells, _ in sheet_rows(file))
        names = next(rows, [])
        for cells in rows:
            whole = (*cells, *[""] * (len(names) - len(cells)))  # the last cells may be left out
            yield dict(zip(names, whole, strict=False))


_READERS: dict[str, Callable[[Path], Iterator[Row]]] = {
    ".csv": _read_csv,
    ".xlsx": _read_xlsx,
    ".jsonl": _read_jsonl,
    ".parquet": _read_parquet,
}
