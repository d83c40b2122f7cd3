"""The benchmark of events: albums are what is said of them, and figures follow from decisions."""

import numpy as np
import pytest

from retrieval.benchmarks import events as benchmark
from retrieval.benchmarks.event_speed import time_event
from retrieval.benchmarks.events import Look, compose, measure, worse
from retrieval.errors import DataInvalid
from retrieval.values import Gate


def looks(people=120, each=8, spread=0.05, bad=0.15):
    rng = np.random.default_rng(0)

    def near(centre, scale):
        vector = centre + rng.normal(scale=scale, size=centre.shape)
        return (vector / np.linalg.norm(vector)).astype(np.float32)

    found = {}
    for number in range(people):
        centre = rng.normal(size=64)
        centre /= np.linalg.norm(centre)
        found[f"person {number}"] = [
            (Look(near(centre, spread), True), Look(near(centre, bad), number % 7 > 0))
            for _ in range(each)
        ]
    return found


def test_nobody_s_photo_is_used_twice_and_nobody_is_twice_in_a_photo():
    album = compose(looks(), 3)
    assert len(np.unique(album.vectors, axis=0)) == len(album.vectors)
    pairs = set(zip(album.photos.tolist(), album.people.tolist(), strict=True))
    assert len(pairs) == len(album.people)
    assert not {row.tobytes() for row in album.known} & {row.tobytes() for row in album.vectors}
    attending = album.people[album.people >= 0]
    assert len(np.unique(attending)) == benchmark.ATTENDING
    assert len(np.unique(album.people[album.people < 0])) == benchmark.STRANGERS
    assert (np.bincount(attending) >= benchmark.LEAST).all()


def test_the_same_seed_gives_the_same_album():
    one, other = compose(looks(), 5), compose(looks(), 5)
    np.testing.assert_array_equal(one.vectors, other.vectors)
    assert len(compose(looks(), 6).people) != len(one.people)


def test_the_event_misses_fewer_faces_than_one_by_one():
    found = measure(looks(), 2, 0.01, 0, Gate(0.0, 0.0, "nothing known"))
    alone, _, whole = found["rules"]
    assert (alone["rule"], whole["rule"]) == ("one by one", "decided as a whole")
    assert whole["missed"] <= alone["missed"]
    assert 0 <= whole["tagged"] <= 1
    assert whole["grouped"] is not None


def test_a_photo_is_made_worse_in_one_of_four_ways():
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 255, (120, 120, 3), dtype=np.uint8)
    kinds = set()
    for _ in range(30):
        made, kind = worse(photo, rng)
        kinds.add(kind)
        assert made.shape == photo.shape
        assert made.dtype == np.uint8
        assert (made != photo).any()
    assert kinds == set(benchmark.KINDS)


def test_too_few_people_are_refused(tmp_path):
    (tmp_path / "Ann").mkdir()
    (tmp_path / "Ann" / "1.jpg").write_bytes(b"x")
    with pytest.raises(DataInvalid, match="needed"):
        benchmark.look(None, tmp_path)


def test_a_large_event_is_timed_through_the_real_catalogue():
    times = time_event(800)
    assert (times["faces"], times["photos"]) == (800, 100)
    assert times["named"] > 500
    assert times["unknown_groups"] >= 1
