"""How far a long step is: a bar on a terminal, a line for each tenth otherwise."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console

# advance(n=1, total=None, **fields): n more are done, of so many; fields are shown
Advance = Callable[..., None]


@contextmanager
def bar(console: Console, what: str, total: int | None) -> Iterator[Advance]:
    """A bar on a terminal, below whatever else is printed on this console meanwhile."""
    from rich.progress import (  # takes as long to load as all the rest of a short command
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("[dim]{task.fields[note]}"),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(what, total=total, note="")

        def advance(n: int = 1, total: int | None = None, **fields: Any) -> None:
            note = "  ".join(f"{name} {value}" for name, value in fields.items())
            progress.update(task, advance=n, total=total, note=note)
            now = progress.tasks[0]
            if now.total is not None and now.completed > now.total:  # more came meanwhile
                progress.update(task, total=now.completed)

        yield advance


def lines(what: str, total: int | None) -> Advance:
    """A line on standard error for each tenth."""
    done = shown = 0
    expected = total

    def advance(n: int = 1, total: int | None = None, **fields: Any) -> None:
        nonlocal done, shown, expected
        done += n
        expected = total or expected
        if expected:
            expected = max(expected, done)  # more came meanwhile
        if done - shown >= max((expected or 1000) // 10, 1) or shown < done == expected:
            shown = done
            notes = "".join(f", {name} {value}" for name, value in fields.items())
            sys.stderr.write(f"{what}: {done}/{expected or '?'}{notes}\n")

    return advance
