import json
from pathlib import Path

import pytest
from PIL import Image

from retrieval.benchmarks.fashion_mnist.data import CLASSES, load
from tests.benchmarks.fashion_mnist.small import write_small
from tests.cli.running import document, rollcall


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "small"
    folder.mkdir()
    write_small(folder)
    return folder


def test_what_is_trained_is_exported_and_predicts(data: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    options = ("--data", data, "--epochs", 15, "--batch-size", 16)
    trained = rollcall(home, "bench", "fashion-mnist", "train", *options, "--json")
    assert trained.exit_code == 0, trained.output
    assert document(trained)["recipe"]["batch_size"] == 16
    test = load(data).test
    Image.fromarray(test.pixels[7]).save(tmp_path / "picture.png")
    answer = rollcall(home, "bench", "fashion-mnist", "predict", tmp_path / "picture.png", "--json")
    assert document(answer)["label"] == CLASSES[7]


def test_predicting_before_training_says_what_to_do(tmp_path: Path) -> None:
    result = rollcall(tmp_path, "bench", "fashion-mnist", "predict", "picture.png", "--json")
    assert result.exit_code == 3
    assert "rollcall bench fashion-mnist train" in document(result)["error"]["message"]


@pytest.mark.parametrize("command", ["histogram", "split"])
def test_counts_are_printed_and_written(command: str, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ("bench", "fashion-mnist", command, "--data", data)
    result = rollcall(tmp_path, *words, "--out", out)
    assert result.exit_code == 0, result.output
    assert "Ankle boot" in result.stdout
    assert f"wrote {out / command}.html" in result.stdout
    written = json.loads((out / f"{command}.json").read_text())
    assert sum(written["training"].values()) == (200 if command == "histogram" else 140)
    assert {path.suffix for path in out.iterdir()} == {".html", ".json", ".png"}


def test_a_sweep_goes_on_where_it_was_and_repeats_when_asked_to(data: Path, tmp_path: Path) -> None:
    words = ("bench", "fashion-mnist", "sweep", "--data", data, "--epochs", 1, "--json")
    first = document(rollcall(tmp_path, *words, "--batch-size", 64))
    both = document(rollcall(tmp_path, *words, "--batch-size", 32, "--batch-size", 64))
    assert both["trainings"][1] == first["trainings"][0]  # to the second that it took
    again = document(rollcall(tmp_path, *words, "--batch-size", 64, "--again"))
    assert again["trainings"][0]["epochs"] == first["trainings"][0]["epochs"]


def test_key_figures_are_printed_below_the_tables(data: Path, tmp_path: Path) -> None:
    words = ("bench", "fashion-mnist", "sweep", "--data", data, "--epochs", 1)
    lines = rollcall(tmp_path, *words, "--batch-size", 64).stdout.splitlines()
    assert "smallest validation loss: batch 64" in lines
    assert "the assignment's test accuracy: 0.8808" in lines


def test_missing_data_exits_with_2_and_the_way_to_get_it(tmp_path: Path) -> None:
    words = ("bench", "fashion-mnist", "histogram", "--data", tmp_path / "none")
    result = rollcall(tmp_path, *words)
    assert result.exit_code == 2
    assert "dataset-fashion-mnist" in result.stderr
