from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from retrieval.faces.boxes import overlaps
from retrieval.faces.tiles import Tiled
from retrieval.faces.yunet import YuNet
from retrieval.photos.decode import decode
from retrieval.values import Detections, Floats, Pixels


class Spots:
    """A detector of white rectangles in a certain range of heights: no photo is needed."""

    name = "spots"

    def __init__(self, smallest_px: int, largest_px: int) -> None:
        self.heights = range(smallest_px, largest_px)
        self.images = 0

    def detect(self, pixels: Pixels) -> Detections:
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


def test_spots_of_all_sizes_are_found_once_wherever_they_lie() -> None:
    rng = np.random.default_rng(0)
    boxes = [(x, y, 24, 30) for y in range(0, 1000, 97) for x in range(0, 1500, 83)]
    boxes += [(1600, 200, 150, 190), (1590, 500, 200, 240)]  # larger than the overlap
    rng.shuffle(boxes)
    tiled = Tiled(Spots(10, 400), tile_px=480, overlap_px=100, enlarge=1.0)
    found = tiled.detect(spotted((1100, 1800), boxes))
    assert sorted_rows(found.boxes) == sorted(map(list, boxes))
    assert (np.diff(found.scores) <= 0).all()
    centres = found.boxes[:, :2] + found.boxes[:, 2:] / 2
    np.testing.assert_allclose(found.landmarks[:, 2], centres, atol=0.01)


def test_a_spot_that_only_tiles_show_large_enough_is_found_by_them() -> None:
    pixels = spotted((900, 1400), [(700, 300, 12, 15)])
    assert len(Spots(20, 400).detect(pixels)) == 0
    (box,) = Tiled(Spots(20, 400), enlarge=1.5).detect(pixels).boxes
    np.testing.assert_allclose(box, (700, 300, 12, 15), atol=1)


def test_a_part_of_a_spot_that_a_tile_cuts_is_no_spot() -> None:
    pixels = spotted((480, 1200), [(100, 100, 900, 60)])  # no tile holds it, the whole is too big
    assert len(Tiled(Spots(10, 200), enlarge=1.0).detect(pixels)) == 1
    assert len(Tiled(Spots(100, 200), enlarge=2.0).detect(pixels)) == 0


def test_a_spot_at_the_photos_own_edge_is_kept() -> None:
    boxes = [(0, 0, 20, 20), (1180, 0, 20, 20), (0, 880, 20, 20), (1180, 880, 20, 20)]
    found = Tiled(Spots(10, 400), enlarge=1.0).detect(spotted((900, 1200), boxes))
    assert sorted_rows(found.boxes) == sorted(map(list, boxes))


@pytest.mark.parametrize(
    ("shape", "images"),
    [
        ((0, 0), 1),
        ((480, 480), 1),  # a tile is the whole photo
        ((480, 481), 1 + 2),
        ((300, 861), 1 + 3),  # 480, and each further tile at most 380 on
        ((861, 861), 1 + 9),
    ],
)
def test_a_photo_has_as_many_tiles_as_it_needs(shape: tuple[int, int], images: int) -> None:
    spots = Spots(10, 400)
    Tiled(spots, tile_px=480, overlap_px=100).detect(np.zeros((*shape, 3), np.uint8))
    assert spots.images == images


def test_a_tiled_detector_keeps_its_name() -> None:
    assert Tiled(Spots(1, 2)).name == "spots"


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
    found = Tiled(yunet).detect(photo)
    overlap = overlaps(truth, found.boxes)
    assert (overlap.max(axis=1) > 0.4).all()
    assert len(found) == len(truth)
    assert len(yunet.detect(photo)) < len(truth) / 2  # which is why there are tiles
