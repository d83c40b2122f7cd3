"""An event decided as a whole: who is present, what is recalled, and what photos forbid."""

from dataclasses import replace

import numpy as np
import pytest

from retrieval.identities.link import LinkRule, Seen, group_faces, link, standing
from retrieval.values import Gate

NONE = np.float32(-np.inf)
RULE = LinkRule(threshold=0.6, recalled=0.5, lone=0.1, grouped=0.7)


def at(*degrees):
    """Unit vectors of a plane, by their angles."""
    angles = np.deg2rad(np.array(degrees, np.float64))
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def seen(vectors, people, excess, photos=None, fixed=None, refused=(), usable=None):
    count = len(vectors)
    return Seen(
        vectors=vectors,
        photos=np.arange(count) if photos is None else np.array(photos, np.int64),
        usable=np.ones(count, bool) if usable is None else np.array(usable),
        people=np.array(people, np.int64),
        excess=np.array(excess, np.float32),
        rivals=np.full(count, -1, np.float32),
        fixed=np.zeros(count, bool) if fixed is None else np.array(fixed),
        refused=refused,
    )


@pytest.mark.parametrize(
    ("people", "excess", "firm", "present"),
    [
        ([1], [0.05], [False], []),  # one face, barely
        ([1], [0.1], [False], [1]),  # one face, clear
        ([1, 1], [0.01, 0.02], [False, False], [1]),  # two faces
        ([1, 1], [0.01, np.nan], [False, False], []),  # the second was given by the event
        ([1], [-np.inf], [True], [1]),  # a human said so
        ([-1, 2], [NONE, 0.3], [False, False], [2]),
        ([], [], [], []),
    ],
)
def test_who_is_present_for_sure(people, excess, firm, present):
    found = standing(
        np.array(people, np.int64), np.array(excess, np.float32), np.array(firm, bool), 0.1
    )
    assert found.tolist() == present


def test_the_rule_follows_the_network_s_own_scale():
    rule = LinkRule.of(Gate(0.9, 0.0, "", photo_threshold=0.8))
    assert rule.recalled == pytest.approx(0.86)
    assert rule.lone == pytest.approx(0.05)
    assert rule.grouped == 0.8
    alone = LinkRule.of(Gate(0.9, 0.0, ""))
    assert (alone.recalled, alone.lone, alone.grouped) == (0.9, 0.0, 0.9)


def test_a_face_like_those_of_somebody_present_is_recalled():
    faces = seen(at(0, 5, 35), [1, 1, -1], [0.3, 0.3, NONE])
    found = link(faces, at(0), np.array([1]), RULE)
    assert found.people.tolist() == [1, 1, 1]
    assert found.by_event.tolist() == [False, False, True]
    assert found.scores[2] > found.needed[2]
    assert found.groups.tolist() == [0, 0, 0]


@pytest.mark.parametrize(("credit", "recalled", "groups"), [(1, True, 2), (0.1, False, 4)])
def test_means_of_vectors_that_differ_count_less_in_all_that_an_event_makes(
    credit, recalled, groups
):
    faces = seen(at(0, 5, 35, 200, 235), [1, 1, -1, -1, -1], [0.3, 0.3, NONE, NONE, NONE])
    lower = np.array([1, 1, credit, credit, credit], np.float32)
    found = link(replace(faces, credit=lower), at(0), np.array([1]), RULE)
    assert bool(found.by_event[2]) is recalled
    assert len(set(found.groups.tolist())) == groups


def test_a_stranger_who_comes_twice_is_like_themselves_and_not_recalled():
    faces = seen(at(0, 5, 60, 61), [1, 1, -1, -1], [0.3, 0.3, NONE, NONE])
    found = link(faces, at(0), np.array([1]), RULE)
    assert found.people.tolist() == [1, 1, -1, -1]
    assert found.groups.tolist() == [0, 0, 2, 2]


def test_nobody_is_recalled_into_a_photo_that_shows_them_already():
    faces = seen(at(0, 5, 20), [1, 1, -1], [0.3, 0.3, NONE], photos=[0, 1, 1])
    assert link(faces, at(0), np.array([1]), RULE).people.tolist() == [1, 1, -1]


def test_of_two_faces_of_a_photo_one_at_most_is_recalled_for_a_person():
    faces = seen(at(0, 5, 14, 25), [1, 1, -1, -1], [0.3, 0.3, NONE, NONE], photos=[0, 1, 2, 2])
    assert link(faces, at(0), np.array([1]), RULE).people.tolist() == [1, 1, 1, -1]


def test_who_is_to_check_recalls_nobody():
    faces = seen(at(0, 10), [1, -1], [0.05, NONE])
    assert link(faces, at(0), np.array([1]), RULE).people.tolist() == [1, -1]


def test_a_person_whom_a_human_refused_is_not_recalled():
    faces = seen(at(0, 5, 20), [1, 1, -1], [0.3, 0.3, NONE], refused=[(2, 1)])
    assert link(faces, at(0), np.array([1]), RULE).people.tolist() == [1, 1, -1]


def test_what_a_human_said_stays_and_helps_to_recall():
    said = seen(at(40, 60), [1, -1], [NONE, NONE], fixed=[True, False])
    assert link(said, at(0), np.array([1]), RULE).people.tolist() == [1, 1]
    nobodys = seen(at(0, 5, 6), [1, 1, -1], [0.3, 0.3, NONE], fixed=[False, False, True])
    assert link(nobodys, at(0), np.array([1]), RULE).people.tolist() == [1, 1, -1]


def test_unusable_faces_take_part_in_nothing():
    faces = seen(at(0, 5, 6), [1, 1, -1], [0.3, 0.3, NONE], usable=[True, True, False])
    found = link(faces, at(0), np.array([1]), RULE)
    assert found.people.tolist() == [1, 1, -1]
    assert found.groups.tolist() == [0, 0, -1]


def test_an_event_without_faces_or_without_anybody_enrolled():
    none = np.zeros((0, 2), np.float32)
    empty = link(seen(none, [], []), none, np.zeros(0, np.int64), RULE)
    assert len(empty.people) == len(empty.groups) == 0
    lone = link(seen(at(0, 1), [-1, -1], [NONE, NONE]), none, np.zeros(0, np.int64), RULE)
    assert lone.groups.tolist() == [0, 0]


def test_two_faces_of_a_photo_never_come_into_one_group():
    assert group_faces(at(0, 1, 2), np.array([0, 0, 1]), 0.7).tolist() == [0, 1, 1]


def test_groups_are_those_of_average_linkage():
    rng = np.random.default_rng(3)
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import pdist

    centres = rng.normal(size=(25, 16))
    made = np.repeat(centres, 8, axis=0) + rng.normal(size=(200, 16)) * 0.5
    vectors = (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)
    expected = fcluster(linkage(pdist(vectors, "cosine"), "average"), 1 - 0.6, "distance")
    found = group_faces(vectors, np.arange(200), 0.6)
    same = found[:, None] == found[None, :]
    assert (same == (expected[:, None] == expected[None, :])).all()


def test_many_faces_are_linked_without_holding_all_pairs():
    rng = np.random.default_rng(1)
    centres = rng.normal(size=(400, 32))
    owners = np.repeat(np.arange(400), 8)
    made = centres[owners] + rng.normal(size=(3_200, 32)) * 0.35
    vectors = (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)
    known = (centres[:200] / np.linalg.norm(centres[:200], axis=1, keepdims=True)).astype(
        np.float32
    )
    people = np.where((owners < 200) & (np.arange(3_200) % 2 == 0), owners, -1)
    excess = np.where(people >= 0, 0.2, -np.inf)
    faces = seen(vectors, people, excess, photos=np.arange(3_200) % 1_600)
    found = link(faces, known.astype(np.float32), np.arange(200), RULE)
    right = owners < 200
    assert (found.people[right] == owners[right]).mean() > 0.95
    assert (found.people[~right] >= 0).mean() < 0.01
