"""The command `rollcall`."""

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
    help="Who of our people is in this photo?",
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


def main() -> None:
    """Run the command line."""
    app()
