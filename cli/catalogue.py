"""`catalogue`: the database that holds everything."""

from typing import Annotated

import typer

from cli.options import Run, command

catalogue = typer.Typer(help="The database that holds everything.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the command group to the app."""
    app.add_typer(catalogue, name="catalogue")


@command(catalogue, "migrate")
def migrate(
    run: Run,
    target: Annotated[
        str, typer.Option("--to", metavar="URL", help="An empty database, or a file to be made.")
    ],
    origin: Annotated[
        str | None,
        typer.Option("--from", metavar="URL", help="The catalogue to copy; this home's if unset."),
    ] = None,
) -> None:
    """Copy the catalogue between SQLite and PostgreSQL, and compare every row.

    Interrupted, the same command goes on where it was. What it copies from stays as it is; set
    ROLLCALL_CATALOGUE_URL to the new one afterwards.
    """
    from retrieval.build import open_catalogue
    from retrieval.catalogue.transfer import migrate as copy

    run.change(catalogue_url=origin)
    with open_catalogue(run.settings) as source, run.progress("rows", None) as advance:
        tally = copy(source, target, lambda table, rows: advance(rows, table=table))
        origin_label = source.url
    document = {"from": origin_label, "rows": tally.rows, "copied": tally.added}
    sentence = (
        f"Copied {tally.added:,} rows of {origin_label}; all {tally.rows:,} were compared and are "
        "equal. Set ROLLCALL_CATALOGUE_URL to the new catalogue."
    )
    run.emit(document, lambda: run.print(sentence, markup=False))
