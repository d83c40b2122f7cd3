import numpy as np
import pytest

from retrieval.benchmarks.face_folder import FaceFolder
from retrieval.identities.groups import group, learn_distance, nearest_group, pairwise_f1
from tests.identities.made import crowd


def test_faces_of_one_person_become_one_group() -> None:
    unknown = crowd(6, 5, seed=1, noise=0.2)
    shuffled = np.random.default_rng(0).permutation(30)
    groups = group(unknown.vectors[shuffled], shuffled, 0.2)
    assert pairwise_f1(groups, unknown.people[shuffled]) == 1
    assert len(set(groups.tolist())) == 6


def test_groups_are_numbered_in_the_order_of_their_first_face() -> None:
    axes = np.eye(3, dtype=np.float32)
    assert group(axes[[2, 0, 2, 1, 0]], np.arange(5), 0.5).tolist() == [0, 1, 0, 2, 1]


@pytest.mark.parametrize("count", [0, 1])
def test_nobody_and_a_single_face_need_no_grouping(count: int) -> None:
    assert group(np.eye(4, dtype=np.float32)[:count], np.arange(count), 0.5).tolist() == [0] * count


def test_a_learned_distance_groups_people_whom_nobody_enrolled() -> None:
    scores = []
    for seed in range(10):
        known, unknown = crowd(20, 4, seed=seed), crowd(5, 6, seed=100 + seed)
        distance = learn_distance(known.vectors, known.people, faces=30)
        assert distance is not None
        scores.append(
            pairwise_f1(
                group(unknown.vectors, np.arange(len(unknown.vectors)), distance), unknown.people
            )
        )
    assert np.mean(scores) > 0.95


def test_too_few_people_teach_no_distance() -> None:
    few, single = crowd(9, 4, seed=1), crowd(30, 1, seed=1)
    assert learn_distance(few.vectors, few.people, faces=20) is None
    assert learn_distance(single.vectors, single.people, faces=20) is None


def test_a_new_face_joins_the_group_that_is_near_on_average_or_none() -> None:
    axes = np.eye(3, dtype=np.float32)
    vectors, groups, nobody = axes[[0, 0, 1]], np.array([7, 7, 4]), np.array([], np.int64)
    near = np.array([0.9, np.sqrt(1 - 0.81), 0], np.float32)
    assert nearest_group(near, vectors, groups, 0.2, nobody) == 7
    assert nearest_group(axes[1], vectors, groups, 0.2, nobody) == 4
    assert nearest_group(axes[2], vectors, groups, 0.2, nobody) == -1
    assert nearest_group(axes[2], vectors[:0], groups[:0], 0.2, nobody) == -1
    assert nearest_group(near, vectors, groups, 0.2, np.array([7])) == -1


def test_faces_of_one_photo_are_never_one_person_however_alike() -> None:
    twins = np.repeat(np.eye(2, dtype=np.float32), [6, 2], axis=0)
    photos = np.array([0, 0, 1, 1, 2, 2, 0, 1])
    groups = group(twins, photos, 0.5)
    pairs = set(zip(photos.tolist(), groups.tolist(), strict=True))
    assert len(pairs) == len(photos)
    assert groups[6] == groups[7]  # still one person in two photos
    assert len(set(groups[:6].tolist())) == 2


@pytest.mark.parametrize(
    ("groups", "people", "f1"),
    [
        ([0, 0, 1, 1], [5, 5, 6, 6], 1.0),
        ([0, 1, 2, 3], [5, 5, 6, 6], 0.0),
        ([0, 0, 0, 0], [5, 5, 6, 6], 2 * 2 / (6 + 2)),
        ([0, 1, 2], [5, 6, 7], 1.0),
    ],
)
def test_pairwise_f1(groups: list[int], people: list[int], f1: float) -> None:
    assert pairwise_f1(np.array(groups), np.array(people)) == pytest.approx(f1)


def test_a_tenth_of_orl_left_out_comes_back_as_groups(orl_faces: FaceFolder) -> None:
    rng = np.random.default_rng(0)
    scores = []
    for _ in range(8):
        left_out = rng.choice(len(orl_faces.names), 4, replace=False)
        unknown = np.isin(orl_faces.people, left_out)
        known = np.flatnonzero(~unknown)
        enrolled = known[np.isin(np.arange(len(known)) % 10, range(5))]
        distance = learn_distance(
            orl_faces.vectors[enrolled], orl_faces.people[enrolled], int(unknown.sum())
        )
        assert distance is not None
        groups = group(orl_faces.vectors[unknown], np.flatnonzero(unknown), distance)
        scores.append(pairwise_f1(groups, orl_faces.people[unknown]))
    assert np.mean(scores) >= 0.95
