"""Findings have ids: accepted, dismissed for good, and taken back."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from retrieval.catalogue.catalogue import Catalogue
from retrieval.errors import InputError, NotFound
from retrieval.service import Service
from retrieval.upkeep.findings import Finding, FindingKind, accept, chosen, dismiss
from retrieval.upkeep.health import examine_collection
from tests.identities.made import Crowd, crowd
from tests.trusted import enrol, open_service


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with open_service(tmp_path) as opened:
        yield opened


def _findings(service: Service) -> list[Finding]:
    return list(examine_collection(service).findings)


def _one(service: Service, kind: FindingKind) -> Finding:
    (found,) = [each for each in _findings(service) if each.kind is kind]
    return found


def _mixed_up(service: Service) -> None:
    """Photo 6, of person 1, lies with person 9."""
    gallery = crowd(15, 4, seed=1, noise=0.2)
    enrol(service, Crowd(gallery.vectors, np.where(np.arange(60) == 6, 9, gallery.people)))


def test_a_mixed_up_photo_is_shown_beside_the_other_persons_and_moved(service: Service) -> None:
    _mixed_up(service)
    found = _one(service, FindingKind.MISPLACED)
    assert found.what == "6.jpg of 9 looks like 1"
    assert [[face.person for face in side] for side in found.sides] == [["9"], ["1"]]
    (done,) = accept(service, [found])
    assert _findings(service) == []
    service.catalogue.undo(service.collection.id, done.entries[0]["entry"])
    assert _one(service, FindingKind.MISPLACED).id == found.id


def test_what_was_dismissed_is_never_proposed_again_until_that_is_undone(service: Service) -> None:
    _mixed_up(service)
    found = _one(service, FindingKind.MISPLACED)
    (entry,) = dismiss(service, chosen(_findings(service), [found.id[:4], found.id]))
    assert entry.summary == f"dismissed {found.id} about 9 and 1"
    enrol(service, crowd(3, 3, seed=5, noise=0.2), prefix="new ")
    assert _findings(service) == []
    with pytest.raises(NotFound, match=r"no finding .* \(any more\). There are: none"):
        chosen(_findings(service), [found.id])
    service.catalogue.undo(service.collection.id, entry.id)
    assert [each.id for each in _findings(service)] == [found.id]


def test_one_person_under_two_names_is_merged_into_the_one_with_a_number(service: Service) -> None:
    gallery = crowd(15, 4, seed=1, noise=0.2)
    odd = (gallery.people == 4) & (np.arange(60) % 2 == 0)
    enrol(service, Crowd(gallery.vectors, np.where(odd, 99, gallery.people)))
    collection = service.collection.id
    service.catalogue.number_person(collection, service.person("99"), "E-1")
    found = _one(service, FindingKind.TWICE)
    assert found.accepting == "give the photos of 4 to 99 (E-1)"
    assert not found.doubtful
    service.catalogue.number_person(collection, service.person("4"), "E-2")
    assert _one(service, FindingKind.TWICE).doubtful
    accept(service, [found])
    assert service.person("E-1").faces == 4


def test_a_strangers_photo_is_made_a_person_of_its_own(service: Service) -> None:
    enrol(service, crowd(15, 4, seed=1, noise=0.2))
    strangers = crowd(2, 1, seed=40, noise=0.2)
    enrol(service, Crowd(strangers.vectors, np.array([99, 99])), prefix="new ")
    found = [each for each in _findings(service) if each.kind is FindingKind.STRANGER]
    assert [each.doubtful for each in found] == [True, True]
    others, (wrong,) = found[0].sides  # to be looked at beside each other
    assert [face.photo for face in others] == [found[1].sides[1][0].photo] != [wrong.photo]
    (done,) = accept(service, found[:1])
    assert done.entries[0]["summary"] == "split 1 face of new 99 to new 99, other 2"


def test_a_burst_is_one_finding_that_keeps_the_best_photo(service: Service) -> None:
    gallery = crowd(8, 4, seed=1, noise=0.2)
    burst = np.repeat(gallery.vectors[5:6], 10, axis=0)
    enrol(
        service,
        Crowd(np.concatenate([gallery.vectors, burst]), np.append(gallery.people, [1] * 10)),
    )
    found = _one(service, FindingKind.COPIES)
    assert (found.what, found.final) == (
        "11 photos of 1 are copies: 5.jpg, 32.jpg, 33.jpg, ...",
        True,
    )
    (done,) = accept(service, [found])
    assert len(done.removed) == 10
    assert service.person("1").faces == 4


def test_copies_of_two_people_are_for_a_human_to_decide(service: Service) -> None:
    gallery = crowd(8, 4, seed=1, noise=0.2)
    enrol(
        service,
        Crowd(
            np.concatenate([gallery.vectors, gallery.vectors[5:6]]), np.append(gallery.people, [6])
        ),
    )
    found = _one(service, FindingKind.SHARED)
    with pytest.raises(InputError, match="must be decided by hand"):
        accept(service, [found])


def test_deleting_a_person_deletes_what_was_dismissed_about_them(service: Service) -> None:
    _mixed_up(service)
    dismiss(service, [_one(service, FindingKind.MISPLACED)])
    service.forget("9")
    assert service.catalogue.dismissed_findings(service.collection.id) == set()


def test_all_findings_of_one_examination_are_accepted_each_with_an_undo_of_its_own(
    service: Service,
) -> None:
    gallery = crowd(15, 4, seed=1, noise=0.2)
    people = gallery.people.copy()
    people[[6, 21]] = [9, 2]
    enrol(service, Crowd(gallery.vectors, people))
    before = service.catalogue.photos(1)
    done = accept(service, _findings(service))
    assert {entry["summary"] for each in done for entry in each.entries} == {
        "moved 1 face of 9 to 1",
        "moved 1 face of 2 to 5",
    }
    assert _findings(service) == []
    for each in done:
        service.catalogue.undo(1, each.entries[0]["entry"])
    assert service.catalogue.photos(1) == before


def test_a_finding_whose_face_is_anothers_by_now_is_left_alone(service: Service) -> None:
    _mixed_up(service)
    found = _findings(service)
    face = found[0].sides[0][0]
    service.catalogue.move_faces(1, [face.face_id], service.person("3"), service.person("9"))
    before = service.catalogue.photos(1)
    assert accept(service, found) == []
    assert service.catalogue.photos(1) == before


def test_nothing_is_moved_to_whoever_is_called_otherwise_by_then(service: Service) -> None:
    _mixed_up(service)
    found = _findings(service)
    with Catalogue.open(service.catalogue.url) as another:
        another.rename_person(1, another.person(1, "1").id, "one")
    before = service.catalogue.photos(1)
    with pytest.raises(NotFound, match="is called otherwise now: 'one', not '1'"):
        accept(service, found)
    assert service.catalogue.photos(1) == before
