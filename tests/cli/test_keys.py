"""`keys`, `audit` and `serve`: the HTTP service from the command line."""

from pathlib import Path

import pytest

from cli.serve import is_loopback
from retrieval.building import open_catalogue
from retrieval.catalogue.http.audit import AuditEntry
from retrieval.settings import Settings
from tests.cli.running import document, rollcall


def test_a_key_is_made_listed_and_revoked(tmp_path: Path) -> None:
    made = document(
        rollcall(tmp_path, "keys", "create", "door", "--role", "operator", "--only", "b", "--json")
    )
    assert made["key"].startswith(f"rollcall_{made['handle']}_")
    assert (made["role"], made["collection"]) == ("operator", "b")
    listed = document(rollcall(tmp_path, "keys", "list", "--json"))["keys"]
    assert [key["name"] for key in listed] == ["door"]
    assert "key" not in listed[0]
    assert rollcall(tmp_path, "keys", "revoke", "door").exit_code == 0
    assert document(rollcall(tmp_path, "keys", "list", "--json"))["keys"][0]["revoked_at"]


def test_the_key_alone_is_printed_for_a_script(tmp_path: Path) -> None:
    result = rollcall(tmp_path, "keys", "create", "script")
    assert result.stdout.strip().startswith("rollcall_")
    assert len(result.stdout.split()) == 1


def test_a_taken_name_and_an_unknown_key_are_wrong_input(tmp_path: Path) -> None:
    rollcall(tmp_path, "keys", "create", "door")
    assert rollcall(tmp_path, "keys", "create", "door").exit_code == 2
    assert rollcall(tmp_path, "keys", "revoke", "window").exit_code == 2


def test_the_audit_log_is_listed_newest_first_and_by_photo(tmp_path: Path) -> None:
    with open_catalogue(Settings(home=tmp_path)) as catalogue:
        catalogue.audit.record(
            [AuditEntry("door", "identify", "default", photo=digit * 64) for digit in "ab"]
        )
    entries = document(rollcall(tmp_path, "audit", "--json"))["entries"]
    assert [entry["photo"][0] for entry in entries] == ["b", "a"]
    assert entries[0]["who"] == "door"
    one = document(rollcall(tmp_path, "audit", "--photo", "aaaa", "--json"))["entries"]
    assert [entry["photo"][0] for entry in one] == ["a"]
    assert document(rollcall(tmp_path, "audit", "--who", "nobody", "--json"))["entries"] == []


def test_old_entries_are_purged_and_young_ones_are_not(tmp_path: Path) -> None:
    with open_catalogue(Settings(home=tmp_path)) as catalogue:
        audit = catalogue.audit
        audit.record([AuditEntry("door", "identify")])
        assert audit.purge(days=1) == 0
        assert audit.purge(days=-1) == 1
        assert audit.entries() == []


def test_without_a_key_the_service_goes_on_loopback_only(tmp_path: Path) -> None:
    result = rollcall(tmp_path, "serve", "--host", "0.0.0.0")
    assert result.exit_code == 2
    assert "keys create" in result.stderr


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.7", False),
        ("example.org", False),
    ],
)
def test_loopback_is_recognised(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
