"""`rollcall models`: what is there, and how the rest is got."""

import re
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from tests.cli.running import document, rollcall

UNREACHABLE = """
[detectors.far]
title = "A detector"
licence = "none"
[detectors.far.files.network]
url = "http://127.0.0.1:1/far.onnx"
"""


def test_list_shows_every_model_with_its_state_and_licence(tmp_path: Path) -> None:
    models = document(rollcall(tmp_path, "models", "list", "--json"))["models"]
    by_name = {model["name"]: model for model in models}
    assert by_name["yunet"]["state"] == "not pulled"
    assert by_name["mtcnn"]["available"] is True
    assert by_name["dlib-resnet"]["licence"] == "CC0-1.0"
    assert by_name["dlib-resnet"]["threshold_measured"] is True
    assert by_name["facenet512"]["threshold_measured"] is False
    assert by_name["facenet512"]["lfw_fnir"] is None
    assert by_name["mobilefacenet"]["lfw_fnir"] < by_name["dlib-resnet"]["lfw_fnir"]
    assert by_name["mobilefacenet-dlib"]["state"] == "not pulled"


def test_list_prints_lines_where_there_is_no_terminal(tmp_path: Path) -> None:
    lines = rollcall(tmp_path, "models", "list").stdout.splitlines()
    assert lines[0].split("\t")[:3] == ["name", "state", "FNIR"]
    cells = [line.split("\t") for line in lines]
    assert ["yunet", "not pulled"] in [line[:2] for line in cells]
    assert ["sface", "not pulled", "not measured"] in [line[:3] for line in cells]
    assert ["mtcnn", "detector", "MIT"] in cells
    assert any("not by us" in line for line in lines)


def test_list_fits_into_eighty_columns_with_every_name_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    lines = rollcall(tmp_path, "models", "list").stdout.splitlines()
    words = [re.sub(r"\x1b\[[0-9;]*m", "", line).split() for line in lines]
    for name in ("mobilefacenet-dlib", "ghostfacenet"):
        assert [line[0] for line in words if line].count(name) == 2
    assert ["ghostfacenet", "not", "pulled", "not", "measured"] in words


def test_export_writes_every_variant_and_verify_hashes_them(tmp_path: Path) -> None:
    exported = document(rollcall(tmp_path, "models", "export", "dlib-resnet", "--json"))
    assert set(exported["files"]) == {"fp32", "int8"}
    assert all(Path(file).is_file() for file in exported["files"].values())
    verified = document(rollcall(tmp_path, "models", "verify", "dlib-resnet", "--json"))
    assert verified["intact"]
    assert set(exported["files"].values()) <= {row["file"] for row in verified["files"]}


def test_verify_names_a_damaged_file_and_ends_with_3(tmp_path: Path) -> None:
    result = rollcall(tmp_path, "models", "export", "dlib-resnet", "--precision", "fp32", "--json")
    file = Path(document(result)["files"]["fp32"])
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    result = rollcall(tmp_path, "models", "verify", "--json")
    assert result.exit_code == 3
    [wrong] = [row for row in document(result)["files"] if row["error"]]
    assert str(file) in wrong["error"]
    assert {"mtcnn", "haar"} <= {row["name"] for row in document(result)["files"]}


def test_a_variant_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    result = rollcall(tmp_path, "models", "export", "dlib-resnet", "--precision", "int4")
    assert result.exit_code == 2
    assert "only int8, fp32" in result.stderr


def test_pull_from_a_path_makes_the_model_available(tmp_path: Path, yunet_file: Path) -> None:
    result = rollcall(tmp_path, "models", "pull", "yunet", "--from", yunet_file, "--json")
    [pulled] = document(result)["models"]["yunet"]
    assert Path(pulled).read_bytes() == yunet_file.read_bytes()
    models = document(rollcall(tmp_path, "models", "list", "--json"))["models"]
    assert [model["state"] for model in models if model["name"] == "yunet"] == ["ready"]


def test_pull_from_a_wrong_file_is_refused_with_both_hashes(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.onnx"
    wrong.write_bytes(b"no network")
    result = rollcall(tmp_path, "models", "pull", "yunet", "--from", wrong, "--json")
    assert result.exit_code == 3
    error = document(result)["error"]
    assert error["code"] == "model-corrupt"
    assert "ebafce4e" in error["message"]


def test_pull_of_a_model_that_comes_with_a_package_exports_it(tmp_path: Path) -> None:
    pulled = document(rollcall(tmp_path, "models", "pull", "mtcnn", "dlib-resnet", "--json"))
    assert pulled["models"]["mtcnn"] == []
    assert [Path(file).suffix for file in pulled["models"]["dlib-resnet"]] == [".onnx"]


def test_pull_without_a_network_says_what_to_do_and_ends_with_3(tmp_path: Path) -> None:
    (tmp_path / "models.toml").write_text(UNREACHABLE, encoding="utf-8")
    result = rollcall(tmp_path, "models", "pull", "far")
    assert result.exit_code == 3
    assert "models pull far --from PATH" in " ".join(result.stderr.split())


@pytest.mark.parametrize("words", [("pull", "nobody"), ("export", "nobody"), ("verify", "nobody")])
def test_an_unknown_model_is_answered_with_the_known_ones(
    tmp_path: Path, words: tuple[str, str]
) -> None:
    result = rollcall(tmp_path, "models", *words)
    assert result.exit_code == 2
    assert "dlib-resnet" in result.stderr
    assert words[0] == "export" or "yunet" in result.stderr


def test_a_wrong_file_is_refused_with_where_the_right_one_is(tmp_path: Path) -> None:
    (tmp_path / "wrong.onnx").write_bytes(b"no network")
    wrong = rollcall(tmp_path, "models", "pull", "mobilefacenet", "--from", tmp_path / "wrong.onnx")
    assert wrong.exit_code == 3
    assert "fetch https://" in wrong.stderr
    assert "stamp" not in wrong.stderr  # there is none: the manifest knows the hash


def test_one_file_cannot_be_two_models(tmp_path: Path) -> None:
    result = rollcall(tmp_path, "models", "pull", "facenet512", "facenet128", "--from", "a.h5")
    assert result.exit_code == 2
    assert "Pull each alone" in result.stderr


def test_a_manifest_that_does_not_fit_ends_with_3_and_names_the_field(tmp_path: Path) -> None:
    (tmp_path / "models.toml").write_text(UNREACHABLE.replace("title", "tilte"), encoding="utf-8")
    result = rollcall(tmp_path, "models", "list")
    assert result.exit_code == 3
    assert "tilte" in result.stderr or "title" in result.stderr


def test_an_embedder_of_the_users_own_is_listed_by_one_entry(tmp_path: Path) -> None:
    own = tmp_path / "networks" / "mine.onnx"
    own.parent.mkdir()
    mean_of_channels(own)
    (tmp_path / "models.toml").write_text(
        """
        [embedders.mine]
        title = "Mine"
        licence = "mine"
        dimension = 3
        chip_px = 16
        template = [[4, 4], [12, 4], [8, 8], [5, 12], [11, 12]]
        weights = { path = "networks/mine.onnx" }
        scaling = { kind = "fixed", mean = [0, 0, 0], divisor = [255, 255, 255] }
        decision = { threshold = 0.5, margin = 0.0, measured = false, source = "a guess" }
        """,
        encoding="utf-8",
    )
    models = document(rollcall(tmp_path, "models", "list", "--json"))["models"]
    assert [model["state"] for model in models if model["name"] == "mine"] == ["ready"]
    verified = document(rollcall(tmp_path, "models", "verify", "mine", "--json"))
    assert [row["file"] for row in verified["files"]] == [str(own)]


def mean_of_channels(path: Path) -> None:
    """An embedder of three numbers."""
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["chips"], ["mean"], axes=[2, 3], keepdims=0)],
        "means",
        [value("chips", TensorProto.FLOAT, ["n", 3, 16, 16])],
        [value("mean", TensorProto.FLOAT, ["n", 3])],
    )
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
