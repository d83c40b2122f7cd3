from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from retrieval.catalogue.catalogue import Catalogue
from retrieval.errors import DataInvalid, SettingInvalid
from retrieval.identities.decide import decide
from retrieval.photos.group_list import GroupList
from retrieval.service import Service
from retrieval.upkeep.calibration import calibrate_collection, forget_calibration
from retrieval.upkeep.fairness import fairness_of
from retrieval.upkeep.findings import FindingKind
from retrieval.upkeep.health import FewPhotos, examine_collection
from retrieval.values import Ints, Outcome, Vectors
from tests.identities.made import Crowd, crowd
from tests.trusted import DEFAULT, enrol, new_face, open_service


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with open_service(tmp_path) as opened:
        yield opened


def test_a_collection_uses_its_models_default_until_it_is_calibrated(service: Service) -> None:
    enrol(service, crowd(20, 4, seed=1))
    assert service.gate == DEFAULT
    result = calibrate_collection(service, 0.01)
    assert result.before == DEFAULT
    assert service.gate.threshold == pytest.approx(result.calibration.threshold)
    assert service.gate.source == "calibrated for FPIR 0.01 on 20 people"
    forget_calibration(service)
    assert service.gate == DEFAULT


def test_another_process_takes_a_calibration_over_without_being_told(
    service: Service, tmp_path: Path
) -> None:
    enrol(service, crowd(20, 4, seed=1))
    with open_service(tmp_path) as other:
        assert other.gate == DEFAULT
        calibrate_collection(service, 0.01)
        assert other.gate == service.gate


def test_threshold_and_index_of_a_calibration_fit_each_other(service: Service) -> None:
    """Strangers searched in the index pass its threshold as seldom as was wanted."""
    gallery = crowd(30, 5, seed=1, noise=0.6)
    enrol(service, gallery)
    calibrate_collection(service, 0.01)
    calibrated = service.calibrated
    calibrated.gallery.catch_up()
    strangers = crowd(60, 5, seed=2, noise=0.6).vectors
    hits = calibrated.gallery.search(strangers, 5)
    named = [
        decide(hits.rows(slice(row, row + 1)), [None], calibrated.gate())[0].outcome
        is Outcome.MATCH
        for row in range(len(strangers))
    ]
    assert np.mean(named) < 0.03
    own = calibrated.gallery.search(gallery.vectors, 1)
    assert own.nearest[:, 0].min() == pytest.approx(1, abs=1e-5)


def test_a_calibrated_collection_still_follows_enrolments_and_deletions(service: Service) -> None:
    enrol(service, crowd(20, 4, seed=1))
    calibrate_collection(service, 0.01)
    new = crowd(1, 2, seed=9)
    enrol(service, new, prefix="new ")
    service.gallery.catch_up()
    hits = service.gallery.search(new.vectors[:1], 1)
    person = service.catalogue.person(service.collection.id, "new 0")
    assert hits.people.tolist() == [[person.id]]
    service.forget("new 0")
    service.gallery.catch_up()
    assert service.gallery.search(new.vectors[:1], 1).people.tolist() != [[person.id]]
    assert service.gallery.check().sound


def test_trying_a_calibration_out_changes_nothing(service: Service) -> None:
    enrol(service, crowd(20, 4, seed=1))
    calibrate_collection(service, 0.01, keep=False)
    assert service.gate == DEFAULT


def test_too_few_photos_leave_the_default_and_say_what_is_missing(service: Service) -> None:
    enrol(service, crowd(9, 4, seed=1))
    with pytest.raises(DataInvalid, match=r"needs 10 people.*found 9.*keeps its threshold 0.900"):
        calibrate_collection(service, 0.01)
    assert service.gate == DEFAULT


def test_a_rate_outside_of_0_to_1_is_refused(service: Service) -> None:
    with pytest.raises(SettingInvalid, match="between 0 and 1; found 1"):
        calibrate_collection(service, 1.0)


def test_the_gate_says_when_the_calibration_is_stale(service: Service) -> None:
    enrol(service, crowd(12, 3, seed=1))
    calibrate_collection(service, 0.01)
    before = service.gate
    enrol(service, crowd(20, 3, seed=2), prefix="later ")
    assert "stale" not in before.source
    assert service.gate.source.endswith("stale: now there are 32: calibrate again")
    assert service.gate.threshold > before.threshold


def test_decisions_carry_the_false_matches_to_be_expected(service: Service) -> None:
    gallery = crowd(20, 4, seed=1)
    enrol(service, gallery)
    calibrated = service.calibrated
    calibrated.gallery.catch_up()
    decisions = decide(calibrated.gallery.search(gallery.vectors[:1], 5), [None], calibrated.gate())
    assert calibrated.false_matches(decisions, calibrated.gate()) == [None]
    calibrate_collection(service, 0.01)
    calibrated = service.calibrated
    calibrated.gallery.catch_up()
    probes = np.concatenate([gallery.vectors[:1], crowd(30, 1, seed=7).vectors])
    decisions = decide(calibrated.gallery.search(probes, 5), [None] * 31, calibrated.gate())
    known, *strangers = calibrated.false_matches(decisions, calibrated.gate())
    assert known is not None
    assert known < 1
    assert np.median([count for count in strangers if count is not None]) > 100


def test_health_names_photos_people_and_copies(service: Service) -> None:
    gallery = crowd(15, 4, seed=1, noise=0.2)
    vectors = gallery.vectors.copy()
    vectors[21] = vectors[20]  # both of person 5
    people = np.where(np.arange(60) == 6, 9, gallery.people)
    enrol(service, Crowd(vectors, people))
    enrol(service, crowd(1, 2, seed=9, noise=0.2), prefix="new ")
    health = examine_collection(service)
    assert not health.sound
    assert (health.people, health.faces) == (16, 62)
    wrong, copies = health.findings
    ((photo,), _) = wrong.sides
    assert photo.photo == "9/6.jpg"
    assert wrong.what == "6.jpg of 9 looks like 1"
    assert copies.kind is FindingKind.COPIES
    assert {face.photo for side in copies.sides for face in side} == {"5/20.jpg", "5/21.jpg"}
    assert health.few_photos == (FewPhotos("new 0", 2),)
    assert health.not_compared == ()


def test_strangers_under_one_name_are_said_to_resemble_nobody(
    service: Service,
) -> None:
    enrol(service, crowd(15, 4, seed=1, noise=0.2))
    strangers = crowd(2, 1, seed=40, noise=0.2)
    enrol(service, Crowd(strangers.vectors, np.array([99, 99])), prefix="new ")
    health = examine_collection(service)
    assert {found.kind for found in health.findings} == {FindingKind.STRANGER}
    assert {found.sides[0][0].person for found in health.findings} == {"new 99"}


class _Meanwhile:
    """A catalogue of which others delete a person, and move a photo, once vectors were read."""

    def __init__(self, catalogue: Catalogue, collection: int) -> None:
        self._catalogue, self._collection = catalogue, collection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._catalogue, name)

    def vectors(self, collection: int) -> tuple[Ints, Ints, Vectors]:
        found = self._catalogue.vectors(collection)
        gone, moved, to, *_ = self._catalogue.people(collection)
        self._catalogue.delete_people(collection, [gone])
        self._catalogue.merge_people(collection, moved, to)
        return found


def test_health_and_fairness_leave_out_who_goes_while_they_look(service: Service) -> None:
    enrol(service, crowd(15, 2, seed=1, noise=0.2))
    seen = SimpleNamespace(
        catalogue=_Meanwhile(service.catalogue, service.collection.id),
        collection=service.collection,
        calibrated=service.calibrated,
        active_model=service.active_model,
        gate=service.gate,
    )
    health = examine_collection(cast(Service, seen))
    assert (health.people, health.faces) == (13, 26)
    left = service.catalogue.people(service.collection.id)
    assert {few.person for few in health.few_photos} == {each.name for each in left}
    groups = GroupList("site", {each.name: "ab"[each.id % 2] for each in left}, {})
    told = fairness_of(cast(Service, seen), groups)
    assert sum(row.people for row in told.fnir) == 11


def test_what_was_not_compared_is_said(service: Service) -> None:
    enrol(service, crowd(2, 1, seed=1))
    health = examine_collection(service)
    across, alone = health.not_compared
    assert "that takes four people" in across
    assert "there are 2" in across
    assert alone == "2 people have one photo, which was compared with no other of theirs"


def test_people_with_small_faces_only_are_named(service: Service) -> None:
    enrol(service, crowd(4, 3, seed=1))
    face = replace(new_face("far away", "far.jpg", crowd(1, 1, seed=2).vectors[0]), size_px=30.0)
    service.catalogue.enrol(service.collection.id, [face])
    assert examine_collection(service).poor_photos == ("far away",)


def test_an_empty_collection_is_healthy(service: Service) -> None:
    assert examine_collection(service).sound
