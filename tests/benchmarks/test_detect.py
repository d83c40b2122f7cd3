import shutil
from pathlib import Path

import numpy as np
import pytest

from retrieval.benchmarks.detect import SIZES_PX, plot, read_boxes, run, sizes
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


def test_found_and_invented_faces_are_counted_by_size(
    two_photos: Path, yunet_file: Path, tmp_path: Path
) -> None:
    weights = tmp_path / "home" / "models" / "yunet"
    weights.mkdir(parents=True)
    shutil.copy(yunet_file, weights)
    settings = Settings(home=tmp_path / "home")
    times = run(settings, two_photos, ["yunet"], details=["normal", "auto"])
    assert (times.photos, len(times.detectors)) == (2, 2 + times.rival)
    assert sum(times.faces) == sum(map(len, read_boxes(two_photos).values()))
    for detected in times.detectors[:2]:
        assert sum(detected.found) >= 0.8 * sum(times.faces)
        assert all(np.array(detected.found) <= np.array(times.faces))
        assert detected.ms > 0
    assert len(sizes()) == len(times.faces) == len(SIZES_PX) - 1
    assert times.document()["detectors"][0]["name"] == "yunet, normal"
    assert plot(times)["light"].startswith(b"\x89PNG")


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
