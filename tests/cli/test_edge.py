"""The edge of every command: what names of files cannot do to a terminal, and faults of our own."""

import json
from pathlib import Path

import pytest

from tests.cli.running import document, rollcall

_CLEARS_THE_SCREEN = "\x1b[2J\u202egpj"


def test_control_characters_of_a_files_name_are_shown_not_obeyed(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    photo = folder / f"a{_CLEARS_THE_SCREEN}.jpg"
    photo.write_bytes(b"no photo")
    result = rollcall(tmp_path / "home", "enroll", photo, "--person", "Anna")
    assert result.exit_code in (1, 2)
    assert "\\x1b[2J\\u202egpj" in result.output
    assert not set(_CLEARS_THE_SCREEN[:1] + "\u202e") & set(result.output)


def test_a_fault_of_our_own_has_its_own_exit_code_its_place_and_a_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("nobody thought of this")

    monkeypatch.setattr("retrieval.building.open_catalogue", broken)
    result = rollcall(tmp_path, "keys", "list", "--json")
    assert result.exit_code == 7
    assert document(result)["error"]["code"] == "fault"
    assert "Traceback" in result.stderr
    assert "nobody thought of this" in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("enroll", "--manifest", "/dev/zero"),
        ("keys", "list", "--config", "/dev/zero"),
    ],
)
def test_what_is_no_file_is_refused_before_it_is_read(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    result = rollcall(tmp_path, *words)
    assert result.exit_code == 2
    assert "no file" in result.output


def test_a_receipt_that_is_none_shows_nothing_of_what_it_holds(tmp_path: Path) -> None:
    secret = tmp_path / "receipt.json"
    secret.write_text(json.dumps({"erased_at": "the secret of another file"}))
    for path in (secret, Path("/dev/zero")):
        backup = tmp_path / "a.backup"
        made = rollcall(tmp_path / "home", "backup", backup)
        assert made.exit_code == 0, made.output
        result = rollcall(tmp_path / "other", "restore", backup, "--receipt", path, "--yes")
        assert result.exit_code == 2
        assert "receipt" in result.output
        assert "the secret" not in result.output
        backup.unlink()


def test_a_backup_to_a_link_leaves_the_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    link = tmp_path / "nightly.backup"
    link.symlink_to(tmp_path / "disk" / "real.backup")
    result = rollcall(tmp_path / "home", "backup", link)
    assert result.exit_code == 0, result.output
    assert link.is_symlink()
    assert (tmp_path / "disk" / "real.backup").stat().st_size > 0


@pytest.mark.parametrize("days", ["99999999999", "100000"])
def test_numbers_of_days_are_bounded_and_the_most_of_them_work(tmp_path: Path, days: str) -> None:
    rollcall(tmp_path, "collections", "create", "default")
    result = rollcall(tmp_path, "unknowns", "list", "--days", days)
    assert result.exit_code == (2 if len(days) > 6 else 0), result.output
