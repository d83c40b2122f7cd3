"""`unknowns`: strangers who come again in queries."""

from typing import Annotated

import typer

from cli.options import Run, Yes, command
from retrieval.values import counted

unknowns = typer.Typer(help="Strangers who come again in queries.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the command group to the app."""
    app.add_typer(unknowns, name="unknowns")


@command(unknowns, "list")
def list_unknowns(
    run: Run,
    days: Annotated[
        int | None,
        typer.Option("--days", min=1, max=100_000, help="Only faces seen in these last days."),
    ] = None,
    least: Annotated[
        int, typer.Option("--least", min=1, help="Only groups of so many faces or more.")
    ] = 1,
) -> None:
    """List unknown faces in groups: how often, when and in which photos each was seen."""
    from retrieval.people.strangers import list_groups

    with run.service() as service:
        groups = list_groups(service, days, least=least)
    rows = [
        (
            group.id,
            len(group.faces),
            *group.seen,
            ", ".join(group.photos),
        )
        for group in groups
    ]
    columns = ("group", "faces", "first seen", "last seen", "photos")
    document = {"groups": [group.document() for group in groups]}
    run.emit(document, lambda: run.table(columns, rows))
    if not groups and not run.settings.unknown_days:
        run.remark(
            "Unknown faces are not kept: set ROLLCALL_UNKNOWN_DAYS to the days they may be kept."
        )


@command(unknowns, "name")
def name_unknown(
    run: Run,
    group: Annotated[int, typer.Argument(metavar="GROUP", help="From `unknowns list`.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose faces they are.")],
) -> None:
    """Enrol a group under a name, and list earlier answers in which that person is now known."""
    from retrieval.people.strangers import name_group

    with run.service() as service:
        found = name_group(service, group, name)

    def show() -> None:
        run.print(
            f"Enrolled {counted(len(found.enrolled), 'face')} as {found.person}.", markup=False
        )
        known = found.document()["now_known"]
        run.remark(f"`rollcall people undo {found.entry.id}` takes it back.")
        rows = [(answer["photo"], answer["face"], answer["seen_at"]) for answer in known]
        run.table(("photo", "face", "asked"), rows, title="Answers that were unknown, now known")

    run.emit(found.document(), show)


@command(unknowns, "forget")
def forget_unknowns(
    run: Run,
    yes: Yes = False,
) -> None:
    """Delete all unknown faces that were kept, for good."""

    with run.service() as service:
        collection = service.collection  # before the question: another of its name is not meant
        if not run.confirm(f"Delete all unknown faces of {collection.name}?", yes):
            return
        count = service.catalogue.strangers.forget_all(collection.id)
        service.catalogue.empty_wal()
    run.emit({"deleted": count}, lambda: run.print(f"Deleted {count} unknown faces."))
