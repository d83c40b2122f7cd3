"""The accuracy benchmark's page: embedders side by side, what thresholds did, the DET plot."""

import numpy as np
from matplotlib.figure import Figure

from retrieval.benchmarks.faces import Accuracy, Operation, Result
from retrieval.benchmarks.group_rates import ABOUT_GROUPS, groups_table
from retrieval.benchmarks.plots import canvas, label
from retrieval.benchmarks.report import Cell, Report, Table


def report(result: Accuracy) -> Report:
    """Embedders and rules side by side, thresholds, and plots."""
    page = _accuracy(result)
    compared = [found for found in result["results"] if found["groups"]]
    if compared:
        page.heading("Groups of people, as the list says").text(ABOUT_GROUPS)
        for found in compared:
            page.table(groups_table(found["groups"], f"{found['name']}: "))
    return page


def _accuracy(result: Accuracy) -> Report:
    best = min(result["results"], key=lambda found: found["fnir"]["0.01"])
    return (
        Report(
            "Faces: how often people are named, rightly",
            f"{result['photos']:,} photos of {result['people']:,} people; {result['known']} known"
            f" by {result['enrolled']} photos each and asked about with {result['asked']:,} others,"
            f" {result['strangers']:,} photos of strangers; {result['draws']} draws from seed"
            f" {result['seed']}.",
        )
        .tiles(
            {
                "best here": best["name"],
                "rank-1": f"{best['rank1']:.2%}",
                "FNIR at FPIR 1 %": f"{best['fnir']['0.01']:.2%}",
                "faces found": f"{best['found']:.2%}",
            }
        )
        .heading("Embedders, on the same photos and draws")
        .table(_embedders(result))
        .figure("det", _det(result), "Misses against strangers let through: lower is better.")
        .heading("Two photos: one person or two?")
        .table(_verification(result))
        .heading("Rules, by each embedder's vectors")
        .table(_rules(result))
        .heading("Thresholds, on people that they were not made from")
        .table(_thresholds(result))
        .table(_alike(result))
        .heading("A stranger's photo among a person's, as enrolling reports it")
        .table(_planted(result))
        .heading("How much is enrolled")
        .table(_sweep(result, "by_photos", "photos enrolled of each person"))
        .table(_sweep(result, "by_people", "people known"))
        .figure("enrolled", _sweeps(result))
    )


def _embedders(result: Accuracy) -> Table:
    columns = (
        "embedder",
        "rank-1",
        "FNIR at FPIR 1 %",
        "from",
        "to",
        "FNIR at FPIR 0.1 %",
        "found",
        "ms per face",
        "MB",
    )
    rows: list[list[Cell]] = [
        [
            found["name"],
            found["rank1"],
            found["fnir"]["0.01"],
            *found["fnir_interval"],
            found["fnir"]["0.001"],
            found["found"],
            found["pass_ms"],
            found["megabytes"],
        ]
        for found in result["results"]
    ]
    formats = dict.fromkeys(columns[1:7], ".2%") | {"ms per face": ".1f", "MB": ".1f"}
    caption = (
        "FNIR: known people's photos not named rightly, those without a face included. From, to:"
        " 95 % confidence, by a bootstrap over people."
    )
    return Table(columns, rows, caption, formats, _lowest(rows, 2))


def _verification(result: Accuracy) -> Table:
    columns = ("embedder ", "accuracy", "± SD", "TAR at FAR 1 %", "TAR at FAR 0.1 %")
    rows: list[list[Cell]] = [
        [
            found["name"],
            found["verification"]["accuracy"],
            found["verification"]["accuracy_sd"],
            found["verification"]["tar"]["0.01"],
            found["verification"]["tar"]["0.001"],
        ]
        for found in result["results"]
    ]
    first = result["results"][0]["verification"]
    pairs = f"{first['pairs']:,} pairs of one person and as many of two"
    source = "from pairs.txt" if first["given"] else "drawn; rates from 100,000 pairs of two people"
    return Table(columns, rows, f"{pairs}, {source}; ten folds.", dict.fromkeys(columns[1:], ".2%"))


def _rules(result: Accuracy) -> Table:
    names = list(result["results"][0]["rules"])
    columns = ("rule", *(found["name"] for found in result["results"]))
    rows: list[list[Cell]] = [
        [name, *(found["rules"][name][1] for found in result["results"])] for name in names
    ]
    return Table(
        columns, rows, "FNIR at FPIR 1 %.", dict.fromkeys(columns[1:], ".2%"), len(rows) - 1
    )


def _thresholds(result: Accuracy) -> Table:
    columns = (
        "embedder  ",
        "threshold",
        "FPIR",
        "from",
        "to",
        "FNIR",
        "FNIR of one threshold for all draws, at that FPIR",
        "named wrongly",
        "draws inside the stated interval",
    )
    rows: list[list[Cell]] = []
    for found in result["results"]:
        rows.append(_threshold_row(found["name"], "default", found["default"]))
        if found["calibrated"] is not None:
            said = f"calibrated for {result['wanted_fpir']:.1%}"
            rows.append(_threshold_row(found["name"], said, found["calibrated"]))
    caption = "Means over the draws; from, to: 95 % confidence, by a bootstrap over strangers."
    return Table(columns, rows, caption, dict.fromkeys(columns[2:], ".2%"))


def _alike(result: Accuracy) -> Table:
    columns = ("embedder", "stranger", "looks like", "least evidence")
    rows: list[list[Cell]] = [
        [found["name"], *pair] for found in result["results"] for pair in found["alike"]
    ]
    caption = (
        "The strangers most like one known person in every draw: perhaps one person under two"
        " names, who then counts as a stranger that is named."
    )
    return Table(columns, rows, caption, {"least evidence": ".3f"})


def _threshold_row(name: str, said: str, found: Operation) -> list[Cell]:
    return [
        name,
        said,
        found["fpir"],
        *found["fpir_interval"],
        found["fnir"],
        found["fnir_fixed"],
        found["misnamed"],
        found["held"],
    ]


def _planted(result: Accuracy) -> Table:
    columns = (
        "embedder",
        "photos",
        "found",
        "in the worst draw",
        "people reported in vain",
        "worst",
    )
    rows: list[list[Cell]] = [
        [
            found["name"],
            each["photos"],
            each["found"],
            each["least_found"],
            each["false"],
            each["most_false"],
        ]
        for found in result["results"]
        for each in found["planted"]
    ]
    caption = "A hundred people per draw, with a stranger's photo among theirs and without."
    return Table(columns, rows, caption, dict.fromkeys(columns[2:], ".1%"))


def _by(found: Result, which: str) -> dict[str, float]:
    return found["by_photos"] if which == "by_photos" else found["by_people"]


def _sweep(result: Accuracy, which: str, what: str) -> Table:
    counts = list(_by(result["results"][0], which))
    columns = (what, *counts)
    rows: list[list[Cell]] = [
        [found["name"], *(_by(found, which).get(count) for count in counts)]
        for found in result["results"]
    ]
    return Table(columns, rows, "FNIR at FPIR 1 %.", dict.fromkeys(counts, ".2%"))


def _det(result: Accuracy) -> Figure:
    figure, (ax,) = canvas()
    share = 100 * np.array(result["curve_fpir"])
    for found in result["results"]:
        ax.plot(share, 100 * np.maximum(found["curve"], 1e-4), label=found["name"], linewidth=1.8)
    ax.set_xscale("log")
    ax.set_yscale("log")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter("")
    label(ax, title="Detection error trade-off", x="FPIR, %", y="FNIR, %", legend=True)
    return figure


def _sweeps(result: Accuracy) -> Figure:
    figure, axes = canvas(columns=2)
    titles = ("by photos enrolled", "by people known")
    for ax, which, title in zip(axes, ("by_photos", "by_people"), titles, strict=True):
        for found in result["results"]:
            rates = _by(found, which)
            counts = [int(count) for count in rates]
            ax.plot(counts, [100 * rate for rate in rates.values()], "o-", label=found["name"])
        ax.set_ylim(bottom=0)
        label(ax, title=title, x=which[3:], y="FNIR, %", legend=which == "by_photos", whole_x=True)
    return figure


def _lowest(rows: list[list[Cell]], column: int) -> int:
    return min(range(len(rows)), key=lambda row: float(rows[row][column] or 0))
