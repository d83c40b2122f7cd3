"""A home on a medium that is mounted for reading answers; what only speeds up is left out."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.running import rollcall, strict_json

ROOT = Path(__file__).parents[2]
MOUNT = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
UNSHARE = ["unshare", "--mount", "--map-root-user", "sh", "-c", MOUNT]


@pytest.fixture
def frozen(tmp_path: Path, models_home: Path, samples: Path) -> Path:
    """A home with one person, whose model has a stamp that does not fit any more."""
    home = tmp_path / "home"
    shutil.copytree(models_home / "models", home / "models")
    assert rollcall(home, "enroll", samples / "employees").exit_code == 0
    for file in home.glob("models/*/*.onnx"):
        os.utime(file, (0, 0))
    if shutil.which("unshare") is None:
        pytest.skip("needs unshare (util-linux), to mount a folder for reading")
    probe = subprocess.run([*UNSHARE, str(home), "touch", str(home / "x")], capture_output=True)
    if b"Read-only file system" not in probe.stderr:
        pytest.skip(f"a folder cannot be mounted for reading here: {probe.stderr.decode()}")
    return home


def run(home: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """Run a command where the home is mounted for reading."""
    command = [*UNSHARE, str(home), sys.executable, "-m", "cli", *map(str, words)]
    return subprocess.run(
        [*command, "--home", str(home)], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_people_are_listed_and_photos_answered_and_nothing_is_written(
    frozen: Path, samples: Path
) -> None:
    before = sorted(frozen.rglob("*"))
    people = run(frozen, "people", "list", "--json")
    assert people.returncode == 0, people.stderr
    assert [each["person"] for each in strict_json(people.stdout)["people"]] == ["Grace Hopper"]
    asked = run(frozen, "identify", samples / "queries" / "group.jpg", "--json")
    assert asked.returncode == 0, asked.stderr
    (photo,) = strict_json(asked.stdout)["photos"]
    assert "Grace Hopper" in {face["person"] for face in photo["faces"]}
    refused = run(frozen, "people", "rename", "Grace Hopper", "Grace")
    assert refused.returncode == 4
    assert "cannot be opened for writing" in refused.stderr
    assert sorted(frozen.rglob("*")) == before
