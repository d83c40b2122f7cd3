"""The command `rollcall`."""

import typer

app = typer.Typer(
    name="rollcall",
    help="Who of our people is in this photo?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Run the command line."""
    app()
