"""The trained network as an ONNX file, and its answer about a picture."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict

import cv2
import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.neural_network import MLPClassifier

from retrieval.benchmarks.fashion_mnist.data import CLASSES, SIDE_PX
from retrieval.errors import ModelMissing
from retrieval.inference.download import writing_beside
from retrieval.inference.session import Session
from retrieval.values import Floats, Pixels

_OPSET, _IR = 17, 8  # what ONNX Runtime 1.20 and newer read
_LIGHT = 127  # a lighter border means a light background


class Prediction(TypedDict):
    """What the network says of a picture: the best class and every class's probability."""

    label: str
    probability: float
    probabilities: dict[str, float]
    negated: bool


def network_path(home: Path) -> Path:
    """Where the trained network lies."""
    return home / "benchmarks" / "fashion-mnist" / "network.onnx"


def export(network: MLPClassifier, path: Path, notes: Mapping[str, str]) -> Path:
    """Write the network as an ONNX file that reads pixels as they are.

    Args:
        network: trained, with one hidden layer.
        path: where to.
        notes: kept in the file's metadata.

    Raises:
        StoreFull: no space left.
    """
    with writing_beside(path) as beside:
        beside.write_bytes(_model(network, notes).SerializeToString())
    return path


class Network:
    """An exported network, ready to answer."""

    def __init__(self, path: Path) -> None:
        """Load it.

        Raises:
            ModelMissing: no network has been trained yet.
            ModelCorrupt: no ONNX file.
        """
        if not path.is_file():
            raise ModelMissing(
                f"There is no trained network {path}. Run: rollcall bench fashion-mnist train"
            )
        self._session = Session(path, threads=1)

    def probabilities(self, pixels: npt.NDArray[np.uint8]) -> Floats:
        """Classes' probabilities, (n, 10), of (n, 28, 28) uint8 pictures, white on black."""
        return self._session.run({"pixels": np.ascontiguousarray(pixels)})[0]

    def predict(self, pixels: Pixels) -> Prediction:
        """Say what a picture (h, w, 3) RGB of any size shows."""
        picture, negated = as_fashion_mnist(pixels)
        row = self.probabilities(picture[None])[0]
        best = int(row.argmax())
        return Prediction(
            label=CLASSES[best],
            probability=float(row[best]),
            probabilities={name: float(p) for name, p in zip(CLASSES, row, strict=True)},
            negated=negated,
        )


def as_fashion_mnist(pixels: Pixels) -> tuple[npt.NDArray[np.uint8], bool]:
    """Make a picture look like the data set's: 28x28, grey, white on black, centred.

    Args:
        pixels: (h, w, 3) RGB uint8.

    Returns:
        (28, 28) uint8, and whether it was negated, since its border is light.

    Source: the steps of the data set's makers (Xiao et al. 2017, section 2), but for the
        sharpening; a picture of 28x28 with a dark border stays as it is, to the byte.
    """
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    negated = bool(np.median(border) > _LIGHT)
    if negated:
        grey = 255 - grey
    scale = SIDE_PX / max(grey.shape)
    height, width = (max(round(side * scale), 1) for side in grey.shape)
    small = cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA)
    top, left = (SIDE_PX - height) // 2, (SIDE_PX - width) // 2
    picture = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    picture[top : top + height, left : left + width] = small
    return picture, negated


def _model(network: MLPClassifier, notes: Mapping[str, str]) -> onnx.ModelProto:
    tensors: dict[str, npt.NDArray[Any]] = {
        "white": np.array(255, np.float32),
        "row": np.array([-1, SIDE_PX * SIDE_PX], np.int64),
    }
    for number, (weights, biases) in enumerate(
        zip(network.coefs_, network.intercepts_, strict=True), start=1
    ):
        tensors[f"weights_{number}"] = weights.astype(np.float32)
        tensors[f"biases_{number}"] = biases.astype(np.float32)
    nodes = [
        helper.make_node("Cast", ["pixels"], ["grey"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["grey", "white"], ["scaled"]),
        helper.make_node("Reshape", ["scaled", "row"], ["rows"]),
        helper.make_node("Gemm", ["rows", "weights_1", "biases_1"], ["hidden"]),
        helper.make_node("Relu", ["hidden"], ["active"]),
        helper.make_node("Gemm", ["active", "weights_2", "biases_2"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "fashion-mnist",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["n", SIDE_PX, SIDE_PX])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", len(CLASSES)])],
        [numpy_helper.from_array(value, name) for name, value in tensors.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)])
    model.ir_version = _IR
    helper.set_model_props(model, {"classes": ", ".join(CLASSES), **notes})
    onnx.checker.check_model(model)
    return model
