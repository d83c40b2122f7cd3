"""A network saved for one image takes several, and answers each as it did alone."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from retrieval.inference.free_batch import with_free_batch
from retrieval.inference.session import Session

CHIPS = np.random.default_rng(0).random((3, 3, 4, 4), dtype=np.float32)


def saved_for_one(path: Path, shape: list[int], *, as_node: bool) -> Path:
    """A network that reshapes (1, 3, 4, 4) to vectors, with the shape kept in one of two ways."""
    value = helper.make_tensor_value_info
    constant = numpy_helper.from_array(np.array(shape, np.int64), "shape")
    reshape = helper.make_node("Reshape", ["chip", "shape"], ["vector"])
    shape_node = helper.make_node("Constant", [], ["shape"], value=constant)
    graph = helper.make_graph(
        [shape_node, reshape] if as_node else [reshape],
        "one",
        [value("chip", TensorProto.FLOAT, [1, 3, 4, 4])],
        [value("vector", TensorProto.FLOAT, [1, 48])],
        [] if as_node else [constant],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


@pytest.mark.parametrize("as_node", [True, False])
@pytest.mark.parametrize("shape", [[1, -1], [1, 48], [-1, 48]])
def test_any_number_of_images_is_taken(tmp_path: Path, shape: list[int], as_node: bool) -> None:
    path = saved_for_one(tmp_path / "one.onnx", shape, as_node=as_node)
    freed = Session(path, rewrite=with_free_batch)
    np.testing.assert_array_equal(freed.run({"chip": CHIPS})[0], CHIPS.reshape(3, 48))
    assert freed.inputs["chip"][1] == ("n", 3, 4, 4)


def test_mobilefacenet_answers_a_batch_as_it_answers_each_alone(mobilefacenet_file: Path) -> None:
    chips = np.random.default_rng(1).standard_normal((3, 3, 112, 112)).astype(np.float32)
    alone = Session(mobilefacenet_file)
    together = Session(mobilefacenet_file, rewrite=with_free_batch).run({"input0": chips})[0]
    expected = [alone.run({"input0": chips[row : row + 1]})[0] for row in range(3)]
    np.testing.assert_allclose(together, np.concatenate(expected), atol=1e-4)
