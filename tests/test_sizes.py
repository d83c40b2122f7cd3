"""Files and functions can be read at once; CONTRIBUTING gives the reasons of exceptions."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = ("rollcall", "retrieval", "worker", "cli")
MOST_LINES, MOST_OF_A_FUNCTION = 400, 60  # where a second idea is looked for

LONG_FILES = {"retrieval/catalogue/catalogue.py"}


def _modules() -> list[Path]:
    return [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]


def test_no_file_is_long_but_those_that_have_a_reason() -> None:
    lines = {path: path.read_text(encoding="utf-8").count("\n") for path in _modules()}
    long = {str(path.relative_to(ROOT)) for path, count in lines.items() if count > MOST_LINES}
    assert long <= LONG_FILES


def test_no_function_is_long() -> None:
    long = {
        (str(path.relative_to(ROOT)), node.name)
        for path in _modules()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= MOST_OF_A_FUNCTION
    }
    assert not long
