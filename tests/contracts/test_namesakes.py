"""Who is meant by a name, a number or an id, whatever database is under it."""

import pytest

from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.records import EnrolmentOutcome, Owner
from retrieval.errors import AlreadyExists, Ambiguous, NotFound, UndoImpossible
from tests.catalogue.made import make_collection, new_face, sha256


@pytest.fixture
def catalogue(url):
    with Catalogue.open(url) as opened:
        yield opened


@pytest.fixture
def gallery(catalogue):
    return make_collection(catalogue).id


@pytest.fixture
def namesakes(catalogue, gallery):
    """Two people of one name with numbers, and one of another."""
    faces = [new_face("Ann Lee", 1, "1001"), new_face("Ann Lee", 2, "1002"), new_face("Bo", 3)]
    catalogue.enrol(gallery, faces)
    return catalogue


def test_two_people_share_a_name_if_their_numbers_differ(namesakes, gallery):
    found = namesakes.people(gallery)
    assert [(each.name, each.external_id, each.faces) for each in found] == [
        ("Ann Lee", "1001", 1),
        ("Ann Lee", "1002", 1),
        ("Bo", None, 1),
    ]
    assert namesakes.owners(gallery, [sha256(2)]) == {sha256(2): (Owner("Ann Lee", "1002"),)}


@pytest.mark.parametrize("who", ["1002", "Ann Lee (1002)", "ann  lee (1002)", "id:2"])
def test_a_person_is_found_by_number_or_id(namesakes, gallery, who):
    assert namesakes.person(gallery, who).external_id == "1002"


def test_a_bare_number_is_an_id_where_nobody_has_it_as_number_or_name(namesakes, gallery):
    assert namesakes.person(gallery, "3").name == "Bo"
    namesakes.enrol(gallery, [new_face("Cid", 4, "3")])
    assert namesakes.person(gallery, "3").name == "Cid"


def test_a_name_of_several_is_refused_with_the_choices(namesakes, gallery):
    with pytest.raises(Ambiguous, match=r"Ann Lee \(1001\) \(id:1\) or Ann Lee \(1002\) \(id:2\)"):
        namesakes.person(gallery, "Ann Lee")


def test_a_mistyped_name_is_answered_with_numbers(namesakes, gallery):
    with pytest.raises(NotFound, match=r"Did you mean Ann Lee \(1001\) or Ann Lee \(1002\)\?"):
        namesakes.person(gallery, "Anne Lee")


@pytest.mark.parametrize("written", ["ANN  LEE", "Ann lee", "ann Lee"])
def test_a_name_written_otherwise_is_the_same_person_with_a_remark(catalogue, gallery, written):
    catalogue.enrol(gallery, [new_face("Ann Lee", 1)])
    (done,) = catalogue.enrol(gallery, [new_face(written, 2)])
    assert done.outcome is EnrolmentOutcome.ENROLLED
    assert "is taken for 'Ann Lee', written otherwise" in done.remark
    assert [each.faces for each in catalogue.people(gallery)] == [2]
    assert catalogue.person(gallery, written).name == "Ann Lee"


def test_decomposed_letters_are_the_same_name(catalogue, gallery):
    catalogue.enrol(gallery, [new_face("Zoë Brûlé", 1), new_face("Zoe\u0308 BRU\u0302LE\u0301", 2)])
    assert [each.faces for each in catalogue.people(gallery)] == [2]


def test_a_name_without_a_number_that_several_have_is_not_guessed(namesakes, gallery):
    (done,) = namesakes.enrol(gallery, [new_face("Ann Lee", 9)])
    assert done.outcome is EnrolmentOutcome.CONFLICT
    assert "several people have this name: Ann Lee (1001), Ann Lee (1002)" in done.reason


def test_a_number_is_given_to_who_had_none_before_a_namesake_is_made(catalogue, gallery):
    catalogue.enrol(gallery, [new_face("Ann Lee", 1)])
    catalogue.enrol(gallery, [new_face("ann lee", 2, "1001"), new_face("Ann Lee", 3, "1002")])
    found = [(each.external_id, each.faces) for each in catalogue.people(gallery)]
    assert found == [("1001", 2), ("1002", 1)]


def test_a_namesakes_photo_is_not_the_others(namesakes, gallery):
    (done,) = namesakes.enrol(gallery, [new_face("Ann Lee", 1, "1002")])
    assert done.outcome is EnrolmentOutcome.OTHER_PERSON
    assert "enrolled under Ann Lee (1001)" in done.reason


def test_a_rename_takes_a_name_of_people_with_other_numbers_only(namesakes, gallery):
    namesakes.enrol(gallery, [new_face("Ann Li", 5, "1003"), new_face("Cid", 6)])
    assert namesakes.rename_person(gallery, namesakes.person(gallery, "1003"), "Ann Lee")
    with pytest.raises(AlreadyExists, match=r"'Ann Lee \(1001\)'.*both an employee number"):
        namesakes.rename_person(gallery, namesakes.person(gallery, "Cid"), "ann lee")
    cid = namesakes.rename_person(gallery, namesakes.person(gallery, "Cid"), "CID")
    assert cid.name == "CID"


def test_a_name_is_not_put_back_where_somebody_without_a_number_has_it_by_now(catalogue, gallery):
    catalogue.enrol(gallery, [new_face("Ann", 1)])
    catalogue.rename_person(gallery, catalogue.person(gallery, "Ann"), "Bea")
    catalogue.enrol(gallery, [new_face("ANN", 2)])
    with pytest.raises(UndoImpossible, match="Ann belongs to somebody else by now"):
        catalogue.undo(gallery, catalogue.newest_edit(gallery))


def test_people_are_searched_by_a_part_of_the_number_and_found_by_the_whole(namesakes, gallery):
    assert [each.external_id for each in namesakes.people(gallery, search="002")] == ["1002"]
    assert namesakes.people(gallery, external_id="100") == []
    assert len(namesakes.people(gallery, external_id="1001")) == 1


def test_deleting_a_namesake_leaves_the_other(namesakes, gallery):
    namesakes.delete_person(gallery, namesakes.person(gallery, "1001").id)
    assert namesakes.person(gallery, "Ann Lee").external_id == "1002"


def test_a_photo_is_found_by_its_faces_id_where_no_path_and_no_hash_is_meant(namesakes, gallery):
    assert namesakes.find_photo(gallery, "3").person == "Bo"
    assert namesakes.find_photo(gallery, "id:2").called == "Ann Lee (1002)"
