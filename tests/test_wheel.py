"""The wheel that users install: the library's first example runs from it, and is typed."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy
import pytest

from tests.processes import ROOT

pytestmark = pytest.mark.slow
EVENT = """
    roll = staff.event("Summer party", "party/*.jpg").roll()
    roll.to_xlsx("party.xlsx")
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel; what Rollcall stands on is this environment's."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = ["wheel", "--no-build-isolation", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run([*pip, *build], check=True)
    (wheel,) = folder.glob("rollcall-*.whl")
    made = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(made)], check=True)
    found = made / "bin" / "python"
    install = ["--python", str(found), "install", "--no-deps", "--no-index", str(wheel)]
    subprocess.run([*pip, *install], check=True)
    (packages,) = made.glob("lib/*/site-packages")
    (packages / "dependencies.pth").write_text(f"{Path(numpy.__file__).parents[1]}\n")
    return found


@pytest.fixture
def folder(home: Path, tmp_path: Path, samples: Path) -> Path:
    """A folder far from the checkout, with what the example names, and the example."""
    work = tmp_path / "work"
    shutil.copytree(samples / "employees", work / "employees")
    (work / "party").mkdir()
    for name in ("group.jpg", "party/1.jpg"):
        shutil.copy(samples / "queries" / "group.jpg", work / name)
    home.rename(tmp_path / "faces")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", readme, re.S)
    (work / "example.py").write_text(example + EVENT, encoding="utf-8")
    return work


def test_the_wheel_holds_the_library_whose_example_runs_and_is_typed(
    python: Path, folder: Path
) -> None:
    environment = {"HOME": str(folder.parent), "PATH": os.environ["PATH"]}

    def run(*words: str) -> str:
        done = subprocess.run(
            [str(python), *words], capture_output=True, text=True, cwd=folder, env=environment
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    where = run("-c", "import rollcall; print(rollcall.__file__, rollcall.__version__)")
    assert where.startswith(str(python.parents[1]))
    assert "Grace Hopper match" in run("example.py")
    assert (folder / "party.xlsx").stat().st_size > 5_000
    assert run("-m", "mypy", "--strict", "example.py").startswith("Success")
    command = python.parent / "rollcall"
    version = subprocess.run([str(command), "--version"], capture_output=True, text=True)
    assert version.stdout.split()[-1] == where.split()[-1]
