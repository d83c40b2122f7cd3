"""`users`: people who may log in, from the command line."""

from pathlib import Path

from retrieval.building import open_catalogue
from retrieval.catalogue.http.passwords import fits
from retrieval.settings import Settings
from tests.cli.running import document, rollcall


def test_a_user_is_made_with_a_link_changed_and_ended(tmp_path: Path) -> None:
    made = document(rollcall(tmp_path, "users", "create", "eve", "--role", "hr", "--json"))
    assert made["link"].startswith(f"/login/link/{made['handle']}.")
    again = document(rollcall(tmp_path, "users", "link", "EVE", "--json"))
    assert again["link"] != made["link"]
    changed = rollcall(tmp_path, "users", "change", "eve", "--only", "berlin", "--json")
    assert (document(changed)["role"], document(changed)["collection"]) == ("hr", "berlin")
    everywhere = rollcall(tmp_path, "users", "change", "eve", "--everywhere", "--json")
    assert document(everywhere)["collection"] is None
    assert rollcall(tmp_path, "users", "end", "eve").exit_code == 0
    (listed,) = document(rollcall(tmp_path, "users", "list", "--json"))["users"]
    assert listed["ended_at"]
    assert "link" not in listed
    assert rollcall(tmp_path, "users", "link", "eve").exit_code == 2


def test_a_password_is_asked_for_and_never_an_argument(tmp_path: Path) -> None:
    typed = "correct horse battery\n" * 2
    made = rollcall(tmp_path, "users", "create", "adam", "--password", input=typed)
    assert made.exit_code == 0, made.output
    assert "correct" not in made.stdout
    with open_catalogue(Settings(home=tmp_path)) as catalogue:
        assert fits("correct horse battery", catalogue.users.password_of("adam")[1])
    poor = rollcall(tmp_path, "users", "password", "adam", input="short\nshort\n")
    assert poor.exit_code == 2
    changed = rollcall(tmp_path, "users", "password", "adam", input="another good one\n" * 2)
    assert changed.exit_code == 0


def test_the_link_alone_is_printed_for_a_script(tmp_path: Path) -> None:
    result = rollcall(tmp_path, "users", "create", "eve", ROLLCALL_PUBLIC_URL="https://faces.test")
    assert result.stdout.startswith("https://faces.test/login/link/")
    assert len(result.stdout.split()) == 1
