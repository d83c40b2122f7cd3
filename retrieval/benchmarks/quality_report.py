"""Pages about a collection: its calibration, and its health."""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.figure import Figure

from retrieval.benchmarks.plots import PALETTE, canvas, label
from retrieval.benchmarks.report import Cell, Report, Table
from retrieval.catalogue.documents import EnrolledPhoto
from retrieval.identities.calibrate import VERIFY_FMR, named_rightly, strangers_tail
from retrieval.upkeep.calibration import Calibrated
from retrieval.upkeep.findings import kinds_counted
from retrieval.upkeep.health import Health
from retrieval.values import Pixels

_SHOWN = 12  # pairs of crops on a page
Crop = Callable[[EnrolledPhoto], Pixels | None]

FEW_PEOPLE = 100  # 30 named 0.9 to 1.2 % of strangers where 1 % was wanted, one in ten above 2 %


def calibration_report(found: Calibrated, collection: str) -> Report:
    """Threshold, what it is worth, and the curves behind it."""
    calibration = found.calibration
    low, high = calibration.fpir_interval
    return (
        Report(
            f"Calibration of {collection}",
            f"Measured on its own {calibration.faces} photos of {calibration.people} people: each"
            " was asked about without itself, and without its person.",
        )
        .tiles(
            {
                "threshold": f"{calibration.threshold:.4f}",
                f"FNIR at FPIR {calibration.fpir:.1%}": f"{calibration.fnir:.1%}",
                "of the next 100 strangers' faces named": f"{low:.0%} to {high:.0%}",
            }
        )
        .table(calibration_table(found))
        .figure("scores", _scores_figure(found), "Evidence of known people and of strangers.")
        .figure("det", _det_figure(found), "Misses against strangers let through.")
        .text(
            "FNIR is measured with one photo fewer of each person than identification has, so it"
            " is on the high side. The threshold rises with the number of people by what asking a"
            " random half of them showed."
        )
    )


def calibration_table(found: Calibrated) -> Table:
    """What was chosen, and how sure it is."""
    calibration = found.calibration
    rows: list[list[Cell]] = [
        ["threshold (score + half the lead)", _number(calibration.threshold),
         _interval(calibration.threshold_interval, 4)],
        ["margin to the second person", _number(calibration.margin), ""],
        ["FPIR, wanted; of the next 100 faces of 10 strangers", f"{calibration.fpir:.2%}",
         _shares(calibration.fpir_interval)],
        ["FNIR", f"{calibration.fnir:.2%}", _shares(calibration.fnir_interval)],
        ["threshold when twice as many are enrolled",
         _number(calibration.threshold_at(2 * calibration.people)), ""],
        [f"photo with photo, FMR {VERIFY_FMR:.1%}", _number(calibration.photo_threshold), ""],
        [f"photo with person, FMR {VERIFY_FMR:.1%}", _number(calibration.person_threshold), ""],
        ["threshold until now", _number(found.before.threshold), found.before.source],
    ]  # fmt: skip
    return Table(("", "value", "90 % interval"), rows, _how_sure(calibration.people))


def _how_sure(people: int) -> str:
    """What few people tell; nothing where there are enough."""
    if people >= FEW_PEOPLE:
        return ""
    return (
        f"{people} people place a threshold only roughly, so that the network's own counts beside"
        f" them. Calibrate again when {FEW_PEOPLE} are enrolled."
    )


def _scores_figure(found: Calibrated) -> Figure:
    figure, (ax,) = canvas()
    trials = found.trials
    known = trials.genuine[np.isfinite(trials.genuine)]
    bins = np.linspace(
        min(known.min(), trials.strangers.min()), max(known.max(), trials.strangers.max()), 60
    ).tolist()
    for name, values in (("known people", known), ("strangers", trials.strangers)):
        ax.hist(values, bins=bins, density=True, alpha=0.6, label=name)
    ax.axvline(found.calibration.threshold, color=PALETTE[2], linestyle="--", label="threshold")
    label(ax, title="Scores", x="evidence: score + half the lead", y="density", legend=True)
    return figure


def _det_figure(found: Calibrated) -> Figure:
    figure, (ax,) = canvas()
    calibration, trials = found.calibration, found.trials
    tail = strangers_tail(trials)
    tail = tail.moved(calibration.threshold - tail.threshold(calibration.fpir))
    scores = np.linspace(tail.threshold(0.3), tail.threshold(1e-4), 120)
    misses = [1 - named_rightly(trials, score, calibration.margin).mean() for score in scores]
    ax.plot(100 * tail.rate(scores), 100 * np.array(misses))
    ax.plot([100 * calibration.fpir], [100 * calibration.fnir], "o", label="chosen")
    ax.set_xscale("log")
    ax.set_ylim(bottom=0)
    label(ax, title="Detection error trade-off", x="FPIR, %", y="FNIR, %", legend=True)
    return figure


def health_report(health: Health, collection: str, crop: Crop) -> Report:
    """What is wrong, with pictures where there are any."""
    report = Report(
        f"Health of {collection}",
        f"{health.faces} photos of {health.people} people were examined."
        + "".join(f" Not compared: {what}." for what in health.not_compared),
    ).tiles(
        {
            **{kind: str(count) for kind, count in kinds_counted(health.findings).items()},
            "pairs of look-alikes": str(len(health.look_alikes)),
            "people with few or poor photos": str(len(health.few_photos) + len(health.poor_photos)),
        }
    )
    for table in health_tables(health):
        report.table(table)
    pairs = [
        (" / ".join(dict.fromkeys(face.person for face in one)), [crop(face) for face in one])
        for one in ([side[0] for side in found.sides[:2]] for found in health.findings[:_SHOWN])
    ]
    cut = [(names, [face for face in faces if face is not None]) for names, faces in pairs]
    shown = [(names, faces) for names, faces in cut if faces]
    return (
        report.figure("crops", _crops_figure(shown), "The faces in question.") if shown else report
    )


def health_tables(health: Health) -> list[Table]:
    """A table per kind of what is wrong, none for a kind without any."""
    tables = [
        Table(
            ("finding", "what", "accepting it would"),
            [
                [each.id, each.what, each.accepting or "nothing: decide by hand"]
                for each in health.findings
            ],
            "Findings",
        ),
        Table(
            ("person", "looks like", "share of photos"),
            [[a.person, a.other, a.share] for a in health.look_alikes],
            "People who are hard to tell apart",
            {"share of photos": ".0%"},
        ),
        Table(
            ("person", "photos"),
            [[few.person, few.photos] for few in health.few_photos],
            "People with fewer than three photos",
        ),
        Table(("person",), [[name] for name in health.poor_photos], "People with small faces only"),
    ]
    return [table for table in tables if table.rows]


def _crops_figure(shown: Sequence[tuple[str, list[Pixels]]]) -> Figure:
    figure, axes = canvas(2.0 * min(len(shown), 6), 2.6 * -(-len(shown) // 6), columns=1)
    axes[0].remove()
    for number, (names, faces) in enumerate(shown):
        ax = figure.add_subplot(-(-len(shown) // 6), min(len(shown), 6), number + 1)
        side = min(len(pixels) for pixels in faces)
        ax.imshow(np.concatenate([pixels[:side, :side] for pixels in faces], axis=1))
        ax.set_title(names, fontsize=8)
        ax.axis("off")
    return figure


def _number(value: float) -> str:
    return f"{value:.4f}"


def _interval(interval: tuple[float, float], digits: int) -> str:
    return f"{interval[0]:.{digits}f} to {interval[1]:.{digits}f}"


def _shares(interval: tuple[float, float]) -> str:
    return f"{interval[0]:.1%} to {interval[1]:.1%}"
