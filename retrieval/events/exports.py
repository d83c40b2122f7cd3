"""The roll as files to send to somebody: CSV, XLSX, HTML, JSON; and presence over events."""

import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from retrieval.errors import SettingInvalid, StoreError
from retrieval.events.answers import LINE_COLUMNS, Roll, Standing, line_cells
from retrieval.events.page import page_of
from retrieval.events.presence import Presence
from retrieval.events.workbook import presence_workbook, roll_workbook
from retrieval.files.cells import CsvWriter
from retrieval.files.output import replacing
from retrieval.files.tables import BOM

MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "html": "text/html; charset=utf-8",
    "json": "application/json",
}


def roll_bytes(roll: Roll, form: str) -> bytes:
    """The roll as a file of one of the forms of `MEDIA_TYPES`.

    Raises:
        SettingInvalid: there is no such form.
    """
    makers: dict[str, Callable[[Roll], bytes]] = {
        "csv": _roll_csv,
        "xlsx": roll_workbook,
        "html": lambda roll: page_of(roll).encode(),
        "json": lambda roll: _json(roll.document()),
    }
    return makers[_checked(form)](roll)


def presence_bytes(presence: Presence, form: str) -> bytes:
    """Presence as a file: csv, xlsx or json.

    Raises:
        SettingInvalid: there is no such form.
    """
    makers: dict[str, Callable[[Presence], bytes]] = {
        "csv": _presence_csv,
        "xlsx": presence_workbook,
        "json": lambda presence: _json(presence.document()),
    }
    if _checked(form) not in makers:
        raise SettingInvalid("Presence is written as csv, xlsx or json. Choose one of these.")
    return makers[form](presence)


def write(roll: Roll, path: Path, form: str) -> None:
    """Write the roll to a file, in one of the forms of `MEDIA_TYPES`.

    Raises:
        SettingInvalid: there is no such form.
        StoreError: the file cannot be written.
    """
    put(path, roll_bytes(roll, form))


def form_of(path: Path) -> str:
    """The form that a file's ending names."""
    ending = path.suffix.lower().lstrip(".")
    return _checked("html" if ending == "htm" else ending)


def put(path: Path, data: bytes) -> None:
    """Write a file.

    Raises:
        StoreError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}.") from error
    with replacing(path) as part:
        part.write_bytes(data)


def _roll_csv(roll: Roll) -> bytes:
    return _csv(LINE_COLUMNS, map(line_cells, roll.lines))


def _presence_csv(presence: Presence) -> bytes:
    columns = ("number", "name", "present", *(event.name for event in presence.events))
    return _csv(
        columns,
        (
            (line.external_id, line.person, line.present, *map(_standing, line.standings))
            for line in presence.lines
        ),
    )


def _standing(standing: Standing | None) -> str | None:
    return None if standing is None else standing.value


def _csv(columns: Sequence[str], rows: Iterable[Iterable[object]]) -> bytes:
    text = io.StringIO(newline="")
    writer = CsvWriter(text)
    writer.row(columns)
    writer.rows(rows)
    return (BOM + text.getvalue()).encode()


def _json(document: Mapping[str, object]) -> bytes:
    text = json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False)
    return (text + "\n").encode()


def _checked(form: str) -> str:
    if form not in MEDIA_TYPES:
        raise SettingInvalid(
            f"A roll is written as {', '.join(MEDIA_TYPES)}; found {form or 'no ending'!r}."
        )
    return form
