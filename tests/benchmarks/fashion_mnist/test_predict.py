from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from retrieval.benchmarks.fashion_mnist.data import CLASSES, FashionMnist
from retrieval.benchmarks.fashion_mnist.network import Recipe, train
from retrieval.benchmarks.fashion_mnist.predict import (
    Network,
    as_fashion_mnist,
    export,
    network_path,
)
from retrieval.errors import ModelCorrupt, ModelMissing
from retrieval.inference.session import Session


def as_rgb(grey: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return np.repeat(grey[:, :, None], 3, axis=2)


def test_onnx_runtime_answers_as_scikit_learn_on_the_whole_test_set(
    fashion_mnist: FashionMnist, tmp_path: Path
) -> None:
    network, _ = train(fashion_mnist, Recipe(batch_size=512, epochs=1))
    exported = Network(export(network, tmp_path / "network.onnx", {}))
    ours = exported.probabilities(fashion_mnist.test.pixels)
    theirs = network.predict_proba(fashion_mnist.test.rows)
    assert ours.shape == (10_000, 10)
    assert np.abs(ours - theirs).max() < 1e-5


def test_a_picture_is_named_with_every_classes_probability(
    small: FashionMnist, tmp_path: Path
) -> None:
    network, _ = train(small, Recipe(batch_size=16, epochs=15))
    exported = Network(export(network, network_path(tmp_path), {}))
    answer = exported.predict(as_rgb(small.test.pixels[3]))
    assert answer["label"] == CLASSES[small.test.labels[3]]
    assert answer["probability"] == max(answer["probabilities"].values())
    assert list(answer["probabilities"]) == list(CLASSES)
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert not answer["negated"]


def test_the_file_says_how_it_was_made(small: FashionMnist, tmp_path: Path) -> None:
    network, _ = train(small, Recipe(epochs=1))
    path = export(network, tmp_path / "network.onnx", {"batch_size": "64"})
    metadata = Session(path).metadata
    assert metadata["batch_size"] == "64"
    assert metadata["classes"].split(", ") == list(CLASSES)


def test_a_picture_of_the_data_set_stays_as_it_is_to_the_byte(small: FashionMnist) -> None:
    picture, negated = as_fashion_mnist(as_rgb(small.test.pixels[0]))
    assert np.array_equal(picture, small.test.pixels[0])
    assert not negated


def test_a_dark_thing_on_a_light_ground_is_negated() -> None:
    pixels = np.full((56, 56, 3), 250, np.uint8)
    pixels[20:40, 20:40] = 10
    picture, negated = as_fashion_mnist(pixels)
    assert negated
    assert picture[15, 15] == 245
    assert picture[0, 0] == 5


@pytest.mark.parametrize(
    ("height", "width", "rows", "columns"),
    [
        (280, 140, (0, 27), (7, 20)),
        (140, 280, (7, 20), (0, 27)),
        (14, 7, (0, 27), (7, 20)),
        (1000, 1, (0, 27), (13, 13)),
    ],
)
def test_a_picture_of_another_shape_is_fitted_and_centred(
    height: int, width: int, rows: tuple[int, int], columns: tuple[int, int]
) -> None:
    pixels = np.full((height, width, 3), 100, np.uint8)
    lit = np.argwhere(as_fashion_mnist(pixels)[0])
    assert (lit[:, 0].min(), lit[:, 0].max()) == rows
    assert (lit[:, 1].min(), lit[:, 1].max()) == columns


def test_without_a_trained_network_the_error_says_how_to_train_one(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="rollcall bench fashion-mnist train"):
        Network(network_path(tmp_path))


def test_a_damaged_network_is_named(tmp_path: Path) -> None:
    path = tmp_path / "network.onnx"
    path.write_bytes(b"not a network")
    with pytest.raises(ModelCorrupt, match=r"network\.onnx"):
        Network(path)
