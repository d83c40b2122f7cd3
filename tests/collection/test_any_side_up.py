"""Photos that lie on a side or upside down: enrolled and asked about as upright ones."""

import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from retrieval.building import build_service
from retrieval.collection.enrolments import EnrolItem, box_of
from retrieval.errors import DataInvalid
from retrieval.service import Service
from retrieval.settings import Settings
from retrieval.values import Source

TURNS = {90: Image.Transpose.ROTATE_90, 180: Image.Transpose.ROTATE_180}


def lying(path: Path, degrees: int) -> bytes:
    """The photo, to be turned clockwise by so many degrees."""
    written = io.BytesIO()
    Image.open(path).transpose(TURNS[degrees]).save(written, "JPEG", quality=95)
    return written.getvalue()


@pytest.fixture
def service(tmp_path: Path, models_home: Path, yunet_file: Path) -> Iterator[Service]:
    models = tmp_path / "models"
    shutil.copytree(models_home / "models", models)
    (models / "yunet").mkdir(exist_ok=True)
    shutil.copy(yunet_file, models / "yunet")
    settings = Settings(home=tmp_path, detector="yunet", embedder="dlib-resnet")
    with build_service(settings) as service:
        yield service


@pytest.mark.parametrize("degrees", [90, 180])
def test_people_enrolled_from_lying_photos_are_named_in_upright_and_lying_ones(
    service: Service, people_dir: Path, degrees: int
) -> None:
    photos = sorted((people_dir / "employees").glob("*/*.jpg"))
    items = [EnrolItem(p.parent.name, p.name, lying(p, degrees)) for p in photos]
    assert {result.outcome for result in service.enrol(items)} == {"enrolled"}
    beach = people_dir / "queries" / "family1-at-the-beach.jpg"
    upright, turned = service.identify(
        [Source("upright", beach), Source("lying", lying(beach, degrees))]
    )
    assert (upright.turned, turned.turned) == (0, degrees)
    assert len({face.person for face in upright} - {None}) == 4
    assert {face.person for face in turned} == {face.person for face in upright}
    assert turned.document()["turned"] == degrees
    assert (turned.width, turned.height) in {(534, 800), (800, 534)}
    for face in turned:
        x, y, wide, high = face.box
        assert 0 <= x < turned.width - wide / 2
        assert 0 <= y < turned.height - high / 2


def test_a_face_in_a_given_box_is_enrolled_and_named(service: Service, people_dir: Path) -> None:
    beach = people_dir / "queries" / "family1-at-the-beach.jpg"
    service.ensure_collection()
    (asked,) = service.identify([Source("beach", beach)])
    box = asked.faces[1].box
    (result,) = service.enrol([EnrolItem("Second", "beach.jpg", beach, box=box)])
    assert result.outcome == "enrolled"
    (again,) = service.identify([Source("beach", beach)])
    assert [face.person for face in again] == [None, "Second", None, None]
    (refused,) = service.enrol([EnrolItem("Sky", "sky.jpg", lying(beach, 180), box=(1, 1, 40, 40))])
    assert (refused.outcome, refused.code) == ("rejected", "no-face")


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2,3,x", "1,2,0,4", "1,2,nan,4", "1,2,3,4,5"])
def test_what_is_no_box_is_refused_with_how_one_looks(text: str) -> None:
    with pytest.raises(DataInvalid, match="120,80,64,80"):
        box_of(text)
    assert box_of(" 120, 80,64,80.5") == (120, 80, 64, 80.5)
