"""Batch sizes compared: one training each, kept as it is done, so that a sweep can go on."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TypedDict

from retrieval.benchmarks.fashion_mnist.data import FashionMnist
from retrieval.benchmarks.fashion_mnist.network import (
    COLUMNS,
    FORMATS,
    Recipe,
    Training,
    curve,
    train,
    training_row,
)
from retrieval.benchmarks.plots import canvas, label
from retrieval.benchmarks.progress import Advance, silent
from retrieval.benchmarks.report import Cell, Report, Table, write_file

BATCH_SIZES = (8, 16, 32, 64)
# Validation accuracies that the assignment's own sweep printed after its last epochs, and the
# test accuracy that it printed at its end, after batch size 64.
ASSIGNMENT_VALIDATION = {8: 0.8784, 16: 0.8939, 32: 0.8901, 64: 0.8886}
ASSIGNMENT_TEST = {64: 0.8808}


class Sweep(TypedDict):
    """A training for each batch size, ascending."""

    trainings: list[Training]


def sweep_folder(home: Path, recipe: Recipe, data: FashionMnist) -> Path:
    """Where the trainings of one sweep are kept: another recipe or other data, another folder."""
    options = {key: value for key, value in asdict(recipe).items() if key != "batch_size"}
    digest = hashlib.sha256(json.dumps(options, sort_keys=True).encode())
    for array in (data.train.pixels, data.train.labels, data.test.pixels, data.test.labels):
        digest.update(array.tobytes())
    return home / "benchmarks" / "fashion-mnist" / f"sweep-{digest.hexdigest()[:12]}"


def missing(folder: Path, batch_sizes: Iterable[int]) -> list[int]:
    """The batch sizes whose training is not done yet."""
    return [size for size in batch_sizes if _done(folder, size) is None]


def forget(folder: Path, batch_sizes: Iterable[int]) -> None:
    """Count these batch sizes as missing again."""
    for size in batch_sizes:
        _file(folder, size).unlink(missing_ok=True)


def train_one(
    data: FashionMnist, recipe: Recipe, folder: Path, advance: Advance = silent
) -> Training:
    """Train with one batch size and keep the result in the sweep's folder.

    Raises:
        StoreFull: no space left.
    """
    _, result = train(data, recipe, advance)
    write_file(_file(folder, recipe.batch_size), json.dumps(result, indent=1).encode())
    return result


def gather(folder: Path, batch_sizes: Iterable[int]) -> Sweep:
    """What is done of a sweep."""
    done = (_done(folder, size) for size in sorted(batch_sizes))
    return Sweep(trainings=[training for training in done if training is not None])


def run(
    data: FashionMnist,
    recipes: Sequence[Recipe],
    folder: Path,
    advance: Advance = silent,
) -> Sweep:
    """Train with every batch size that is missing, one after the other.

    Args:
        data: the pictures.
        recipes: one per batch size, otherwise alike.
        folder: from `sweep_folder`; trainings that it holds are not repeated.
        advance: told of each epoch, and at once of those of trainings that are kept.
    """
    sizes = [recipe.batch_size for recipe in recipes]
    wanted = set(missing(folder, sizes))
    for recipe in recipes:
        if recipe.batch_size in wanted:
            train_one(data, recipe, folder, advance)
        else:
            advance(recipe.epochs)
    return gather(folder, sizes)


def sweep_report(result: Sweep) -> Report:
    """Curves, one table, and the assignment's figures beside ours."""
    trainings = result["trainings"]
    best = max(trainings, key=lambda t: min(e["validation_loss"] for e in t["epochs"]) * -1)
    figure, axes = canvas(9.5, 3.8, columns=2)
    for training in trainings:
        name = f"batch {training['recipe']['batch_size']}"
        line = axes[0].plot(*curve(training, "validation_loss"), label=name, marker=".")[0]
        epoch = training["best_epoch"] - 1
        axes[0].plot(
            training["best_epoch"],
            training["epochs"][epoch]["validation_loss"],
            "o",
            color=line.get_color(),
        )
        axes[1].plot(*curve(training, "validation_accuracy"), label=name, marker=".")
    label(axes[0], title="Validation loss", x="epoch", y="loss", legend=True, whole_x=True)
    label(axes[1], title="Validation accuracy", x="epoch", y="accuracy", legend=True, whole_x=True)
    return (
        Report(
            "Fashion-MNIST: batch sizes",
            "The same network trained with each batch size; each keeps the weights of its"
            " smallest validation loss.",
        )
        .tiles(
            {
                "smallest validation loss": f"batch {best['recipe']['batch_size']}",
                "its test accuracy": f"{best['test_accuracy']:.4f}",
                "the assignment's test accuracy": f"{ASSIGNMENT_TEST[64]:.4f}",
            }
        )
        .table(
            Table(
                COLUMNS,
                [training_row("Rollcall", training) for training in trainings],
                "Ours, at the epoch of the smallest validation loss. The test set is no part of"
                " the choice of the epoch.",
                FORMATS,
                best=trainings.index(best),
            )
        )
        .heading("The assignment's figures beside ours")
        .table(_beside_assignment(trainings))
        .figure("curves", figure, "After each epoch; the large dots are the epochs kept.")
    )


def _beside_assignment(trainings: Sequence[Training]) -> Table:
    columns = (
        "batch size",
        "validation, last epoch: assignment",
        "validation, last epoch: ours",
        "test: assignment",
        "test, last epoch: ours",
        "test, best epoch: ours",
    )
    rows: list[list[Cell]] = []
    for training in trainings:
        size = training["recipe"]["batch_size"]
        rows.append(
            [
                size,
                ASSIGNMENT_VALIDATION.get(size),
                training["epochs"][-1]["validation_accuracy"],
                ASSIGNMENT_TEST.get(size),
                training["test_accuracy_after_last_epoch"],
                training["test_accuracy"],
            ]
        )
    return Table(
        columns,
        rows,
        "Accuracies. The assignment printed one test accuracy, after batch size 64.",
        dict.fromkeys(columns[1:], ".4f"),
    )


def _file(folder: Path, batch_size: int) -> Path:
    return folder / f"batch-{batch_size}.json"


def _done(folder: Path, batch_size: int) -> Training | None:
    """A finished training; one that cannot be read counts as missing."""
    try:
        result: Training = json.loads(_file(folder, batch_size).read_text())
    except (OSError, ValueError):
        return None
    return result
