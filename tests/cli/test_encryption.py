"""`catalogue new-key`, `encrypt`, `rotate-key`, `decrypt`, and what `doctor` says."""

from pathlib import Path

import pytest

from tests.cli.running import document, rollcall
from tests.cli.test_backup import names

pytest.importorskip("cryptography", reason="needs the extra encryption")


def keyed(file: Path) -> dict[str, str]:
    return {"ROLLCALL_DATA_KEY_FILE": str(file)}


def doctor(home: Path, **environment: str) -> dict[str, str]:
    checks = document(rollcall(home, "doctor", "--json", **environment))["checks"]
    return {check["what"]: check["found"] for check in checks}


def test_a_home_is_encrypted_used_given_another_key_and_decrypted(
    used: Path, tmp_path: Path
) -> None:
    first, second = tmp_path / "first.key", tmp_path / "second.key"
    made = [
        document(rollcall(used, "catalogue", "new-key", file, "--json")) for file in (first, second)
    ]
    assert "off: vectors and kept photos lie in the clear" in doctor(used)["encryption"]
    done = document(rollcall(used, "catalogue", "encrypt", "--json", **keyed(first)))
    assert (done["encrypted"], done["key"], done["vectors"]) == (True, made[0]["key"], 3)
    assert done["nothing_old_left"] is True
    assert names(used, **keyed(first)) == ["Ann", "Bob"]
    assert done["data_key"] in doctor(used, **keyed(first))["encryption"]
    for environment in ({}, keyed(second)):
        refused = rollcall(used, "people", "list", **environment)
        assert (refused.exit_code, "ROLLCALL_DATA_KEY_FILE" in refused.stderr) == (4, True)
    changed = rollcall(used, "catalogue", "rotate-key", "--to", second, **keyed(first))
    assert changed.exit_code == 0, changed.output
    assert f"encrypted under the key {made[1]['key']}" in changed.stdout
    assert rollcall(used, "people", "list", **keyed(first)).exit_code == 4
    assert names(used, **keyed(second)) == ["Ann", "Bob"]
    done = document(rollcall(used, "catalogue", "decrypt", "--json", **keyed(second)))
    assert (done["encrypted"], done["key"], done["vectors"]) == (False, None, 3)
    assert names(used) == ["Ann", "Bob"]
    needless = rollcall(used, "people", "list", **keyed(second))
    assert (needless.exit_code, "is not encrypted" in needless.stderr) == (2, True)


def test_a_home_that_begins_with_a_key_is_encrypted_from_the_start(tmp_path: Path) -> None:
    home, file = tmp_path / "home", tmp_path / "key"
    rollcall(home, "catalogue", "new-key", file)
    assert rollcall(home, "people", "list", **keyed(file)).exit_code == 2, "nobody is enrolled"
    refused = rollcall(home, "people", "list")
    assert (refused.exit_code, "encrypted under the key" in refused.stderr) == (4, True)


def test_a_key_file_is_not_written_over_and_a_wrong_one_is_refused(used: Path) -> None:
    file = used / "key"
    assert rollcall(used, "catalogue", "new-key", file).exit_code == 0
    again = rollcall(used, "catalogue", "new-key", file)
    assert (again.exit_code, "is there already" in again.stderr) == (2, True)
    assert rollcall(used, "catalogue", "encrypt", **keyed(file)).exit_code == 0
    found = document(rollcall(used, "doctor", "--json", **keyed(file)))["checks"]
    assert [each["state"] for each in found if each["what"] == "key file"] == ["note"]
    file.chmod(0o640)
    found = document(rollcall(used, "doctor", "--json", **keyed(file)))["checks"]
    assert "can be read by others" in [e for e in found if e["what"] == "key file"][-1]["found"]
    file.write_text("secret")
    refused = rollcall(used, "people", "list", **keyed(file))
    assert (refused.exit_code, "holds no key" in refused.stderr) == (2, True)
    assert "secret" not in refused.stderr


@pytest.mark.parametrize("words", [["encrypt"], ["rotate-key"]])
def test_without_a_key_there_is_nothing_to_encrypt_with(used: Path, words: list[str]) -> None:
    refused = rollcall(used, "catalogue", *words)
    assert (refused.exit_code, "rollcall catalogue new-key" in refused.stderr) == (2, True)
    assert names(used) == ["Ann", "Bob"]


def test_vectors_on_an_index_server_are_not_forgotten(used: Path, tmp_path: Path) -> None:
    rollcall(used, "catalogue", "new-key", tmp_path / "key")
    milvus = keyed(tmp_path / "key") | {"ROLLCALL_INDEX_URL": "http://127.0.0.1:1"}
    refused = rollcall(used, "catalogue", "encrypt", **milvus)
    assert (refused.exit_code, "holds vectors in the clear" in refused.stderr) == (2, True)
    assert names(used) == ["Ann", "Bob"]
    rollcall(used, "catalogue", "encrypt", **keyed(tmp_path / "key"))
    refused = rollcall(used, "index", "status", **milvus)
    assert (refused.exit_code, "ROLLCALL_INDEX_URL" in refused.stderr) == (2, True)


def test_a_backup_says_what_of_it_is_encrypted_and_is_restored_with_its_key(
    used: Path, tmp_path: Path
) -> None:
    first, second, file = tmp_path / "first.key", tmp_path / "second.key", tmp_path / "a.backup"
    for key in (first, second):
        rollcall(used, "catalogue", "new-key", key)
    rollcall(used, "catalogue", "encrypt", **keyed(first))
    backup = rollcall(used, "backup", file, **keyed(first))
    assert "Vectors and kept photos in it are encrypted" in backup.stderr
    rollcall(used, "catalogue", "rotate-key", "--to", second, **keyed(first))
    refused = rollcall(used, "restore", file, "--yes", **keyed(second))
    assert (refused.exit_code, "yours is" in refused.stderr) == (4, True)
    restored = rollcall(used, "restore", file, "--yes", "--key-file", first, **keyed(second))
    assert restored.exit_code == 0, restored.output
    assert names(used, **keyed(second)) == ["Ann", "Bob"]


def test_without_its_key_a_backup_leaves_nothing_in_a_fresh_home(
    used: Path, tmp_path: Path
) -> None:
    key, file = tmp_path / "a.key", tmp_path / "a.backup"
    fresh, made = tmp_path / "fresh", tmp_path / "made"
    made.mkdir()
    rollcall(used, "catalogue", "new-key", key)
    rollcall(used, "catalogue", "encrypt", **keyed(key))
    assert rollcall(used, "backup", file, **keyed(key)).exit_code == 0
    for home in (fresh, made):
        refused = rollcall(home, "restore", file, "--yes")
        assert refused.exit_code == 4
        assert "ROLLCALL_DATA_KEY_FILE" in refused.stderr
        assert "--key-file" in refused.stderr
        assert not (home / "catalogue.db").exists()
    assert not fresh.exists()
    in_clear = rollcall(made, "restore", file, "--key-file", key)
    assert in_clear.exit_code == 0
    assert "lie in the clear here" in in_clear.stderr
    assert rollcall(fresh, "restore", file, **keyed(key)).exit_code == 0
    assert names(fresh, **keyed(key)) == ["Ann", "Bob"]
