"""Where the tests find real photos and models: beside the checkout, where they exist."""

from pathlib import Path

import pytest

_BESIDE = Path(__file__).resolve().parents[2] / "shared"


def _beside(path: str) -> Path:
    found = _BESIDE / path
    if not found.exists():
        pytest.skip(f"needs real data that is not beside this checkout: ../shared/{path}")
    return found


@pytest.fixture(scope="session")
def people_dir() -> Path:
    """Real photos: employees/<person>/*.jpg, queries/*.jpg, queries.csv."""
    return _beside("data/people")


@pytest.fixture(scope="session")
def orl_dir() -> Path:
    """The ORL database of faces: s1 to s40, ten grey 92x112 photos each."""
    return _beside("data/orl")


@pytest.fixture(scope="session")
def yunet_file() -> Path:
    """The YuNet detector's ONNX file."""
    return _beside("models/face_detection_yunet_2026may.onnx")
