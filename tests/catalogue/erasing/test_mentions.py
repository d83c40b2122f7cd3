"""What counts as a mention of a person, and what stays as it is."""

import json

import pytest

from retrieval.catalogue.erasing.mentions import Mentions


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Ann", "(deleted)"),
        ("employees/Ann/1.jpg", "employees/(deleted)/1.jpg"),
        ("employees/Ann", "employees/(deleted)"),
        ("C:\\photos\\Ann\\1.jpg", "C:\\photos\\(deleted)\\1.jpg"),
        ("It is enrolled under 'Ann'.", "It is enrolled under '(deleted)'."),
        ("a/Ann/Ann/1.jpg", "a/(deleted)/(deleted)/1.jpg"),
        ("Ann Lee", "(deleted)"),  # the longer of two names
        ("Anna", "Anna"),  # somebody else
        ("employees/Anna/Ann.jpg", "employees/Anna/Ann.jpg"),
        ("C+", "(deleted)"),  # no pattern of its own
        ("CC", "CC"),
    ],
)
def test_a_name_counts_whole_in_a_path_or_in_quotes(text: str, left: str) -> None:
    assert Mentions(["Ann", "Ann Lee", "C+"]).taken_out(text) == left


def test_words_of_ours_stay_even_where_somebody_is_called_so() -> None:
    answer = {"faces": [{"decision": "match", "person": "match", "score": 0.9}], "error": None}
    left = Mentions(["match"]).taken_out(answer)
    assert left == {
        "faces": [{"decision": "match", "person": "(deleted)", "score": 0.9}],
        "error": None,
    }


@pytest.mark.parametrize("escaped", [True, False])
def test_names_are_found_in_json_however_it_spells_them(escaped: bool) -> None:
    body = json.dumps({"person": 'Zoë "Zed" Q', "others": ["Ann"]}, ensure_ascii=escaped).encode()
    left = Mentions(['Zoë "Zed" Q']).taken_out_of_json(body)
    assert left is not None
    assert json.loads(left) == {"person": "(deleted)", "others": ["Ann"]}


@pytest.mark.parametrize("body", [b"\xff\xd8Ann", b'{"person": "Anna"}', b""])
def test_what_is_no_json_or_names_others_stays(body: bytes) -> None:
    assert Mentions(["Ann"]).taken_out_of_json(body) is None
