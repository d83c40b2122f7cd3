"""Exported models, made once a test run, and chips to embed."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from retrieval.embeddings.export.exporters import export
from retrieval.faces.align import chips
from retrieval.faces.yunet import YuNet
from retrieval.inference.manifest import load_manifest
from retrieval.inference.store import ModelStore
from retrieval.values import Pixels

Cut = Callable[[int], Pixels]


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> ModelStore:
    """A store with nothing but what packages bring."""
    return ModelStore(tmp_path_factory.mktemp("models"), load_manifest(), export)


@pytest.fixture(scope="session")
def random_chips() -> Pixels:
    """(6, 150, 150, 3): noise, and the two flat chips at the ends of the range."""
    chips = np.random.default_rng(7).integers(0, 256, (6, 150, 150, 3), dtype=np.uint8)
    chips[4], chips[5] = 0, 255
    return chips


@pytest.fixture(scope="session")
def face_chips(orl_dir: Path, people_dir: Path) -> Pixels:
    """(22, 150, 150, 3) RGB: faces of ten people of ORL, and the enrolled photos' centres."""
    photos = [orl_dir / f"s{person}" / "1.pgm" for person in range(1, 11)]
    photos += sorted((people_dir / "employees").glob("*/*.jpg"))
    return np.stack([_centre(photo) for photo in photos])


@pytest.fixture(scope="session")
def lfw_chips(lfw_dir: Path, yunet_file: Path) -> Pixels:
    """(12, 112, 112, 3) RGB: faces of twelve people, aligned as mobilefacenet wants them."""
    entry, detector = load_manifest().embedder("mobilefacenet"), YuNet(yunet_file)
    photos = [sorted(folder.glob("*.jpg"))[0] for folder in sorted(lfw_dir.iterdir())[:12]]
    images = [cv2.imread(str(photo), cv2.IMREAD_COLOR_RGB) for photo in photos]
    return np.concatenate(
        [
            chips(image, detector.detect(image).landmarks[:1], entry.landmarks, entry.chip_px)
            for image in images
        ]
    )


def _centre(path: Path) -> Pixels:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = image[top : top + side, left : left + side]
    return cv2.resize(square, (150, 150), interpolation=cv2.INTER_AREA)
