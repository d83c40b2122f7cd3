"""The library as its documentation shows it."""

import ast
import importlib
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import rollcall
from tests.processes import ROOT

EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "library.md").read_text(), re.S)


@pytest.fixture
def play(
    home: Path, tmp_path: Path, samples: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], None]:
    """Run an example in a folder that holds what it names."""
    work = tmp_path / "work"
    work.mkdir()
    shutil.copytree(samples / "employees", work / "employees")
    shutil.copy(samples / "employees" / "Grace Hopper" / "2.jpg", work / "grace.jpg")
    shutil.copy(samples / "queries" / "group.jpg", work / "group.jpg")
    monkeypatch.chdir(work)
    monkeypatch.setenv("HOME", str(tmp_path))
    home.rename(tmp_path / "faces")

    def run(example: str) -> None:
        exec(compile(example, "docs/library.md", "exec"), {"rollcall": rollcall})

    return run


def test_every_example_of_the_documentation_runs_in_its_order(
    play: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    for example in EXAMPLES:
        play(example)
    printed = capsys.readouterr().out
    assert "Grace Hopper match" in printed
    assert "unknown" in printed
    assert len(EXAMPLES) >= 4


def test_the_readme_shows_the_same_library() -> None:
    shown = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert shown == EXAMPLES[:1]


def test_all_names_what_the_library_has_and_nothing_else() -> None:
    assert sorted(rollcall.__all__) == rollcall.__all__
    assert all(hasattr(rollcall, name) for name in rollcall.__all__)
    tree = ast.parse((ROOT / "rollcall" / "__init__.py").read_text())
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert imported - {"version"} | {"__version__"} == set(rollcall.__all__)
    assert importlib.util.find_spec("rollcall") is not None
    assert (ROOT / "rollcall" / "py.typed").exists()


def test_one_photo_that_cannot_be_read_raises_and_one_of_several_says_so(
    home: Path, samples: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no photo")
    with rollcall.open(home) as staff:
        staff.enrol(samples / "employees")
        with pytest.raises(rollcall.errors.PhotoError, match="no photo in a known format"):
            staff.identify(tmp_path / "broken.jpg")
        good = samples / "employees" / "Grace Hopper" / "1.jpg"
        first, second = staff.identify([tmp_path / "broken.jpg", good.read_bytes()])
        assert first.error is not None
        assert [face.person for face in second] == ["Grace Hopper"]


def test_what_is_enrolled_is_said_to_its_end(home: Path, samples: Path, tmp_path: Path) -> None:
    shutil.copytree(samples / "employees", tmp_path / "staff")
    (tmp_path / "staff" / "Nobody").mkdir()
    with rollcall.open(home) as staff:
        report = staff.enrol(tmp_path / "staff")
        assert report.enrolled == len(list((samples / "employees").glob("*/*.jpg")))
        assert report.nobody_of() == ["Nobody"]
        with pytest.raises(rollcall.errors.InputError, match="say whom it shows"):
            staff.enrol(samples / "employees" / "Grace Hopper" / "1.jpg")
        with pytest.raises(rollcall.errors.InputError, match="does not exist"):
            staff.enrol(tmp_path / "nowhere")
