"""How live a face looks, by the published network."""

import numpy as np
import pytest

from retrieval.faces.liveness import Liveness, reason
from retrieval.faces.yunet import YuNet
from retrieval.photos.decode import decode
from tests.conftest import _beside


@pytest.fixture(scope="module")
def liveness():
    return Liveness(_beside("models/antispoof_minifas_98.20.onnx"))


def test_most_people_of_photos_look_live(liveness, people_dir, yunet_file):
    detector, scores = YuNet(yunet_file), []
    for path in sorted(people_dir.glob("employees/*/*.jpg")):
        photo = decode(path, working_px=None, max_pixels=10**8, max_bytes=10**8)
        scores += liveness.scores(photo.pixels, detector.detect(photo.pixels).boxes).tolist()
    assert np.mean(np.array(scores) >= 0.5) > 0.85


def test_a_face_at_the_border_and_no_face_at_all_are_scored(liveness):
    pixels = np.full((60, 80, 3), 120, np.uint8)
    boxes = np.array([[-10, -10, 40, 50], [60, 30, 90, 90]], np.float32)
    scores = liveness.scores(pixels, boxes)
    assert ((scores >= 0) & (scores <= 1)).all()
    assert liveness.scores(pixels, boxes[:0]).shape == (0,)


def test_what_looks_like_a_picture_has_that_reason():
    assert reason(0.7) is None
    assert reason(0.2) == "picture of a face: looks live to 20%"
