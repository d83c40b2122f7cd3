"""A mistyped --collection of `enroll` makes no new collection in silence."""

from pathlib import Path

from retrieval.catalogue.catalogue import Catalogue
from tests.cli.asking import asked
from tests.cli.running import rollcall


def collections(home: Path) -> list[str]:
    with Catalogue.open(home / "catalogue.db") as catalogue:
        return [each.name for each in catalogue.collections()]


def test_a_mistyped_collection_is_asked_about_and_refused_where_nobody_answers(
    home: Path, samples: Path
) -> None:
    words = ("enroll", samples / "employees")
    assert rollcall(home, *words, "--collection", "berlin").exit_code == 0
    refused = rollcall(home, *words, "--collection", "berln")
    assert refused.exit_code == 2
    assert "There is no collection 'berln'. Did you mean 'berlin'?" in refused.stderr
    assert "add --yes to do it" in refused.stderr
    assert collections(home) == ["berlin"]
    code, said = asked(home, *words, "--collection", "berln")
    assert code == 0, said
    assert rollcall(home, *words, "--collection", "munich").exit_code == 0
    assert rollcall(home, *words, "--collection", "berlin2", "--yes").exit_code == 0
    assert collections(home) == ["berlin", "berlin2", "berln", "munich"]


def test_no_at_the_question_says_that_nothing_was_done(home: Path, samples: Path) -> None:
    assert rollcall(home, "enroll", samples / "employees").exit_code == 0
    for words in (
        ("enroll", samples / "employees", "--collection", "defaultt"),
        ("people", "delete", "Grace Hopper"),
        ("people", "delete", "Grace Hopper", "--quiet"),
    ):
        code, said = asked(home, *words, answer="n")
        assert code == 0, said
        assert "Nothing was done." in said
    assert collections(home) == ["default"]
