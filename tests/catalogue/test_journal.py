"""Edits of people and their undoing, case by case and in random sequences."""

import numpy as np
import pytest

from retrieval.catalogue.catalogue import Catalogue
from retrieval.errors import AlreadyExists, InputError, NameInvalid, NotFound, UndoImpossible
from tests.catalogue.made import make_collection, new_face, new_faces, sha256, state


@pytest.fixture
def catalogue(tmp_path):
    with Catalogue.open(f"sqlite:///{tmp_path}/catalogue.db") as opened:
        yield opened


@pytest.fixture
def gallery(catalogue):
    """Ann with photos 1 to 3 and the external id E-1, Bob with 4 and 5, Cid with 6."""
    made = make_collection(catalogue).id
    ann = [new_face("Ann", number, "E-1") for number in (1, 2, 3)]
    catalogue.enrol(made, [*ann, *new_faces("Bob", [4, 5]), new_face("Cid", 6)])
    return made


@pytest.fixture
def ids(catalogue, gallery):
    return {person.name: person.id for person in catalogue.people(gallery)}


def faces_of(catalogue, gallery, name):
    return [face.id for face in catalogue.faces_of(catalogue.person(gallery, name).id)]


def test_a_person_is_renamed_and_keeps_id_and_faces(catalogue, gallery, ids):
    renamed = catalogue.rename_person(gallery, ids["Ann"], "Anna ")
    assert (renamed.id, renamed.name, renamed.faces) == (ids["Ann"], "Anna", 3)
    assert [person.name for person in catalogue.people(gallery, search="anna")] == ["Anna"]
    (entry,) = catalogue.journal(gallery)
    assert (entry.kind, entry.summary) == ("rename", "renamed Ann to Anna")


def test_the_same_name_again_is_no_edit(catalogue, gallery, ids):
    catalogue.rename_person(gallery, ids["Ann"], "Ann")
    assert catalogue.journal(gallery) == []


@pytest.mark.parametrize(
    ("name", "error"), [("Bob", AlreadyExists), (" ", NameInvalid), ("a\tb", NameInvalid)]
)
def test_a_name_that_is_taken_or_cannot_be_shown_is_refused(catalogue, gallery, ids, name, error):
    before = state(catalogue, gallery)
    with pytest.raises(error):
        catalogue.rename_person(gallery, ids["Ann"], name)
    with pytest.raises(error):
        catalogue.split_person(gallery, ids["Ann"], [1], name)
    assert state(catalogue, gallery) == before


def test_a_merge_gives_all_faces_to_the_other_person(catalogue, gallery, ids):
    moved = faces_of(catalogue, gallery, "Ann")
    entry = catalogue.merge_people(gallery, ids["Ann"], ids["Bob"])
    assert (entry.summary, list(entry.faces)) == ("merged Ann into Bob", moved)
    assert [person.name for person in catalogue.people(gallery)] == ["Bob", "Cid"]
    assert len(faces_of(catalogue, gallery, "Bob")) == 5


def test_a_split_makes_a_new_person_of_some_faces(catalogue, gallery, ids):
    first, second, third = faces_of(catalogue, gallery, "Ann")
    entry = catalogue.split_person(gallery, ids["Ann"], [third, first], "Anton")
    assert entry.summary == "split 2 faces of Ann to Anton"
    assert faces_of(catalogue, gallery, "Anton") == [first, third]
    assert faces_of(catalogue, gallery, "Ann") == [second]


def test_a_move_takes_faces_of_several_people_and_leaves_those_that_are_there(
    catalogue, gallery, ids
):
    ann, bob = (faces_of(catalogue, gallery, name) for name in ("Ann", "Bob"))
    entry = catalogue.move_faces(gallery, [ann[0], *bob], ids["Bob"])
    assert entry.faces == (ann[0],)
    entry = catalogue.move_faces(gallery, [ann[1], bob[0]], ids["Cid"])
    assert entry.summary == "moved 2 faces of Ann and Bob to Cid"
    assert {ann[1], bob[0]} < set(faces_of(catalogue, gallery, "Cid"))


def test_an_edit_that_means_nothing_is_refused(catalogue, gallery, ids):
    ann, bob = (faces_of(catalogue, gallery, name) for name in ("Ann", "Bob"))
    before = state(catalogue, gallery)
    with pytest.raises(InputError, match="themselves"):
        catalogue.merge_people(gallery, ids["Ann"], ids["Ann"])
    with pytest.raises(InputError, match="not Ann's"):
        catalogue.split_person(gallery, ids["Ann"], [ann[0], bob[0]], "New")
    with pytest.raises(InputError, match="No face"):
        catalogue.move_faces(gallery, [], ids["Ann"])
    with pytest.raises(InputError, match="nothing to move"):
        catalogue.move_faces(gallery, ann, ids["Ann"])
    with pytest.raises(NotFound, match="faces 99"):
        catalogue.move_faces(gallery, [99], ids["Ann"])
    with pytest.raises(NotFound, match="person with id 99"):
        catalogue.merge_people(gallery, ids["Ann"], 99)
    assert (state(catalogue, gallery), catalogue.journal(gallery)) == (before, [])


EDITS = {
    "rename": lambda c, g, ids: c.rename_person(g, ids["Ann"], "Anna"),
    "merge": lambda c, g, ids: c.merge_people(g, ids["Ann"], ids["Bob"]),
    "split": lambda c, g, ids: c.split_person(g, ids["Ann"], [1, 2], "Anton"),
    "move": lambda c, g, ids: c.move_faces(g, [1, 4], ids["Cid"]),
}


@pytest.mark.parametrize("kind", EDITS)
def test_undo_puts_everything_back_and_tells_the_indexes(catalogue, gallery, ids, kind):
    before = state(catalogue, gallery)
    ids_before, people_before, vectors_before = catalogue.vectors(gallery)
    start = catalogue.feed(gallery).head()
    EDITS[kind](catalogue, gallery, ids)
    assert state(catalogue, gallery) != before
    undone = catalogue.undo(gallery)
    assert undone.undone_at is not None
    assert state(catalogue, gallery) == before
    ids_after, people_after, vectors_after = catalogue.vectors(gallery)
    np.testing.assert_array_equal(ids_after, ids_before)
    np.testing.assert_array_equal(people_after, people_before)
    np.testing.assert_array_equal(vectors_after, vectors_before)
    told = catalogue.feed(gallery).changes(start)
    assert set(told.added.tolist()) == set(undone.faces)
    with pytest.raises(NotFound, match="no edit"):
        catalogue.undo(gallery)
    with pytest.raises(UndoImpossible, match="was undone at"):
        catalogue.undo(gallery, undone.id)


def test_an_old_edit_is_undone_whatever_unrelated_came_after(catalogue, gallery, ids):
    merged = catalogue.merge_people(gallery, ids["Ann"], ids["Bob"])
    catalogue.rename_person(gallery, ids["Cid"], "Sid")
    catalogue.enrol(gallery, [new_face("Bob", 7)])
    catalogue.rename_person(gallery, ids["Bob"], "Rob")
    catalogue.undo(gallery, merged.id)
    assert faces_of(catalogue, gallery, "Ann") == [1, 2, 3]
    assert faces_of(catalogue, gallery, "Rob") == [4, 5, 7]
    assert catalogue.person(gallery, "Ann").external_id == "E-1"


def test_undo_without_an_entry_goes_backwards(catalogue, gallery, ids):
    before = state(catalogue, gallery)
    for kind in ("rename", "split", "merge"):
        EDITS[kind](catalogue, gallery, ids)
    kinds = [catalogue.undo(gallery).kind for _ in range(3)]
    assert kinds == ["merge", "split", "rename"]
    assert state(catalogue, gallery) == before


def _rename_again(c, g, ids):
    c.rename_person(g, ids["Ann"], "Anne")


def _move_on(c, g, ids):
    c.move_faces(g, [1], ids["Cid"])


OBSTACLES = [
    # the edit, what comes after it, what the message says
    ("rename", _rename_again, r"Anna was renamed to Anne since\. Undo edit 2 \(rename\) first"),
    (
        "rename",
        lambda c, g, ids: c.rename_person(g, ids["Bob"], "Ann"),
        r"Ann belongs to somebody else by now\. Undo edit 2 \(rename\) first",
    ),
    (
        "rename",
        lambda c, g, ids: c.merge_people(g, ids["Ann"], ids["Cid"]),
        r"Anna is not there any more\. Undo edit 2 \(merge\) first",
    ),
    ("merge", _move_on, r"faces 1 were moved since\. Undo edit 2 \(move\) first"),
    (
        "merge",
        lambda c, g, ids: c.enrol(g, [new_face("Ann", 9)]),
        r"Ann belongs to somebody else by now\. Put that right first",
    ),
    (
        "merge",
        lambda c, g, ids: c.enrol(g, [new_face("Eve", 9, "E-1")]),
        r"external id E-1 belongs to somebody else",
    ),
    ("split", _move_on, r"faces 1 were moved since\. Undo edit 2 \(move\) first"),
    (
        "split",
        lambda c, g, ids: c.enrol(g, [new_face("Anton", 9)]),
        r"Anton has got faces 7 since\. Put that right first",
    ),
    (
        "split",
        lambda c, g, ids: c.rename_person(g, c.person(g, "Anton").id, "Toni"),
        r"Anton was renamed to Toni since\. Undo edit 2 \(rename\) first",
    ),
    (
        "move",
        lambda c, g, ids: c.merge_people(g, ids["Bob"], ids["Ann"]),
        r"Bob is not there any more\. Undo edit 2 \(merge\) first",
    ),
]


@pytest.mark.parametrize(("kind", "later", "message"), OBSTACLES)
def test_an_undo_that_is_impossible_says_what_is_in_the_way_and_changes_nothing(
    catalogue, gallery, ids, kind, later, message
):
    EDITS[kind](catalogue, gallery, ids)
    first = catalogue.journal(gallery)[0].id
    later(catalogue, gallery, ids)
    before = state(catalogue, gallery)
    with pytest.raises(UndoImpossible, match=message):
        catalogue.undo(gallery, first)
    assert state(catalogue, gallery) == before


def test_photos_that_were_removed_since_stay_away_when_an_edit_is_undone(catalogue, gallery, ids):
    merged = catalogue.merge_people(gallery, ids["Ann"], ids["Bob"])
    catalogue.remove_photo(gallery, sha256(2))
    catalogue.undo(gallery, merged.id)
    assert faces_of(catalogue, gallery, "Ann") == [1, 3]


@pytest.mark.parametrize("kind", EDITS)
def test_a_deletion_cannot_be_undone_and_leaves_no_name_in_the_journal(
    catalogue, gallery, ids, kind
):
    EDITS[kind](catalogue, gallery, ids)
    everybody = catalogue.journal(gallery)[0].people
    remaining = [person for person in catalogue.people(gallery) if person.id in everybody]
    for person in remaining:
        catalogue.delete_person(gallery, person.id)
    (entry,) = catalogue.journal(gallery)
    assert (entry.erased, entry.summary) == (True, "concerned a deleted person")
    assert (entry.people, entry.faces) == ((), ())
    with pytest.raises(UndoImpossible, match="deletion is final"):
        catalogue.undo(gallery, entry.id)
    with pytest.raises(NotFound, match="no edit"):
        catalogue.undo(gallery)
    assert catalogue.empty_wal()
    files = [path for path in catalogue.files() if path.exists()]
    assert not any(b"Ann" in path.read_bytes() for path in files)


def test_an_entry_of_another_collection_is_not_found(catalogue, gallery, ids):
    entry = catalogue.merge_people(gallery, ids["Ann"], ids["Bob"])
    other = make_collection(catalogue, "other").id
    with pytest.raises(NotFound, match=f"no edit {entry.id}"):
        catalogue.undo(other, entry.id)
