"""Kept photos on a server: enrolled, backed up, deleted and restored there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import document, rollcall
from tests.storage_servers import PASSWORD, ftp_server

fsspec = pytest.importorskip("fsspec", reason="needs the extra storage")
pytest.importorskip("pyftpdlib", reason="needs pyftpdlib, an FTP server")


@pytest.fixture
def served(tmp_path: Path) -> Path:
    folder = tmp_path / "served"
    folder.mkdir()
    return folder


@pytest.fixture
def keeping(served: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """The environment of hosts that keep photos on the server."""
    monkeypatch.setitem(fsspec.config.conf, "ftp", {"password": PASSWORD})
    with ftp_server(served) as url:
        yield {"ROLLCALL_KEEP_PHOTOS": "true", "ROLLCALL_PHOTOS_URL": f"{url}/kept"}


def copies(served: Path) -> int:
    return len([path for path in served.rglob("*") if path.is_file()])


def test_kept_photos_follow_enrolment_deletion_and_backup(
    home: Path, samples: Path, served: Path, keeping: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "a.backup"
    enrolled = document(rollcall(home, "enroll", samples / "employees", "--json", **keeping))
    assert copies(served) == enrolled["enrolled"] > 0
    assert not (home / "photos").exists()
    made = document(rollcall(home, "backup", file, "--json", **keeping))
    assert made["kept_photos"] == enrolled["enrolled"]

    deleted = rollcall(home, "people", "delete", "Grace Hopper", "--yes", "--json", **keeping)
    assert deleted.exit_code == 0, deleted.output
    assert copies(served) == 0
    assert keeping["ROLLCALL_PHOTOS_URL"] in deleted.output, "the receipt says what it cannot see"

    other = tmp_path / "other"
    restored = rollcall(other, "restore", file, "--yes", "--json", **keeping)
    assert document(restored)["kept_photos"] == copies(served) == enrolled["enrolled"]
    dropped = rollcall(other, "collections", "delete", "default", "--yes", **keeping)
    assert dropped.exit_code == 0, dropped.output
    assert copies(served) == 0


@pytest.mark.parametrize("url", ["kept", "ftp://anna:secret@host/kept"])
def test_a_place_for_photos_that_is_no_url_or_holds_a_secret_is_refused(
    home: Path, samples: Path, url: str
) -> None:
    keeping = {"ROLLCALL_KEEP_PHOTOS": "true", "ROLLCALL_PHOTOS_URL": url}
    refused = rollcall(home, "enroll", samples / "employees", **keeping)
    assert refused.exit_code == 2
    assert "ROLLCALL_PHOTOS_URL" in refused.output
    assert "secret@" not in refused.output
