"""The audit log and the log file hold what the command line does."""

import json
import os
import pwd
from pathlib import Path
from typing import Any

import pytest

from retrieval.catalogue.catalogue import Catalogue
from tests.cli.running import document, rollcall

ME = f"{pwd.getpwuid(os.getuid()).pw_name} (command line)"


def entries(home: Path, *words: str) -> list[dict[str, Any]]:
    found = document(rollcall(home, "audit", *words, "--json"))["entries"]
    assert {each["who"] for each in found} <= {ME}
    return list(found)


def test_edits_are_written_down_with_the_systems_user(
    used: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "somebody-else")  # is nobody's word
    assert rollcall(used, "people", "rename", "Ann", "Anna").exit_code == 0
    assert rollcall(used, "people", "merge", "Bob", "Anna").exit_code == 0
    assert rollcall(used, "people", "undo").exit_code == 0
    told = [(each["action"], each["answer"]) for each in reversed(entries(used))]
    assert told == [
        ("people rename", {"person": "Anna", "number": None}),
        ("people merge", {"edit": 2, "what": "merged Bob into Anna"}),
        ("people undo", {"edit": 2, "what": "merged Bob into Anna"}),
    ]


def test_who_is_deleted_is_named_no_more(used: Path) -> None:
    assert rollcall(used, "people", "rename", "Ann", "Anna").exit_code == 0
    assert rollcall(used, "people", "delete", "Anna", "--yes").exit_code == 0
    found = entries(used)
    assert [each["action"] for each in found] == ["people delete", "people rename"]
    assert "Ann" not in json.dumps(found)


def test_keys_are_nobodys_collections_and_no_secret_is_written(used: Path) -> None:
    made = document(rollcall(used, "keys", "create", "door", "--json"))
    assert entries(used) == []
    (entry,) = entries(used, "--everywhere")
    assert (entry["action"], entry["collection"]) == ("keys create", None)
    assert entry["answer"]["name"] == "door"
    assert made["key"] not in json.dumps(entry)


def test_questions_are_written_down_and_shown_in_words(home: Path, samples: Path) -> None:
    assert rollcall(home, "enroll", samples / "employees").exit_code == 0
    assert rollcall(home, "identify", samples / "queries" / "group.jpg").exit_code == 0
    photo = next((samples / "employees").glob("*/*.jpg"))
    assert rollcall(home, "search", photo).exit_code == 0
    assert rollcall(home, "verify", photo, "Grace Hopper").exit_code == 0
    found = {each["action"]: each["answer"] for each in entries(home)}
    assert found["enroll"]["people"] == ["Grace Hopper"]
    assert {face["person"] for face in found["identify"]["faces"]} == {"Grace Hopper", None}
    assert found["search"] == {"people": ["Grace Hopper"]}
    assert found["verify"]["same"] is True
    shown = rollcall(home, "audit").stdout
    assert "people Grace Hopper" in shown
    assert "{" not in shown


def test_what_changes_nothing_writes_nothing_down(used: Path) -> None:
    for words in (("people", "list"), ("people", "rename", "Ann", "X", "--dry-run")):
        assert rollcall(used, *words).exit_code == 0
    assert rollcall(used, "people", "rename", "Nobody", "X").exit_code == 2
    assert entries(used, "--everywhere") == []


def test_entries_are_kept_for_the_days_of_the_settings(used: Path) -> None:
    from sqlalchemy import update

    from retrieval.catalogue.http.audit import audit
    from retrieval.catalogue.schema import days_ago

    rollcall(used, "people", "rename", "Ann", "Anna")
    with (
        Catalogue.open(used / "catalogue.db") as catalogue,
        catalogue.audit._database.writing() as connection,
    ):
        connection.execute(update(audit).values(at=days_ago(40)))
    rollcall(used, "people", "rename", "Anna", "Ann", ROLLCALL_AUDIT_DAYS="30")
    assert [each["answer"]["person"] for each in entries(used)] == ["Ann"]


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_log_file_says_when_and_how_a_command_failed_and_names_nobody(
    used: Path, tmp_path: Path, form: str
) -> None:
    log = tmp_path / "rollcall.log"
    settings = {"ROLLCALL_LOG_FILE": str(log), "ROLLCALL_LOG_FORMAT": form}
    assert rollcall(used, "people", "show", "Ann", **settings).exit_code == 0
    assert log.read_text() == ""
    assert rollcall(used, "people", "show", "Nobody Here", **settings).exit_code == 2
    (line,) = log.read_text().splitlines()
    assert "people show ended with not-found, exit code 2" in line
    assert "Nobody" not in line
    if form == "json":
        told = json.loads(line)
        assert (told["level"], told["logger"]) == ("ERROR", "rollcall.command")
        line = told["time"]
    assert line[:4].isdecimal()
    assert line[10] == "T"
    assert log.stat().st_mode & 0o777 == 0o600


def test_a_log_file_that_cannot_be_written_is_told(used: Path, tmp_path: Path) -> None:
    nowhere = str(tmp_path / "no" / "rollcall.log")
    result = rollcall(used, "people", "list", ROLLCALL_LOG_FILE=nowhere)
    assert result.exit_code == 2
    assert "Mend ROLLCALL_LOG_FILE" in result.stderr
