import shutil
from pathlib import Path

import numpy as np
import pytest

from retrieval.benchmarks.detect import (
    SIZES_PX,
    evenly,
    photos_without_boxes,
    plot,
    read_boxes,
    run,
    sizes,
)
from retrieval.errors import DataInvalid
from retrieval.settings import Settings


@pytest.fixture
def two_photos(groups_dir: Path, tmp_path: Path) -> Path:
    lines = (groups_dir / "boxes.csv").read_text(encoding="utf-8").splitlines()
    names = sorted({line.split(",")[0] for line in lines[1:]})[:2]
    for name in names:
        shutil.copy(groups_dir / name, tmp_path)
    rows = [lines[0], *(line for line in lines[1:] if line.split(",")[0] in names)]
    (tmp_path / "boxes.csv").write_text("\n".join(rows), encoding="utf-8")
    return tmp_path


@pytest.fixture
def settings(yunet_file: Path, tmp_path: Path) -> Settings:
    weights = tmp_path / "home" / "models" / "yunet"
    weights.mkdir(parents=True)
    shutil.copy(yunet_file, weights)
    return Settings(home=tmp_path / "home")


def test_found_and_invented_faces_are_counted_by_size(two_photos: Path, settings: Settings) -> None:
    boxes = read_boxes(two_photos)
    times = run(settings, boxes, ["yunet"], details=["normal", "auto"])
    assert (times.photos, len(times.detectors)) == (2, 3 + times.rival)
    assert sum(times.faces) == sum(map(len, boxes.values()))
    for detected in times.detectors[:3]:
        assert sum(detected.found) >= 0.8 * sum(times.faces)
        assert all(np.array(detected.found) <= np.array(times.faces))
        assert detected.ms > 0
    assert len(sizes()) == len(times.faces) == len(SIZES_PX) - 1
    names = [each["name"] for each in times.document()["detectors"]]
    assert names[:3] == ["yunet, normal", "yunet, auto", "yunet by OpenCV"]
    assert plot(times)["light"].startswith(b"\x89PNG")


def test_photos_without_a_list_are_measured_by_what_opencv_finds(
    people_dir: Path, settings: Settings
) -> None:
    photos = evenly(photos_without_boxes(people_dir), 5)
    assert len(photos) == len(set(photos)) == 5
    times = run(settings, dict.fromkeys(photos), ["yunet"], details=["normal"])
    ours, opencv = times.detectors[:2]
    assert sum(times.faces) >= 5
    assert opencv.found == times.faces
    assert sum(opencv.invented) == 0
    assert ours.found == times.faces


def test_a_folder_without_photos_cannot_be_measured(tmp_path: Path) -> None:
    with pytest.raises(DataInvalid, match="no photos"):
        photos_without_boxes(tmp_path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "cannot be read"),
        ("photo,x,y,w,h\n", "lists no face"),
        ("photo,x,y,w,h\na.jpg,1,2,3\n", "line 2"),
        ("name,x,y,w,h\na.jpg,1,2,3,4\n", "line 2"),
    ],
)
def test_a_list_of_boxes_that_cannot_be_read_is_refused(
    tmp_path: Path, text: str | None, told: str
) -> None:
    if text is not None:
        (tmp_path / "boxes.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DataInvalid, match=told):
        read_boxes(tmp_path)
