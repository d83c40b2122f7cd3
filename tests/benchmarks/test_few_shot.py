import json
from collections.abc import Callable

import pytest

from retrieval.benchmarks.face_folder import FaceFolder
from retrieval.benchmarks.few_shot import (
    METHODS,
    OURS,
    FewShot,
    report,
    run,
)

MakeFolder = Callable[[int, int, float], FaceFolder]


@pytest.fixture(scope="module")
def result(face_folder: MakeFolder) -> FewShot:
    return run(face_folder(12, 6, 0.8), draws=3, photos=(1, 3))


def test_every_method_is_measured_on_every_size(result: FewShot) -> None:
    measured = {(score["method"], score["photos"]) for score in result["scores"]}
    assert measured == {(method.name, count) for method in METHODS for count in (1, 3)}
    assert all(score["rank1"] > 0.9 for score in result["scores"] if score["photos"] == 3)


def test_more_photos_name_more_people(result: FewShot) -> None:
    ours = {s["photos"]: s for s in result["scores"] if s["method"] == OURS}
    assert ours[3]["fnir"] < ours[1]["fnir"]
    assert ours[3]["fnir_over_ours"] == 0


def test_with_one_photo_a_person_the_nearest_is_the_class_mean(result: FewShot) -> None:
    one = {s["method"]: s["fnir"] for s in result["scores"] if s["photos"] == 1}
    assert one["nearest photo"] == one["nearest class mean"]


def test_draws_repeat_with_their_seed_and_sizes_do_not_change_them(
    face_folder: MakeFolder,
) -> None:
    faces = face_folder(12, 6, 0.8)

    def fnir(photos: tuple[int, ...], seed: int) -> list[float]:
        scores = run(faces, draws=2, photos=photos, seed=seed)["scores"]
        return [score["fnir"] for score in scores if score["photos"] == 2]

    assert fnir((2,), 0) == fnir((1, 2), 0)


def test_the_report_has_error_bars_and_stresses_our_rule(result: FewShot) -> None:
    page = report(json.loads(json.dumps(result)))
    table = page.tables[0]
    assert table.best is not None
    assert table.cells()[table.best][:2] == ["3", OURS]
    bars = page.figures["rates"].axes[1].containers
    assert len(bars) == len(METHODS)


def test_orl_reproduces_the_order_of_the_rules(orl_faces: FaceFolder) -> None:
    scores = run(orl_faces, draws=8, photos=(5,))["scores"]
    fnir = {score["method"]: score["fnir"] for score in scores}
    assert fnir[OURS] < fnir["nearest photo"] < fnir["softmax + unknown"]
    assert fnir[OURS] < fnir["nearest class mean"] < fnir["softmax + unknown"]
