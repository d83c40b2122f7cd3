import json
from dataclasses import replace
from pathlib import Path

from retrieval.benchmarks.fashion_mnist.data import FashionMnist
from retrieval.benchmarks.fashion_mnist.network import Recipe
from retrieval.benchmarks.fashion_mnist.sweep import (
    forget,
    gather,
    missing,
    run,
    sweep_folder,
    sweep_report,
    train_one,
)

RECIPES = [Recipe(batch_size=size, epochs=2) for size in (8, 64)]


def test_an_interrupted_sweep_goes_on_with_the_batch_sizes_that_are_missing(
    small: FashionMnist, tmp_path: Path
) -> None:
    train_one(small, RECIPES[0], tmp_path)
    first = (tmp_path / "batch-8.json").read_bytes()
    epochs: list[int] = []
    result = run(small, RECIPES, tmp_path, lambda n=1, **fields: epochs.append(n))
    assert epochs == [2, 1, 1]  # what is done at once, then the other's epochs
    assert (tmp_path / "batch-8.json").read_bytes() == first
    assert [t["recipe"]["batch_size"] for t in result["trainings"]] == [8, 64]
    assert missing(tmp_path, (8, 64)) == []


def test_a_half_written_training_counts_as_missing(small: FashionMnist, tmp_path: Path) -> None:
    train_one(small, RECIPES[0], tmp_path)
    path = tmp_path / "batch-8.json"
    path.write_text(path.read_text()[:100])
    assert missing(tmp_path, (8, 64)) == [8, 64]
    assert gather(tmp_path, (8, 64)) == {"trainings": []}


def test_forgotten_batch_sizes_are_missing_again(small: FashionMnist, tmp_path: Path) -> None:
    run(small, RECIPES, tmp_path)
    forget(tmp_path, (64, 32))
    assert missing(tmp_path, (8, 64)) == [64]


def test_another_recipe_or_other_data_goes_into_another_folder(
    small: FashionMnist, tmp_path: Path
) -> None:
    recipe = RECIPES[0]
    folder = sweep_folder(tmp_path, recipe, small)
    assert sweep_folder(tmp_path, replace(recipe, batch_size=32), small) == folder
    others = [
        sweep_folder(tmp_path, replace(recipe, seed=1), small),
        sweep_folder(tmp_path, replace(recipe, epochs=3), small),
        sweep_folder(tmp_path, recipe, replace(small, test=small.train)),
    ]
    assert len({folder, *others}) == 4


def test_the_report_shows_a_row_and_a_curve_a_batch_size_beside_the_assignments(
    small: FashionMnist, tmp_path: Path
) -> None:
    result = run(small, RECIPES, tmp_path)
    report = sweep_report(json.loads(json.dumps(result)))
    ours, beside = report.tables
    assert [row[1] for row in ours.cells()] == ["8", "64"]
    assert [row[1] for row in beside.cells()] == ["0.8784", "0.8886"]
    assert [row[3] for row in beside.cells()] == ["–", "0.8808"]
    axes = report.figures["curves"].axes
    assert [line.get_label() for line in axes[1].lines] == ["batch 8", "batch 64"]
