"""systemd units: as systemd reads them, and a rotation that removes the oldest backups alone."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.running import document, rollcall


def units(home: Path, *words: object) -> dict[str, str]:
    found = document(rollcall(home, "service", "install", *words, "--json"))["units"]
    assert isinstance(found, dict)
    return found


def test_systemd_takes_the_units(home: Path, tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("needs systemd-analyze")
    names = units(home, "--out", tmp_path / "units")
    paths = [tmp_path / "units" / name for name in names]
    assert all(path.is_file() for path in paths)
    done = subprocess.run(
        [program, "verify", *paths], capture_output=True, text=True, timeout=60, check=False
    )
    ours = [line for line in done.stderr.splitlines() if "rollcall" in line]
    wrong = [line for line in ours if "not executable" not in line and "No such file" not in line]
    assert not wrong, done.stderr


def test_the_rotation_keeps_the_newest_backups(home: Path, tmp_path: Path) -> None:
    folder = home / "backups"
    folder.mkdir()
    for day in range(1, 7):
        (folder / f"2026-01-0{day}.backup").write_text("")
    unit = units(home, "--keep", 4)["rollcall-backup.service"]
    (line,) = (each for each in unit.splitlines() if each.startswith("ExecStartPost="))
    script = line.partition("-c '")[2].rstrip("'")
    subprocess.run(["/bin/sh", "-c", script], check=True, timeout=60)
    assert sorted(path.stem[-1] for path in folder.iterdir()) == ["3", "4", "5", "6"]


def test_the_commands_of_the_units_exist(home: Path) -> None:
    for unit in units(home).values():
        for line in unit.splitlines():
            if line.startswith("ExecStart=") and "/rollcall " in line:
                words = line.partition("/rollcall ")[2].rstrip("'").split()
                told = rollcall(home, words[0], "--help").stdout
                assert all(word in told for word in words if word.startswith("--")), line
