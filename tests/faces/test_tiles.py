from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from retrieval.boxes import overlaps
from retrieval.faces.finder import Finder
from retrieval.faces.tiles import Area, agreed, look
from retrieval.faces.yunet import YuNet
from retrieval.photos.decode import decode
from retrieval.values import Detail, Detections, Floats, Pixels
from tests.faces.made_photos import InMemory


class Spots:
    """A detector of white rectangles in a certain range of heights: no photo is needed."""

    name = "spots"
    clear_score = 0.0

    def __init__(self, smallest_px: int, largest_px: int) -> None:
        self.heights = range(smallest_px, largest_px)
        self.images = 0

    def detect(self, pixels: Pixels, *, longest_px: int | None = None) -> Detections:
        self.images += 1
        if pixels.size == 0:
            return Detections.none()
        mask = np.where(pixels[:, :, 0] > 127, 255, 0).astype(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(mask)
        boxes = stats[1:, :4].astype(np.float32)
        boxes = boxes[[height in self.heights for height in boxes[:, 3].astype(int)]]
        landmarks = np.repeat(boxes[:, None, :2] + boxes[:, None, 2:] / 2, 5, axis=1)
        return Detections(boxes, landmarks, np.linspace(0.9, 0.5, len(boxes), dtype=np.float32))


def spotted(shape: tuple[int, int], boxes: Sequence[tuple[int, int, int, int]]) -> Pixels:
    pixels = np.zeros((*shape, 3), np.uint8)
    for x, y, width, height in boxes:
        pixels[y : y + height, x : x + width] = 255
    return pixels


def sorted_rows(boxes: Floats) -> list[list[int]]:
    return sorted(np.round(boxes).astype(int).tolist())


def looked(spots: Spots, pixels: Pixels, scale: float = 1.0) -> Detections:
    height, width = pixels.shape[:2]
    return look(spots, InMemory(pixels), Area(0, 0, width, height), scale)


def found(*boxes: tuple[float, float, float, float, float]) -> Detections:
    """Boxes xywh with scores."""
    rows = np.array(boxes, np.float32).reshape(-1, 5)
    landmarks = np.repeat(rows[:, None, :2] + rows[:, None, 2:4] / 2, 5, axis=1)
    return Detections(rows[:, :4], landmarks, rows[:, 4])


EVERYWHERE = Area(0, 0, 4000, 4000)


def test_spots_of_all_sizes_are_found_once_wherever_they_lie() -> None:
    rng = np.random.default_rng(0)
    boxes = [(x, y, 24, 30) for y in range(0, 1800, 97) for x in range(0, 2600, 83)]
    rng.shuffle(boxes)
    seen = looked(Spots(10, 400), spotted((1900, 2700), boxes))
    assert sorted_rows(seen.boxes) == sorted(map(list, boxes))
    assert (np.diff(seen.scores) <= 0).all()
    centres = seen.boxes[:, :2] + seen.boxes[:, 2:] / 2
    np.testing.assert_allclose(seen.landmarks[:, 2], centres, atol=0.01)


def test_a_spot_that_only_an_enlarged_look_shows_is_found_where_it_lies() -> None:
    pixels = spotted((800, 1400), [(700, 300, 12, 15)])
    assert len(Spots(20, 400).detect(pixels)) == 0
    (box,) = looked(Spots(20, 400), pixels, 1.5).boxes
    np.testing.assert_allclose(box, (700, 300, 12, 15), atol=1)


def test_a_spot_that_no_tile_shows_whole_is_not_taken_from_tiles() -> None:
    pixels = spotted((600, 2600), [(1000, 100, 400, 300), (100, 100, 40, 40)])
    assert sorted_rows(looked(Spots(10, 500), pixels).boxes) == [[100, 100, 40, 40]]


def test_a_spot_just_inside_of_a_tiles_edge_is_taken_for_a_part() -> None:
    detector = Spots(10, 400)
    pixels = spotted((1280, 2420), [(1142, 500, 60, 60)])  # the second tile begins at 1140
    seen = looked(detector, pixels)
    assert detector.images == 2
    assert sorted_rows(seen.boxes) == [[1142, 500, 60, 60]]  # of the first, where it lies clear
    part = Area(1140, 0, 2420, 1280)
    assert len(look(detector, InMemory(pixels), part, 1.0)) == 0


def test_a_spot_at_the_photos_own_edge_is_kept() -> None:
    boxes = [(0, 0, 20, 20), (1980, 0, 20, 20), (0, 1480, 20, 20), (1980, 1480, 20, 20)]
    seen = looked(Spots(10, 400), spotted((1500, 2000), boxes))
    assert sorted_rows(seen.boxes) == sorted(map(list, boxes))


@pytest.mark.parametrize(
    ("shape", "images"),
    [((1280, 1280), 1), ((1280, 1281), 2), ((300, 2421), 3), ((1281, 1281), 4)],
)
def test_a_look_takes_as_many_tiles_as_it_needs(shape: tuple[int, int], images: int) -> None:
    spots = Spots(10, 400)
    looked(spots, np.zeros((*shape, 3), np.uint8))
    assert spots.images == images


def test_a_face_that_the_coarse_look_saw_well_wins_over_what_lies_within_it() -> None:
    coarse = found((222, 306, 358, 457, 0.91))
    fine = found((229, 468, 249, 251, 0.93), (233, 322, 246, 257, 0.86), (2000, 100, 40, 50, 0.9))
    said, _ = agreed(coarse, 0.5, fine, 1.0, EVERYWHERE)
    assert sorted_rows(said.boxes) == [[222, 306, 358, 457], [2000, 100, 40, 50]]


def test_of_a_small_face_the_closer_look_knows_better() -> None:
    said, _ = agreed(
        found((100, 100, 30, 40, 0.7)), 0.5, found((101, 99, 31, 41, 0.9)), 1.0, EVERYWHERE
    )
    assert sorted_rows(said.boxes) == [[101, 99, 31, 41]]


def test_what_only_one_look_saw_needs_a_better_score() -> None:
    coarse = found((100, 100, 30, 40, 0.65), (900, 100, 30, 40, 0.8), (3900, 100, 30, 40, 0.65))
    fine = found((500, 500, 30, 40, 0.7), (500, 900, 30, 40, 0.8))
    said, of_one = agreed(coarse, 1.0, fine, 1.2, Area(0, 0, 2000, 2000))
    assert sorted_rows(said.boxes) == [
        [500, 900, 30, 40],
        [900, 100, 30, 40],
        [3900, 100, 30, 40],  # the closer look did not go there
    ]
    assert sorted_rows(of_one.boxes) == [[100, 100, 30, 40], [500, 500, 30, 40]]


def group_photo(faces: Sequence[Pixels], boxes: Floats) -> tuple[Pixels, Floats]:
    """Many small faces, 24 to 40 px wide, before a grey cloth; their boxes (n, 4)."""
    rng = np.random.default_rng(1)
    cloth = rng.integers(90, 160, (30, 40, 3), dtype=np.uint8)
    photo = np.asarray(cv2.resize(cloth, (2400, 1600), interpolation=cv2.INTER_CUBIC), np.uint8)
    places = rng.permutation([(x, y) for y in range(60, 1440, 120) for x in range(60, 2300, 120)])
    truth = []
    for place in range(72):
        face, box = faces[place % len(faces)], boxes[place % len(faces)]
        scale = rng.uniform(24, 40) / box[2:].min()
        small = cv2.resize(face, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        x, y = places[place]
        photo[y : y + small.shape[0], x : x + small.shape[1]] = small
        truth.append(box * scale + [x, y, 0, 0])
    return photo, np.array(truth, np.float32)


def test_every_face_of_24_to_40_px_in_a_big_group_photo_is_found(
    people_dir: Path, yunet_file: Path
) -> None:
    yunet = YuNet(yunet_file)
    paths = sorted((people_dir / "employees").rglob("*.jpg"))
    faces = [decode(p, working_px=None, max_pixels=10**8, max_bytes=10**8).pixels for p in paths]
    boxes = np.stack([yunet.detect(face).boxes[0] for face in faces])
    photo, truth = group_photo(faces, boxes)
    details: tuple[Detail, ...] = ("auto", "high")
    for detail in details:
        seen = Finder(yunet, detail).find(InMemory(photo)).detections
        assert (overlaps(truth, seen.boxes).max(axis=1) > 0.4).all()
        assert len(seen) == len(truth)
    assert len(yunet.detect(photo)) < len(truth) / 2  # which is why there are closer looks
