"""Which faces of a frame need a vector, and tracks that are made with few of them."""

import numpy as np

from retrieval.collection.tracks.following import Follower, kept
from retrieval.collection.tracks.sparing import FIRST, Sparing
from retrieval.collection.tracks.track import BEST
from retrieval.collection.tracks.tracker import TrackRule
from retrieval.photos.videos import Frame
from retrieval.values import Detections, Faces, Quality

RULE = TrackRule(same=0.8, alike=0.6, unlike=0.4)
NOTHING = np.zeros((240, 640, 3), np.uint8)


def boxes(*places, side=60):
    return np.array([[x, y, side, side] for x, y in places], np.float32).reshape(-1, 4)


def test_a_face_that_goes_on_has_vectors_at_first_and_then_now_and_then():
    sparing = Sparing()
    rows = [sparing.choose(n / 5, boxes((10 * n, 0))).tolist() for n in range(20)]
    assert rows[:FIRST] == [[0]] * FIRST
    assert 5 <= sum(map(len, rows[FIRST:])) <= 7  # in 3.4 seconds


def test_two_who_come_near_each_other_have_vectors_in_each_frame():
    sparing = Sparing()
    rows = [
        sparing.choose(n / 5, boxes((20 * n, 0), (400 - 20 * n, 5))).tolist() for n in range(21)
    ]
    near = [n for n in range(21) if abs(400 - 40 * n) < 60]
    assert [rows[n] for n in near] == [[0, 1]] * len(near)
    assert any(not each for each in rows[:8])


def test_behind_a_cut_and_after_a_jump_a_face_begins_anew():
    sparing = Sparing()
    for n in range(6):
        sparing.choose(n / 5, boxes((0, 0)))
    assert sparing.choose(1.2, boxes((0, 0))).tolist() == []
    assert sparing.choose(1.4, boxes((0, 0)), moved=None).tolist() == [0]
    assert sparing.choose(1.6, boxes((300, 0))).tolist() == [0]
    assert sparing.choose(9.0, boxes((300, 0))).tolist() == [0]  # it was gone


def faces(vectors, score=0.9):
    count = len(vectors)
    ones = np.ones(count, np.float32)
    detections = Detections(
        boxes(*[(300 * n, 0) for n in range(count)]),
        np.zeros((count, 5, 2), np.float32),
        ones * np.float32(score),
    )
    quality = Quality(ones * 60, ones * 40, ones * 0, ones * 0, (None,) * count)
    return Faces(detections, quality, np.asarray(vectors, np.float32))


def test_frames_without_a_vector_count_for_the_stay_and_decide_nothing():
    follower = Follower(RULE, pictures=False)
    seen = faces([[1, 0, 0], [0, 1, 0]])
    none = np.zeros(0, np.int64)
    for n in range(10):
        rows = np.array([0, 1]) if n < 4 else np.array([1]) if n == 6 else none
        follower.step(Frame(n, n / 5, NOTHING), seen.detections, rows, seen.take(rows))
    first, second = kept(list(follower.tracks.values()), RULE)
    assert (first.seen, first.last, len(first.best)) == (10, 1.8, 4)
    assert (second.seen, len(second.best)) == (10, 5)
    assert first.faces().vectors[0].tolist() == [1, 0, 0]


def stays(follower, who, second, scores=(0.9, 0.9, 0.9)):
    """A stay of half a second of one person alone."""
    for n, score in enumerate(scores):
        each = faces([who], score)
        frame = Frame(0, second + n / 5, NOTHING, second if n == 0 else None)
        follower.step(frame, each.detections, np.array([0]), each)


def test_stays_that_follow_each_other_are_one_track_and_others_are_not():
    follower = Follower(TrackRule(same=2, alike=-1, unlike=-1), pictures=False)  # by place alone
    ada, bob = [1, 0, 0], [0, 1, 0]
    for second, who in ((0, ada), (5, bob), (10, ada), (15, ada), (50, ada), (60, bob)):
        stays(follower, who, second)
    found = kept(list(follower.tracks.values()), RULE)
    assert [[round(start) for start, _ in track.spans] for track in found] == [
        [0, 10, 15],
        [5],
        [50],  # after too long
        [60],
    ]
    assert all(len(track.best) <= BEST for track in found)


def interleaved():
    """Somebody is seen, looks otherwise behind a cut, and is seen as before behind another."""
    follower = Follower(TrackRule(same=0.95, alike=0.9, unlike=0.85), pictures=False)
    before, between = [1, 0, 0], [0.9, 0.436, 0]
    for second, look in ((0, before), (5, between), (10, before)):
        stays(follower, look, second)
    assert len(follower.tracks) == 2
    return follower


def test_a_stay_between_two_of_another_track_is_the_same_persons():
    (track,) = kept(list(interleaved().tracks.values()), RULE)
    assert [round(start) for start, _ in track.spans] == [0, 5, 10]


def test_whoever_was_seen_at_once_or_too_far_away_is_no_stay_between_two_others():
    both = faces([[1, 0, 0], [0.9, 0.436, 0]])
    follower = interleaved()
    follower.step(Frame(0, 20, NOTHING, 20), both.detections, np.array([0, 1]), both)
    assert len(kept(list(follower.tracks.values()), RULE)) == 2
    follower = interleaved()
    follower.tracks[1].elsewhere = frozenset([0])
    assert len(kept(list(follower.tracks.values()), RULE)) == 2


def test_a_stay_in_the_dark_is_no_part_of_another_for_one_frame_that_is_clear():
    follower = Follower(TrackRule(same=2, alike=-1, unlike=-1), pictures=False)
    for second, scores in ((0, (0.7, 0.86, 0.75)), (5, (0.9, 0.9, 0.9)), (10, (0.9, 0.7, 0.9))):
        stays(follower, [1, 0, 0], second, scores)
    found = kept(list(follower.tracks.values()), RULE)
    assert [[round(start) for start, _ in track.spans] for track in found] == [[0], [5, 10]]


def test_what_no_frame_surely_shows_as_a_face_is_unusable():
    follower = Follower(RULE, pictures=False)
    stays(follower, [1, 0, 0], 0, (0.7, 0.8, 0.75))
    stays(follower, [0, 1, 0], 60, (0.7, 0.86, 0.75))
    on_a_wall, in_the_dark = kept(list(follower.tracks.values()), RULE)
    (why,) = on_a_wall.faces().quality.reasons
    assert why == "hardly a face: found with 0.8 at best, at least 0.85 is needed"
    assert in_the_dark.faces().quality.reasons == (None,)


def test_a_track_that_has_ended_keeps_one_frame_and_is_whose_it_was():
    follower = Follower(RULE, pictures=False)
    for n, look in enumerate([[1, 0, 0], [0.8, 0.6, 0], [0.6, 0.8, 0]]):
        each = faces([look])
        follower.step(Frame(n, n / 5, NOTHING), each.detections, np.array([0]), each)
    (track,) = follower.tracks.values()
    before, agreement = track.faces().vectors, track.agreement
    assert len(track.best) == 3
    follower.fold_ended(60.0)
    assert len(track.best) == 1
    assert np.allclose(track.faces().vectors, before, atol=1e-6)
    assert abs(track.agreement - agreement) < 1e-6


def test_what_is_seen_once_is_dropped_when_it_cannot_come_back():
    follower = Follower(RULE, pictures=False)
    each = faces([[1, 0, 0]])
    follower.step(Frame(0, 0.0, NOTHING), each.detections, np.array([0]), each)
    stays(follower, [0, 1, 0], 60.0)
    follower.fold_ended(60.4)
    assert [track.first for track in follower.tracks.values()] == [60.0]


def test_a_track_that_never_had_a_vector_is_none():
    follower = Follower(RULE, pictures=False)
    each = faces([[1, 0, 0]])
    for n in range(5):
        follower.step(
            Frame(n, n / 5, NOTHING), each.detections, np.zeros(0, np.int64), each.take([])
        )
    assert kept(list(follower.tracks.values()), RULE) == []
    follower.fold_ended(60.0)
    assert not follower.tracks


def test_frames_that_differ_agree_less_than_frames_that_are_alike():
    follower = Follower(RULE, pictures=False)
    looks = [[1, 0, 0], [1, 0, 0], [0.8, 0.6, 0]]
    for n, look in enumerate(looks):
        each = faces([look])
        follower.step(Frame(n, n / 5, NOTHING), each.detections, np.array([0]), each)
        (track,) = follower.tracks.values()
        if n == 1:
            assert abs(track.agreement - 1) < 1e-6
    assert abs(track.agreement - np.linalg.norm(np.mean(looks, axis=0))) < 1e-6
