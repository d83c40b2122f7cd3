"""`bench faces`: protocols on whole arrays, and the figures that documentation quotes."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from retrieval.benchmarks import face_recognition_rival
from retrieval.benchmarks import faces as benchmark
from retrieval.benchmarks.face_folder import FaceFolder, photos_of_people
from retrieval.benchmarks.face_vectors import FINDING, PhotoVectors, embed, row_of_subject
from retrieval.benchmarks.faces import Contender, run
from retrieval.benchmarks.faces_report import report
from retrieval.benchmarks.identification import (
    OURS,
    RULES,
    Answers,
    answers,
    det_curve,
    draw,
    fnir_at,
    fnir_interval,
    fpir_interval,
    most_alike,
    ours,
)
from retrieval.benchmarks.planted import planted
from retrieval.benchmarks.verification import verify
from retrieval.collection.photo_faces import PhotoFailure
from retrieval.errors import DataInvalid, NoFace
from retrieval.identities.decide import decide
from retrieval.protocols import PeopleHits
from retrieval.values import Gate, Outcome, Source

GATE = Gate(0.5, 0.01, "a test")
Make = Callable[[int, int, float], FaceFolder]


@pytest.fixture
def vectors(face_folder: Make) -> PhotoVectors:
    """40 people of 6 photos, a twentieth of them without a face."""
    return _vectors(face_folder(40, 6, 0.8))


def _vectors(made: FaceFolder) -> PhotoVectors:
    found = np.random.default_rng(3).random(len(made.people)) > 0.05
    own = made.vectors * found[:, None].astype(np.float32)
    return PhotoVectors(made.names, made.people, own, found, "made:fp32:plain:0", 1.0)


def _contender(vectors: PhotoVectors, name: str = "made") -> Contender:
    return Contender(name, vectors, GATE, 1.0, 2.0)


def test_no_photo_is_both_enrolled_and_asked_and_none_without_a_face_is_enrolled(
    vectors: PhotoVectors,
) -> None:
    one = draw(vectors, 3, None, np.random.default_rng(0))
    parts = one.gallery, one.asked, one.strangers
    rows = np.concatenate(parts)
    assert len(np.unique(rows)) == len(rows)
    assert vectors.found[one.gallery].all()
    assert not set(vectors.people[one.strangers]) & set(vectors.people[one.asked])
    assert (~vectors.found[one.asked]).any()  # asked all the same


def test_a_photo_without_a_face_is_a_miss_and_a_strangers_is_not_named(
    vectors: PhotoVectors,
) -> None:
    one = draw(vectors, 3, None, np.random.default_rng(0))
    found = answers(vectors, one, ours)
    assert not found.right[~vectors.found[one.asked]].any()
    assert (found.known[~vectors.found[one.asked]] == -np.inf).all()
    assert (found.strangers[~vectors.found[one.strangers]] == -np.inf).all()


def test_whole_arrays_name_whom_the_product_names_face_by_face(vectors: PhotoVectors) -> None:
    one = draw(vectors, 3, None, np.random.default_rng(0))
    found = answers(vectors, one, ours)
    gallery = vectors.vectors[one.gallery]
    people = np.unique(one.owners)
    for row in np.flatnonzero(vectors.found[one.asked])[:40]:
        probe = vectors.vectors[one.asked[row]]
        scores = np.array([_score(gallery[one.owners == p], probe) for p in people], np.float32)
        best = np.argsort(-scores)[:5]
        top = scores[best][None]
        hits = PeopleHits(people[best][None], top, np.zeros((1, 5), np.int64), top, top)
        (decision,) = decide(hits, [None], GATE)
        named = benchmark._named(found.known[row], found.leads[row], GATE)
        assert bool(named) == (decision.outcome is Outcome.MATCH)
        if named:
            assert found.right[row] == (decision.person_id == one.asked_owners[row])


def _score(own: np.ndarray, probe: np.ndarray) -> float:
    from retrieval.scoring.rule import fuse

    template = own.sum(axis=0) / np.linalg.norm(own.sum(axis=0))
    return float(fuse(np.float32((own @ probe).max()), np.float32(template @ probe)))


def test_fnir_is_taken_at_the_threshold_that_lets_so_many_strangers_through() -> None:
    known = np.array([0.9, 0.6, 0.95, 0.7], np.float32)
    strangers = np.array([0.8, 0.65, 0.5], np.float32)
    nobody = np.zeros(3, np.int64)
    right = np.array([True, True, False, True])
    found = Answers(right, known, known, strangers, strangers, nobody)
    assert fnir_at(found, 0) == pytest.approx(3 / 4)  # above 0.8: one is right, one is not
    assert fnir_at(found, 0.34) == pytest.approx(2 / 4)
    assert fnir_at(found, 0.67) == pytest.approx(1 / 4)
    np.testing.assert_allclose(det_curve(found, np.array([0, 0.34, 0.67])), [0.75, 0.5, 0.25])


def test_the_interval_holds_the_mean_and_narrows_with_more_people(face_folder: Make) -> None:
    widths = []
    for people in (40, 160):
        vectors = _vectors(face_folder(people, 6, 1.1))
        draws = [draw(vectors, 3, None, np.random.default_rng(n)) for n in range(3)]
        found = [answers(vectors, one, ours) for one in draws]
        low, high = fnir_interval(found, draws, 0.05)
        assert low <= np.mean([fnir_at(one, 0.05) for one in found]) <= high
        widths.append(high - low)
    assert widths[1] < widths[0]


def test_the_interval_of_fpir_holds_it_and_counts_each_stranger_once_per_draw(
    face_folder: Make,
) -> None:
    vectors = _vectors(face_folder(120, 6, 1.1))
    draws = [draw(vectors, 3, 40, np.random.default_rng(n)) for n in range(3)]
    found = [answers(vectors, one, ours) for one in draws]
    named = [one.strangers > np.quantile(one.strangers, 0.8) for one in found]
    low, high = fpir_interval(named, draws)
    assert low < np.mean([passed.mean() for passed in named]) < high
    assert high - low < 0.2
    everybody = [np.ones_like(passed) for passed in named]
    assert fpir_interval(everybody, draws) == pytest.approx((1, 1))


def test_a_person_under_two_names_is_the_stranger_most_like_somebody(face_folder: Make) -> None:
    made = face_folder(60, 6, 0.8)
    people = made.people.copy()
    people[np.flatnonzero(people == 7)[4:]] = 60  # two photos: never known by three
    names = (*made.names, "second name")
    vectors = PhotoVectors(names, people, made.vectors, np.ones(len(people), bool), "made", 1.0)
    draws = [draw(vectors, 3, None, np.random.default_rng(n)) for n in range(4)]
    shown = [one for one in draws if 7 in vectors.people[one.gallery]]
    found = [answers(vectors, one, ours) for one in shown]
    alike = most_alike(vectors, found, shown)
    assert alike[0][:2] == ("second name", made.names[7])
    assert 0 < len(alike) <= 5


def test_one_threshold_for_all_draws_lies_between_those_of_each(
    face_folder: Make,
) -> None:
    vectors = _vectors(face_folder(120, 6, 1.1))
    draws = [draw(vectors, 3, 40, np.random.default_rng(n)) for n in range(4)]
    found = [answers(vectors, one, ours) for one in draws]
    alone = [benchmark._fnir_fixed([one], 0.05) for one in found]
    assert alone == [fnir_at(one, 0.05) for one in found]
    together = benchmark._fnir_fixed(found, 0.05)
    assert min(alone) <= together <= max(alone) + 0.05
    assert benchmark._fnir_fixed(found, 1.0) <= together


def test_planted_photos_are_counted_as_enrolling_reports_them(face_folder: Make) -> None:
    clear, vague = (planted(_vectors(face_folder(120, 6, s)), 0.4, 3) for s in (0.5, 2.5))
    assert [each.photos for each in clear] == [3, 4, 5]
    for each in clear:
        assert 0.9 < each.least_found <= each.found  # some strangers look like them
        assert each.false == each.most_false == 0
    for each in vague:  # nobody's photos are near each other, so nothing stands out
        assert each.least_found <= each.found < 0.2
    assert _contender(_vectors(face_folder(40, 6, 0.8))).gate.unlike is None


def test_every_rule_answers_and_the_last_is_the_products(vectors: PhotoVectors) -> None:
    one = draw(vectors, 3, None, np.random.default_rng(0))
    rates = {name: answers(vectors, one, rule).right.mean() for name, rule in RULES.items()}
    assert list(rates)[-1] == OURS
    assert min(rates.values()) > 0.5


def test_the_same_seed_gives_the_same_figures_and_another_does_not(
    vectors: PhotoVectors, tmp_path: Path
) -> None:
    files = [f"{n}.jpg" for n in range(len(vectors.people))]
    one = [_contender(vectors)]
    first, again, other = (run(one, tmp_path, files, draws=2, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert first["results"][0]["fnir_interval"] != other["results"][0]["fnir_interval"]


def test_pairs_of_a_pairs_file_are_compared_in_its_folds(face_folder: Make, tmp_path: Path) -> None:
    made = face_folder(20, 3, 0.1)
    vectors = PhotoVectors(
        made.names, made.people, made.vectors, np.ones(len(made.people), bool), "made", 1.0
    )
    files = [f"{made.names[p]}_{n % 3 + 1:04}.jpg" for n, p in enumerate(made.people)]
    same = [f"p{n}\t1\t2" for n in range(20)]
    different = [f"p{n}\t1\tp{(n + 1) % 20}\t2" for n in range(20)]
    (tmp_path / "pairs.txt").write_text("\n".join(["10\t2", *same, *different]))
    found = verify(vectors, tmp_path, files)
    assert (found.given, found.pairs, found.tar["0.01"]) == (True, 20, 1.0)
    assert found.accuracy >= 0.95  # each fold's threshold is the other folds'
    assert not verify(vectors, tmp_path / "elsewhere", files).given


def test_a_folder_with_too_few_people_is_refused_with_what_is_needed(
    face_folder: Make, tmp_path: Path
) -> None:
    few = _vectors(face_folder(10, 6, 0.5))
    with pytest.raises(DataInvalid, match=r"12 known people with more than 3 photos.*found 10"):
        run([_contender(few)], tmp_path, ["x"] * 60)


def test_the_report_shows_embedders_rules_and_thresholds(
    vectors: PhotoVectors, tmp_path: Path
) -> None:
    files = [f"{n}.jpg" for n in range(len(vectors.people))]
    both = [_contender(vectors), _contender(vectors, "twin")]
    result = run(both, tmp_path, files, draws=2)
    written = report(result).write_folder(tmp_path, "faces", {**result})
    assert [path.name for path in written] == [
        "faces.html",
        "faces.json",
        "faces-det.png",
        "faces-enrolled.png",
    ]
    assert json.loads((tmp_path / "faces.json").read_text())["draws"] == 2
    page = (tmp_path / "faces.html").read_text()
    assert OURS in page
    assert "twin" in page
    assert "calibrated for 1.0%" in page


def test_groups_are_compared_at_one_threshold_for_all(
    vectors: PhotoVectors, tmp_path: Path
) -> None:
    files = [f"{row}.jpg" for row in range(len(vectors.people))]
    groups = {name: "ab"[row % 2] for row, name in enumerate(vectors.names)}
    result = run([_contender(vectors)], tmp_path, files, draws=2, groups=groups)
    [found] = result["results"]
    rates = found["groups"]["fnir"]
    assert [each["group"] for each in rates] == ["a", "b"]
    photos = [each["photos"] for each in rates]
    mean = sum(e["rate"] * p for e, p in zip(rates, photos, strict=True)) / sum(photos)
    assert mean == pytest.approx(found["fnir"]["0.01"], abs=0.02)
    assert all(each["low"] <= each["rate"] <= each["high"] for each in rates)
    assert "Groups of people" in report(result).html()


def test_face_recognition_is_measured_on_the_same_photos_where_it_is_installed(
    people_dir: Path, tmp_path: Path
) -> None:
    if not face_recognition_rival.installed():
        pytest.skip("face_recognition is not installed: pip install face-recognition-ng dlib-bin")
    photos = photos_of_people(people_dir / "employees")[:4]
    told: list[int] = []
    found = face_recognition_rival.embed(photos, tmp_path, told.append)
    assert found.found.all()
    same = found.vectors @ found.vectors.T
    assert np.diag(same) == pytest.approx(1, abs=1e-5)
    again = face_recognition_rival.embed(photos, tmp_path, told.append)
    np.testing.assert_array_equal(found.vectors, again.vectors)
    assert sum(told) == 8


def test_a_portraits_subject_is_the_largest_face_over_its_middle() -> None:
    boxes = np.array([[0, 0, 40, 40], [45, 45, 10, 10], [40, 40, 20, 20]], np.float32)
    assert row_of_subject(boxes, 100, 100) == 2
    assert row_of_subject(boxes[:1], 100, 100) == 0
    with pytest.raises(NoFace):
        row_of_subject(boxes[:0], 100, 100)


class NobodyFound:
    """A pipeline that finds no face, and counts how often it is asked."""

    embedder = SimpleNamespace(fingerprint="none", dimension=3)
    asked = 0

    def process(self, sources: list[Source], choose: object) -> list[PhotoFailure]:
        self.asked += 1
        return [PhotoFailure(source, NoFace("none")) for source in sources]


def test_vectors_are_made_anew_where_faces_are_found_otherwise(tmp_path: Path) -> None:
    photo, code = tmp_path / "1.jpg", tmp_path / "finder.py"
    photo.write_bytes(b"a photo")
    pipeline: Any = NobodyFound()
    asked = []
    for program, looks in (
        ("first", ["yunet", 640]),
        ("first", ["yunet", 640]),
        ("first", ["yunet", 960]),
        ("second", ["yunet", 960]),
        ("first", ["yunet", 640]),
    ):
        code.write_text(program)
        found = embed(pipeline, looks, [("Ann", photo)], tmp_path / "cache", code=[code])
        assert not found.found.any()
        asked.append(pipeline.asked)
    assert asked == [1, 1, 2, 3, 3]
    assert {"finder.py", "align.py", "confirming.py", "pipeline.py"} <= {p.name for p in FINDING}
