"""Faces go on tracks by where they are and by whom they look like."""

import numpy as np
import pytest

from retrieval.collection.tracks.tracker import Tracker, TrackRule
from retrieval.photos.camera_motion import STANDS

SIZE = 1280, 720
RULE = TrackRule(same=0.8, alike=0.6, unlike=0.4)


def person(seed):
    vector = np.random.default_rng(seed).normal(size=64)
    return vector / np.linalg.norm(vector)


def step(tracker, second, *faces, moved=STANDS, weights=None, clear=True):
    """Faces are (person, left, top)."""
    boxes = np.array([[x, y, 50, 60] for _, x, y in faces], np.float32).reshape(-1, 4)
    rng = np.random.default_rng(int(second * 100))
    vectors = [person(who) + rng.normal(scale=0.03, size=64) for who, _, _ in faces]
    vectors = np.array([v / np.linalg.norm(v) for v in vectors], np.float32).reshape(-1, 64)
    weights = np.ones(len(faces), np.float32) if weights is None else np.float32(weights)
    sure = np.full(len(faces), clear)
    return tracker.step(second, boxes, vectors, weights, sure, size=SIZE, moved=moved).tolist()


def test_a_face_that_moves_stays_on_its_track():
    tracker = Tracker(RULE)
    assert {step(tracker, n / 5, (1, 20 * n, 0))[0] for n in range(20)} == {0}


def test_two_people_who_cross_do_not_swap():
    tracker = Tracker(RULE)
    seen = [step(tracker, n / 5, (1, 20 * n, 0), (2, 400 - 20 * n, 5)) for n in range(21)]
    assert seen == [[0, 1]] * 21


def test_whoever_comes_out_from_behind_somebody_is_not_taken_for_them():
    tracker = Tracker(RULE)
    step(tracker, 0, (1, 0, 0))
    assert step(tracker, 0.2, (2, 10, 0)) == [1]


def test_a_face_that_cannot_be_compared_goes_on_by_its_place_alone():
    tracker = Tracker(RULE)
    step(tracker, 0, (1, 0, 0))
    assert step(tracker, 0.2, (9, 5, 0), weights=[0], clear=False) == [0]
    assert step(tracker, 0.4, (1, 10, 0)) == [0]


def test_somebody_who_comes_back_is_known_again_by_the_vector():
    tracker = Tracker(RULE)
    step(tracker, 0, (1, 0, 0))
    for n in range(1, 10):
        step(tracker, n)
    assert step(tracker, 10, (1, 500, 100), (2, 0, 0)) == [0, 1]
    assert step(tracker, 40, (1, 500, 100)) == [2]  # after too long


def alike(who, other, cosine):
    """A vector so like one person's, and otherwise another's."""
    rest = person(other) - person(other) @ person(who) * person(who)
    return cosine * person(who) + np.sqrt(1 - cosine**2) * rest / np.linalg.norm(rest)


@pytest.mark.parametrize(
    ("cosine", "others", "moved", "number"),
    [
        (0.85, True, STANDS, 2),  # four sizes on in a fifth of a second: somebody else
        (0.98, True, STANDS, 0),  # beyond doubt the same
        (0.85, False, STANDS, 0),  # nobody else shows that the scene goes on
        (0.85, True, None, 0),  # it does not
    ],
)
def test_whoever_appears_too_far_away_as_somebody_alike_goes_is_somebody_new(
    cosine, others, moved, number
):
    tracker = Tracker(RULE)
    for n in range(4):
        beside = [(2, 600, 300)] if others else []
        step(tracker, n / 5, (1, 0, 0), *beside)
    boxes = [[250, 0, 50, 60]] + [[600, 300, 50, 60]] * others
    vectors = np.float32([alike(1, 3, cosine), person(2)][: len(boxes)])
    ones, sure = np.ones(len(boxes), np.float32), np.ones(len(boxes), bool)
    seen = tracker.step(0.8, np.float32(boxes), vectors, ones, sure, size=SIZE, moved=moved)
    assert seen.tolist() == [number, 1][: len(boxes)]
    assert tracker.elsewhere == ({2: {0, 1}} if number == 2 else {})


def test_blurred_faces_are_not_known_again_by_vectors_that_are_all_alike():
    tracker = Tracker(RULE)
    step(tracker, 0, (1, 0, 0), clear=False)
    assert step(tracker, 5, (1, 500, 0), clear=False) == [1]


def test_one_clear_frame_among_dark_ones_is_not_known_again_by_its_vector():
    tracker = Tracker(RULE)
    for n, clear in enumerate((False, True, False)):
        step(tracker, n / 5, (1, 0, 0), clear=clear)
    assert step(tracker, 5, (1, 500, 0)) == [1]


def test_behind_a_cut_places_say_nothing():
    tracker = Tracker(RULE)
    step(tracker, 0, (1, 0, 0), (2, 100, 0))
    assert step(tracker, 0.2, (3, 0, 0), (1, 100, 0), moved=None) == [2, 0]


def test_where_a_camera_pans_faces_that_cannot_be_compared_stay_on_their_tracks():
    tracker, pan = Tracker(RULE), np.float32([[1, 0, -70], [0, 1, 0]])
    for n in range(8):
        faces = [(9, left - 70 * n, 0) for left in (0, 70, 140)]
        moved = pan if n else STANDS
        assert step(tracker, n / 5, *faces, moved=moved, weights=[0] * 3, clear=False) == [0, 1, 2]


def test_whoever_a_camera_turned_away_from_is_expected_where_they_were():
    tracker = Tracker(RULE)
    one = [np.float32([person(9)]), np.zeros(1, np.float32), np.array([False])]
    away, back = np.float32([[1, 0, -900], [0, 1, 0]]), np.float32([[1, 0, 900], [0, 1, 0]])
    tracker.step(0, np.float32([[300, 100, 50, 60]]), *one, size=SIZE)
    nobody = np.zeros((0, 4), np.float32), np.zeros((0, 64), np.float32), one[1][:0], one[2][:0]
    tracker.step(0.2, *nobody, moved=away, size=SIZE)
    tracker.step(5.0, *nobody, size=SIZE)
    seen = tracker.step(5.2, np.float32([[305, 100, 50, 60]]), *one, moved=back, size=SIZE)
    assert seen.tolist() == [0]
    tracker.step(5.4, *nobody, size=SIZE)
    tracker.step(10.0, *nobody, size=SIZE)  # in the picture, and not seen: gone
    assert tracker.step(10.2, np.float32([[305, 100, 50, 60]]), *one, size=SIZE).tolist() == [1]


def test_two_frames_behind_a_cut_the_places_before_it_still_say_nothing():
    tracker = Tracker(RULE)
    step(tracker, 0, (9, 0, 0), weights=[0], clear=False)
    step(tracker, 0.2, (9, 300, 0), moved=None, weights=[0], clear=False)
    assert step(tracker, 0.4, (9, 0, 0), weights=[0], clear=False) == [2]


def test_whoever_passes_close_by_turned_away_is_one_track():
    tracker = Tracker(RULE)
    seen = [step(tracker, n / 5, (9, 110 * n, 0), weights=[0], clear=False) for n in range(8)]
    assert seen == [[0]] * 8


def test_whoever_is_two_sizes_on_is_somebody_new_if_two_may_be_meant_or_looks_otherwise():
    for now in ([(9, 110, 0), (9, 0, 110)], [(8, 110, 0)]):
        tracker, unusable = Tracker(RULE), [0] * len(now)
        step(tracker, 0, (9, 0, 0), weights=[0], clear=False)
        seen = step(tracker, 0.2, *now, weights=unusable, clear=False)
        assert seen == list(range(1, len(now) + 1))


def test_a_face_that_keeps_still_while_a_camera_zooms_stays_on_its_track():
    tracker, zoom = Tracker(RULE), np.float32([[1.3, 0, 0], [0, 1.3, 0]])
    place = np.array([400.0, 200.0])
    for n in range(5):
        (label,) = tracker.step(
            n / 5,
            np.float32([[*place, 50, 60]]),
            np.float32([person(9)]),
            np.zeros(1, np.float32),
            np.array([False]),
            size=SIZE,
            moved=zoom if n else STANDS,
        )
        assert label == 0
        place = place * 1.3


def test_tracks_that_nobody_can_come_back_into_are_told():
    tracker = Tracker(RULE)
    step(tracker, 0, (1, 0, 0))
    step(tracker, 30, (2, 0, 0))
    assert tracker.forgotten(30).tolist() == [0]
