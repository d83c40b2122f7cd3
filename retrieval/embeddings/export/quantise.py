"""The int8 variant of an exported network, made without a single photo.

Static quantisation as ONNX Runtime runs it fastest: uint8 activations, int8 weights a channel,
with `QuantizeLinear` and `DequantizeLinear` pairs around convolutions, additions and pools. The
ranges of the activations were measured once and stand in the manifest. Weights use seven bits, so
that the sums of two products fit into 16 bits and processors with and without VNNI agree.

Source: ONNX Runtime, "Quantize ONNX models" (QDQ format; U8S8 and `reduce_range`).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from onnxruntime.quantization import CalibrationMethod, QuantType
from onnxruntime.quantization.calibrate import TensorData, TensorsData
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

from retrieval.errors import ExportFailed

_OPERATORS = ["Conv", "Relu", "Clip", "Add", "Concat", "MaxPool", "AveragePool"]
_LIMITERS = ("Relu", "Clip")


def quantised(model: Any, ranges: Mapping[str, tuple[float, float]]) -> Any:
    """Quantise a float model, which is consumed.

    Args:
        model: from `Graph.model`.
        ranges: smallest and largest value of each activation, by its name in the graph.

    Raises:
        ExportFailed: an activation has no range.
    """
    data = {name: _tensor_data(low, high) for name, (low, high) in ranges.items()}
    # What goes into a ReLU, or into ReLU6 written as Clip, is only seen behind it.
    limiters = [node for node in model.graph.node if node.op_type in _LIMITERS]
    data |= {n.input[0]: data[n.output[0]] for n in limiters if n.output[0] in data}
    if missing := _activations(model) - data.keys():
        raise ExportFailed(
            f"The manifest has no ranges of the activations {', '.join(sorted(missing))}, so there "
            "is no int8 variant. Export fp32, or add them."
        )
    quantizer = QDQQuantizer(
        model,
        per_channel=True,
        reduce_range=True,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QUInt8,
        tensors_range=TensorsData(CalibrationMethod.MinMax, data),
        nodes_to_quantize=[],
        nodes_to_exclude=[],
        op_types_to_quantize=_OPERATORS,
        extra_options={},
    )
    quantizer.quantize_model()
    return quantizer.model.model


def _activations(model: Any) -> set[str]:
    """What goes into the operators that are quantised, and comes out of them."""
    nodes = [node for node in model.graph.node if node.op_type in _OPERATORS]
    names = {name for node in nodes for name in (*node.input, *node.output)}
    return names - {constant.name for constant in model.graph.initializer}


def _tensor_data(low: float, high: float) -> TensorData:
    return TensorData(lowest=np.array(low, np.float32), highest=np.array(high, np.float32))
