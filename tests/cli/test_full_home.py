"""A home on a disk without a free byte answers, and is backed up to another disk."""

import shutil
import subprocess
from collections.abc import Iterator
from errno import ENOSPC
from pathlib import Path

import pytest

from retrieval.catalogue.catalogue import Catalogue
from retrieval.errors import StoreFull
from tests.cli.running import document, rollcall


@pytest.fixture
def full(used: Path, tmp_path: Path) -> Iterator[Path]:
    """A home with people, on a disk that is full."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small tmpfs")
    shutil.copy(used / "catalogue.db", disk)
    try:
        fill(disk)
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def fill(disk: Path) -> None:
    with (disk / "fill").open("ab", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError as error:
            assert error.errno == ENOSPC  # noqa: PT017 - it is what fills it


def people(home: Path) -> set[str]:
    return {
        each["person"] for each in document(rollcall(home, "people", "list", "--json"))["people"]
    }


def test_a_full_home_is_read_and_backed_up_elsewhere(
    full: Path, used: Path, tmp_path: Path
) -> None:
    assert people(full) == people(used) != set()
    refused = rollcall(full, "people", "delete", next(iter(people(used))), "--yes")
    assert refused.exit_code == StoreFull.exit_code
    assert "No space is left" in refused.stderr
    file, other = tmp_path / "elsewhere" / "home.backup", tmp_path / "other"
    file.parent.mkdir()
    made = rollcall(full, "backup", file)
    assert made.exit_code == 0, made.stderr
    assert "it does not know of this file" in made.stderr
    assert list(file.parent.iterdir()) == [file]
    assert rollcall(full, "restore", file, "--check").exit_code == 0
    assert rollcall(other, "restore", file).exit_code == 0
    assert people(other) == people(used)


def test_a_process_that_found_the_disk_full_writes_when_there_is_room(
    full: Path, used: Path
) -> None:
    with Catalogue.open(full / "catalogue.db") as catalogue:
        default = catalogue.collection("default").id
        names = [each.name for each in catalogue.people(default)]
        assert catalogue.is_read_as_it_lies
        (full / "fill").unlink()
        catalogue.rename_person(default, catalogue.people(default)[0], "Renamed")
        assert not catalogue.is_read_as_it_lies
        assert {each.name for each in catalogue.people(default)} == {*names[1:], "Renamed"}
