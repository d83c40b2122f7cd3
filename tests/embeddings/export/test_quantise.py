"""The int8 variant: made from the manifest's ranges alone, and close to fp32."""

import numpy as np
import onnx
import onnxruntime
import pytest

from retrieval.embeddings.export import dlib_resnet
from retrieval.embeddings.export.quantise import quantised
from retrieval.embeddings.onnx_embedder import OnnxEmbedder
from retrieval.errors import ExportFailed
from retrieval.inference.manifest import Precision
from retrieval.inference.store import ModelStore
from retrieval.values import Floats, Pixels

NAME = "dlib-resnet"


def vectors(store: ModelStore, precision: Precision, chips: Pixels) -> Floats:
    entry = store.manifest.embedder(NAME)
    path = store.file(NAME, precision)
    return OnnxEmbedder(NAME, entry, path, precision=precision, mirror=False).embed(chips)


def test_real_faces_keep_their_vectors_in_int8(store: ModelStore, face_chips: Pixels) -> None:
    cosines = (vectors(store, "fp32", face_chips) * vectors(store, "int8", face_chips)).sum(1)
    assert cosines.min() > 0.995


def test_int8_keeps_who_is_nearest_to_whom(store: ModelStore, face_chips: Pixels) -> None:
    full, small = (vectors(store, kind, face_chips) for kind in ("fp32", "int8"))
    np.testing.assert_allclose(full @ full.T, small @ small.T, atol=0.02)


def test_the_int8_file_is_a_quarter_and_says_where_it_comes_from(store: ModelStore) -> None:
    full, small = store.file(NAME, "fp32"), store.file(NAME, "int8")
    assert small.stat().st_size < 0.3 * full.stat().st_size
    origins = [
        {pair.key: pair.value for pair in onnx.load(path).metadata_props}["rollcall.origin"]
        for path in (full, small)
    ]
    assert origins[0] != origins[1]


def test_every_convolution_is_quantised(store: ModelStore) -> None:
    nodes = onnx.load(store.file(NAME, "int8")).graph.node
    quantised_weights = {node.output[0] for node in nodes if node.op_type == "DequantizeLinear"}
    convolutions = [node for node in nodes if node.op_type == "Conv"]
    assert len(convolutions) == 29
    assert all(set(node.input[:2]) <= quantised_weights for node in convolutions)


def test_ranges_that_do_not_cover_the_network_are_refused(store: ModelStore) -> None:
    entry = store.manifest.embedder(NAME)
    weights = store.path(NAME, entry.weights)
    model = dlib_resnet.build(weights, entry).model("vectors", entry.dimension, {})
    ranges = {name: span for name, span in entry.ranges.items() if name != "block07_sum"}
    with pytest.raises(ExportFailed, match="block07_sum"):
        quantised(model, ranges)


def test_the_ranges_hold_what_real_faces_reach(store: ModelStore, face_chips: Pixels) -> None:
    """Centres of photos are no aligned chips: a quarter more than the range is let pass."""
    entry = store.manifest.embedder(NAME)
    network = onnx.load(store.file(NAME, "fp32"))
    network.graph.output.extend(onnx.ValueInfoProto(name=name) for name in entry.ranges)
    session = onnxruntime.InferenceSession(
        network.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    reached = session.run(list(entry.ranges), {"pixels": face_chips})
    for (name, (low, high)), activation in zip(entry.ranges.items(), reached, strict=True):
        span = high - low
        assert low - 0.25 * span <= activation.min(), name
        assert activation.max() <= high + 0.25 * span, name
        assert activation.max() >= 0.3 * high, f"{name}: the range is far too wide"
