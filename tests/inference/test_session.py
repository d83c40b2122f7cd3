"""ONNX Runtime's errors arrive as ours."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from retrieval.errors import InferenceFailed, ModelCorrupt, ModelMissing, SettingInvalid
from retrieval.inference.session import Session, available_providers, chosen_provider


@pytest.fixture
def doubler(tmp_path: Path) -> Path:
    """A network that doubles (n, 2)."""
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "x"], ["y"])],
        "doubler",
        [value("x", TensorProto.FLOAT, ["n", 2])],
        [value("y", TensorProto.FLOAT, ["n", 2])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {"maker": "test"})
    path = tmp_path / "doubler.onnx"
    onnx.save(model, path)
    return path


def test_a_network_runs_and_describes_itself(doubler: Path) -> None:
    session = Session(doubler, threads=1)
    [doubled] = session.run({"x": np.array([[1, 2], [3, 4]], np.float32)})
    assert doubled.tolist() == [[2, 4], [6, 8]]
    assert session.inputs == {"x": ("tensor(float)", ("n", 2))}
    assert session.outputs == {"y": ("n", 2)}
    assert session.metadata == {"maker": "test"}


def test_a_missing_file_names_the_command_that_lists_models(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="rollcall models list"):
        Session(tmp_path / "none.onnx")


def test_a_file_that_is_no_network_is_corrupt(tmp_path: Path) -> None:
    page = tmp_path / "page.onnx"
    page.write_text("<html>Not Found</html>")
    with pytest.raises(ModelCorrupt, match=r"page\.onnx"):
        Session(page)


def test_a_failing_run_names_the_file_and_the_shapes(doubler: Path) -> None:
    with pytest.raises(InferenceFailed, match=r"doubler\.onnx failed on inputs .*\(1, 3\)"):
        Session(doubler).run({"x": np.zeros((1, 3), np.float32)})


def test_the_processor_is_always_there_and_auto_takes_what_is_best() -> None:
    found = available_providers()
    assert found["cpu"] == "CPUExecutionProvider"
    assert chosen_provider("cpu") == "cpu"
    assert chosen_provider("auto") == ("cuda" if "cuda" in found else "cpu")


def test_a_provider_that_is_not_there_is_an_error_that_names_those_that_are(doubler: Path) -> None:
    with pytest.raises(SettingInvalid, match=r"'abacus', only on .*cpu.*ROLLCALL_PROVIDER"):
        Session(doubler, provider="abacus")
