"""The benchmark of liveness: attacks are composed as they are said to be, and shares follow."""

import numpy as np
import pytest

from retrieval.benchmarks.liveness import ATTACKS, HEIGHT, WIDTH, measure, phone
from retrieval.errors import DataInvalid
from tests.api.painted import GREEN, RED, BrightnessIsLife, SquareDetector, paint

SCENE = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)


def test_a_phone_shows_the_photo_within_its_frame():
    photo = np.full((100, 100, 3), (200, 40, 40), np.uint8)
    made = phone(photo, SCENE, np.random.default_rng(0))
    assert made[360, 480].tolist() == [228, 52, 52]  # brighter than the photo
    assert made[100, 480].tolist() == [15, 15, 18]  # the frame
    assert made[360, 100].tolist() == [128, 128, 128]  # the scene
    assert (SCENE == 128).all()


@pytest.mark.parametrize("compose", ATTACKS.values(), ids=ATTACKS)
def test_each_attack_shows_the_photo_and_is_seeded(compose):
    photo = np.full((100, 100, 3), (250, 10, 10), np.uint8)
    first, second = (compose(photo, SCENE, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(first, second)
    middle = first[first.shape[0] // 2, first.shape[1] // 2].astype(int)
    assert middle[0] > middle[1] + 80


def test_live_faces_and_attacks_are_counted(tmp_path):
    for number, colour in enumerate((RED, (250, 90, 90), GREEN)):
        (tmp_path / f"{number}.png").write_bytes(paint(colour, seed=number))
    (tmp_path / "nobody.png").write_bytes(paint())
    photos = sorted(tmp_path.iterdir())
    live, *attacks = measure(BrightnessIsLife(), SquareDetector(), photos, 0)
    assert (live.what, live.live, live.faces) == ("live faces", True, 3)
    assert live.pictures == pytest.approx(1 / 3)  # the pale one
    assert [each.what for each in attacks] == list(ATTACKS)
    assert all(each.faces + each.lost == 3 and not each.live for each in attacks)


def test_photos_without_a_face_are_refused(tmp_path):
    (tmp_path / "nobody.png").write_bytes(paint())
    with pytest.raises(DataInvalid, match="No face"):
        measure(BrightnessIsLife(), SquareDetector(), [tmp_path / "nobody.png"], 0)
