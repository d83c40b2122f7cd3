"""Between a question and its answer others act: what is done is what was asked about."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from retrieval.catalogue.catalogue import Catalogue
from tests.catalogue.made import make_collection, new_faces
from tests.cli.asking import asked
from tests.cli.running import rollcall
from tests.trusted import unknown_face


@pytest.fixture
def another(home: Path) -> Iterator[Catalogue]:
    """Somebody else at work on the catalogue: Ann is person 1 with two photos, Bob is person 2."""
    with Catalogue.open(home / "catalogue.db") as catalogue:
        gallery = make_collection(catalogue).id
        catalogue.enrol(gallery, [*new_faces("Ann", [1, 2]), *new_faces("Bob", [3])])
        yield catalogue


def people(catalogue: Catalogue) -> list[tuple[int, str, int]]:
    return [(each.id, each.name, each.faces) for each in catalogue.people(1)]


def _renamed(another: Catalogue) -> None:
    another.rename_person(1, 1, "Anna")
    another.enrol(1, new_faces("Ann", [4]))


def _manifest(folder: Path) -> Path:
    path = folder / "people.csv"
    path.write_text("person,photo\nBob,3.jpg\n")
    return path


@pytest.mark.parametrize(
    ("words", "question"),
    [
        (lambda _: ["people", "delete", "Ann"], "Delete Ann and 2 photos"),
        (lambda _: ["photos", "remove", "photos/Ann/1.jpg"], "Remove photos/Ann/1.jpg of Ann"),
        (
            lambda folder: ["people", "sync", _manifest(folder)],
            "delete 1 person for good",
        ),
    ],
    ids=["people delete", "photos remove", "people sync"],
)
def test_who_is_renamed_while_a_command_asks_is_not_deleted_nor_is_who_has_the_name_now(
    home: Path,
    another: Catalogue,
    tmp_path: Path,
    words: Callable[[Path], list[object]],
    question: str,
) -> None:
    def meanwhile(asked_for: str) -> None:
        assert question in asked_for
        _renamed(another)

    code, said = asked(home, *words(tmp_path), meanwhile=meanwhile)
    assert code == 2, said
    assert "Person 1 is called otherwise now: 'Anna', not 'Ann'" in said
    assert people(another) == [(3, "Ann", 1), (1, "Anna", 2), (2, "Bob", 1)]


def test_a_collection_that_is_made_anew_while_a_command_asks_is_not_deleted(
    home: Path, another: Catalogue
) -> None:
    def meanwhile(_: str) -> None:
        another.delete_collection("default")
        another.enrol(make_collection(another).id, new_faces("Cid", [9]))

    code, said = asked(home, "collections", "delete", "default", meanwhile=meanwhile)
    assert code == 2, said
    assert another.counts(another.collection("default").id).people == 1


def test_unknown_faces_of_a_collection_that_is_made_anew_while_a_command_asks_stay(
    home: Path, another: Catalogue
) -> None:
    face = unknown_face("query.jpg", new_faces("x", [5])[0].vector)

    def meanwhile(_: str) -> None:
        another.delete_collection("default")
        anew = make_collection(another).id
        another.strangers.keep(anew, {face.sha256}, [face], days=30)

    code, said = asked(home, "unknowns", "forget", meanwhile=meanwhile)
    assert "Deleted 0 unknown faces" in said, (code, said)
    anew = another.collection("default").id
    assert len(another.strangers.newest(anew, 10, None)) == 1


def test_who_is_enrolled_while_a_restore_asks_is_named_and_kept(
    home: Path, another: Catalogue, tmp_path: Path
) -> None:
    file = tmp_path / "all.backup"
    assert rollcall(home, "backup", file).exit_code == 0

    def meanwhile(question: str) -> None:
        assert "Replace what is in" in question
        another.enrol(1, new_faces("Cid", [9]))

    code, said = asked(home, "restore", file, meanwhile=meanwhile)
    assert code == 2, said
    assert "'Cid' came meanwhile and would be gone too" in said
    assert [each.name for each in another.people(1)] == ["Ann", "Bob", "Cid"]
