import json
from pathlib import Path

import numpy as np
import pytest

from retrieval.benchmarks.face_folder import FaceFolder
from retrieval.benchmarks.faces import OURS, Answers, fnir_at, run
from retrieval.benchmarks.faces_report import report
from retrieval.errors import DataInvalid
from tests.identities.made import crowd


def _folder(people: int, photos: int) -> FaceFolder:
    made = crowd(people, photos, seed=1)
    names = tuple(f"person {number}" for number in range(people))
    files = tuple(f"{names[person]}/{row}.jpg" for row, person in enumerate(made.people))
    return FaceFolder(names, made.people, files, made.vectors, model="made")


def test_orl_is_named_as_well_as_the_documentation_says(orl_faces: FaceFolder) -> None:
    assert len(orl_faces.photos) == 400
    result = run(orl_faces, draws=20)
    ours = next(rule for rule in result["rules"] if rule["rule"] == OURS)
    assert ours["rank1"] >= 0.998
    assert ours["fnir"]["0.01"] <= 0.03
    operation = result["operation"]
    assert 0.003 <= operation["fpir"] <= 0.02
    assert operation["held"] >= 0.85
    assert operation["upper_end"] <= 0.08
    assert operation["misnamed"] <= 0.001
    assert operation["grown_fpir"] <= 0.02


def test_every_rule_answers_the_same_draws_and_the_product_is_the_last() -> None:
    result = run(_folder(20, 6), draws=3, photos=4)
    assert [rule["rule"] for rule in result["rules"]][-1] == OURS
    assert (result["known"], result["strangers"], result["draws"]) == (15, 5, 3)
    assert len(result["measured_fpir"]) == 3
    assert len(result["stranger_evidence"]) == 3 * 5 * 6
    assert len(result["known_evidence"]) == 3 * 15 * 2


def test_the_same_seed_gives_the_same_figures_and_another_does_not() -> None:
    folder = _folder(20, 6)
    first, again, other = (run(folder, draws=2, photos=4, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert first["known_evidence"] != other["known_evidence"]


def test_fnir_is_taken_at_the_threshold_that_lets_so_many_strangers_through() -> None:
    answers = Answers(
        right=np.array([True, True, False, True]),
        known=np.array([0.9, 0.6, 0.95, 0.7], np.float32),
        strangers=np.array([0.8, 0.65, 0.5], np.float32),
    )
    assert fnir_at(answers, 0) == pytest.approx(3 / 4)  # above 0.8: one is right, one is not
    assert fnir_at(answers, 1) == pytest.approx(2 / 4)
    assert fnir_at(answers, 2) == pytest.approx(1 / 4)


def test_a_folder_with_too_few_people_is_refused_with_what_is_needed() -> None:
    with pytest.raises(DataInvalid, match="12 known people or more, of 2 photos each; found 8"):
        run(_folder(10, 6))


def test_the_report_shows_the_rules_and_what_calibration_promises(tmp_path: Path) -> None:
    result = run(_folder(20, 6), draws=2, photos=4)
    written = report(result).write_folder(tmp_path, "faces", result)
    assert [path.name for path in written] == [
        "faces.html",
        "faces.json",
        "faces-det.png",
        "faces-calibration.png",
        "faces-evidence.png",
    ]
    assert json.loads((tmp_path / "faces.json").read_text())["draws"] == 2
    page = (tmp_path / "faces.html").read_text()
    assert OURS in page
    assert "wanted FPIR" in page
