"""`audit`: who asked or changed what, over HTTP and on the command line."""

from typing import Annotated, Any

import typer

from cli.options import Run, command


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    command(app)(audit)


def audit(
    run: Run,
    who: Annotated[
        str | None, typer.Option("--who", metavar="NAME", help="Only this key's, or user's.")
    ] = None,
    photo: Annotated[
        str | None, typer.Option("--photo", metavar="SHA256", help="Only about this photo.")
    ] = None,
    everywhere: Annotated[
        bool, typer.Option("--everywhere", help="Of all collections, and of keys.")
    ] = False,
    before: Annotated[
        int | None, typer.Option("--before", metavar="NUMBER", help="Only older entries.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 50,
) -> None:
    """List what was asked and changed, over HTTP and on the command line, newest first."""
    from retrieval.building import open_catalogue

    with open_catalogue(run.settings) as catalogue:
        entries = catalogue.audit.entries(
            collection=None if everywhere else run.settings.collection,
            who=who,
            photo=photo,
            before=before,
            limit=limit,
        )
    rows = [
        (
            entry.id,
            entry.at,
            entry.entry.who,
            entry.entry.key or "",
            entry.entry.action,
            (entry.entry.photo or "")[:12],
            _in_words(entry.entry.answer),
        )
        for entry in entries
    ]
    columns = ("number", "when", "who", "key", "action", "photo", "answer")
    document = {"entries": [entry.document() for entry in entries]}
    run.emit(document, lambda: run.table(columns, rows))


def _in_words(answer: Any) -> str:
    """An answer's names and values, without the brackets of a program's."""
    if isinstance(answer, dict):
        parts = ((name.replace("_", " "), _in_words(value)) for name, value in answer.items())
        return ", ".join(f"{name} {value}" for name, value in parts if value)
    if isinstance(answer, list | tuple):
        return "; ".join(map(_in_words, answer))
    if isinstance(answer, float):
        return f"{answer:.3f}"
    return "" if answer is None else str(answer)
