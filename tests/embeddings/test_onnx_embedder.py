"""Unit vectors, mirror images averaged in, and a fingerprint that tells variants apart."""

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from retrieval.embeddings.onnx_embedder import OnnxEmbedder
from retrieval.errors import InferenceFailed, ModelMismatch
from retrieval.inference.manifest import EmbedderEntry, load_manifest
from retrieval.inference.session import Session
from retrieval.inference.store import ModelStore
from retrieval.values import Pixels

NAME = "dlib-resnet"


def make(store: ModelStore, **options: Any) -> OnnxEmbedder:
    return OnnxEmbedder(NAME, store.manifest.embedder(NAME), store.file(NAME), **options)


def test_rows_have_unit_length(store: ModelStore, random_chips: Pixels) -> None:
    vectors = make(store).embed(random_chips)
    assert vectors.shape == (6, 128)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-6)


def test_a_plain_vector_is_the_networks_at_unit_length(
    store: ModelStore, random_chips: Pixels
) -> None:
    raw = Session(store.file(NAME)).run({"pixels": random_chips})[0]
    expected = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    np.testing.assert_allclose(make(store, mirror=False).embed(random_chips), expected, atol=1e-6)


def test_a_mirrored_vector_is_the_mean_of_both(store: ModelStore, random_chips: Pixels) -> None:
    session = Session(store.file(NAME))
    flipped = np.ascontiguousarray(random_chips[:, :, ::-1])
    both = session.run({"pixels": random_chips})[0] + session.run({"pixels": flipped})[0]
    expected = both / np.linalg.norm(both, axis=1, keepdims=True)
    np.testing.assert_allclose(make(store).embed(random_chips), expected, atol=1e-6)


def test_a_face_and_its_mirror_image_have_one_vector(
    store: ModelStore, random_chips: Pixels
) -> None:
    embedder = make(store)
    np.testing.assert_allclose(
        embedder.embed(random_chips), embedder.embed(random_chips[:, :, ::-1]), atol=1e-6
    )


@pytest.mark.parametrize("mirror", [True, False])
@pytest.mark.parametrize("batch_size", [1, 2, 3, 4, 100])
def test_the_batch_size_changes_no_vector(
    store: ModelStore, random_chips: Pixels, batch_size: int, mirror: bool
) -> None:
    whole = make(store, mirror=mirror, batch_size=32).embed(random_chips)
    split = make(store, mirror=mirror, batch_size=batch_size).embed(random_chips)
    np.testing.assert_allclose(whole, split, atol=1e-5)


def test_no_chips_give_no_vectors(store: ModelStore, random_chips: Pixels) -> None:
    assert make(store).embed(random_chips[:0]).shape == (0, 128)


def test_the_callers_chips_are_not_changed(store: ModelStore, random_chips: Pixels) -> None:
    before = random_chips.copy()
    make(store).embed(random_chips)
    np.testing.assert_array_equal(random_chips, before)


def test_chips_of_another_size_are_refused(store: ModelStore) -> None:
    with pytest.raises(ValueError, match=r"chips: expected shape .*150"):
        make(store).embed(np.zeros((1, 112, 112, 3), np.uint8))


def test_fingerprints_tell_apart_what_changes_a_vector(store: ModelStore) -> None:
    entry = store.manifest.embedder(NAME)
    moved = [(x + 1, y) for x, y in entry.template]
    others = [
        make(store),
        make(store, mirror=False),
        OnnxEmbedder(NAME, entry, store.file(NAME, "int8"), precision="int8"),
        OnnxEmbedder(NAME, changed(entry, template=moved), store.file(NAME)),
        OnnxEmbedder("another", entry, store.file(NAME)),
    ]
    for first, second in combinations([embedder.fingerprint for embedder in others], 2):
        assert first != second


def test_a_fingerprint_is_readable_and_stays(store: ModelStore) -> None:
    first, second = make(store, threads=1, batch_size=8), make(store, threads=2, batch_size=32)
    assert first.fingerprint == second.fingerprint
    assert first.fingerprint.startswith("dlib-resnet:fp32:mirror:")


def test_the_template_cannot_be_changed_by_a_caller(store: ModelStore) -> None:
    with pytest.raises(ValueError, match="read-only"):
        make(store).alignments[0].template[0, 0] = 3


# A finished ONNX network of the user's own: the mean of each channel over the chip.


def changed(entry: EmbedderEntry, **changes: Any) -> EmbedderEntry:
    return EmbedderEntry.model_validate(entry.model_dump() | changes)


def own_entry(**changes: Any) -> EmbedderEntry:
    fields = {
        "exporter": None,
        "dimension": 3,
        "chip_px": 16,
        "template": [(2, 2), (6, 2), (4, 4), (3, 6), (5, 6)],
        "scaling": {"kind": "fixed", "mean": (0, 0, 0), "divisor": (1, 1, 1)},
    }
    return changed(load_manifest().embedder(NAME), **fields | changes)


def own_network(path: Path, layout: str = "NCHW", outputs: int = 3) -> Path:
    shape, axes = (["n", 3, 16, 16], [2, 3]) if layout == "NCHW" else (["n", 16, 16, 3], [1, 2])
    value = helper.make_tensor_value_info
    mean = helper.make_node("ReduceMean", ["chips"], ["mean"], axes=axes, keepdims=0)
    graph = helper.make_graph(
        [mean],
        "means",
        [value("chips", TensorProto.FLOAT, shape)],
        [value("mean", TensorProto.FLOAT, ["n", outputs])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


RED = np.zeros((2, 16, 16, 3), np.uint8)
RED[..., 0] = 200


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize(("colour", "expected"), [("RGB", [1, 0, 0]), ("BGR", [0, 0, 1])])
def test_a_network_of_the_users_gets_its_layout_and_colour_order(
    tmp_path: Path, layout: str, colour: str, expected: list[int]
) -> None:
    path = own_network(tmp_path / "means.onnx", layout)
    embedder = OnnxEmbedder("means", own_entry(layout=layout, colour=colour), path)
    np.testing.assert_allclose(embedder.embed(RED), [expected, expected])


def test_a_network_that_takes_raw_pixels_gets_them(tmp_path: Path) -> None:
    value = helper.make_tensor_value_info
    nodes = [
        helper.make_node("Cast", ["chips"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["floats"], ["mean"], axes=[1, 2], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "means",
        [value("chips", TensorProto.UINT8, ["n", 16, 16, 3])],
        [value("mean", TensorProto.FLOAT, ["n", 3])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "raw.onnx")
    scaling = {"kind": "fixed", "mean": (200, 0, 0), "divisor": (1, 1, 1)}  # would leave nothing
    embedder = OnnxEmbedder("raw", own_entry(scaling=scaling), tmp_path / "raw.onnx")
    np.testing.assert_allclose(embedder.embed(RED), [[1, 0, 0], [1, 0, 0]])


def test_a_network_that_takes_another_size_is_refused(tmp_path: Path) -> None:
    path = own_network(tmp_path / "means.onnx")
    with pytest.raises(ModelMismatch, match="Mend chip_px or layout"):
        OnnxEmbedder("means", own_entry(chip_px=24), path)
    with pytest.raises(ModelMismatch, match="Mend chip_px or layout"):
        OnnxEmbedder("means", own_entry(layout="NHWC"), path)


def test_a_network_of_another_dimension_is_refused(tmp_path: Path) -> None:
    path = own_network(tmp_path / "means.onnx")
    with pytest.raises(ModelMismatch, match="dimension"):
        OnnxEmbedder("means", own_entry(dimension=4), path)


def test_a_vector_of_zeros_is_no_answer(tmp_path: Path) -> None:
    embedder = OnnxEmbedder("means", own_entry(), own_network(tmp_path / "means.onnx"))
    with pytest.raises(InferenceFailed, match="zero or not finite"):
        embedder.embed(np.zeros((1, 16, 16, 3), np.uint8))


def test_the_weights_of_a_users_network_are_in_its_fingerprint(tmp_path: Path) -> None:
    first = own_network(tmp_path / "first.onnx")
    second = tmp_path / "second.onnx"
    model = onnx.load(first)
    model.doc_string = "trained again"
    onnx.save(model, second)
    fingerprints = {
        OnnxEmbedder("means", own_entry(), path).fingerprint for path in (first, second)
    }
    assert len(fingerprints) == 2


def test_a_network_whose_batch_cannot_be_freed_takes_chips_one_by_one(tmp_path: Path) -> None:
    axes = helper.make_tensor("axes", TensorProto.INT64, [1], [0])
    nodes = [
        helper.make_node("Squeeze", ["chips", "axes"], ["chip"]),  # fails for two
        helper.make_node("ReduceMean", ["chip"], ["mean"], axes=[1, 2], keepdims=0),
        helper.make_node("Unsqueeze", ["mean", "axes"], ["means"]),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "means",
        [value("chips", TensorProto.FLOAT, [1, 3, 16, 16])],
        [value("means", TensorProto.FLOAT, [1, 3])],
        [axes],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "one.onnx")
    embedder = OnnxEmbedder("means", own_entry(), tmp_path / "one.onnx")
    np.testing.assert_allclose(embedder.embed(RED), [[1, 0, 0]] * 2, atol=1e-6)
