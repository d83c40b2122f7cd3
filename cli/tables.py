"""Tables on a terminal: what does not fit folds or is left out by importance, and is said."""

from collections.abc import Iterable, Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

# Columns that may go on in the next line: paths, reasons, lists.
_FOLDED = frozenset(
    {"photo", "photos", "which", "what", "why", "what to do", "message", "found", "file", "source"}
    | {"remark", "what is wrong", "accepting it would", "licence", "answer", "said", "fingerprint"}
    | {"model", "not enrolled", "from", "to", "address"}
)
# Columns of names and of words: they go on in the next line between words only.
_NAMES = frozenset(
    {"person", "name", "event", "group", "looks like", "who", "now", "other", "action"}
    | {"FNIR", "rank-1"}
)
# What is left out where a terminal is narrow: before paths fold into many lines, and after.
_UNIMPORTANT = (
    *("sha256", "fingerprint", "MB", "ms per face", "detection", "face px", "size", "margin"),
    *("detector", "how sure", "confirmed by", "key"),
)
_LESS_IMPORTANT = ("failed", "rejected", "licence", "since", "model", "score", "id", "photos")
_FOLDED_WIDTHS = (22, 12)  # characters: least of a column that folds, and where that is too much
_LONGEST_NAME_WORD = 32
_BETWEEN = 3  # characters of padding and line between two columns, and one at the edge


def show_table(
    console: Console, columns: Sequence[str], cells: Sequence[Sequence[str]], title: str
) -> None:
    """Print rows as a table that fits the terminal; as a list of fields where none does."""
    widths = fitted(columns, cells, console.width)
    if widths is None:
        _show_records(console, columns, cells, title)
        return
    table = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD)
    for column, width in widths.items():
        table.add_column(columns[column], overflow="fold", width=width)
    for line in cells:
        table.add_row(*(line[column] for column in widths))
    console.print(table)
    gone = [
        name
        for column, name in enumerate(columns)
        if column not in widths and any(row[column] for row in cells)
    ]
    if gone:
        console.print(f"Too narrow for: {', '.join(gone)}; --json has them.", style="dim")


def fitted(
    columns: Sequence[str], cells: Sequence[Sequence[str]], width: int
) -> dict[int, int] | None:
    """Which columns are shown, by number, and how wide each is.

    Args:
        columns: their names.
        cells: of each row.
        width: of the terminal, in characters.

    Returns:
        None where not even the most important columns fit side by side.
    """
    texts = [[row[n] for row in cells] for n in range(len(columns))]
    whole = [_widest([name, *texts[n]]) for n, name in enumerate(columns)]
    shown = list(range(len(columns)))

    def needed(widths: Sequence[int]) -> int:
        return sum(widths[column] for column in shown) + _BETWEEN * len(shown) + 1

    def leave_out(chosen: Iterable[int], widths: Sequence[int]) -> None:
        for column in chosen:
            if needed(widths) > width:
                shown.remove(column)

    leave_out([n for n in shown if not any(texts[n])], whole)
    least = whole
    for folded, names in zip(_FOLDED_WIDTHS, (_UNIMPORTANT, _LESS_IMPORTANT), strict=True):
        least = [_least(name, texts[n], whole[n], folded) for n, name in enumerate(columns)]
        places = (columns.index(name) for name in names if name in columns)
        leave_out([n for n in places if n in shown], least)
    spare = width - needed(least)
    if spare < 0 or not shown:
        return None
    widths = {column: least[column] for column in shown}
    lacking = sorted(shown, key=lambda column: (columns[column] in _FOLDED, whole[column]))
    for place, column in enumerate(lacking):
        last = len(lacking) - place if columns[column] in _FOLDED else 1  # these share the rest
        more = min(whole[column] - least[column], spare // last)
        widths[column] += more
        spare -= more
    return widths


def _least(name: str, cells: Sequence[str], whole: int, folded: int) -> int:
    words = _widest(name.split())
    if name in _FOLDED:
        return min(whole, max(folded, words))
    if name in _NAMES:
        longest = _widest(word for cell in cells for word in cell.split())
        return max(min(longest, _LONGEST_NAME_WORD), words)
    return max(_widest(cells), words)


def _widest(texts: Iterable[str]) -> int:
    return max((cell_len(line) for text in texts for line in text.split("\n")), default=0)


def _show_records(
    console: Console, columns: Sequence[str], cells: Sequence[Sequence[str]], title: str
) -> None:
    if title:
        console.print(title, style="italic", markup=False)
    for row in cells:
        for name, cell in zip(columns, row, strict=True):
            if cell:
                console.print(f"{name}: {cell}" if name else cell, markup=False)
        console.print()
