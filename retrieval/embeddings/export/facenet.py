"""FaceNet (Inception-ResNet-v1) as ONNX, from Keras weights in HDF5, read with h5py alone.

The file has a group a layer. The layers of a block are listed from it and not generated, since
their names are not regular (`Block17_10_Branch_10_Conv2d_0a_1x1`): a branch's layers follow each
other in alphabetical order, and `_1a_` marks stride 2 without padding inside a Mixed block.

Source: D. Sandberg, facenet, `inception_resnet_v1.py`; deepface 0.0.103, `Facenet.py` (the layers'
names); C. Szegedy et al., Inception-v4, 2016.
"""

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from retrieval.embeddings.export.graph import Graph
from retrieval.errors import ExportFailed, SettingInvalid
from retrieval.inference.manifest import EmbedderEntry
from retrieval.values import Floats

_EPSILON = 0.001  # of every batch normalisation
_STEM = (
    "Conv2d_1a_3x3",  # stride 2
    "Conv2d_2a_3x3",
    "Conv2d_2b_3x3",  # padded, and a max pool behind it
    "Conv2d_3b_1x1",
    "Conv2d_4a_3x3",
    "Conv2d_4b_3x3",  # stride 2
)
_KERNELS = 133  # 132 convolutions and the dense layer
_HALVES = "_Conv2d_1a_"  # in a Mixed block: stride 2, no padding
# Blocks of one kind: how many, and the factor of their residual.
_BLOCK35 = ("Block35", 5, 0.17)
_BLOCK17 = ("Block17", 10, 0.10)
_BLOCK8 = ("Block8", 6, 0.20)
_LAST_BLOCK = "Block8_6"  # factor 1, no activation


@dataclass(frozen=True, slots=True)
class _Weights:
    """The tensors of the file: by layer, then by what they are (kernel, bias, beta, ...)."""

    path: Path
    layers: dict[str, dict[str, Floats]]

    def check(self) -> None:
        """Count the layers, since a branch is taken as the file lists it.

        Raises:
            ExportFailed: some are missing, or there are more.
        """
        missing = [layer for layer in (*_STEM, "Bottleneck") if layer not in self.layers]
        found = sum("kernel" in tensors for tensors in self.layers.values())
        if missing or found != _KERNELS:
            raise ExportFailed(
                f"{self.path} does not hold FaceNet's weights: {found} convolutions and dense "
                f"layers instead of {_KERNELS}{', no ' if missing else ''}{', '.join(missing)}. "
                "Pull it again, or give another file."
            )

    def tensor(self, layer: str, kind: str) -> Floats:
        try:
            return self.layers[layer][kind]
        except KeyError as error:
            raise ExportFailed(
                f"{self.path} has no {kind} of the layer {layer}: it does not hold FaceNet's "
                "weights. Pull it again, or give another file."
            ) from error

    def normalised(self, layer: str) -> tuple[Floats, Floats]:
        """Kernel and bias of a layer with its batch normalisation folded in; kernel (..., out)."""
        kernel = self.tensor(layer, "kernel").astype(np.float64)
        norm = f"{layer}_BatchNorm"
        scale = 1 / np.sqrt(self.tensor(norm, "moving_variance").astype(np.float64) + _EPSILON)
        bias = self.tensor(norm, "beta") - self.tensor(norm, "moving_mean") * scale
        return np.asarray(kernel * scale, np.float32), np.asarray(bias, np.float32)

    def branches(self, block: str) -> list[list[str]]:
        """The convolutions of a block's branches, in order."""
        pattern = re.compile(rf"{block}_Branch_(\d+)_Conv2d_(?:\d[a-z]_)?\dx\d")
        found: dict[int, list[str]] = defaultdict(list)
        for layer in sorted(self.layers):
            if match := pattern.fullmatch(layer):
                found[int(match.group(1))].append(layer)
        return [found[branch] for branch in sorted(found)]


def build(weights: Path, entry: EmbedderEntry) -> Graph:
    """Build the network's graph; its output is named `vectors`.

    Raises:
        ExportFailed: the file does not hold FaceNet's layers, or not of this dimension.
    """
    layers = _Weights(weights, _read(weights))
    layers.check()
    graph = Graph(entry.chip_px)
    x = _stem(graph, layers, entry)
    x = _blocks(graph, layers, x, *_BLOCK35)
    x = _mixed(graph, layers, x, "Mixed_6a")
    x = _blocks(graph, layers, x, *_BLOCK17)
    x = _mixed(graph, layers, x, "Mixed_7a")
    x = _blocks(graph, layers, x, *_BLOCK8)
    x = graph.node("Flatten", graph.node("GlobalAveragePool", x))
    kernel, bias = layers.normalised("Bottleneck")
    if kernel.shape[1] != entry.dimension:
        raise ExportFailed(
            f"{weights} makes vectors of {kernel.shape[1]} numbers, but the manifest says "
            f"{entry.dimension}. facenet_weights.h5 has 128, facenet512_weights.h5 has 512."
        )
    graph.dense(x, kernel, bias, "vectors")
    return graph


def _stem(graph: Graph, layers: _Weights, entry: EmbedderEntry) -> str:
    kernel, bias = layers.normalised(_STEM[0])
    x = graph.node("Relu", graph.stem(_oihw(kernel), bias, entry.scaling))
    x = _conv(graph, layers, x, _STEM[1], same=False)
    x = _conv(graph, layers, x, _STEM[2])
    x = graph.pool("Max", x, 3, 2)
    x = _conv(graph, layers, x, _STEM[3])
    x = _conv(graph, layers, x, _STEM[4], same=False)
    return _conv(graph, layers, x, _STEM[5], stride=2, same=False)


def _blocks(graph: Graph, layers: _Weights, x: str, kind: str, count: int, factor: float) -> str:
    """Residual blocks of one kind: x + factor * (1x1 of all branches), each followed by ReLU."""
    for number in range(1, count + 1):
        block = f"{kind}_{number}"
        mixed = graph.node("Concat", *_branches(graph, layers, x, block), axis=1)
        last = block == _LAST_BLOCK
        scale = 1.0 if last else factor
        closing = f"{block}_Conv2d_1x1"
        kernel = _oihw(layers.tensor(closing, "kernel") * np.float32(scale))
        up = graph.conv(mixed, kernel, layers.tensor(closing, "bias") * np.float32(scale))
        x = graph.node("Add", x, up)
        x = x if last else graph.node("Relu", x)
    return x


def _mixed(graph: Graph, layers: _Weights, x: str, block: str) -> str:
    """A block that halves its input: the branches, and a max pool as the last of them."""
    pool = graph.pool("Max", x, 3, 2)
    return graph.node("Concat", *_branches(graph, layers, x, block), pool, axis=1)


def _branches(graph: Graph, layers: _Weights, x: str, block: str) -> list[str]:
    """Each branch's last output."""
    outputs = []
    for branch in layers.branches(block):
        y = x
        for layer in branch:
            halves = _HALVES in layer
            y = _conv(graph, layers, y, layer, stride=2 if halves else 1, same=not halves)
        outputs.append(y)
    return outputs


def _conv(
    graph: Graph, layers: _Weights, x: str, layer: str, *, stride: int = 1, same: bool = True
) -> str:
    """Convolution, batch normalisation, ReLU."""
    kernel, bias = layers.normalised(layer)
    rows, columns = kernel.shape[:2]
    pads = ((rows - 1) // 2, (columns - 1) // 2) if same else (0, 0)
    return graph.node("Relu", graph.conv(x, _oihw(kernel), bias, stride=stride, pads=pads))


def _oihw(kernel: Floats) -> Floats:
    """Keras keeps (rows, columns, in, out), ONNX (out, in, rows, columns)."""
    return kernel.transpose(3, 2, 0, 1)


def _read(path: Path) -> dict[str, dict[str, Floats]]:
    """All tensors by layer and kind; a dataset is <layer>/.../<kind>:0."""
    try:
        import h5py
    except ModuleNotFoundError as error:
        raise SettingInvalid(
            "FaceNet's weights are read by h5py, which is not installed. Run: pip install"
            " 'rollcall[facenet]'"
        ) from error
    layers: dict[str, dict[str, Floats]] = defaultdict(dict)

    def take(name: str, node: "h5py.Group | h5py.Dataset") -> None:
        if isinstance(node, h5py.Dataset):
            layer, *_, kind = name.split("/")
            layers[layer][kind.partition(":")[0]] = np.asarray(node, np.float32)

    try:
        with h5py.File(path) as file:
            file.visititems(take)
    except (OSError, RuntimeError, ValueError, TypeError) as error:
        raise ExportFailed(f"{path} cannot be read as HDF5: {error}. Pull it again.") from error
    return layers
