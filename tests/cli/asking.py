"""A `rollcall` process that asks before it acts, on a terminal of its own."""

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
WAIT_S = 120


def asked(
    home: Path,
    *words: object,
    meanwhile: Callable[[str], None] = lambda question: None,
    answer: str = "y",
) -> tuple[int, str]:
    """Run a command; when it asks, let somebody else act, then answer.

    Args:
        home: of the catalogue.
        words: of the command.
        meanwhile: called with the question, while the command waits for its answer.
        answer: y or n.

    Returns:
        exit code and everything that was printed.
    """
    terminal, end = pty.openpty()
    try:
        with subprocess.Popen(
            [sys.executable, "-m", "cli", *map(str, words)],
            cwd=ROOT,
            env={**os.environ, "ROLLCALL_HOME": str(home), "COLUMNS": "400"},
            stdin=end,
            stdout=end,
            stderr=end,
        ) as process:
            os.close(end)
            end = -1
            try:
                question = _read(terminal, "[y/N]")
                meanwhile(question)
                os.write(terminal, f"{answer}\n".encode())
                rest = _read(terminal, None)
                return process.wait(WAIT_S), question + rest
            except BaseException:
                process.kill()  # it would wait for its answer, and the test for its end
                raise
    finally:
        os.close(terminal)
        if end >= 0:
            os.close(end)


def _read(terminal: int, until: str | None) -> str:
    """What is printed, up to a text or to the end."""
    said, deadline = "", time.monotonic() + WAIT_S
    while until is None or until not in said:
        ready, _, _ = select.select([terminal], [], [], max(deadline - time.monotonic(), 0))
        assert ready, f"nothing more was printed: {said}"
        try:
            more = os.read(terminal, 65536)
        except OSError:  # Linux's way to say that the other end is closed
            more = b""
        if not more:
            assert until is None, f"ended without asking: {said}"
            break
        said += more.decode()
    return said
