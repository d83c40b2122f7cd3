"""Results are never replaced by fewer answers to the same question."""

import importlib.util
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from cli.results import answered_photos, write_results
from retrieval.errors import AlreadyExists

PHOTOS = ("a/1.jpg", "a/=2.jpg", "=3.jpg")


def answers(photos: Iterable[str], failed: Iterable[str] = ()) -> list[dict[str, Any]]:
    known = [{"photo": photo, "faces": []} for photo in photos]
    return [*known, *({"photo": photo, "error": "It is no photo."} for photo in failed)]


@pytest.fixture(params=["csv", "jsonl", "parquet"])
def out(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "parquet" and importlib.util.find_spec("pyarrow") is None:
        pytest.skip("needs pyarrow")
    return tmp_path / f"two.{request.param}"


def test_a_file_says_about_which_photos_it_has_answers(out: Path) -> None:
    assert answered_photos(out) == set()
    assert write_results(out, answers(PHOTOS, ["broken.jpg"]), answered=3) == 4
    assert answered_photos(out) == set(PHOTOS)
    assert [each.name for each in out.parent.iterdir()] == [out.name]


def test_answers_that_another_command_has_taken_leave_the_file_alone(out: Path) -> None:
    write_results(out, answers(PHOTOS), answered=3)
    before = out.read_bytes()
    with pytest.raises(AlreadyExists, match="Of 3 answers 3 were written elsewhere already"):
        write_results(out, [], answered=3)
    assert out.read_bytes() == before


def test_fewer_answers_about_the_same_photos_leave_the_file_alone(out: Path) -> None:
    write_results(out, answers(PHOTOS), answered=3)
    before = out.read_bytes()
    with pytest.raises(AlreadyExists, match="has 3 answers about these photos, there are 2 now"):
        write_results(out, answers(PHOTOS[:2]), answered=2, missing=PHOTOS[2:])
    with pytest.raises(AlreadyExists, match="there are 1 now"):
        write_results(out, answers(PHOTOS[:1], PHOTOS[1:]), answered=1)
    assert out.read_bytes() == before


def test_another_question_has_its_own_number_of_answers(out: Path) -> None:
    write_results(out, answers(PHOTOS), answered=3)
    assert write_results(out, answers(PHOTOS[:1]), answered=1) == 1  # the folder has fewer photos
    assert write_results(out, answers(["b/1.jpg"]), answered=1) == 1
    assert answered_photos(out) == {"b/1.jpg"}


def test_a_file_that_is_no_list_of_answers_is_replaced_as_before(out: Path) -> None:
    out.write_bytes(b"\xff\xfe something else\n1,2\n")
    assert write_results(out, answers(PHOTOS), answered=3) == 3
