"""What somebody decided about a person is never done to another one who has the name by then."""

from collections.abc import Callable, Iterator

import pytest

from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.http.api_keys import Role
from retrieval.catalogue.records import Move, Person
from retrieval.errors import InputError, NotFound, UndoImpossible
from tests.catalogue.made import make_collection, new_faces, state

OTHERWISE = r"Person 1 is called otherwise now: 'Anna', not 'Ann'"


@pytest.fixture
def catalogue(url: str) -> Iterator[Catalogue]:
    """Ann (1) has the faces 1 and 2, Bob (2) the face 3."""
    with Catalogue.open(url) as opened:
        gallery = make_collection(opened).id
        opened.enrol(gallery, [*new_faces("Ann", [1, 2]), *new_faces("Bob", [3])])
        yield opened


@pytest.fixture
def another(url: str, catalogue: Catalogue) -> Iterator[Catalogue]:
    """Somebody else's catalogue: the same database, connections of its own."""
    with Catalogue.open(url) as opened:
        yield opened


Act = Callable[[Catalogue, Person, Person], object]
ACTS: dict[str, Act] = {
    "rename": lambda c, ann, bob: c.rename_person(1, ann, "Antonia"),
    "merge": lambda c, ann, bob: c.merge_people(1, ann, bob),
    "merge into": lambda c, ann, bob: c.merge_people(1, bob, ann),
    "move": lambda c, ann, bob: c.move_faces(1, [1], bob, ann),
    "move to": lambda c, ann, bob: c.move_faces(1, [3], ann),
    "one of several moves": lambda c, ann, bob: c.move_all(
        1, [Move((2,), bob.id), Move((3,), ann)]
    ),
    "split": lambda c, ann, bob: c.split_person(1, ann, [1], "Antonia"),
    "delete": lambda c, ann, bob: c.delete_person(1, ann),
    "delete several": lambda c, ann, bob: c.delete_people(1, [bob, ann]),
}


def test_a_name_that_somebody_else_gave_the_person_meanwhile_is_no_fault(
    catalogue: Catalogue, another: Catalogue
) -> None:
    ann, bob = catalogue.person(1, "Ann"), catalogue.person(1, "Bob")
    another.rename_person(1, ann.id, "Anna")
    another.number_person(1, bob.id, "7")
    before = state(another, 1), another.journal(1)
    assert catalogue.rename_and_number(1, [(ann, "Anna")], [(bob, "7")]) == []
    assert (state(another, 1), another.journal(1)) == before


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_an_act_on_a_person_who_is_called_otherwise_by_then_does_nothing(
    catalogue: Catalogue, another: Catalogue, act: Act
) -> None:
    ann, bob = catalogue.person(1, "Ann"), catalogue.person(1, "Bob")
    another.rename_person(1, ann.id, "Anna")
    another.enrol(1, new_faces("Ann", [4]))
    before = state(another, 1)
    with pytest.raises(NotFound, match=OTHERWISE):
        act(catalogue, ann, bob)
    assert state(another, 1) == before


def test_a_photo_that_came_to_another_person_meanwhile_is_not_removed(
    catalogue: Catalogue, another: Catalogue
) -> None:
    meant = catalogue.find_photo(1, "photos/Ann/1.jpg")
    moved = another.move_faces(1, [meant.id], 2)
    with pytest.raises(NotFound, match=r"is 'Bob''s now, not 'Ann''s"):
        catalogue.remove_photo(1, meant)
    another.undo(1, moved.id)
    another.rename_person(1, 1, "Anna")
    with pytest.raises(NotFound, match=OTHERWISE):
        catalogue.remove_photo(1, meant)
    another.remove_photo(1, meant.sha256)
    another.enrol(1, new_faces("Bob", [1]))  # the same photo again, under another name
    with pytest.raises(NotFound, match="not enrolled any more"):
        catalogue.remove_photo(1, meant)
    assert catalogue.counts(1).faces == 3


def test_faces_that_are_another_persons_by_then_are_not_moved(
    catalogue: Catalogue, another: Catalogue
) -> None:
    ann, bob = catalogue.person(1, "Ann"), catalogue.person(1, "Bob")
    another.split_person(1, ann, [2], "Cid")
    with pytest.raises(InputError, match="Faces 2 are not Ann's"):
        catalogue.move_faces(1, [1, 2], bob, ann)
    assert [face.id for face in catalogue.faces_of(ann.id)] == [1]


def test_a_collection_that_was_made_anew_under_the_name_is_not_deleted(
    catalogue: Catalogue, another: Catalogue
) -> None:
    meant = catalogue.collection("default")
    another.delete_collection("default")
    anew = make_collection(another)
    another.enrol(anew.id, new_faces("Ann", [1]))
    with pytest.raises(NotFound, match="no collection with id 1 any more"):
        catalogue.delete_collection(meant)
    assert another.counts(anew.id).people == 1


def test_the_newest_edit_of_two_who_undo_it_at_once_is_undone_and_no_other(
    catalogue: Catalogue, another: Catalogue
) -> None:
    catalogue.rename_person(1, 2, "Rob")
    catalogue.rename_person(1, 1, "Anna")
    mine, theirs = catalogue.newest_edit(1), another.newest_edit(1)
    another.undo(1, theirs)
    with pytest.raises(UndoImpossible, match="was undone at"):
        catalogue.undo(1, mine)
    assert [person.name for person in catalogue.people(1)] == ["Ann", "Rob"]


def test_a_key_that_was_listed_is_revoked_and_no_other_of_its_name(catalogue: Catalogue) -> None:
    keys = catalogue.api_keys
    door, _ = keys.create("door", Role.VIEWER)
    other, _ = keys.create("door", Role.ADMIN, "berlin")
    assert keys.revoke(door).handle == door.handle
    with pytest.raises(NotFound):
        keys.revoke(door)
    assert keys.in_use(other.handle) is not None
