"""People a page at a time, in either database: each order ends where it began, whoever comes."""

from collections.abc import Iterator

import pytest

from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.names import sought
from retrieval.catalogue.people_pages import Order, Photos, Wanted
from retrieval.catalogue.records import Deleted
from retrieval.errors import NotFound, SettingInvalid
from tests.catalogue.made import make_collection, new_face

NAMES = ("Zoë Ünal", "ann lee", "Ann Lee", "Łucja", "Ægir", "李雷", "Ö", "Oz")


@pytest.fixture
def catalogue(url: str) -> Iterator[Catalogue]:
    with Catalogue.open(url) as opened:
        yield opened


@pytest.fixture
def gallery(catalogue: Catalogue) -> int:
    """People of many scripts, some with a number, one with two faces."""
    gallery = make_collection(catalogue).id
    faces = [new_face(name, n, f"N{n}" if n % 2 else None) for n, name in enumerate(NAMES)]
    faces[1] = new_face("ann lee", 1, "N1")
    catalogue.enrol(gallery, [*faces, new_face("Oz", 50, "N7")])
    return gallery


@pytest.mark.parametrize("order", list(Order))
def test_pages_of_one_person_are_the_whole_list(
    catalogue: Catalogue, gallery: int, order: Order
) -> None:
    whole, end = catalogue.page_of_people(gallery, Wanted(), order)
    assert end is None
    paged, behind = [], None
    while True:
        page, behind = catalogue.page_of_people(gallery, Wanted(), order, behind, 1)
        paged += page
        if behind is None:
            break
    assert paged == whole
    assert len({person.id for person in whole}) == len(whole)
    assert catalogue.count_people(gallery, Wanted()) == len(whole)


def test_whoever_is_deleted_between_two_pages_takes_nobody_along(
    catalogue: Catalogue, gallery: int
) -> None:
    first, behind = catalogue.page_of_people(gallery, Wanted(), Order.NAME, None, 3)
    rest, _ = catalogue.page_of_people(gallery, Wanted(), Order.NAME, behind)
    catalogue.delete_person(gallery, first[0].id)
    assert catalogue.page_of_people(gallery, Wanted(), Order.NAME, behind)[0] == rest


def test_letters_and_filters_and_a_foreign_key(catalogue: Catalogue, gallery: int) -> None:
    letters = dict(catalogue.initials(gallery, Wanted()))
    assert letters["o"] == "o"
    assert letters["l"] == "lucja"
    few = Wanted(photos=Photos.FEW, few=2)
    assert "Oz" not in {person.name for person in catalogue.page_of_people(gallery, few)[0]}
    assert catalogue.count_people(gallery, Wanted(photos=Photos.POOR, poor_px=101.0)) > 0
    assert catalogue.count_people(gallery, Wanted(photos=Photos.POOR, poor_px=100.0)) == 0
    assert catalogue.count_people(gallery, Wanted(photos=Photos.NONE)) == 0
    for key in ([], ["a"], [1, 2, 3, 4, 5, 6], ["a\0", "a", 0, 0, "", 0]):
        with pytest.raises(SettingInvalid):
            catalogue.page_of_people(gallery, Wanted(), Order.NAME, key)


def test_a_cover_and_marks_of_the_deleted_are_kept(catalogue: Catalogue, gallery: int) -> None:
    (oz,) = catalogue.page_of_people(gallery, Wanted(search="oz"))[0]
    first, second = (face.id for face in catalogue.faces_of(oz.id))
    assert catalogue.portraits([oz.id]) == {oz.id: first}
    catalogue.choose_cover(gallery, oz.id, second)
    assert catalogue.portraits([oz.id]) == {oz.id: second}
    with pytest.raises(NotFound):
        catalogue.choose_cover(gallery, oz.id, 10**9)
    kept = catalogue.receipts
    assert kept.deleted_among("default", [("Oz", None)]) == []
    (marks,) = kept.marks_of([("Oz", "N7")])
    where = {"collection_id": gallery, "collection": "default"}
    with kept.begun("0" * 32, Deleted.PERSON, oz.id, lambda erased: {"marks": marks}, **where):
        catalogue.delete_person(gallery, oz.id)
    asked = [("OZ", None), ("Somebody", "N7"), ("Somebody", "N8"), ("Ozz", None)]
    assert kept.deleted_among("default", asked) == asked[:2]
    assert [each.id for each in kept.of_deleted("default", "oz", None)] == ["0" * 32]
    assert kept.of_deleted("elsewhere", "oz", None) == []


@pytest.mark.parametrize(
    ("name", "form"),
    [("MÜLLER", "muller"), ("Straße", "strasse"), ("Łódź", "lodz"), ("Þór", "thor"), ("ﬁ", "fi")],
)
def test_names_are_sought_without_case_accents_and_ligatures(name: str, form: str) -> None:
    assert sought(name) == form
