"""The command `rollcall`."""

import typer

from cli import audit, bench, clusters, demo, doctor, enroll, identify, keys, people, serve

app = typer.Typer(
    name="rollcall",
    help="Who of our people is in this photo?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (demo, enroll, identify, people, clusters, serve, keys, audit, doctor, bench):
    module.register(app)


def main() -> None:
    """Run the command line."""
    app()
