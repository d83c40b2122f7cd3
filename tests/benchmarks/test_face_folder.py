from pathlib import Path

import numpy as np
import pytest

from retrieval.benchmarks.face_folder import FaceFolder, photos_of_people, read
from retrieval.building import build_service
from retrieval.errors import DataInvalid
from retrieval.settings import Settings


def test_each_photo_of_orl_gives_one_vector_of_its_person(orl_faces: FaceFolder) -> None:
    assert len(orl_faces.names) == 40
    assert np.bincount(orl_faces.people).tolist() == [10] * 40
    assert np.allclose(np.linalg.norm(orl_faces.vectors, axis=1), 1, atol=1e-5)
    assert orl_faces.photos[0] == f"{orl_faces.names[0]}/1.pgm"
    assert orl_faces.model.startswith("dlib-resnet")


def test_photos_without_one_clear_face_are_skipped_and_named(orl_dir: Path, tmp_path: Path) -> None:
    photos = [("s1", orl_dir / "s1" / "1.pgm"), ("s2", orl_dir / "README")]
    settings = Settings(home=tmp_path, detector="mtcnn", embedder="dlib-resnet")
    with build_service(settings) as service:
        service.ensure_collection()
        faces = read(service.pipeline, photos)
        assert faces.skipped == ("s2/README",)
        assert faces.facts()["photos"] == 1
        with pytest.raises(DataInvalid, match="No photo shows one clear face"):
            read(service.pipeline, photos[1:])


def test_a_folder_without_people_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"")
    with pytest.raises(DataInvalid, match=r"holds no photos of people.*DIR/<person>"):
        photos_of_people(tmp_path)
