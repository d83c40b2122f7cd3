import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from retrieval.boxes import overlaps
from retrieval.faces.exposure import correction
from retrieval.faces.finder import Finder
from retrieval.faces.yunet import YuNet
from retrieval.values import Floats, Pixels
from tests.faces.made_photos import InMemory, pixels_of

Light = Callable[[Pixels], Floats]


def ramp(low: int, high: int) -> Pixels:
    """A photo of blue and red stripes that uses the values from `low` to `high`."""
    photo = np.zeros((60, 80, 3), np.uint8)
    photo[..., 0] = np.linspace(low, high, 80).round()
    photo[..., 1] = photo[..., 0]
    photo[..., 2] = photo[:, ::-1, 0]
    return photo


def shown(photo: Pixels) -> Pixels:
    table = correction(photo)
    return photo if table is None else np.take_along_axis(table[0], photo.reshape(-1, 3), axis=0)


@pytest.mark.parametrize(("low", "high"), [(0, 255), (20, 255), (0, 200)])
def test_a_photo_in_common_light_stays_as_it_is(low: int, high: int) -> None:
    assert correction(ramp(low, high)) is None


@pytest.mark.parametrize(("low", "high"), [(0, 25), (100, 150), (180, 255)])
def test_contrast_is_stretched_to_the_whole_range(low: int, high: int) -> None:
    seen = shown(ramp(low, high))
    assert seen.min() <= 5
    assert seen.max() >= 250


def test_what_is_dark_but_for_a_lamp_is_lifted_and_the_lamp_stays_white() -> None:
    photo = ramp(0, 60)
    photo[:10, :10] = 255
    seen = shown(photo)
    assert np.median(seen) > 1.5 * np.median(photo)
    assert seen.max() == 255


def test_of_frames_only_those_are_corrected_that_are_dark_throughout() -> None:
    dark = np.random.default_rng(0).integers(0, 60, (120, 160, 3), np.uint8)
    with_a_lamp = dark.copy()
    with_a_lamp[:20, :20] = 250
    assert correction(dark, of_frame=True) is not None
    assert correction(with_a_lamp, of_frame=True) is None
    assert correction(with_a_lamp) is not None


def test_grey_is_toned_towards_skin_and_colours_are_not() -> None:
    grey = np.repeat(np.linspace(0, 255, 80).astype(np.uint8)[None, :, None], 3, axis=2)
    red, green, blue = np.moveaxis(shown(grey).reshape(-1, 3), 1, 0).astype(int)
    assert (red[10:70] > green[10:70]).all()
    assert (green[10:70] > blue[10:70]).all()
    assert correction(ramp(0, 255)) is None


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_photo_of_one_value_has_no_face_and_raises_nothing(yunet_file: Path, value: int) -> None:
    flat = np.full((90, 120, 3), value, np.uint8)
    assert not len(Finder(YuNet(yunet_file)).find(InMemory(flat)).detections)


@pytest.mark.parametrize(
    "light",
    [
        pytest.param(lambda photo: photo / 10, id="a tenth of the light"),
        pytest.param(lambda photo: 102 + photo / 5, id="a fifth of the contrast"),
    ],
)
def test_in_bad_light_as_many_faces_are_found_as_in_good_light(
    yunet_file: Path, groups_dir: Path, light: Light
) -> None:
    finder = Finder(YuNet(yunet_file))
    with (groups_dir / "boxes.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    good = bad = 0
    for name in sorted({row["photo"] for row in rows})[::2]:
        boxes = [[float(row[s]) for s in "xywh"] for row in rows if row["photo"] == name]
        truth, photo = np.array(boxes, np.float32), pixels_of(groups_dir / name)
        for seen in (photo, light(photo).astype(np.uint8)):
            overlap = overlaps(truth, finder.find(InMemory(seen)).detections.boxes)
            found = int((overlap.max(axis=1, initial=0) > 0.4).sum())
            good, bad = (good + found, bad) if seen is photo else (good, bad + found)
    assert bad >= 0.97 * good
