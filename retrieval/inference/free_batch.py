"""A network that was saved for one image at a time, made to take any number.

Exporters write the batch of the example that they were given into the file: as the first dimension
of inputs and outputs, and as the first number of the constant shapes of `Reshape`. Whether the
network still computes the same is for the caller to try: a batch can be fixed in other ways, too.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper


def with_free_batch(path: Path) -> bytes:
    """Read an ONNX file and return it with its batch free."""
    model = onnx.load(path)
    free_batch(model)
    return bytes(model.SerializeToString())


def free_batch(model: onnx.ModelProto) -> None:
    """Free the batch of a network, in place."""
    graph = model.graph
    stored = {tensor.name for tensor in graph.initializer}
    for value in (*graph.input, *graph.output):
        dims = value.type.tensor_type.shape.dim
        if value.name not in stored and dims:
            dims[0].dim_param = "n"
    del graph.value_info[:]  # shapes of what is in between, with the old batch
    shapes = {n.input[1] for n in graph.node if n.op_type == "Reshape" and len(n.input) > 1}
    for tensor in graph.initializer:
        if tensor.name in shapes:
            tensor.CopyFrom(_freed(tensor, tensor.name))
    for node in graph.node:
        if node.op_type == "Constant" and node.output[0] in shapes:
            for attribute in node.attribute:
                if attribute.name == "value":
                    attribute.t.CopyFrom(_freed(attribute.t, attribute.t.name))


def _freed(shape: onnx.TensorProto, name: str) -> onnx.TensorProto:
    """A shape that begins with 1: with 0, which means "as long as the input is there"."""
    numbers = numpy_helper.to_array(shape).astype(np.int64)
    if numbers.ndim != 1 or len(numbers) < 2 or numbers[0] != 1:
        return shape
    return numpy_helper.from_array(np.concatenate([[0], numbers[1:]]), name)
