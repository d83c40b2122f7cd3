"""How many pictures each class has: in the whole data set, and in the split."""

import hashlib
from typing import TypedDict

import numpy as np

from retrieval.benchmarks.fashion_mnist.data import CLASSES, FashionMnist, split
from retrieval.benchmarks.plots import PALETTE, QUIET, canvas, label
from retrieval.benchmarks.report import Cell, Report, Table
from retrieval.values import Ints


class Histogram(TypedDict):
    """Pictures of each named class."""

    training: dict[str, int]
    test: dict[str, int]


class Split(TypedDict):
    """Pictures of each named class in both parts; the digest tells two splits apart."""

    seed: int
    training: dict[str, int]
    validation: dict[str, int]
    rows_sha256: str


def count(labels: Ints) -> dict[str, int]:
    """Count the pictures of each named class."""
    counts = np.bincount(labels, minlength=len(CLASSES))
    return {name: int(number) for name, number in zip(CLASSES, counts, strict=True)}


def histogram(data: FashionMnist) -> Histogram:
    """Count the pictures of each class."""
    return Histogram(training=count(data.train.labels), test=count(data.test.labels))


def split_counts(data: FashionMnist, seed: int = 0) -> Split:
    """Split the training pictures 70/30, stratified, and count both parts."""
    training, validation = split(data.train.labels, seed)
    digest = hashlib.sha256(training.tobytes() + validation.tobytes())
    return Split(
        seed=seed,
        training=count(data.train.labels[training]),
        validation=count(data.train.labels[validation]),
        rows_sha256=digest.hexdigest(),
    )


def histogram_report(result: Histogram) -> Report:
    """Bars and a table of the classes."""
    return _report(
        "Fashion-MNIST: the classes",
        f"{sum(result['training'].values()):,} pictures to train on and"
        f" {sum(result['test'].values()):,} to test with, 28 by 28 grey pixels each.",
        {"training": result["training"], "test": result["test"]},
    )


def split_report(result: Split) -> Report:
    """Bars and a table of the split."""
    return _report(
        "Fashion-MNIST: the split",
        f"Each class is shuffled and split 70/30 by itself; seed {result['seed']}.",
        {"training": result["training"], "validation": result["validation"]},
    )


def _report(title: str, lead: str, parts: dict[str, dict[str, int]]) -> Report:
    figure, (ax,) = canvas(9.5, 3.8)
    for number, (name, counts) in enumerate(parts.items()):
        places = np.arange(len(CLASSES)) + 0.4 * (number - 0.5)
        bars = ax.bar(places, counts.values(), 0.38, label=name, color=PALETTE[number])
        ax.bar_label(bars, fmt="{:,.0f}", fontsize=7.5, padding=2, color=QUIET)
    ax.set_xticks(np.arange(len(CLASSES)), CLASSES, fontsize=8.5)
    ax.grid(visible=False, axis="x")
    label(ax, y="pictures")
    figure.legend(loc="outside upper right", ncols=2, frameon=False, fontsize=9)
    rows: list[list[Cell]] = [
        [name, *(counts[name] for counts in parts.values())] for name in CLASSES
    ]
    rows.append(["all", *(sum(counts.values()) for counts in parts.values())])
    return (
        Report(title, lead)
        .figure("classes", figure, "Pictures of each class.")
        .table(Table(("class", *parts), rows, best=len(rows) - 1))
    )
