"""No message advises a command, or an option, that there is not; nor does the documentation."""

import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from cli.app import COMMANDS, app

ROOT = Path(__file__).parents[2]
CODE = ("cli", "retrieval", "worker", "rollcall")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
# Of other programs that messages and documentation name.
OTHERS = {"--now", "--user", "--break-system-packages", "--extra-index-url", "--gpus", "--init"}
ADVISED = re.compile(r"\brollcall ([a-z]+)(?: ([a-z][a-z-]*))?")


@cache
def commands() -> dict[str, Any]:
    return dict(get_command(app).commands.items())  # type: ignore[attr-defined]


def options_of(command: Any) -> set[str]:
    found = {"--help", "-h"}
    for parameter in command.params:
        found |= {*parameter.opts, *parameter.secondary_opts}
    return found


def below(command: Any) -> dict[str, Any]:
    """A group's commands; none of a command."""
    return dict(getattr(command, "commands", {}).items())


@cache
def all_options() -> frozenset[str]:
    found, todo = {"--version", "--install-completion", "--show-completion"}, [*commands().values()]
    while todo:
        found |= options_of(command := todo.pop())
        todo += below(command).values()
    return frozenset(found)


def wrong(line: str) -> str | None:
    """What is wrong with one advised command line, from `rollcall` on."""
    _, *words = line.split()
    if not words or words[0].startswith("-"):
        return None
    command = commands().get(words[0])
    if command is None:
        return f"no command {words[0]!r}"
    for number, word in enumerate(words[1:], 2):
        if not below(command) or not re.fullmatch("[a-z][a-z-]*", word):
            break
        command = below(command).get(word)
        if command is None:
            return f"no command {' '.join(words[:number])}"
    known = all_options() if below(command) else options_of(command)  # of one of the group's
    given = {word.partition("=")[0] for word in words if re.match("--[a-z]", word)}
    return f"no options {sorted(given - known)} of {words[0]}" if given - known else None


def modules() -> list[Path]:
    found = {each for folder in CODE for each in (ROOT / folder).rglob("*.py")}
    return sorted(found - {ROOT / "worker" / "redis_server.py"})  # which starts another program


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """All texts of a module, with X where a value stands; each with its line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            parts = (part.value if isinstance(part, ast.Constant) else "X" for part in node.values)
            yield node.lineno, "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def advice(text: str) -> Iterator[str]:
    """The command lines in a text: between backticks, or from `rollcall COMMAND` to a stop."""
    text = " ".join(text.split())
    quoted = re.findall("`(rollcall [^`]*)`", text)
    yield from quoted
    for part in re.sub("`[^`]*`", "", text).split("rollcall ")[1:]:
        line = re.split(r"[.:;,()](?:\s|$)| (?:or|and|to|in|of|before|with|over|as) ", part)[0]
        if line.split() and line.split()[0] in COMMANDS:
            yield f"rollcall {line}"


def test_every_command_that_a_message_advises_is_there() -> None:
    found, faults = 0, []
    for module in modules():
        for line, text in texts(module):
            for each in advice(text):
                found += 1
                if fault := wrong(each):
                    faults.append(f"{module.relative_to(ROOT)}:{line}: {fault}: {each}")
    assert found > 100, "the messages are read"
    assert not faults, "\n".join(faults)


def test_every_option_that_a_message_names_is_there() -> None:
    faults = []
    for module in modules():
        for line, text in texts(module):
            named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*[a-z]", text))
            place = f"{module.relative_to(ROOT)}:{line}"
            faults += [f"{place}: {each}" for each in named - all_options() - OTHERS]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_the_documentation_is_there(page: Path) -> None:
    faults = []
    text = page.read_text(encoding="utf-8")
    for block in re.findall(r"^```[a-z]*\n(.*?)^```", text, re.M | re.S):
        for line in block.replace("\\\n", " ").splitlines():
            line = re.sub("^(?:\\$ |# )?", "", line.strip())
            if line.startswith("rollcall "):
                words = shlex.split(line, comments=True)
                words = words[: next((n for n, w in enumerate(words) if w in "|>&&;"), len(words))]
                faults += [f"{fault}: {line}"] if (fault := wrong(" ".join(words))) else []
    prose = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    for each in re.findall("`(rollcall [^`]*)`", " ".join(prose.split())):
        faults += [f"{fault}: {each}"] if (fault := wrong(each)) else []
    assert not faults, "\n".join(faults)


def test_what_is_not_there_is_found() -> None:
    assert wrong("rollcall people lst") == "no command people lst"
    assert wrong("rollcall nobody") == "no command 'nobody'"
    assert wrong("rollcall health --fix") == "no options ['--fix'] of health"
    assert wrong("rollcall people undo 3") is None
    assert list(advice("Do it: `rollcall a b --c`, or rollcall people list. More")) == [
        "rollcall a b --c",
        "rollcall people list",
    ]
