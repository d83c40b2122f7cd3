"""A finished ONNX network as ours: raw pixels in, its scaling inside, any number of chips."""

from pathlib import Path

import onnx

from retrieval.embeddings.export.graph import Graph
from retrieval.errors import ExportFailed
from retrieval.inference.free_batch import free_batch
from retrieval.inference.manifest import EmbedderEntry, FixedScaling

_FLOAT = onnx.TensorProto.FLOAT


def build(weights: Path, entry: EmbedderEntry) -> Graph:
    """Build the network's graph; its output is named `vectors`.

    Raises:
        ExportFailed: the file is no ONNX network of one image in and one vector out, or the entry
            asks for a scaling that cannot be put inside.
    """
    try:
        model = onnx.load(weights)
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf's and onnx's share no other parent
        raise ExportFailed(f"{weights} cannot be read as ONNX: {error}. Pull it again.") from error
    graph = model.graph
    stored = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in stored]
    opset = max((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=0)
    if len(inputs) != 1 or inputs[0].type.tensor_type.elem_type != _FLOAT or not opset:
        raise ExportFailed(
            f"{weights} has inputs {[value.name for value in inputs]}; expected one, of float32."
        )
    if not isinstance(entry.scaling, FixedScaling):
        raise ExportFailed(
            f"{weights}: only a fixed scaling can be put into an ONNX network, not"
            f" {entry.scaling.kind}. Leave `exporter` out of its entry."
        )
    free_batch(model)
    del graph.input[:]
    graph.input.extend(inputs)
    ours = Graph(entry.chip_px, opset)
    image = ours.scaled_image(entry.scaling, bgr=entry.colour == "BGR", nchw=entry.layout == "NCHW")
    ours.node("Identity", ours.include(graph, image), output="vectors")
    return ours
