"""One form a name."""

import pytest

from retrieval.catalogue.names import clean_external_id, clean_name, folded, storable_path
from retrieval.errors import NameInvalid


@pytest.mark.parametrize(
    ("given", "cleaned"),
    [
        ("Ann", "Ann"),
        ("  Ann\t", "Ann"),
        ("Zoe\u0308", "Zo\u00eb"),  # decomposed, as macOS gives names of files
        ("O'Neil, Sr. <3%_*", "O'Neil, Sr. <3%_*"),
        ("山田 太郎", "山田 太郎"),
        ("نور", "نور"),
        ("👩\u200d🔬", "👩\u200d🔬"),  # joined by a character without a width
        ("x" * 200, "x" * 200),
    ],
)
def test_a_name_has_one_form(given, cleaned):
    assert clean_name(given) == cleaned
    assert clean_name(cleaned) == cleaned


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("", "person's name is empty"),
        (" \n ", "person's name is empty"),
        ("x" * 201, "201 characters"),
        ("a\x00b", "control"),
        ("a\x1b[31mb", "control"),
        ("a\u2029b", "control"),
        ("\udce4", "undecodable"),
    ],
)
def test_a_name_that_cannot_be_shown_is_refused(given, message):
    with pytest.raises(NameInvalid, match=message) as caught:
        clean_name(given, "person's name")
    assert str(caught.value).isprintable()


def test_an_empty_external_id_is_none():
    assert clean_external_id(None) is clean_external_id("  ") is None
    assert clean_external_id(" E-1 ") == "E-1"


def test_names_are_searched_without_case_in_any_script():
    assert folded("STRASSE") == folded("Straße")
    assert folded("ΣΊΣΥΦΟΣ") == folded("σίσυφος")


def test_a_path_that_is_no_unicode_becomes_readable_text():
    assert storable_path("a/ü.jpg") == "a/ü.jpg"
    assert storable_path("a/\udcff.jpg") == "a/\\udcff.jpg"
