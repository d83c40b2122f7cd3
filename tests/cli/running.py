"""Running the command line inside the test's process."""

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from cli.app import app


def rollcall(home: Path, *words: object, input: str | None = None, **environment: str) -> Result:
    """Run `rollcall WORDS...` over a home folder, with what is typed."""
    return CliRunner(env={"ROLLCALL_HOME": str(home), **environment}).invoke(
        app, [str(word) for word in words], input=input
    )


def document(result: Result) -> dict[str, Any]:
    """The one JSON document that `--json` printed; strictly JSON."""
    return strict_json(result.stdout)


def strict_json(text: str) -> Any:
    """What a JSON text says; NaN and Infinity, which Python takes, are none."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)
