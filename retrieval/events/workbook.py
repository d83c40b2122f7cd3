"""The roll and presence as Excel files: what people wrote is text, faces are pictures in cells."""

import io
from collections.abc import Iterable, Sequence
from typing import Any

from openpyxl import Workbook
from openpyxl.drawing.image import Image
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from retrieval.events.answers import LINE_COLUMNS, Roll, Standing, line_cells
from retrieval.events.presence import Presence
from retrieval.events.shown import Named
from retrieval.files.tables import storable
from retrieval.photos.videos import clock
from retrieval.values import counted

MOST_PICTURES = 2_000  # of a file: 4 kB each
_PICTURE_PX, _PICTURE_ROW_PT, _PICTURE_WIDTH = 64, 50, 10
_HEAD = Font(bold=True)
_FILLS = {
    Standing.PRESENT: PatternFill("solid", fgColor="E3F4E1"),
    Standing.CHECK: PatternFill("solid", fgColor="FFF3D6"),
    Standing.ABSENT: PatternFill("solid", fgColor="EEEEEE"),
}


def roll_workbook(roll: Roll) -> bytes:
    """The sheets roll, appearances and photos.

    A text is a text, whatever it begins with: no cell is a formula.
    """
    book = Workbook()
    shown = list(roll.shown())
    wanted = [line.best for line in roll.lines if line.best is not None]
    wanted += [group.best for group in roll.unknown]
    pictures = dict(roll.pictures(wanted[:MOST_PICTURES]))
    _roll_sheet(_first(book, "roll"), roll, pictures)
    left = [each.appearance.id for each in shown if each.appearance.id not in pictures]
    more = roll.pictures(left[: max(MOST_PICTURES - len(pictures), 0)])
    _faces_sheet(book.create_sheet("appearances"), shown, {**pictures, **more})
    _photos_sheet(book.create_sheet("photos"), roll, shown)
    return _bytes(book)


def presence_workbook(presence: Presence) -> bytes:
    """One sheet: a row per person, a column per event, and how often each was there."""
    book = Workbook()
    sheet = _first(book, "presence")
    heads = [
        event.name if event.day is None else f"{event.name} ({event.day.isoformat()})"
        for event in presence.events
    ]
    _row(sheet, 1, ("number", "name", "present", *heads), head=True)
    for number, line in enumerate(presence.lines, 2):
        cells = [None if each is None else each.value for each in line.standings]
        _row(sheet, number, (line.external_id, line.person, line.present, *cells))
        for column, standing in enumerate(line.standings, 4):
            if standing is not None:
                sheet.cell(number, column).fill = _FILLS[standing]
    last = len(presence.lines) + 2
    counts = [
        sum(line.standings[column] is Standing.PRESENT for line in presence.lines)
        for column in range(len(presence.events))
    ]
    _row(sheet, last, (None, "present", None, *counts), head=True)
    _finish(sheet, (14, 28, 9, *(20 for _ in heads)))
    return _bytes(book)


def _roll_sheet(sheet: Worksheet, roll: Roll, pictures: dict[int, bytes]) -> None:
    _row(sheet, 1, ("face", *LINE_COLUMNS), head=True)
    number = 2
    for line in roll.lines:
        _row(sheet, number, (None, *line_cells(line)))
        sheet.cell(number, 2).fill = _FILLS[line.standing]
        _picture(sheet, number, pictures.get(line.best or -1))
        number += 1
    for group in roll.unknown:
        note = "nobody of ours" if group.nobodys else "unknown"
        first = None if group.first is None else f"{group.first:%Y-%m-%d %H:%M}"
        last = None if group.last is None else f"{group.last:%Y-%m-%d %H:%M}"
        name = f"group {group.group} ({counted(len(group.faces), 'face')})"
        _row(sheet, number, (None, note, None, name, group.photos, None, first, last))
        _picture(sheet, number, pictures.get(group.best))
        number += 1
    _finish(sheet, (_PICTURE_WIDTH, 12, 12, 28, 8, 11, 17, 17, 10, 14, 10, 10, 50, 40))


def _faces_sheet(sheet: Worksheet, shown: Sequence[Named], pictures: dict[int, bytes]) -> None:
    columns = ("face", "id", "name", "certainty", "photo", "from", "to", "number in photo",
               "size px", "decision", "judged by", "likeness", "needed", "group",
               "reason")  # fmt: skip
    _row(sheet, 1, columns, head=True)
    for number, each in enumerate(shown, 2):
        own = each.appearance
        cells = (
            None, own.id, each.person or ("nobody of ours" if each.nobodys else None),
            None if each.certainty is None else each.certainty.value, own.photo.photo,
            None if own.seconds is None else clock(own.seconds.first),
            None if own.seconds is None else clock(own.seconds.last), own.face,
            round(own.size_px), each.decision.value, each.judged_by, _rounded(own.likeness),
            _rounded(own.needed), own.group, own.reason,
        )  # fmt: skip
        _row(sheet, number, cells)
        _picture(sheet, number, pictures.get(own.id))
    _finish(sheet, (_PICTURE_WIDTH, 8, 28, 11, 40, 9, 9, 9, 8, 12, 14, 10, 10, 8, 50))


def _photos_sheet(sheet: Worksheet, roll: Roll, shown: Sequence[Named]) -> None:
    people: dict[int, list[str]] = {}
    faces: dict[int, int] = {}
    for each in shown:
        shows = each.appearance.photo.id
        faces[shows] = faces.get(shows, 0) + 1
        if each.person is not None:
            people.setdefault(shows, []).append(each.person)
    _row(sheet, 1, ("photo", "taken at", "faces", "people"), head=True)
    for number, photo in enumerate(roll.album(), 2):
        taken = None if photo.taken_at is None else f"{photo.taken_at:%Y-%m-%d %H:%M:%S}"
        names = ", ".join(sorted(people.get(photo.id, ())))
        _row(sheet, number, (photo.photo, taken, faces.get(photo.id, 0), names or None))
    _finish(sheet, (50, 20, 8, 80))


def _first(book: Workbook, title: str) -> Worksheet:
    sheet = book.worksheets[0]
    sheet.title = title
    return sheet


def _row(sheet: Worksheet, number: int, cells: Iterable[object], *, head: bool = False) -> None:
    for column, value in enumerate(cells, 1):
        cell: Any = sheet.cell(number, column)
        if isinstance(value, str):
            cell.value = storable(value)
            cell.data_type = "s"  # else a text that begins with = would be a formula
        else:
            cell.value = value
        if head:
            cell.font = _HEAD
        cell.alignment = Alignment(vertical="center")


def _picture(sheet: Worksheet, number: int, picture: bytes | None) -> None:
    if picture is None:
        return
    image = Image(io.BytesIO(picture))
    image.width = image.height = _PICTURE_PX
    sheet.add_image(image, f"A{number}")
    sheet.row_dimensions[number].height = _PICTURE_ROW_PT


def _finish(sheet: Worksheet, widths: Sequence[float]) -> None:
    for column, width in enumerate(widths, 1):
        sheet.column_dimensions[get_column_letter(column)].width = width
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = sheet.dimensions
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = 9  # A4
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True  # type: ignore[union-attr]
    sheet.print_title_rows = "1:1"


def _bytes(book: Workbook) -> bytes:
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 3)
