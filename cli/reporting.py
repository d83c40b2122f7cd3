"""How results and errors are written: strict JSON, and text that cannot harm a terminal."""

import functools
import json
import logging
import math
import re
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console

from cli.hints import as_typed
from retrieval.errors import RollcallError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

# What would move a terminal's cursor, colour it or turn its text round: names of files may hold it.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def harmless(text: str) -> str:
    """Text whose control characters are shown, not obeyed."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def report(error: RollcallError, json_wanted: bool, given: Sequence[str]) -> None:
    """What somebody or something else is at fault of, with what to do."""
    message = as_typed(str(error), given)
    if json_wanted:
        document = {"error": {"code": error.code, "message": message}}
        sys.stdout.write(as_json(document) + "\n")
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"[bold red]error:[/] {_escaped(harmless(message))}")


def report_fault(error: Exception, json_wanted: bool) -> None:
    """A fault of Rollcall's own: all that whoever mends it needs."""
    if json_wanted:
        document = {"error": {"code": "fault", "message": f"{type(error).__name__}: {error}"}}
        sys.stdout.write(as_json(document) + "\n")
    traceback.print_exception(error)
    sys.stderr.write("This is a fault of Rollcall. Please report it with the lines above.\n")


def was_stopped(error: BaseException | None) -> bool:
    """Whether an error is what a library made of Ctrl-C, as one that is being imported does."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def as_json(document: "Mapping[str, Any] | DataclassInstance") -> str:
    """JSON as RFC 8259 has it: a number that is none, as a rate of nothing would be, is null."""
    return json.dumps(_finite(document), ensure_ascii=False, indent=2, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds").replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: _finite(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    return [_finite(each) for each in value] if isinstance(value, list | tuple) else value


def _escaped(text: str) -> str:
    return text.replace("[", "\\[")


class Warnings(logging.Handler):
    """Prints what is logged; what prints it is loaded with the first line."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    @functools.cached_property
    def _printer(self) -> logging.Handler:
        from rich.logging import RichHandler

        return RichHandler(console=self._console, show_path=False, show_time=False)

    def emit(self, record: logging.LogRecord) -> None:
        """Print one line."""
        self._printer.emit(record)
