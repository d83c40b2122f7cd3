"""The report of the search benchmark: tables and the plot of recall over speed."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from retrieval.benchmarks.plots import PALETTE, canvas, label
from retrieval.benchmarks.report import Report, Table
from retrieval.benchmarks.search import CAUGHT_UP, GROUP, LEVELS, Result

# The first word of a contestant's name that is here; lists have the colour of their coding.
_COLOURS = dict(zip(("PQ", "SQ8", "hnswlib", "usearch", "exact", ""), PALETTE, strict=False))


def report(result: Result) -> Report:
    """The tables, and the plot of agreement against probes per second."""
    page = Report(
        "Searching for people",
        f"{result['probes']:,} new photos of enrolled people, {result['threads']} threads; vectors"
        " like those of faces (ORL, dlib's network), ten photos per person.",
    )
    page.table(_galleries_table(result["galleries"]))
    page.table(_identify_table(result["galleries"], result["photo_faces"]))
    page.table(_level_table(result["at_level"]))
    page.table(_contest_table(result["contest"]))
    page.table(_churn_table(result["churn"]))
    if result["large"]:
        entries = result["large_faces"]
        page.table(_table(result["large"], f"{entries:,} faces in SQ8, without templates", {}))
    return page.figure("agreement", _plot(result), "Right and fast is up and to the right.")


def _plot(result: Result) -> Figure:
    """Agreement against probes per second; FAISS alone is dashed, in its lists' colour."""
    figure, axes = canvas(13.5, 4.2, columns=len(LEVELS))
    largest = result["galleries"][-1]
    titles = {
        "templates": f"{largest['people']:,} templates",
        "faces": f"{largest['faces']:,} faces",
        "fused": f"{largest['people']:,} people by faces and templates",
    }
    for ax, what in zip(axes, LEVELS, strict=True):
        rows = [row for row in result["contest"] if row["what"] == what]
        for name in dict.fromkeys(row["contestant"] for row in rows):
            if name.endswith("not rescored"):
                continue
            own = [row for row in rows if row["contestant"] == name]
            ax.plot(
                [100 * row["agreement"] for row in own],
                [row["probes_per_s"] for row in own],
                marker="o",
                markersize=4,
                linewidth=1.2,
                linestyle="--" if name.startswith("FAISS") else "-",
                color=next(colour for word, colour in _COLOURS.items() if word in name),
                label=name,
            )
        ax.set_yscale("log")
        label(ax, title=titles[what], x="identity agreement, %", y="probes per second", legend=True)
    return figure


def _galleries_table(rows: Sequence[Result]) -> Table:
    columns = {
        "faces": "faces",
        "kind": "kind",
        "agreement": "agreement",
        "recall@10": "recall_at_10",
        "probes/s": "probes_per_s",
        "core µs a probe": "cpu_us",
        "bytes per face": "bytes_a_face",
        "mapped": "mapped_bytes_a_face",
        "train s": "train_s",
        "start s": "start_s",
        "start / read": "start_over_read",
        f"{CAUGHT_UP:,} caught up s": "catch_up_s",
    }
    cells = [
        [
            *(row[key] for key in columns.values()),
            *(row["one_face_ms"][p] for p in ("p50", "p95", "p99")),
            row["group_ms"]["p50"],
        ]
        for row in rows
    ]
    names = [*columns, "1 face p50 ms", "p95", "p99", f"{GROUP} faces p50 ms"]
    formats = dict.fromkeys(names[3:], ".3g") | {"agreement": ".2%", "recall@10": ".1%"}
    formats |= {"probes/s": ",.0f", "bytes per face": ".0f", "mapped": ".0f"}
    return Table(names, cells, "The whole gallery, fused rule", formats)


def _identify_table(rows: Sequence[Result], photo_faces: int) -> Table:
    stages = list(rows[0]["identify_ms"])
    cells = [
        [row["faces"], *row["identify_ms"].values(), sum(row["identify_ms"].values())]
        for row in rows
    ]
    names = ["faces", *stages, "sum"]
    caption = f"Milliseconds of a photo of {GROUP} faces, stage by stage"
    if photo_faces != GROUP:
        caption += f"; before the search, of one with {photo_faces}"
    return Table(names, cells, caption, dict.fromkeys(names[1:], ".2f"))


def _contest_table(rows: Sequence[Result]) -> Table:
    return _table(rows, "Every contestant at every effort", {})


def _level_table(rows: Sequence[Result]) -> Table:
    caption = ", ".join(f"{what} {level:.1%}" for what, level in LEVELS.items())
    return _table(rows, f"At the same agreement: {caption}", {"reached": "reached"})


def _table(rows: Sequence[Result], caption: str, more: dict[str, str]) -> Table:
    columns = {
        "searched": "what",
        "by": "contestant",
        "effort": "effort",
        "agreement": "agreement",
        "probes/s": "probes_per_s",
        "core µs a probe": "cpu_us",
        "built in s": "build_s",
        "core s": "build_core_s",
        "bytes an entry": "bytes_an_entry",
    }
    cells = [
        [row[key] for key in columns.values()] + ["yes" if row[key] else "no" for key in more]
        for row in rows
    ]
    formats = {
        "agreement": ".2%",
        "probes/s": ",.0f",
        "core µs a probe": ".1f",
        "built in s": ".1f",
    }
    return Table([*columns, *more.values()], cells, caption, formats | {"bytes an entry": ".0f"})


def _churn_table(row: Result) -> Table:
    columns = ["faces left", "caught up s", "folded s", "agreement", "trained anew"]
    keys = ("faces", "caught_up_s", "folded_s", "agreement", "fresh_agreement")
    formats = {"agreement": ".2%", "trained anew": ".2%"}
    return Table(columns, [[row[key] for key in keys]], "30 % removed, 10 % added", formats)
