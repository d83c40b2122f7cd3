import json
from collections.abc import Callable

import numpy as np
import pytest

from retrieval.benchmarks.clusters import ASSIGNMENT_K, Clusters, Method, purity, report, run
from retrieval.benchmarks.face_folder import FaceFolder

MakeFolder = Callable[[int, int, float], FaceFolder]


@pytest.fixture(scope="module")
def result(face_folder: MakeFolder) -> Clusters:
    return run(face_folder(24, 8, 0.5), draws=2)


def by_name(result: Clusters) -> dict[tuple[str, float | None], Method]:
    return {(method["method"], method["threshold"]): method for method in result["methods"]}


def test_purity_counts_the_commonest_person_of_each_cluster() -> None:
    owners = np.array([0, 0, 0, 1, 1, 2])
    members = np.array([[1, 1, 0, 1, 0, 0], [0, 0, 1, 0, 1, 1], [0, 0, 0, 0, 0, 0]], bool)
    assert purity(members, owners) == pytest.approx((2 + 1) / 6)


def test_the_assignments_rule_stands_beside_ours_in_one_table(result: Clusters) -> None:
    rows = report(json.loads(json.dumps(result))).tables[0].cells()
    assert [row[:2] for row in rows] == [
        ["k-means, k = 6", "0.8"],
        ["k-means, k = 6", "calibrated"],
        ["k-means, k = 18", "0.8"],
        ["k-means, k = 18", "calibrated"],
        ["Rollcall, nprobe 1", "calibrated"],
        ["Rollcall, nprobe 2", "calibrated"],
        ["Rollcall, nprobe 4", "calibrated"],
        ["Rollcall, all lists", "calibrated"],
    ]


def test_an_input_is_compared_with_every_centre_and_with_the_lists_it_visits(
    result: Clusters,
) -> None:
    methods = by_name(result)
    assert methods["k-means, k = 6", 0.8]["comparisons"] == 6
    assert methods["k-means, k = 18", 0.8]["comparisons"] == 18
    every_list = methods["Rollcall, all lists", None]["comparisons"]
    saved = result["known"] * result["photos"]
    assert ASSIGNMENT_K + saved < every_list <= ASSIGNMENT_K + saved + 10
    assert methods["Rollcall, nprobe 1", None]["comparisons"] < every_list / 2


def test_six_clusters_cannot_name_eighteen_people_and_ours_names_them(result: Clusters) -> None:
    methods = by_name(result)
    assert methods["k-means, k = 6", 0.8]["rank1"] < 0.5
    assert methods["Rollcall, all lists", None]["rank1"] > 0.95


def test_answers_are_inputs_with_their_saved_photos(result: Clusters) -> None:
    for answers in (result["assignment_answers"], result["rollcall_answers"]):
        inputs, saved = set(answers), {photo for found in answers.values() for photo in found}
        assert len(inputs) == 24 * 8 - result["known"] * result["photos"]
        assert saved
        assert not inputs & saved
    named = [
        (photo.split("/")[0], {found.split("/")[0] for found in answer})
        for photo, answer in result["rollcall_answers"].items()
        if answer
    ]
    assert all(len(people) == 1 for _, people in named)
    assert np.mean([people == {person} for person, people in named]) > 0.9


def test_draws_repeat_with_their_seed(face_folder: MakeFolder, result: Clusters) -> None:
    assert run(face_folder(24, 8, 0.5), draws=2) == result
