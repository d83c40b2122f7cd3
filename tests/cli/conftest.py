"""A home that is in use."""

from pathlib import Path

import pytest

from retrieval.catalogue.catalogue import Catalogue
from tests.catalogue.made import DIMENSION, new_faces


@pytest.fixture
def used(tmp_path: Path) -> Path:
    """A home in which Ann and Bob are enrolled."""
    home = tmp_path / "used"
    with Catalogue.open(home / "catalogue.db") as catalogue:
        gallery = catalogue.create_collection(
            "default",
            detector="mtcnn",
            embedder="dlib-resnet",
            precision="fp32",
            mirror=True,
            fingerprint="none",
            dimension=DIMENSION,
        ).id
        catalogue.enrol(gallery, [*new_faces("Ann", [1, 2]), *new_faces("Bob", [3])])
    return home
