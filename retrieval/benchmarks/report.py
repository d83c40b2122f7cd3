"""Self-contained HTML reports: text, key figures, tables and plots in one file, light and dark.

A report asks no other host for anything, and its Content-Security-Policy holds it to that.

    Report("Sweep").tiles({"best": "0.8937"}).table(table).figure("curves", figure).write(path)
"""

import base64
import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

from jinja2 import Environment
from matplotlib.figure import Figure

from retrieval.benchmarks.plots import png
from retrieval.files.output import cannot_write, replacing

Cell = str | int | float | None


@dataclass(frozen=True, slots=True)
class Table:
    """A table for a terminal and for a page alike.

    Attributes:
        columns: their headings.
        rows: a cell per column; None means that there is nothing to say.
        caption: what the table shows.
        formats: format specifications of columns with numbers, by heading (".4f", ".1%").
        best: the row to stress, if any.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""
    formats: Mapping[str, str] = field(default_factory=dict)
    best: int | None = None

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"a row has {len(row)} cells, the table {len(self.columns)}")

    def cells(self) -> list[list[str]]:
        """All rows as text, numbers in their columns' format."""
        return [
            [self._text(name, cell) for name, cell in zip(self.columns, row, strict=True)]
            for row in self.rows
        ]

    def numeric(self) -> list[bool]:
        """Whether each column holds numbers only."""
        return [
            any(cell is not None for cell in column)
            and all(cell is None or isinstance(cell, int | float) for cell in column)
            for column in zip(*self.rows, strict=True)
        ] or [False] * len(self.columns)

    def _text(self, column: str, cell: Cell) -> str:
        if cell is None:
            return "–"
        if isinstance(cell, str):
            return cell
        default = "," if isinstance(cell, int) else ",.4g"
        return format(cell, self.formats.get(column, default))


class Report:
    """A page that is put together part by part; each method returns the report."""

    def __init__(self, title: str, lead: str = "") -> None:
        """Begin a page.

        Args:
            title: the heading.
            lead: one sentence below it.
        """
        self.title = title
        self.lead = lead
        self.key_figures: dict[str, str] = {}
        self.tables: list[Table] = []
        self.figures: dict[str, Figure] = {}
        self._parts: list[dict[str, Any]] = []

    def heading(self, text: str) -> Self:
        """Begin a section."""
        return self._add("heading", text=text)

    def text(self, text: str) -> Self:
        """Add a paragraph."""
        return self._add("text", text=text)

    def code(self, text: str) -> Self:
        """Add preformatted text: a command, or JSON."""
        return self._add("code", text=text)

    def tiles(self, figures: Mapping[str, str]) -> Self:
        """Add key figures, each with its name, set large."""
        self.key_figures.update(figures)
        return self._add("tiles", tiles=list(figures.items()))

    def table(self, table: Table) -> Self:
        """Add a table."""
        self.tables.append(table)
        return self._add("table", table=table, cells=table.cells(), numeric=table.numeric())

    def figure(self, name: str, figure: Figure, caption: str = "") -> Self:
        """Add a plot, rendered for light and for dark pages.

        Args:
            name: of the PNG file that `write` puts beside the page.
            figure: from `plots.canvas`.
            caption: what it shows, also for readers who cannot see it.
        """
        self.figures[name] = figure
        light, dark = (base64.b64encode(png(figure, dark=mode)).decode() for mode in (False, True))
        return self._add("figure", light=light, dark=dark, caption=caption)

    def html(self) -> str:
        """The whole page."""
        source = files("retrieval.benchmarks").joinpath("report.html").read_text("utf-8")
        template = Environment(autoescape=True, trim_blocks=True).from_string(source)
        return template.render(
            title=self.title, lead=self.lead, parts=self._parts, footer=_footer(environment())
        )

    def write(self, path: Path) -> Path:
        """Write the page as one file.

        Raises:
            StoreFull: no space is left.
            StoreError: it cannot be written.
        """
        return write_file(path, self.html().encode())

    def write_folder(self, folder: Path, name: str, result: Mapping[str, Any]) -> list[Path]:
        """Write `name.html`, `name.json` and a PNG a plot, `name-PLOT.png`.

        Args:
            folder: made where it is missing.
            name: what the files begin with.
            result: the benchmark's JSON-able result.

        Returns:
            The files written, the page first.

        Raises:
            StoreFull: no space is left.
            StoreError: the folder cannot be written to.
        """
        document = json.dumps(result, indent=1, ensure_ascii=False, allow_nan=False)
        written = [
            self.write(folder / f"{name}.html"),
            write_file(folder / f"{name}.json", f"{document}\n".encode()),
        ]
        return written + [
            write_file(folder / f"{name}-{plot}.png", png(figure))
            for plot, figure in self.figures.items()
        ]

    def _add(self, kind: str, **values: Any) -> Self:
        self._parts.append({"kind": kind, **values})
        return self


def environment() -> dict[str, str]:
    """What a measurement depends on: processor, cores, Python and the packages that do the work."""
    packages = ("numpy", "scikit-learn", "faiss-cpu", "onnxruntime", "opencv-python-headless")
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": str(len(os.sched_getaffinity(0))),
        "python": platform.python_version(),
        **{package: version(package) for package in packages},
    }


def write_file(path: Path, content: bytes) -> Path:
    """Write a file beside its place and rename it: a reader sees all of it or the old one.

    Raises:
        StoreFull: no space is left.
        StoreError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error
    with replacing(path) as part:
        part.write_bytes(content)
    return path


def _footer(facts: Mapping[str, str]) -> str:
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    packages = ", ".join(
        f"{name} {value}" for name, value in facts.items() if name not in ("system", "cores")
    )
    return f"Measured on {facts['system']} with {facts['cores']} cores; {packages}. Written {when}."
