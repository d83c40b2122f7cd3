"""How far a long step is never reads as more than all of it."""

import io

import pytest
from rich.console import Console

from cli.progress import bar, lines


def test_lines_take_what_comes_while_work_is_done_into_their_total(
    capsys: pytest.CaptureFixture[str],
) -> None:
    advance = lines("embedding", 36)
    advance(32)
    advance(7)  # three were enrolled meanwhile
    assert capsys.readouterr().err.splitlines() == ["embedding: 32/36", "embedding: 39/39"]


def test_a_bar_takes_what_comes_while_work_is_done_into_its_total() -> None:
    told = io.StringIO()
    with bar(Console(file=told, force_terminal=True, width=120), "embedding", 36) as advance:
        advance(39)
    assert "39/39" in told.getvalue()
    assert "39/36" not in told.getvalue()


def test_a_bar_without_a_total_tells_what_is_done() -> None:
    told = io.StringIO()
    with bar(Console(file=told, force_terminal=True, width=120), "reading", None) as advance:
        advance(39)
    assert "39/?" in told.getvalue()
