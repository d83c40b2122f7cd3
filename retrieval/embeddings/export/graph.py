"""Writing an ONNX graph node by node: a few lines over `onnx.helper`."""

from collections.abc import Mapping, Sequence
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

    def __init__(self, chip_px: int, opset: int = _OPSET) -> None:
        self._opset = opset
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
        self._append(op, inputs, [name], attributes)
        return name

    def stem(self, weights: Floats, bias: Floats, scaling: Scaling) -> str:
        """The input, scaled, and the first convolution: stride 2, no padding.

        The input is `pixels` (n, s, s, 3) uint8. A fixed scaling is folded into the convolution,
        which is exact, as nothing is padded.
        """
        x = self._image()
        if isinstance(scaling, FixedScaling):
            weights, bias = _with_scaling(weights, bias, scaling)
        else:
            x = self._standardised(x)
        return self.conv(x, weights, bias, stride=2)

    def scaled_image(self, scaling: FixedScaling, *, bgr: bool, nchw: bool) -> str:
        """The input, scaled, for a network whose first convolution pads its image.

        The input is `pixels` (n, s, s, 3) uint8, RGB.

        Args:
            scaling: in the network's order of colours.
            bgr, nchw: that order, and the order of axes.
        """
        x = self._image() if nchw else self.node("Cast", "pixels", to=TensorProto.FLOAT)
        if bgr:
            reversed_colours = self.constant(np.array([2, 1, 0], np.int64))
            x = self.node("Gather", x, reversed_colours, axis=1 if nchw else 3)
        shape = (3, 1, 1) if nchw else (3,)
        mean = self.constant(np.array(scaling.mean, np.float32).reshape(shape))
        divisor = self.constant(np.array(scaling.divisor, np.float32).reshape(shape))
        return self.node("Div", self.node("Sub", x, mean), divisor, output="scaled")

    def include(self, other: Any, image: str) -> str:
        """Add the nodes of another graph of one input, under names of this one's.

        Args:
            other: an ONNX graph whose nodes hold no graphs of their own.
            image: what its input takes.

        Returns:
            its first output.
        """
        names = {"": "", other.input[0].name: image}
        for tensor in other.initializer:
            names[tensor.name] = self.constant(numpy_helper.to_array(tensor))
        for node in other.node:
            attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
            if node.op_type == "Constant":
                names[node.output[0]] = self.constant(numpy_helper.to_array(attributes["value"]))
                continue
            outputs = [f"{node.op_type.lower()}_{len(self._nodes)}"]
            outputs += [f"{outputs[0]}_{number}" for number in range(1, len(node.output))]
            names |= dict(zip(node.output, outputs, strict=True))
            self._append(node.op_type, [names[name] for name in node.input], outputs, attributes)
        return names[other.output[0].name]

    def _append(
        self, op: str, inputs: Sequence[str], outputs: list[str], attributes: Mapping[str, Any]
    ) -> None:
        self._nodes.append(
            helper.make_node(op, list(inputs), outputs, name=outputs[0], **attributes)
        )

    def _image(self) -> str:
        as_float = self.node("Cast", "pixels", to=TensorProto.FLOAT)
        return self.node("Transpose", as_float, output="image", perm=[0, 3, 1, 2])

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
        opsets = [helper.make_opsetid("", self._opset)]
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
