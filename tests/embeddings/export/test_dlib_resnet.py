"""The export answers as dlib itself does."""

from pathlib import Path

import dlib
import numpy as np
import numpy.typing as npt
import pytest

from retrieval.embeddings.export import dlib_resnet
from retrieval.errors import ExportFailed
from retrieval.inference.session import Session
from retrieval.inference.store import ModelStore
from retrieval.values import Floats, Pixels

LARGEST_DIFFERENCE = 1e-5


@pytest.fixture(scope="session")
def weights(store: ModelStore) -> Path:
    return store.path("dlib-resnet", store.sources("dlib-resnet")[0])


def ours(store: ModelStore, chips: Pixels) -> Floats:
    return Session(store.file("dlib-resnet", "fp32")).run({"pixels": chips})[0]


def dlibs(weights: Path, chips: Pixels) -> npt.NDArray[np.float64]:
    network = dlib.face_recognition_model_v1(str(weights))
    return np.array(network.compute_face_descriptor(list(chips)))


def test_random_chips_get_dlibs_vectors(
    store: ModelStore, weights: Path, random_chips: Pixels
) -> None:
    difference = ours(store, random_chips) - dlibs(weights, random_chips)
    assert np.abs(difference).max() <= LARGEST_DIFFERENCE


def test_real_faces_get_dlibs_vectors(store: ModelStore, weights: Path, face_chips: Pixels) -> None:
    difference = ours(store, face_chips) - dlibs(weights, face_chips)
    assert np.abs(difference).max() <= LARGEST_DIFFERENCE


def test_a_vector_does_not_depend_on_its_batch(store: ModelStore, random_chips: Pixels) -> None:
    together = ours(store, random_chips)
    alone = [ours(store, random_chips[row : row + 1]) for row in range(len(random_chips))]
    np.testing.assert_allclose(together, np.concatenate(alone), atol=1e-5)


def test_the_template_is_five_points_of_dlibs_mean_face(store: ModelStore) -> None:
    face = mean_face()
    five = np.array([face[36:42].mean(), face[42:48].mean(), face[30], face[48], face[54]])
    in_chip = (0.25 + np.stack([five.real, five.imag], axis=1)) / 1.5 * 150
    np.testing.assert_allclose(
        store.manifest.embedder("dlib-resnet").landmarks, in_chip, atol=0.001
    )


@pytest.mark.parametrize("kept", [0, 100, 300_000, 22_000_000])
def test_a_truncated_weight_file_is_refused(
    store: ModelStore, weights: Path, tmp_path: Path, kept: int
) -> None:
    truncated = tmp_path / "network.dat"
    truncated.write_bytes(weights.read_bytes()[:kept])
    with pytest.raises(ExportFailed, match=r"network\.dat|damaged"):
        dlib_resnet.build(truncated, store.manifest.embedder("dlib-resnet"))


def mean_face() -> npt.NDArray[np.complex128]:
    """dlib's mean face (68,) as complex numbers, NaN where it ignores the point.

    dlib does not show it, but `get_face_chip_details` fits it to 68 landmarks by a similarity
    transform z = a m + b, which is linear in the landmarks: a landmark at `push`, the others at 0,
    gives a = push conj(m - c) / S with c the mean and S the sum of |m - c|^2 over all points.
    """
    push = 10**6
    turns, shifts = np.transpose([_fit(point, push) for point in range(68)])
    used = np.abs(turns) > 1e-6
    offsets = turns[used].conj() / np.sum(np.abs(turns[used]) ** 2)
    centre = (1 / used.sum() - shifts[used]) @ offsets
    face = np.full(68, np.nan, complex)
    face[used] = offsets + centre
    return face


def _fit(point: int, push: int) -> tuple[complex, complex]:
    """a and b of the similarity transform, divided by `push`."""
    landmarks = [dlib.point(push * (row == point), 0) for row in range(68)]
    detection = dlib.full_object_detection(dlib.rectangle(0, 0, 1, 1), landmarks)
    details = dlib.get_face_chip_details(detection, 150, 0.25)
    turn = details.rect.width() / 1.5 * np.exp(1j * details.angle)
    centre = complex(details.rect.dcenter().x, details.rect.dcenter().y)
    return turn / push, (centre - turn * (0.5 + 0.5j)) / push
