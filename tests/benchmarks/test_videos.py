"""The benchmark of videos: composed scenes are what is said of them, and figures follow."""

import json

import numpy as np
import pytest

from retrieval.benchmarks import video_speed
from retrieval.benchmarks.progress import silent
from retrieval.benchmarks.videos import (
    KNOWN,
    STRANGERS,
    Seen,
    Tally,
    Walker,
    compose,
    draw,
    enrol,
    frames,
    measure,
    owners,
)
from retrieval.errors import DataInvalid
from retrieval.settings import Settings
from retrieval.values import Detections, Faces, Quality
from tests.api.painted import BLUE, GREEN, PINK, RED, WHITE, YELLOW, paint, painted_service

LIGHT, DARK = np.full((40, 40, 3), 250, np.uint8), np.full((40, 40, 3), 10, np.uint8)


def walker(name, known=True, photos=(LIGHT,), start=(100, 300), end=(500, 300), begin=0, last=4):
    return Walker(name, known, photos, start, end, begin, last, (80, 160, 80))


def found_at(*middles):
    boxes = np.array([[x - 20, y - 20, 40, 40] for x, y in middles], np.float32).reshape(-1, 4)
    count = len(boxes)
    zeros = np.zeros(count, np.float32)
    return Faces(
        Detections(boxes, np.zeros((count, 5, 2), np.float32), zeros + 1),
        Quality(zeros, zeros, zeros, zeros, (None,) * count),
        np.zeros((count, 3), np.float32),
    )


def test_a_walker_goes_from_place_to_place_and_shows_another_photo_every_second():
    ada = walker("Ada", photos=(LIGHT, DARK), begin=1, last=5)
    assert ada.at(0.9) is None
    assert ada.at(5.1) is None
    head, x, _, side = ada.at(1)
    assert (head is LIGHT, x, side) == (True, 100, 80)
    head, x, _, side = ada.at(4)
    assert (head is DARK, x) == (True, 400)
    assert ada.at(3)[3] == 160


def test_who_comes_later_in_the_list_stands_in_front():
    crossing = [walker("Ada"), walker("Bob", photos=(DARK,), start=(500, 300), end=(100, 300))]
    picture, placed = draw(crossing, 2)
    assert [number for number, _ in placed] == [0, 1]
    assert picture[300, 300].tolist() == [10, 10, 10]
    seen = found_at((300, 308), (300, 500))
    assert owners(seen, placed) == [1, -1]  # of the one in front; nobody's
    apart = draw(crossing, 0)[1]
    assert owners(found_at((100, 300), (500, 300)), apart) == [0, 1]


@pytest.fixture
def folder(tmp_path):
    """People of one colour each, with as many photos as are needed; some with too few."""
    for number in range(16):
        own = tmp_path / "people" / f"person {number:02}"
        own.mkdir(parents=True)
        colour = (RED, GREEN, BLUE, YELLOW, PINK, WHITE)[number % 6]
        for photo in range(7 if number else 2):
            (own / f"{photo}.png").write_bytes(paint(colour, seed=100 * number + photo))
    return tmp_path / "people"


@pytest.fixture
def service(tmp_path):
    with painted_service(Settings(home=tmp_path / "home"), "default") as opened:
        opened.ensure_collection()
        yield opened


def test_people_with_enough_photos_are_enrolled_and_a_quarter_stays_strangers(service, folder):
    others = enrol(service, folder)
    people = {person.name for person in service.catalogue.people(service.collection.id)}
    assert len(others) == 15
    assert len(others.keys() - people) == 4
    assert {len(others[name]) for name in people} == {4}  # three of seven are enrolled
    assert {len(own) for name, own in others.items() if name not in people} == {7}


def test_too_few_people_are_refused(service, folder):
    (folder / "person 01").rename(folder.parent / "elsewhere")
    for number in range(2, 8):
        (folder / f"person {number:02}").rename(folder.parent / f"{number}")
    with pytest.raises(DataInvalid, match="8 people have 6 photos or more"):
        enrol(service, folder)


def test_a_seed_composes_one_scene_and_another_seed_another(folder):
    photos = {own.name: sorted(own.iterdir()) for own in sorted(folder.iterdir())[1:]}
    known = set(sorted(photos)[:10])

    def scene(seed):
        walkers = compose(photos, known, np.random.default_rng(seed))
        return walkers, [frame.pixels for frame, _ in frames(walkers)][20:24]

    walkers, pictures = scene(1)
    assert sum(each.known for each in walkers) == KNOWN
    assert sum(not each.known for each in walkers) == STRANGERS
    assert {each.name for each in walkers if each.known} <= known
    assert np.array_equal(pictures, scene(1)[1])
    assert not np.array_equal(pictures, scene(2)[1])


def test_figures_are_counted_by_tracks_and_one_by_one():
    walkers = [walker("Ada"), walker("Bob"), walker("Cy", known=False)]
    tally = Tally()
    tally.count(
        walkers,
        [
            Seen(0, 1, "Ada", True),
            Seen(0, 1, None, True),  # alone it is missed, by its track named
            Seen(1, 2, "Ada", True),  # alone it is wrong
            Seen(1, 2, None, True),
            Seen(1, 1, "Bob", True),  # on Ada's track
            Seen(2, 3, None, True),
            Seen(2, 3, "Bob", True),
            Seen(0, 1, None, False),  # cannot be compared: it counts for the track alone
            Seen(-1, 1, "Bob", True),  # nobody's
        ],
        {1: "Ada", 2: None, 3: None},
        {1: "Ada", 2: "Bob", 3: "Bob"},
    )
    figures = tally.figures(1)
    assert (figures.faces, figures.tracks, figures.owners) == (8, 3, 3)
    assert figures.purity == pytest.approx(7 / 8)
    assert figures.faces_missed == pytest.approx((3 / 5, 3 / 5, 1 / 5))
    assert figures.people_missed == (1, 0, 0)  # Bob, by tracks
    assert figures.wrongly_named == (1, 2, 2)  # Bob as Ada, and Cy as Bob
    assert figures.strangers_tagged == pytest.approx((0, 1 / 2, 1))


def test_composed_videos_are_measured(service, folder):
    figures = measure(service, enrol(service, folder), 1, 0, silent)
    assert figures.frames == 80
    assert figures.faces > 0
    assert 0 < figures.purity <= 1
    json.dumps(figures.document(), allow_nan=False)


def test_a_video_is_timed_and_a_long_one_watched_for_its_memory(service):
    told = []
    found = video_speed.watch(service, [walker("Ada")], 2.0, 10 / 3600, told.append)
    assert found["seconds"] == pytest.approx(2, abs=0.1)
    assert found["cpu_s"] > 0
    memory = found["memory"]
    assert memory["hours"] == pytest.approx(10 / 3600, abs=0.001)
    assert memory["frames_looked_at"] > 20
    assert memory["first_tenth_mb"] > 0
    assert told
