"""The command `rollcall`."""

from importlib import metadata
from typing import Annotated

import typer

from cli import (
    audit,
    backup,
    bench,
    calibrate,
    catalogue,
    clusters,
    demo,
    doctor,
    enroll,
    health,
    identify,
    index,
    jobs,
    keys,
    models,
    people,
    serve,
    unknowns,
    worker,
)

app = typer.Typer(
    name="rollcall",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (
    demo,
    enroll,
    identify,
    people,
    calibrate,
    health,
    unknowns,
    clusters,
    index,
    serve,
    keys,
    audit,
    jobs,
    worker,
    models,
    doctor,
    backup,
    catalogue,
    bench,
):
    module.register(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"rollcall {metadata.version('rollcall')}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and end."
        ),
    ] = False,
) -> None:
    """Who of our people is in this photo?"""


def main() -> None:
    """Run the command line."""
    app()
