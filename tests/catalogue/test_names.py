"""One form per name."""

import unicodedata

import pytest

from retrieval.catalogue.names import (
    clean_external_id,
    clean_name,
    folded,
    known_name,
    storable_path,
)
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


@pytest.mark.parametrize(
    "name",
    [
        "Ro\u200bsa",  # zero-width space
        "Rosa\u200d",  # a joiner that joins nothing
        "Ro\u200csa",
        "\u202easoR",  # right-to-left override
        "Rosa\u200f",
        "\u2066Rosa\u2069",
        "Ro\u00adsa",  # soft hyphen
        "\ufeffRosa",
        "Rosa\U000e0041",  # a tag
        "Rosa \u3164",  # Hangul filler
        "\u2800",
    ],
)
def test_characters_that_nobody_sees_are_refused_and_named(name):
    with pytest.raises(NameInvalid, match=r"nobody sees: .*U\+"):
        clean_name(name)
    assert known_name(name), "it can still be looked up, to be renamed or deleted"


@pytest.mark.parametrize(
    "name",
    [
        "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627",  # Alireza, as it is written in Persian
        "\u0915\u094d\u200d\u0937",  # after a virama
        "Zo\u0308e",
        "\u845b\U000e0100\u57ce",  # a variant of a Japanese letter
        "O\u2019Neill-M\u00fcller",
    ],
)
def test_joiners_and_variants_stay_where_scripts_need_them(name):
    assert clean_name(name) == unicodedata.normalize("NFC", name)
