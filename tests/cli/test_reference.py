"""The documentation says what the code does."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.main import get_command

from cli.app import COMMANDS, app
from cli.reference import pages
from retrieval import errors
from retrieval.inference.manifest import load_manifest
from tests.cli.running import rollcall

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["commands.md", "settings.md"])
def test_generated_pages_are_up_to_date(name: str) -> None:
    written = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert written == pages()[name], "run `make docs`"


def test_every_model_has_a_card() -> None:
    cards = (ROOT / "models" / "README.md").read_text(encoding="utf-8")
    manifest = load_manifest()
    for name in (*manifest.detectors, *manifest.embedders):
        assert name in cards, name


def test_the_drawn_tree_of_errors_is_complete() -> None:
    drawn = errors.__doc__ or ""
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.RollcallError)
    ]
    assert len(kinds) > 20
    for kind in kinds:
        assert kind.__name__ in drawn, kind
    codes = [kind.code for kind in kinds]
    assert len(set(codes)) == len(codes)


def test_generated_files_name_no_path_of_this_machine() -> None:
    for text in pages().values():
        assert str(Path.home()) not in text


def test_the_version_is_the_packages(tmp_path: Path) -> None:
    result = rollcall(tmp_path, "--version")
    assert result.exit_code == 0
    assert result.output == f"rollcall {version('rollcall')}\n"


def test_the_commands_listed_are_the_modules_own_in_their_words() -> None:
    for name, command in get_command(app).commands.items():
        said = " ".join((command.help or "").split("\n\n")[0].split())
        assert COMMANDS[name][1] == said, name
    registered = {
        path.stem for path in (ROOT / "cli").glob("*.py") if "def register(app" in path.read_text()
    }
    assert {module for module, _ in COMMANDS.values()} == registered - {"bench_gallery"}


def test_help_imports_no_command_and_no_settings() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from cli.app import app;"
        "CliRunner().invoke(app, ['--help']);"
        "print([m for m in sys.modules if m in ('numpy', 'pydantic', 'sqlalchemy', 'cli.people')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stderr
