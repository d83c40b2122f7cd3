"""From a manifest entry and its weight file to an ONNX file."""

from collections.abc import Callable
from pathlib import Path

from retrieval.embeddings.export import dlib_resnet, facenet, facenet_frozen, onnx_network
from retrieval.embeddings.export.graph import Graph
from retrieval.embeddings.export.quantise import quantised
from retrieval.embeddings.onnx_embedder import ORIGIN_KEY
from retrieval.errors import ModelManifestInvalid
from retrieval.inference.manifest import EmbedderEntry, Precision

_BUILDERS: dict[str, Callable[[Path, EmbedderEntry], Graph]] = {
    "dlib-resnet": dlib_resnet.build,
    "facenet": facenet.build,
    "facenet-frozen": facenet_frozen.build,
    "onnx": onnx_network.build,
}


def export(
    entry: EmbedderEntry, precision: Precision, weights: Path, origin: str, target: Path
) -> None:
    """Write the ONNX file of an embedder; an `Exporter` of `ModelStore`.

    Raises:
        ModelManifestInvalid: the entry names no exporter that exists.
        ExportFailed: the weights are not what the exporter reads, or the ranges do not fit.
    """
    build = _BUILDERS.get(entry.exporter or "")
    if build is None:
        raise ModelManifestInvalid(
            f"There is no exporter {entry.exporter!r}; there are {', '.join(_BUILDERS)}."
        )
    model = build(weights, entry).model("vectors", entry.dimension, {ORIGIN_KEY: origin})
    if precision == "int8":
        model = quantised(model, entry.ranges)
    target.write_bytes(model.SerializeToString())
