"""Commands that messages advise, as they must be typed to mean the same home and collection."""

import re
import shlex
from collections.abc import Sequence

_COMMAND = re.compile(r"\brollcall ((?:[a-z-]+ ?\b)+)")


def as_typed(text: str, given: Sequence[str]) -> str:
    """A message whose commands have the options that were given, so that they can be pasted.

    Args:
        text: with commands in it, as in "`rollcall people undo 3` takes it back".
        given: options with their values, as they were typed.
    """
    if not given or "rollcall " not in text:
        return text
    from typer.main import get_command

    from cli.app import COMMANDS, app

    options = shlex.join(given)

    def with_options(found: re.Match[str]) -> str:
        words = found[1].split()
        if words[0] not in COMMANDS or words[0] == "collections":  # which names it itself
            return found[0]
        command, count = get_command(app), 0
        while count < len(words) and words[count] in getattr(command, "commands", ()):
            command = command.commands[words[count]]  # type: ignore[attr-defined]
            count += 1
        rest = found[0][len(" ".join(["rollcall", *words[:count]])) :]
        return " ".join(["rollcall", *words[:count], options]) + rest

    return _COMMAND.sub(with_options, text)
