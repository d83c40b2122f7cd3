"""A finished network with its scaling inside answers as the file itself does on scaled pixels."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from retrieval.embeddings.export.exporters import export
from retrieval.embeddings.onnx_embedder import OnnxEmbedder
from retrieval.embeddings.preprocessing import prepare
from retrieval.errors import ExportFailed
from retrieval.inference.manifest import EmbedderEntry, load_manifest
from retrieval.inference.session import Session
from retrieval.values import Pixels

NAME = "mobilefacenet"
CHIPS = np.random.default_rng(1).integers(0, 256, (5, 112, 112, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def entry() -> EmbedderEntry:
    return load_manifest().embedder(NAME)


def exported(entry: EmbedderEntry, weights: Path, folder: Path, precision: str = "fp32") -> Path:
    target = folder / f"{precision}.onnx"
    export(entry, "int8" if precision == "int8" else "fp32", weights, "origin", target)
    return target


def test_raw_pixels_give_what_the_published_file_gives(
    entry: EmbedderEntry, mobilefacenet_file: Path, tmp_path: Path
) -> None:
    ours = Session(exported(entry, mobilefacenet_file, tmp_path)).run({"pixels": CHIPS})[0]
    published, scaled = Session(mobilefacenet_file), prepare(CHIPS, entry)
    theirs = [published.run({"input0": scaled[row : row + 1]})[0] for row in range(len(CHIPS))]
    assert np.abs(ours - np.concatenate(theirs)).max() <= 1e-4


def test_int8_keeps_real_faces_near_their_fp32_vectors(
    entry: EmbedderEntry, mobilefacenet_file: Path, tmp_path: Path, lfw_chips: Pixels
) -> None:
    full, small = (
        OnnxEmbedder(NAME, entry, exported(entry, mobilefacenet_file, tmp_path, precision))
        for precision in ("fp32", "int8")
    )
    assert (full.embed(lfw_chips) * small.embed(lfw_chips)).sum(axis=1).min() > 0.94


def test_the_entry_alone_runs_the_published_file_too(
    entry: EmbedderEntry, mobilefacenet_file: Path, tmp_path: Path
) -> None:
    """As an entry of models.toml without an exporter: its batch of one is freed as it is loaded."""
    finished = entry.model_copy(update={"exporter": None})
    as_it_is = OnnxEmbedder(NAME, finished, mobilefacenet_file)
    inside = OnnxEmbedder(NAME, entry, exported(entry, mobilefacenet_file, tmp_path))
    np.testing.assert_allclose(as_it_is.embed(CHIPS), inside.embed(CHIPS), atol=1e-5)


@pytest.mark.parametrize(("layout", "shape"), [("NCHW", (3, 8, 8)), ("NHWC", (8, 8, 3))])
@pytest.mark.parametrize("colour", ["RGB", "BGR"])
def test_any_order_of_colours_and_axes(
    entry: EmbedderEntry, tmp_path: Path, layout: str, shape: tuple[int, ...], colour: str
) -> None:
    network = flat_network(tmp_path / "flat.onnx", shape)
    own = entry.model_copy(
        update={"layout": layout, "colour": colour, "chip_px": 8, "dimension": 192}
    )
    found = Session(exported(own, network, tmp_path)).run({"pixels": CHIPS[:, :8, :8]})[0]
    expected = prepare(np.ascontiguousarray(CHIPS[:, :8, :8]), own).reshape(5, -1)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_what_is_no_network_of_one_image_is_refused(entry: EmbedderEntry, tmp_path: Path) -> None:
    page = tmp_path / "page.onnx"
    page.write_text("<html>")
    with pytest.raises(ExportFailed, match=r"page\.onnx cannot be read as ONNX"):
        exported(entry, page, tmp_path)
    per_image = entry.model_copy(update={"scaling": load_manifest().embedder("facenet128").scaling})
    with pytest.raises(ExportFailed, match="only a fixed scaling"):
        exported(per_image, flat_network(tmp_path / "flat.onnx", (3, 8, 8)), tmp_path)


def flat_network(path: Path, shape: tuple[int, ...]) -> Path:
    """Flattens its image: the answer shows what the network was given."""
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Flatten", ["chip"], ["numbers"])],
        "flat",
        [value("chip", TensorProto.FLOAT, [1, *shape])],
        [value("numbers", TensorProto.FLOAT, [1, 192])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path
