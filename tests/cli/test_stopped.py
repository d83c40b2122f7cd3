"""Ctrl-C, wherever it comes."""

import typer
from typer.testing import CliRunner

from cli.options import Run, command


def broken_off(run: Run) -> None:
    """Made of Ctrl-C by a library that is being loaded."""
    try:
        raise KeyboardInterrupt
    except KeyboardInterrupt as error:
        raise ImportError("initialization failed") from error


def test_what_a_library_makes_of_ctrl_c_while_it_is_loaded_is_no_fault_of_ours():
    app = typer.Typer()
    command(app)(broken_off)
    result = CliRunner().invoke(app, [])
    assert result.exit_code == 130
    assert "Stopped" in result.output
    assert "fault" not in result.output
