from pathlib import Path

import numpy as np
import pytest

from retrieval.benchmarks.face_folder import photos_of_people
from retrieval.benchmarks.group_photos import (
    FACE_PX,
    HEIGHT_PX,
    WIDTH_PX,
    GroupPhoto,
    compose,
    read_portraits,
)
from retrieval.values import Pixels


@pytest.fixture
def portraits() -> list[list[Pixels]]:
    """A plain square of its own grey for each of ten people."""
    return [[np.full((FACE_PX, 200, 3), 100 + person, np.uint8)] for person in range(10)]


def shows(photo: GroupPhoto, person: int) -> bool:
    """Whether a large part of the photo has exactly that person's grey."""
    return int((photo.pixels == 100 + person).all(axis=2).sum()) >= FACE_PX * 200


def test_a_photo_shows_the_people_that_it_says(portraits: list[list[Pixels]]) -> None:
    for photo in compose(portraits, events=3, photos=4, skew=0):
        assert photo.pixels.shape == (HEIGHT_PX, WIDTH_PX, 3)
        shown = [person for person in range(10) if shows(photo, person)]
        assert shown == photo.people.tolist()
        assert 2 <= len(shown) <= 4


def test_photos_of_an_event_share_a_circle_of_people(portraits: list[list[Pixels]]) -> None:
    group = compose(portraits, events=5, photos=8, skew=0)
    assert [photo.event for photo in group] == [event for event in range(5) for _ in range(8)]
    for event in range(5):
        seen = {person for photo in group[8 * event : 8 * event + 8] for person in photo.people}
        assert len(seen) <= 6


def test_composition_repeats_with_its_seed(portraits: list[list[Pixels]]) -> None:
    first, again, other = (
        compose(portraits, events=2, photos=2, skew=0, seed=seed) for seed in (0, 0, 1)
    )
    same = [np.array_equal(a.pixels, b.pixels) for a, b in zip(first, again, strict=True)]
    assert all(same)
    assert not np.array_equal(first[0].pixels, other[0].pixels)


def test_skew_sends_a_few_people_nearly_everywhere(portraits: list[list[Pixels]]) -> None:
    portraits = portraits * 3

    def busiest(skew: float) -> int:
        group = compose(portraits, events=30, photos=2, skew=skew)
        return int(np.bincount(np.concatenate([photo.people for photo in group])).max())

    assert busiest(1.0) > 1.5 * busiest(0.0)


def test_portraits_are_read_by_person_and_unreadable_ones_left_out(
    orl_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no photo")
    photos = [*photos_of_people(orl_dir)[:11], ("nobody", tmp_path / "broken.jpg")]
    portraits = read_portraits(photos, max_pixels=10**8, max_bytes=10**8)
    assert [len(own) for own in portraits] == [10, 1]
    assert all(own[0].shape[0] == FACE_PX for own in portraits)
