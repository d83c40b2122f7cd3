"""Writing an ONNX graph node by node: a few lines over `onnx.helper`."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from retrieval.inference.manifest import FixedScaling, Scaling
from retrieval.values import Floats

# Opset 17 is what ONNX Runtime 1.20, the oldest that Rollcall allows, runs with all its fusions.
_OPSET = 17
_IR_VERSION = 8


class Graph:
    """A graph in the making. Each method adds a node and returns the name of its output."""

    def __init__(self, chip_px: int) -> None:
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._chip_px = chip_px

    def constant(self, array: npt.NDArray[Any]) -> str:
        """Store an array, return its name."""
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(self, op: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """Add a node of one output."""
        name = output or f"{op.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(op, list(inputs), [name], name=name, **attributes))
        return name

    def stem(self, weights: Floats, bias: Floats, scaling: Scaling) -> str:
        """The input, scaled, and the first convolution: stride 2, no padding.

        The input is `pixels` (n, s, s, 3) uint8. A fixed scaling is folded into the convolution,
        which is exact, as nothing is padded.
        """
        as_float = self.node("Cast", "pixels", to=TensorProto.FLOAT)
        x = self.node("Transpose", as_float, output="image", perm=[0, 3, 1, 2])
        if isinstance(scaling, FixedScaling):
            weights, bias = _with_scaling(weights, bias, scaling)
        else:
            x = self._standardised(x)
        return self.conv(x, weights, bias, stride=2)

    def _standardised(self, x: str) -> str:
        """Each image with mean 0 and standard deviation 1; see `preprocessing.standardise`."""
        smallest = np.array(1 / np.sqrt(3 * self._chip_px**2), np.float32)
        offset = self.node("Sub", x, self.node("ReduceMean", x, axes=[1, 2, 3]))
        variance = self.node("ReduceMean", self.node("Mul", offset, offset), axes=[1, 2, 3])
        deviation = self.node("Max", self.node("Sqrt", variance), self.constant(smallest))
        return self.node("Div", offset, deviation)

    def conv(
        self,
        x: str,
        weights: Floats,
        bias: Floats,
        *,
        stride: int = 1,
        pads: tuple[int, int] = (0, 0),
        output: str | None = None,
    ) -> str:
        """A convolution; weights (out, in, rows, columns), pads (rows, columns) on both sides."""
        return self.node(
            "Conv",
            x,
            self.constant(weights),
            self.constant(bias),
            output=output,
            kernel_shape=list(weights.shape[2:]),
            strides=[stride, stride],
            pads=[*pads, *pads],
        )

    def pool(self, kind: str, x: str, size: int, stride: int, output: str | None = None) -> str:
        """`Max` or `Average` pooling without padding."""
        shape, strides = [size, size], [stride, stride]
        return self.node(f"{kind}Pool", x, output=output, kernel_shape=shape, strides=strides)

    def dense(self, x: str, weights: Floats, bias: Floats | None, output: str) -> str:
        """A fully connected layer on (n, in); weights (in, out)."""
        inputs = [x, self.constant(weights)]
        if bias is not None:
            inputs.append(self.constant(bias))
        return self.node("Gemm", *inputs, output=output)

    def model(self, output: str, dimension: int, metadata: Mapping[str, str]) -> Any:
        """The finished model: `pixels` (n, s, s, 3) uint8 in, `output` (n, dimension) out."""
        side = self._chip_px
        pixels = helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["n", side, side, 3])
        vectors = helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", dimension])
        graph = helper.make_graph(self._nodes, "embedder", [pixels], [vectors], self._constants)
        opsets = [helper.make_opsetid("", _OPSET)]
        model = helper.make_model(
            graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="rollcall"
        )
        helper.set_model_props(model, dict(metadata))
        onnx.checker.check_model(model)
        return model


def _with_scaling(weights: Floats, bias: Floats, scaling: FixedScaling) -> tuple[Floats, Floats]:
    """The convolution that does to pixels what this one does to (pixel - mean) / divisor."""
    mean, divisor = np.array(scaling.mean), np.array(scaling.divisor)
    scaled = weights / divisor[:, None, None]
    shift = np.einsum("oihw,i->o", scaled, mean)
    return np.asarray(scaled, np.float32), np.asarray(bias - shift, np.float32)
