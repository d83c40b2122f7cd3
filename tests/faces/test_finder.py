import csv
from pathlib import Path

import numpy as np
import pytest

from retrieval.boxes import overlaps
from retrieval.faces.finder import Finder
from retrieval.faces.yunet import YuNet
from retrieval.values import Detail, Detections, Floats, Pixels
from tests.faces.made_photos import InMemory, composed, pixels_of, portraits


class Counting:
    """A detector that counts the pixels that it is shown."""

    name = "counting"
    clear_score = YuNet.clear_score

    def __init__(self, detector: YuNet) -> None:
        self._detector = detector
        self.shown_px = 0

    def detect(self, pixels: Pixels, *, longest_px: int | None = None) -> Detections:
        longest = min(longest_px or 640, max(pixels.shape[:2]))
        self.shown_px += pixels.shape[0] * pixels.shape[1] * longest**2 // max(pixels.shape) ** 2
        return self._detector.detect(pixels, longest_px=longest_px)


@pytest.fixture(scope="module")
def yunet(yunet_file: Path) -> YuNet:
    return YuNet(yunet_file)


def shown_px(yunet: YuNet, detail: Detail, photos: list[Pixels]) -> int:
    counting = Counting(yunet)
    finder = Finder(counting, detail)
    for photo in photos:
        finder.find(InMemory(photo))
    return counting.shown_px


def finds_all(found: Detections, truth: Floats) -> bool:
    overlap = overlaps(truth, found.boxes)
    return len(found) == len(truth) and bool((overlap.max(axis=1) > 0.4).all())


def test_in_group_photos_auto_finds_more_than_a_single_look_for_at_most_three_times_its_pixels(
    yunet: YuNet, groups_dir: Path
) -> None:
    with (groups_dir / "boxes.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    photos, hits, wanted, false, finds = [], 0, 0, 0, 0
    for name in sorted({row["photo"] for row in rows}):
        sides = [[float(row[s]) for s in "xywh"] for row in rows if row["photo"] == name]
        truth = np.array(sides, np.float32)
        photos.append(pixels_of(groups_dir / name))
        overlap = overlaps(truth, Finder(yunet, "auto").find(InMemory(photos[-1])).detections.boxes)
        large = truth[:, 2:].min(axis=1) >= 40
        wanted += int(large.sum())
        hits += int((overlap[large].max(axis=1, initial=0) > 0.4).sum())
        false += int((overlap.max(axis=0, initial=0) < 0.3).sum())
        finds += overlap.shape[1]
    assert hits / wanted >= 0.95
    assert false / finds <= 0.02
    assert shown_px(yunet, "auto", photos) <= 3 * shown_px(yunet, "normal", photos)


def test_photos_without_small_faces_are_looked_at_once(
    yunet: YuNet, people_dir: Path, lfw_dir: Path
) -> None:
    for paths in (sorted(people_dir.rglob("*.jpg")), sorted(lfw_dir.rglob("*.jpg"))[::60]):
        photos = [pixels_of(path) for path in paths]
        once = shown_px(yunet, "normal", photos)
        assert shown_px(yunet, "auto", photos) <= 1.1 * once


def test_four_faces_of_a_panorama_are_found(yunet: YuNet, lfw_dir: Path) -> None:
    photo, truth = composed(portraits(yunet, lfw_dir, 4), 12_000, 1_500, 100, 4)
    assert len(Finder(yunet, "normal").find(InMemory(photo)).detections) == 0
    assert finds_all(Finder(yunet, "auto").find(InMemory(photo)).detections, truth)


def test_eighty_faces_of_40_px_in_24_megapixels_are_found(yunet: YuNet, lfw_dir: Path) -> None:
    photo, truth = composed(portraits(yunet, lfw_dir, 80), 6_000, 4_000, 40, 10)
    assert finds_all(Finder(yunet, "auto").find(InMemory(photo)).detections, truth)


@pytest.mark.parametrize(
    ("width", "height", "face_px", "columns", "quarters"),
    [
        pytest.param(9_000, 1_200, 90, 6, 1, id="a panorama on a side"),
        pytest.param(3_000, 2_000, 60, 3, 3, id="a crowd on a side"),
        pytest.param(3_000, 2_000, 60, 3, 2, id="a crowd upside down"),
        pytest.param(3_000, 1_500, 200, 6, 2, id="clear faces upside down"),
    ],
)
def test_small_faces_of_large_photos_that_lie_are_found(
    yunet: YuNet,
    lfw_dir: Path,
    width: int,
    height: int,
    face_px: int,
    columns: int,
    quarters: int,
) -> None:
    photo, truth = composed(portraits(yunet, lfw_dir, 6), width, height, face_px, columns)
    found = Finder(yunet, "auto").find(InMemory(np.ascontiguousarray(np.rot90(photo, quarters))))
    assert (found.turned, len(found.detections)) == (90 * quarters, len(truth))


@pytest.mark.parametrize("detail", ["auto", "normal", "high"])
@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_a_photo_is_looked_at_right_side_up(
    yunet: YuNet, people_dir: Path, quarters: int, detail: Detail
) -> None:
    beach = pixels_of(people_dir / "queries" / "family1-at-the-beach.jpg")
    upright = Finder(yunet, detail).find(InMemory(beach))
    lying = np.ascontiguousarray(np.rot90(beach, quarters))
    found = Finder(yunet, detail).find(InMemory(lying))
    assert found.turned == 90 * quarters
    assert len(found.detections) == len(upright.detections) == 4
    overlap = overlaps(found.detections.boxes, Finder(yunet).find(InMemory(lying)).detections.boxes)
    assert (overlap.max(axis=1) > 0.9).all()
    eyes = found.detections.landmarks[:, :2].mean(axis=1)
    mouths = found.detections.landmarks[:, 3:].mean(axis=1)
    down = {0: (0, 1), 1: (1, 0), 2: (0, -1), 3: (-1, 0)}[quarters]
    assert ((mouths - eyes) @ np.array(down) > 0).all()


def test_no_upright_photo_is_turned(yunet: YuNet, lfw_dir: Path, orl_dir: Path) -> None:
    paths = sorted(lfw_dir.rglob("*.jpg"))[::40] + sorted(orl_dir.rglob("*.pgm"))[::5]
    finder = Finder(yunet, "auto")
    assert {finder.find(InMemory(pixels_of(path))).turned for path in paths} == {0}


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_portraits_that_lie_are_turned(yunet: YuNet, lfw_dir: Path, degrees: int) -> None:
    finder = Finder(yunet, "auto")
    for path in sorted(lfw_dir.rglob("*.jpg"))[::150]:
        lying = np.ascontiguousarray(np.rot90(pixels_of(path), degrees // 90))
        assert finder.find(InMemory(lying)).turned == degrees


def test_a_photo_without_a_face_is_not_turned(yunet: YuNet) -> None:
    grain = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    found = Finder(yunet, "auto").find(InMemory(grain.repeat(20, axis=0).repeat(20, axis=1)))
    assert (len(found.detections), found.turned) == (0, 0)
