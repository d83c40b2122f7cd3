"""The accuracy benchmark's page: rules side by side, the calibration's error, scores."""

import numpy as np
from matplotlib.figure import Figure

from retrieval.benchmarks.faces import OURS, Accuracy, Operation
from retrieval.benchmarks.plots import PALETTE, canvas, label
from retrieval.benchmarks.report import Cell, Report, Table


def report(result: Accuracy) -> Report:
    """Rules side by side, the calibration's error, and how evidence spreads."""
    ours = result["rules"][-1]
    operation = result["operation"]
    return (
        Report(
            "Faces: how often people are named, rightly",
            f"{result['known']} known people with {result['photos']} photos each,"
            f" {result['strangers']} strangers, {result['draws']} draws from seed"
            f" {result['seed']}.",
        )
        .tiles(
            {
                "rank-1": f"{ours['rank1']:.2%}",
                "FNIR at FPIR 1 %": f"{ours['fnir']['0.01']:.2%}",
                "FNIR at FPIR 0.1 %": f"{ours['fnir']['0.001']:.2%}",
                f"FPIR where {operation['wanted_fpir']:.1%} was wanted": f"{operation['fpir']:.2%}",
            }
        )
        .heading("Rules, on the same draws")
        .table(_rules_table(result))
        .figure(
            "det", _det_figure(result), "Misses against strangers let through: lower is better."
        )
        .heading("What calibration promises, and what comes")
        .table(_operation_table(operation))
        .figure(
            "calibration",
            _calibration_figure(result),
            "FPIR of each draw, measured on people that calibration never saw.",
        )
        .figure("evidence", _evidence_figure(result), "Evidence of all draws' queries.")
    )


def _rules_table(result: Accuracy) -> Table:
    columns = ("rule", "rank-1", "FNIR at FPIR 1 %", "± SD", "FNIR at FPIR 0.1 %", "± SD ")
    rows: list[list[Cell]] = [
        [
            rule["rule"],
            rule["rank1"],
            rule["fnir"]["0.01"],
            rule["fnir_sd"]["0.01"],
            rule["fnir"]["0.001"],
            rule["fnir_sd"]["0.001"],
        ]
        for rule in result["rules"]
    ]
    formats = dict.fromkeys(columns[1:], ".2%")
    return Table(columns, rows, "Means over the draws.", formats, len(rows) - 1)


def _operation_table(operation: Operation) -> Table:
    rows = [
        ("wanted FPIR", operation["wanted_fpir"]),
        ("measured FPIR", operation["fpir"]),
        ("± SD over draws", operation["fpir_sd"]),
        ("draws inside the stated 90 % interval", operation["held"]),
        ("upper end of that interval", operation["upper_end"]),
        ("measured FPIR with a plain quantile", operation["naive_fpir"]),
        ("FNIR at the calibrated threshold", operation["fnir"]),
        ("FNIR that calibration stated (with a photo fewer)", operation["fnir_stated"]),
        ("known people named wrongly", operation["misnamed"]),
        ("calibrated on a third, extrapolated: FPIR", operation["grown_fpir"]),
        ("calibrated on a third, not extrapolated: FPIR", operation["grown_fpir_as_is"]),
    ]
    return Table(("on average over the draws", "share"), rows, "", {"share": ".2%"})


def _det_figure(result: Accuracy) -> Figure:
    figure, (ax,) = canvas()
    strangers = len(result["stranger_evidence"]) / result["draws"]
    for rule in result["rules"]:
        share = 100 * np.arange(len(rule["curve"])) / strangers
        width = 2.2 if rule["rule"] == OURS else 1.2
        ax.plot(share, 100 * np.array(rule["curve"]), label=rule["rule"], linewidth=width)
    ax.set_ylim(bottom=0)
    label(ax, title="Detection error trade-off", x="FPIR, %", y="FNIR, %", legend=True)
    return figure


def _calibration_figure(result: Accuracy) -> Figure:
    figure, (ax,) = canvas()
    measured = 100 * np.sort(result["measured_fpir"])
    ax.step(measured, np.arange(1, len(measured) + 1) / len(measured), where="post")
    operation = result["operation"]
    lines = (
        ("wanted", operation["wanted_fpir"]),
        ("measured on average", operation["fpir"]),
        ("upper end of the interval", operation["upper_end"]),
    )
    for colour, (name, rate) in zip(PALETTE[1:], lines, strict=False):
        ax.axvline(100 * rate, color=colour, linestyle="--", linewidth=1.2, label=name)
    label(ax, title="FPIR measured", x="FPIR, %", y="share of draws", legend=True)
    return figure


def _evidence_figure(result: Accuracy) -> Figure:
    figure, (ax,) = canvas()
    both = result["known_evidence"], result["stranger_evidence"]
    bins = np.linspace(min(map(min, both)), max(map(max, both)), 70).tolist()
    for name, values in zip(("known people", "strangers"), both, strict=True):
        ax.hist(values, bins=bins, density=True, alpha=0.6, label=name)
    label(ax, title="Score + half the lead", x="evidence", y="density", legend=True)
    return figure
