"""A file of a user's is there whole or as before, and one command at a time writes it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from retrieval.errors import FileHeld, SettingInvalid, StoreError
from retrieval.files.output import check_writable, holding, lock_of, replacing

# A process that holds a file until a line arrives, and writes it then.
HOLDER = """
import sys
from pathlib import Path
from retrieval.files.output import holding, replacing

path = Path(sys.argv[1])
with holding(path), replacing(path) as part:
    print("holds", flush=True)
    sys.stdin.readline()
    part.write_text("all of it")
"""


def test_who_holds_a_file_is_named_and_lets_go_when_killed(tmp_path: Path) -> None:
    path = tmp_path / "two.csv"
    path.write_text("before")
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "holds\n"
        with (
            pytest.raises(FileHeld, match=rf"two\.csv is being written by .*{process.pid}, since"),
            holding(path),
        ):
            pass
        assert path.read_text() == "before"
        process.kill()
        process.wait()
    assert lock_of(path).exists(), "a killed process leaves the file of its lock"
    with holding(path):
        assert str(os.getpid()) in lock_of(path).read_text()
    assert not lock_of(path).exists()
    assert path.read_text() == "before"


def test_a_file_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "two.csv"
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "holds\n"
        process.stdin.write("\n")
        process.stdin.flush()
        with holding(path, wait_s=60):
            assert path.read_text() == "all of it"


def test_what_fails_leaves_the_file_that_was_there_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "two.csv"
    path.write_text("before")
    with pytest.raises(StoreError, match="cannot be written: half"), replacing(path) as part:
        raise OSError(part.write_text("half"), "half")
    with pytest.raises(ZeroDivisionError), replacing(path):
        raise ZeroDivisionError
    assert [each.name for each in tmp_path.iterdir()] == ["two.csv"]
    assert path.read_text() == "before"


def test_a_link_stays_a_link_and_what_is_no_file_is_written_to_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "link.csv").symlink_to(tmp_path / "there.csv")
    with replacing(tmp_path / "link.csv") as part:
        part.write_text("new")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "there.csv").read_text() == "new"
    null = Path("/dev/null")
    with holding(null), replacing(null) as part:
        assert part == null
    assert null.is_char_device()


def test_a_place_where_nothing_can_be_written_is_told_before_the_work(tmp_path: Path) -> None:
    check_writable(tmp_path / "new.csv")
    assert not list(tmp_path.iterdir())
    with pytest.raises(SettingInvalid, match="does not exist"):
        check_writable(tmp_path / "no" / "new.csv")
    with pytest.raises(SettingInvalid, match="is a folder"):
        check_writable(tmp_path)
    with pytest.raises(SettingInvalid, match="cannot be written"):
        check_writable(Path("/proc/new.csv"))
