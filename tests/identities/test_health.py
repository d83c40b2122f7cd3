import numpy as np
import pytest

from retrieval.benchmarks.face_folder import FaceFolder
from retrieval.identities.health import COPY_COSINE, Findings, examine
from retrieval.values import Gate, Ints, Vectors
from tests.identities.made import Crowd, crowd

# In these crowds 95 % of strangers stay below 0.77, known people are seldom below 0.8; 99 % of the
# pairs of two people are below 0.66.
GATE = Gate(0.78, 0.01, "made up", photo_threshold=0.66, person_threshold=0.7)


def _examine(vectors: Vectors, people: Ints) -> Findings:
    return examine(vectors, people, gate=GATE)


def _relabelled(gallery: Crowd, row: int, person: int) -> Crowd:
    people = gallery.people.copy()
    people[row] = person
    return Crowd(gallery.vectors, people)


def test_a_photo_under_the_wrong_name_is_found_with_the_right_one() -> None:
    gallery = _relabelled(crowd(20, 5, seed=1), row=7, person=13)
    (found,) = _examine(gallery.vectors, gallery.people).mislabelled
    assert (found.row, found.person, found.looks_like) == (7, 13, 1)
    assert found.lead < 0


def test_planted_photos_are_found_and_clean_galleries_raise_no_alarm() -> None:
    found, alarms = 0, 0
    for seed in range(25):
        clean = crowd(20, 5, seed=seed)
        alarms += len(_examine(clean.vectors, clean.people).mislabelled)
        row, person = seed * 3, (seed * 3 // 5 + 7) % 20
        planted = _relabelled(clean, row, person)
        rows = [m.row for m in _examine(planted.vectors, planted.people).mislabelled]
        found += row in rows
    assert found >= 23
    assert alarms <= 2


def test_worst_mislabelled_photos_come_first() -> None:
    gallery = _relabelled(_relabelled(crowd(20, 5, seed=2), 3, 9), 44, 2)
    leads = [m.lead for m in _examine(gallery.vectors, gallery.people).mislabelled]
    assert len(leads) == 2
    assert leads == sorted(leads)


def test_one_person_under_two_names_is_found_from_two_photos_a_name_on() -> None:
    gallery = crowd(20, 4, seed=3)
    twice = np.where((gallery.people == 4) & (np.arange(80) % 2 == 0), 99, gallery.people)
    found = _examine(gallery.vectors, twice)
    assert [(each.person, each.other) for each in found.twice] == [(4, 99)]
    assert (found.alike, found.mislabelled) == ((), ())


def test_one_person_under_four_names_is_found_as_every_pair_of_them() -> None:
    gallery = crowd(20, 8, seed=3)
    four = np.where(gallery.people == 4, 90 + np.arange(160) % 4, gallery.people)
    found = {(each.person, each.other) for each in _examine(gallery.vectors, four).twice}
    assert found == {(90, 91), (90, 92), (90, 93), (91, 92), (91, 93), (92, 93)}


def test_nobody_is_two_where_the_threshold_does_not_say_so() -> None:
    gallery = crowd(20, 4, seed=3)
    twice = np.where((gallery.people == 4) & (np.arange(80) % 2 == 0), 99, gallery.people)
    strict = Gate(threshold=0.9999, margin=0.0, source="strict")
    assert examine(gallery.vectors, twice, gate=strict).twice == ()


def test_people_who_are_apart_are_no_look_alikes() -> None:
    gallery = crowd(20, 5, seed=4)
    assert _examine(gallery.vectors, gallery.people).alike == ()


def test_copies_are_found_once_and_those_of_two_people_come_first() -> None:
    gallery = crowd(10, 3, seed=5)
    rng = np.random.default_rng(0)
    copies = gallery.vectors[[4, 11]] + rng.normal(size=(2, gallery.vectors.shape[1])) * 1e-3
    copies = (copies / np.linalg.norm(copies, axis=1, keepdims=True)).astype(np.float32)
    both = Crowd(np.concatenate([gallery.vectors, copies]), np.append(gallery.people, [1, 8]))
    found = _examine(both.vectors, both.people).copies
    assert [(c.rows, c.one_person) for c in found] == [((11, 31), False), ((4, 30), True)]
    assert min(c.cosine for c in found) >= COPY_COSINE


def test_a_burst_is_one_group_of_copies() -> None:
    gallery = crowd(6, 3, seed=5)
    rng = np.random.default_rng(0)
    burst = gallery.vectors[4] + rng.normal(size=(40, gallery.vectors.shape[1])) * 1e-3
    burst = (burst / np.linalg.norm(burst, axis=1, keepdims=True)).astype(np.float32)
    people = np.append(gallery.people, np.full(40, gallery.people[4]))
    (group,) = _examine(np.concatenate([gallery.vectors, burst]), people).copies
    assert len(group.rows) == 41
    assert group.one_person


def test_people_with_few_photos_are_named() -> None:
    gallery = crowd(6, 4, seed=6)
    kept = ~np.isin(np.arange(24), [0, 1, 12, 13, 14])
    found = _examine(gallery.vectors[kept], gallery.people[kept])
    assert found.few == (0, 3)


@pytest.mark.parametrize(("people", "photos"), [(0, 1), (1, 5), (3, 5), (10, 1)])
def test_galleries_too_small_to_compare_have_no_findings_of_it(people: int, photos: int) -> None:
    gallery = crowd(people, photos, seed=7)
    found = _examine(gallery.vectors, gallery.people)
    assert (found.mislabelled, found.alike, found.copies) == ((), (), ())
    assert not found.across
    assert found.alone == (tuple(range(people)) if photos == 1 else ())


def test_a_photo_of_somebody_whom_nobody_knows_resembles_nobody_and_is_moved_to_nobody() -> None:
    """Two strangers under one name, each a little nearer to another person than to the other."""
    gallery, strangers = crowd(20, 5, seed=1, noise=0.3), crowd(2, 1, seed=40, noise=0.3)
    vectors = np.concatenate([gallery.vectors, strangers.vectors])
    found = _examine(vectors, np.append(gallery.people, [20, 20]))
    assert found.mislabelled == ()
    assert {(u.row, u.person) for u in found.unlike} == {(100, 20), (101, 20)}
    assert all(u.score < 0.7 for u in found.unlike)


def test_a_strangers_photo_in_somebodys_folder_resembles_nobody() -> None:
    gallery, stranger = crowd(20, 5, seed=1, noise=0.3), crowd(1, 1, seed=41, noise=0.3)
    vectors = np.concatenate([gallery.vectors, stranger.vectors])
    found = _examine(vectors, np.append(gallery.people, [4]))
    assert [(u.row, u.person) for u in found.unlike] == [(100, 4)]
    assert found.parted == ()


@pytest.mark.parametrize("people", [1, 20])
def test_two_people_of_two_photos_under_one_name_fall_into_groups(people: int) -> None:
    gallery = crowd(people + 1, 2, seed=3, noise=0.2)
    labels = np.where(gallery.people == people, 0, gallery.people)
    (parted,) = _examine(gallery.vectors, labels).parted
    assert (parted.person, sorted(parted.groups)) == (0, [(0, 1), (2 * people, 2 * people + 1)])


@pytest.mark.parametrize("photos", [2, 3])
def test_many_people_under_one_name_do_not_hide_one_another(photos: int) -> None:
    """Each resembles one of the many more than any of the few whom they are not filed under."""
    rng = np.random.default_rng(photos)
    people = np.repeat(np.arange(24), photos)
    vectors = rng.normal(size=(24, 64))[people] + 0.2 * rng.normal(size=(len(people), 64))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    labels = np.where(people < 16, 0, people)
    (parted,) = _examine(vectors.astype(np.float32), labels).parted
    assert (parted.person, sorted(map(set, parted.groups), key=min)) == (
        0,
        [set(np.flatnonzero(people == each).tolist()) for each in range(16)],
    )


def test_clean_galleries_have_no_groups_and_hardly_a_photo_of_nobody() -> None:
    photos, unlike = 0, 0
    for seed in range(10):
        clean = crowd(20, 5, seed=seed, noise=0.3)
        found = _examine(clean.vectors, clean.people)
        assert found.parted == ()
        photos, unlike = photos + 100, unlike + len(found.unlike)
    assert unlike <= photos / 100


def test_orl_hides_no_planted_photo_and_raises_no_false_alarm(orl_faces: FaceFolder) -> None:
    rng = np.random.default_rng(0)
    people = np.arange(len(orl_faces.names))
    found, alarms = 0, 0
    for _ in range(20):
        shuffled = rng.permutation(len(orl_faces.people))
        order = shuffled[np.argsort(orl_faces.people[shuffled], kind="stable")].reshape(-1, 10)
        enrolled, other_model = order[:, :5], order[:, 5]
        own, other = rng.choice(people, 2, replace=False)
        labels = np.repeat(people, 5)
        clean = _examine(orl_faces.vectors[enrolled.ravel()], labels)
        alarms += len(clean.mislabelled)
        planted = enrolled.copy()
        planted[own, 0] = other_model[other]
        rows = _examine(orl_faces.vectors[planted.ravel()], labels).mislabelled
        found += (own * 5, other) in {(m.row, m.looks_like) for m in rows}
    assert found >= 18
    assert alarms <= 2
