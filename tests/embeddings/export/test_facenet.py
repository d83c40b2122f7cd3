"""The export answers as an independent reading of Inception-ResNet-v1 in numpy does.

The weight files that are published cannot be had everywhere: these tests write one with the same
layer names and seeded random numbers, an eighth as wide. models/README.md records a comparison with
the original Keras network at full width.
"""

from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt
import pytest

from retrieval.embeddings.export.exporters import export
from retrieval.embeddings.onnx_embedder import OnnxEmbedder
from retrieval.errors import ExportFailed
from retrieval.inference.manifest import EmbedderEntry, load_manifest
from retrieval.inference.session import Session
from retrieval.values import Pixels

Case = tuple[EmbedderEntry, Path, npt.NDArray[np.float64]]
Tensors = dict[str, npt.NDArray[np.float32]]
NARROWER = 8
CHIPS = np.random.default_rng(1).integers(0, 256, (3, 160, 160, 3), dtype=np.uint8)

# A branch is a list of (name, rows, columns, channels out).
STEM = [
    ("Conv2d_1a_3x3", 3, 3, 32),
    ("Conv2d_2a_3x3", 3, 3, 32),
    ("Conv2d_2b_3x3", 3, 3, 64),
    ("Conv2d_3b_1x1", 1, 1, 80),
    ("Conv2d_4a_3x3", 3, 3, 192),
    ("Conv2d_4b_3x3", 3, 3, 256),
]
MIXED_6A = [
    [("Mixed_6a_Branch_0_Conv2d_1a_3x3", 3, 3, 384)],
    [
        ("Mixed_6a_Branch_1_Conv2d_0a_1x1", 1, 1, 192),
        ("Mixed_6a_Branch_1_Conv2d_0b_3x3", 3, 3, 192),
        ("Mixed_6a_Branch_1_Conv2d_1a_3x3", 3, 3, 256),
    ],
]
MIXED_7A = [
    [
        ("Mixed_7a_Branch_0_Conv2d_0a_1x1", 1, 1, 256),
        ("Mixed_7a_Branch_0_Conv2d_1a_3x3", 3, 3, 384),
    ],
    [
        ("Mixed_7a_Branch_1_Conv2d_0a_1x1", 1, 1, 256),
        ("Mixed_7a_Branch_1_Conv2d_1a_3x3", 3, 3, 256),
    ],
    [
        ("Mixed_7a_Branch_2_Conv2d_0a_1x1", 1, 1, 256),
        ("Mixed_7a_Branch_2_Conv2d_0b_3x3", 3, 3, 256),
        ("Mixed_7a_Branch_2_Conv2d_1a_3x3", 3, 3, 256),
    ],
]
Branches = list[list[tuple[str, int, int, int]]]


def block35(i: int) -> Branches:
    name = f"Block35_{i}_Branch"
    return [
        [(f"{name}_0_Conv2d_1x1", 1, 1, 32)],
        [(f"{name}_1_Conv2d_0a_1x1", 1, 1, 32), (f"{name}_1_Conv2d_0b_3x3", 3, 3, 32)],
        [
            (f"{name}_2_Conv2d_0a_1x1", 1, 1, 32),
            (f"{name}_2_Conv2d_0b_3x3", 3, 3, 32),
            (f"{name}_2_Conv2d_0c_3x3", 3, 3, 32),
        ],
    ]


def block17(i: int) -> Branches:
    """The second branch bears the block's number in the published files."""
    name = f"Block17_{i}_Branch"
    return [
        [(f"{name}_0_Conv2d_1x1", 1, 1, 128)],
        [
            (f"{name}_{i}_Conv2d_0a_1x1", 1, 1, 128),
            (f"{name}_{i}_Conv2d_0b_1x7", 1, 7, 128),
            (f"{name}_{i}_Conv2d_0c_7x1", 7, 1, 128),
        ],
    ]


def block8(i: int) -> Branches:
    name = f"Block8_{i}_Branch"
    return [
        [(f"{name}_0_Conv2d_1x1", 1, 1, 192)],
        [
            (f"{name}_1_Conv2d_0a_1x1", 1, 1, 192),
            (f"{name}_1_Conv2d_0b_1x3", 1, 3, 192),
            (f"{name}_1_Conv2d_0c_3x1", 3, 1, 192),
        ],
    ]


class Reference:
    """Inception-ResNet-v1 in numpy, NHWC; makes up its weights as it goes along."""

    def __init__(self, dimension: int) -> None:
        self.rng = np.random.default_rng(dimension)
        self.tensors: Tensors = {}
        self.dimension = dimension

    def __call__(self, x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        x = self.conv(x, *STEM[0], stride=2, same=False)
        x = self.conv(x, *STEM[1], same=False)
        x = self.conv(x, *STEM[2])
        x = max_pool(x)
        x = self.conv(x, *STEM[3])
        x = self.conv(x, *STEM[4], same=False)
        x = self.conv(x, *STEM[5], stride=2, same=False)
        for i in range(1, 6):
            x = relu(self.residual(x, f"Block35_{i}", block35(i), 0.17))
        x = self.mixed(x, MIXED_6A)
        for i in range(1, 11):
            x = relu(self.residual(x, f"Block17_{i}", block17(i), 0.10))
        x = self.mixed(x, MIXED_7A)
        for i in range(1, 6):
            x = relu(self.residual(x, f"Block8_{i}", block8(i), 0.20))
        x = self.residual(x, "Block8_6", block8(6), 1.0)
        x = x.mean(axis=(1, 2))
        kernel = self.kernel("Bottleneck", (x.shape[1], self.dimension))
        return self.normalise(x @ kernel, "Bottleneck")

    def residual(
        self, x: npt.NDArray[np.float64], name: str, branches: Branches, factor: float
    ) -> npt.NDArray[np.float64]:
        mixed = np.concatenate([self.branch(x, branch) for branch in branches], axis=3)
        kernel = self.kernel(f"{name}_Conv2d_1x1", (1, 1, mixed.shape[3], x.shape[3]))
        bias = self.tensor(f"{name}_Conv2d_1x1/bias", self.rng.normal(0, 0.1, x.shape[3]))
        return x + factor * (correlate(mixed, kernel, 1) + bias)

    def mixed(self, x: npt.NDArray[np.float64], branches: Branches) -> npt.NDArray[np.float64]:
        return np.concatenate([*(self.branch(x, b) for b in branches), max_pool(x)], axis=3)

    def branch(
        self, x: npt.NDArray[np.float64], layers: list[tuple[str, int, int, int]]
    ) -> npt.NDArray[np.float64]:
        for layer in layers:
            halves = "Conv2d_1a" in layer[0]
            x = self.conv(x, *layer, stride=2 if halves else 1, same=not halves)
        return x

    def conv(
        self,
        x: npt.NDArray[np.float64],
        name: str,
        rows: int,
        columns: int,
        channels: int,
        *,
        stride: int = 1,
        same: bool = True,
    ) -> npt.NDArray[np.float64]:
        kernel = self.kernel(name, (rows, columns, x.shape[3], channels // NARROWER))
        if same:
            x = np.pad(x, ((0, 0), (rows // 2,) * 2, (columns // 2,) * 2, (0, 0)))
        return relu(self.normalise(correlate(x, kernel, stride), name))

    def normalise(self, x: npt.NDArray[np.float64], name: str) -> npt.NDArray[np.float64]:
        """Batch normalisation without gamma."""
        count = x.shape[-1]
        norm = f"{name}_BatchNorm"
        mean = self.tensor(f"{norm}/moving_mean", self.rng.normal(0, 0.3, count))
        variance = self.tensor(f"{norm}/moving_variance", self.rng.uniform(0.5, 2, count))
        beta = self.tensor(f"{norm}/beta", self.rng.normal(0, 0.3, count))
        return (x - mean) / np.sqrt(variance + 0.001) + beta

    def kernel(self, name: str, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
        spread = np.sqrt(2 / np.prod(shape[:-1]))
        return self.tensor(f"{name}/kernel", self.rng.normal(0, spread, shape))

    def tensor(self, name: str, made_up: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        return self.tensors.setdefault(name, made_up.astype(np.float32))

    def save(self, path: Path) -> None:
        """Write the weights as Keras does: <layer>/<layer>/<kind>:0."""
        with h5py.File(path, "w") as file:
            for name, tensor in self.tensors.items():
                layer, kind = name.split("/")
                file[f"{layer}/{layer}/{kind}:0"] = tensor


def relu(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.maximum(x, 0)


def max_pool(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (1, 2))
    return windows[:, ::2, ::2].max((4, 5))


def correlate(
    x: npt.NDArray[np.float64], kernel: npt.NDArray[np.float32], stride: int
) -> npt.NDArray[np.float64]:
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel.shape[:2], (1, 2))
    return np.tensordot(windows[:, ::stride, ::stride], kernel, ((3, 4, 5), (2, 0, 1)))


def scaled(chips: Pixels, name: str) -> npt.NDArray[np.float64]:
    """What the networks were trained on, from the sources that the manifest names."""
    pixels = chips.astype(np.float64)
    if name == "facenet512":
        return (pixels - 127.5) / 128
    return np.stack([(x - x.mean()) / max(x.std(), 1 / x.size**0.5) for x in pixels])


@pytest.fixture(scope="module", params=["facenet512", "facenet128"])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """An entry, its weight file, and the reference's vectors of CHIPS."""
    entry = load_manifest().embedder(request.param)
    reference = Reference(entry.dimension)
    vectors = reference(scaled(CHIPS, request.param))
    weights = tmp_path_factory.mktemp("weights") / "weights.h5"
    reference.save(weights)
    return entry, weights, vectors


def test_the_export_answers_as_the_reference_does(case: Case, tmp_path: Path) -> None:
    entry, weights, expected = case
    export(entry, "fp32", weights, "origin", tmp_path / "network.onnx")
    found = Session(tmp_path / "network.onnx").run({"pixels": CHIPS})[0]
    assert found.shape == (3, entry.dimension)
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()


def test_the_export_is_an_embedder(case: Case, tmp_path: Path) -> None:
    entry, weights, expected = case
    export(entry, "fp32", weights, "origin", tmp_path / "network.onnx")
    embedder = OnnxEmbedder("facenet", entry, tmp_path / "network.onnx", mirror=False)
    unit = expected / np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(embedder.embed(CHIPS), unit, atol=1e-5)


def test_weights_of_the_other_dimension_are_refused(case: Case, tmp_path: Path) -> None:
    entry, weights, _ = case
    other = entry.model_copy(update={"dimension": 640 - entry.dimension})
    with pytest.raises(ExportFailed, match=rf"{entry.dimension} numbers.*{other.dimension}"):
        export(other, "fp32", weights, "origin", tmp_path / "network.onnx")


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("Conv2d_1a_3x3", "Conv2d_1a_3x3"),
        ("Mixed_6a_Branch_1_Conv2d_0b_3x3_BatchNorm", "Mixed_6a_Branch_1_Conv2d_0b_3x3"),
        ("Block35_3_Branch_2_Conv2d_0b_3x3", "132 convolutions and dense layers"),
        ("Bottleneck", "Bottleneck"),
    ],
)
def test_a_file_without_a_layer_is_refused(
    case: Case, tmp_path: Path, missing: str, said: str
) -> None:
    entry, weights, _ = case
    damaged = tmp_path / "damaged.h5"
    damaged.write_bytes(weights.read_bytes())
    with h5py.File(damaged, "r+") as file:
        del file[missing]
    with pytest.raises(ExportFailed, match=said):
        export(entry, "fp32", damaged, "origin", tmp_path / "network.onnx")


def test_a_file_that_is_not_hdf5_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "facenet512_weights.h5"
    page.write_text("<html>Not Found</html>")
    with pytest.raises(ExportFailed, match="cannot be read as HDF5"):
        export(
            load_manifest().embedder("facenet512"), "fp32", page, "origin", tmp_path / "out.onnx"
        )
