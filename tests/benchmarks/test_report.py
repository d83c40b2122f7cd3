import json
import re
from io import BytesIO
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from PIL import Image, ImageColor

from retrieval.benchmarks.plots import DARK_PAPER, LIGHT_PAPER, canvas, label, png
from retrieval.benchmarks.report import Report, Table, write_file
from retrieval.errors import StoreError


def a_figure() -> Figure:
    figure, (ax,) = canvas()
    ax.plot([1, 2, 3], [3, 1, 2], label="loss")
    label(ax, title="Loss", x="epoch", y="loss", legend=True)
    return figure


def a_report() -> Report:
    table = Table(
        ("method", "rank-1"), [("nearest photo", 0.9971), ("none", None)], "Ranks.", best=0
    )
    return Report("Few-shot", "A lead.").heading("Rules").text("Why.").table(table)


def test_a_page_holds_its_parts_in_their_order() -> None:
    page = a_report().tiles({"best": "0.93"}).figure("loss", a_figure(), "Loss by epoch.").html()
    places = [
        page.index(part) for part in ("A lead.", "Rules", "Why.", "Ranks.", "0.93", "Loss by")
    ]
    assert places == sorted(places)


def test_a_page_names_no_other_host_and_forbids_asking_one() -> None:
    page = a_report().figure("loss", a_figure()).html()
    assert not re.search(r"https?://|src=\"(?!data:)|url\(|@import|<script|<link", page)
    assert "default-src 'none'" in page


def test_text_cannot_become_markup() -> None:
    page = Report("<b>bold</b>").text("<script>alert(1)</script>").html()
    assert "<script>" not in page
    assert "&lt;b&gt;bold" in page


def test_numbers_take_their_columns_format_and_missing_cells_a_dash() -> None:
    table = Table(
        ("name", "share", "count"), [("a", 0.5, 12345), ("b", None, 2)], formats={"share": ".1%"}
    )
    assert table.cells() == [["a", "50.0%", "12,345"], ["b", "–", "2"]]
    assert table.numeric() == [False, True, True]


def test_a_row_with_a_cell_too_many_is_refused() -> None:
    with pytest.raises(ValueError, match="3 cells, the table 2"):
        Table(("a", "b"), [(1, 2, 3)])


def test_a_table_without_rows_can_be_shown() -> None:
    assert "<tbody>" in Report("Empty").table(Table(("a", "b"), [])).html()


def test_a_figure_is_drawn_on_both_papers_and_repeats_to_the_byte() -> None:
    figure = a_figure()
    light, dark, again = png(figure), png(figure, dark=True), png(figure)
    assert light == again != dark
    corners = [
        Image.open(BytesIO(content)).convert("RGB").getpixel((0, 0)) for content in (light, dark)
    ]
    assert corners == [ImageColor.getrgb(paper) for paper in (LIGHT_PAPER, DARK_PAPER)]


def test_a_folder_gets_the_page_the_result_and_a_picture_a_plot(tmp_path: Path) -> None:
    written = a_report().figure("loss", a_figure()).write_folder(tmp_path / "new", "few", {"n": 1})
    assert [path.name for path in written] == ["few.html", "few.json", "few-loss.png"]
    assert json.loads(written[1].read_text()) == {"n": 1}
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(
        path.name for path in written
    )


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"file/page\.html cannot be written"):
        write_file(tmp_path / "file" / "page.html", b"x")
