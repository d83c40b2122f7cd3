import csv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from retrieval.boxes import overlaps
from retrieval.errors import ModelError
from retrieval.faces.scaling import view
from retrieval.faces.yunet import MIN_SCORE, NMS_LIMIT, SIGHT, YuNet
from retrieval.photos.decode import decode
from retrieval.values import Detections, Pixels


def photos_in(folder: Path, pattern: str) -> list[Pixels]:
    paths = sorted(folder.rglob(pattern))
    return [decode(p, working_px=None, max_pixels=10**8, max_bytes=10**8).pixels for p in paths]


@pytest.fixture(scope="module")
def yunet(yunet_file: Path) -> YuNet:
    return YuNet(yunet_file)


def test_a_file_that_is_no_network_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.onnx", tmp_path / "broken.onnx"):
        (tmp_path / "broken.onnx").write_bytes(b"not a network")
        with pytest.raises(ModelError, match="rollcall models"):
            YuNet(path)


def opencv_finds(network: cv2.FaceDetectorYN, pixels: Pixels) -> Detections:
    seen = view(pixels, SIGHT)
    height, width = seen.pixels.shape[:2]
    network.setInputSize((width, height))
    rows = network.detect(cv2.cvtColor(seen.pixels, cv2.COLOR_RGB2BGR))[1]
    rows = np.zeros((0, 15), np.float32) if rows is None else np.asarray(rows, np.float32)
    found = Detections(rows[:, :4], rows[:, 4:14].reshape(-1, 5, 2), rows[:, 14])
    return seen.back(found)


@pytest.mark.parametrize("data", ["people", "orl", "groups"])
def test_our_decoding_finds_the_faces_that_opencvs_finds(
    request: pytest.FixtureRequest, yunet: YuNet, yunet_file: Path, data: str
) -> None:
    folder = request.getfixturevalue(f"{data}_dir")
    opencv = cv2.FaceDetectorYN.create(str(yunet_file), "", (320, 320), MIN_SCORE, NMS_LIMIT, 5000)
    faces = 0
    for pixels in photos_in(folder, "*.pgm" if data == "orl" else "*.jpg")[:40]:
        ours, theirs = yunet.detect(pixels), opencv_finds(opencv, pixels)
        assert len(ours) == len(theirs)
        if len(ours) == 0:
            continue
        same = overlaps(ours.boxes, theirs.boxes).argmax(axis=1)
        assert sorted(same.tolist()) == list(range(len(theirs)))
        np.testing.assert_allclose(ours.boxes, theirs.boxes[same], rtol=1e-3, atol=0.05)
        np.testing.assert_allclose(ours.landmarks, theirs.landmarks[same], rtol=1e-3, atol=0.05)
        np.testing.assert_allclose(ours.scores, theirs.scores[same], atol=1e-3)
        faces += len(ours)
    assert faces > 20


def test_nine_of_ten_faces_of_40_px_in_group_photos_are_found(
    yunet: YuNet, groups_dir: Path
) -> None:
    found = wanted = 0
    with (groups_dir / "boxes.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for name in sorted({row["photo"] for row in rows}):
        (pixels,) = photos_in(groups_dir, name)
        sides = [[float(row[s]) for s in "xywh"] for row in rows if row["photo"] == name]
        boxes = np.array(sides, np.float32)
        boxes = boxes[boxes[:, 2:].min(axis=1) >= 40]
        overlap = overlaps(boxes, yunet.detect(pixels).boxes)
        found += int((overlap.max(axis=1, initial=0) > 0.5).sum())
        wanted += len(boxes)
    assert wanted > 200
    assert found / wanted >= 0.9


def test_threads_that_share_a_detector_find_what_one_finds(people_dir: Path, yunet: YuNet) -> None:
    photos = photos_in(people_dir, "*.jpg")
    alone = [yunet.detect(photo).boxes for photo in photos]
    with ThreadPoolExecutor(4) as pool:
        together = [found.boxes for found in pool.map(yunet.detect, photos)]
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("shape", [(1, 640), (31, 600), (32, 618), (529, 32), (7, 900)])
def test_a_narrow_grey_image_shows_no_face(yunet: YuNet, shape: tuple[int, int]) -> None:
    for grey in range(0, 256, 15):
        assert len(yunet.detect(np.full((*shape, 3), grey, np.uint8))) == 0
