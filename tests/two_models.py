"""A second embedder of one's own, small and of another length, beside the one that packages bring.

It compares faces by their grey pixels at 24x24, thrown on 48 directions: crude, but it does tell
people apart, and other people than dlib's network does.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SMALL = "small"
DIMENSION, _SIDE = 48, 24

_ENTRY = """
[embedders.small]
title = "Grey pixels on 48 directions"
licence = "none"
dimension = 48
chip_px = 24
template = [[7.6, 7.5], [16.1, 7.5], [11.8, 12.3], [8.1, 16.5], [15.6, 16.5]]
weights = { path = "small.onnx" }
scaling = { kind = "per-image" }
decision = { threshold = 0.9, margin = 0.0, measured = false, source = "a guess" }
"""


def write_small_embedder(home: Path) -> None:
    """Write the network and its manifest entry into a home folder."""
    directions = np.random.default_rng(3).normal(size=(_SIDE * _SIDE, DIMENSION))
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["chips"], ["grey"], axes=[1], keepdims=0),
            helper.make_node("Flatten", ["grey"], ["row"]),
            helper.make_node("MatMul", ["row", "directions"], ["vector"]),
        ],
        "small",
        [value("chips", TensorProto.FLOAT, ["n", 3, _SIDE, _SIDE])],
        [value("vector", TensorProto.FLOAT, ["n", DIMENSION])],
        [numpy_helper.from_array(directions.astype(np.float32), "directions")],
    )
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), home / "small.onnx")
    (home / "models.toml").write_text(_ENTRY, encoding="utf-8")
