import json
from dataclasses import replace

import numpy as np
import pytest

from retrieval.identities.calibrate import (
    LEAST_PEOPLE,
    Calibration,
    calibrate,
    missing,
    named_rightly,
)
from retrieval.identities.trials import Trials, ask_gallery
from retrieval.scoring.rule import evidence, fuse, grouped, templates
from retrieval.values import Floats, Gate
from tests.identities.made import Crowd, crowd

NOISE = 0.6  # people overlap: some are missed at any threshold
UNKNOWN = Gate(0.0, 0.0, "a network's of which nothing is known")


def _calibrated(gallery: Crowd, fpir: float = 0.01) -> Calibration:
    return calibrate(ask_gallery(gallery.vectors, gallery.people), fpir, UNKNOWN)


def _evidence(gallery: Crowd, probes: Floats) -> Floats:
    """What identify compares with the threshold, for each probe."""
    vectors = gallery.vectors
    _, order, starts = grouped(gallery.people)
    nearest = np.maximum.reduceat((probes @ vectors.T)[:, order], starts, axis=1)
    scores = fuse(nearest, probes @ templates(vectors, gallery.people)[1].T)
    return evidence(-np.sort(-scores, axis=1))[:, 0]


def test_strangers_that_calibration_never_saw_pass_about_as_often_as_wanted() -> None:
    rates, held, upper = [], [], []
    for seed in range(16):
        gallery = crowd(30, 5, seed=seed, noise=NOISE)
        calibration = _calibrated(gallery)
        strangers = crowd(10, 10, seed=1000 + seed, noise=NOISE)
        found = _evidence(gallery, strangers.vectors) >= calibration.threshold
        rates.append(found.mean())
        low, high = calibration.fpir_interval
        held.append(low <= rates[-1] <= high)
        upper.append(high)
    assert 0.001 < np.mean(rates) < 0.02
    assert np.mean(held) >= 0.85
    assert np.mean(upper) < 0.08


def test_a_threshold_measured_with_few_people_holds_when_three_times_as_many_are_enrolled() -> None:
    rates, as_is = [], []
    for seed in range(16):
        gallery = crowd(45, 5, seed=seed, noise=NOISE)
        calibration = _calibrated(gallery.of(np.arange(15)))
        strangers = crowd(20, 5, seed=1000 + seed, noise=NOISE)
        found = _evidence(gallery, strangers.vectors)
        rates.append((found >= calibration.threshold_at(45)).mean())
        as_is.append((found >= calibration.threshold).mean())
    assert np.mean(rates) < 0.015
    assert np.mean(as_is) > np.mean(rates)


def test_a_stricter_wish_raises_the_threshold_and_misses_more() -> None:
    gallery = crowd(30, 5, seed=1, noise=NOISE)
    strict, lax = _calibrated(gallery, 0.001), _calibrated(gallery, 0.05)
    assert strict.threshold > lax.threshold
    assert strict.fnir > lax.fnir


def test_the_stated_fnir_is_that_of_the_searches_and_lies_in_its_interval() -> None:
    gallery = crowd(30, 5, seed=2, noise=NOISE)
    trials = ask_gallery(gallery.vectors, gallery.people)
    calibration = calibrate(trials, 0.01, UNKNOWN)
    right = named_rightly(trials, calibration.threshold, calibration.margin)
    assert calibration.fnir == pytest.approx(1 - right.mean())
    low, high = calibration.fnir_interval
    assert low <= calibration.fnir <= high


def _with_wrong_names(leads: list[float]) -> Trials:
    gallery = crowd(30, 5, seed=3)
    trials = ask_gallery(gallery.vectors, gallery.people)
    mistaken, changed = trials.mistaken.copy(), trials.leads.copy()
    changed[: len(leads)] = np.negative(leads)
    mistaken[: len(leads)] = 2.0
    return replace(trials, leads=changed, mistaken=mistaken)


def test_people_who_are_named_wrongly_by_a_little_widen_the_margin() -> None:
    assert calibrate(_with_wrong_names([]), 0.01, UNKNOWN).margin == 0
    margin = calibrate(_with_wrong_names([0.001, 0.002, 0.0005]), 0.01, UNKNOWN).margin
    assert margin == pytest.approx(0.002, abs=1e-6)
    assert margin > 0.002


def test_a_mislabelled_photo_does_not_widen_the_margin_until_nobody_is_named() -> None:
    assert calibrate(_with_wrong_names([0.5]), 0.01, UNKNOWN).margin == 0


def test_expected_false_matches_are_the_wanted_share_at_the_threshold_and_fall_above() -> None:
    calibration = _calibrated(crowd(30, 5, seed=4, noise=NOISE), 0.01)
    scores = calibration.threshold + np.array([-0.02, 0, 0.02])
    more, at, fewer = calibration.false_matches(scores, people=30).tolist()
    assert at == pytest.approx(10, rel=0.05)
    assert more > at > fewer > 0
    assert calibration.false_matches(scores[1], people=60) > at


def test_the_threshold_rises_with_the_gallery_and_never_falls() -> None:
    calibration = _calibrated(crowd(30, 5, seed=5, noise=NOISE))
    assert calibration.growth > 0
    assert calibration.threshold_at(30) == calibration.threshold_at(10) == calibration.threshold
    assert calibration.threshold_at(120) - calibration.threshold_at(60) == pytest.approx(
        calibration.threshold_at(60) - calibration.threshold_at(30)
    )
    assert calibration.gate(60).threshold == calibration.threshold_at(60)
    assert calibration.gate(60).source == "calibrated for FPIR 0.01 on 30 people"


def test_a_calibration_goes_stale_when_the_gallery_doubles_or_halves() -> None:
    calibration = _calibrated(crowd(30, 5, seed=5))
    assert calibration.stale(30) is None
    assert calibration.stale(60) is None
    assert "now there are 61:" in str(calibration.stale(61))
    assert "now there are 14:" in str(calibration.stale(14))


def test_a_calibration_survives_being_json() -> None:
    calibration = _calibrated(crowd(12, 3, seed=6))
    again = Calibration.from_document(json.loads(json.dumps(calibration.document())))
    assert again == calibration


def test_pair_thresholds_let_one_in_a_thousand_different_people_through() -> None:
    photos, persons = [], []
    for seed in range(5):
        gallery = crowd(60, 5, seed=seed, noise=NOISE)
        calibration = _calibrated(gallery)
        new = crowd(60, 5, seed=100 + seed, noise=NOISE)
        cosines = gallery.vectors @ new.vectors.T
        photos.append((cosines >= calibration.photo_threshold).mean())
        _, order, starts = grouped(gallery.people)
        nearest = np.maximum.reduceat(cosines.T[:, order], starts, axis=1)
        scores = fuse(nearest, new.vectors @ templates(gallery.vectors, gallery.people)[1].T)
        persons.append((scores >= calibration.person_threshold).mean())
    assert 0.0001 < np.mean(photos) < 0.002
    assert 0.0001 < np.mean(persons) < 0.002


@pytest.mark.parametrize(
    ("people", "photos", "complaint"),
    [
        (LEAST_PEOPLE, 2, None),
        (LEAST_PEOPLE - 1, 5, "needs 10 people with two photos or more, found 9 (of 9 people)"),
        (30, 1, "needs 10 people with two photos or more, found 0 (of 30 people)"),
        (0, 0, "needs 10 people with two photos or more, found 0 (of 0 people)"),
    ],
)
def test_a_gallery_that_is_too_small_is_told_what_is_missing(
    people: int, photos: int, complaint: str | None
) -> None:
    found = missing(np.repeat(np.arange(people), photos))
    assert found is None if complaint is None else complaint in str(found)


def test_a_calibration_of_an_earlier_rule_says_that_it_is_out_of_date() -> None:
    document = _calibrated(crowd(20, 4, seed=1)).document()
    del document["rule"]  # as it was kept then
    gate = Calibration.from_document(document).gate(20)
    assert "stale: scores are made in another way now" in gate.source


def test_few_people_are_weighed_against_the_networks_own_threshold_which_only_raises() -> None:
    trials = ask_gallery(crowd(12, 4, seed=1, noise=NOISE).vectors, crowd(12, 4, seed=1).people)
    alone = calibrate(trials, 0.01, UNKNOWN)

    def with_own(threshold: float, of_photos: float) -> float:
        return calibrate(trials, 0.01, Gate(threshold, 0.0, "own", of_photos)).threshold

    own = alone.threshold + 0.05
    near, far = with_own(own, own - 0.1), with_own(own, own - 0.4)
    assert alone.threshold < far < near < own
    assert with_own(alone.threshold - 0.05, alone.threshold - 0.2) == alone.threshold
    assert with_own(own, own) == alone.threshold  # how far photos may lie is not known


def test_many_people_are_believed() -> None:
    gallery = crowd(300, 3, seed=2, noise=NOISE)
    trials = ask_gallery(gallery.vectors, gallery.people)
    alone = calibrate(trials, 0.01, UNKNOWN).threshold
    own = Gate(alone + 0.02, 0.0, "own", alone - 0.3)
    assert calibrate(trials, 0.01, own).threshold - alone < 0.004
