"""`keys`: who may use the HTTP service."""

from dataclasses import asdict
from typing import Annotated, Literal

import typer

from cli.options import Run, command

keys = typer.Typer(help="Keys of the HTTP service.", no_args_is_help=True)

RoleName = Literal["kiosk", "viewer", "operator", "hr", "admin"]
ROLES = (
    "kiosk runs one, viewer asks, operator enrols and judges, hr deletes people,"
    " admin does everything."
)
Name = Annotated[str, typer.Argument(metavar="NAME", help="Whose key it is.")]


def register(app: typer.Typer) -> None:
    """Add the command group to the app."""
    app.add_typer(keys, name="keys")


@command(keys, "create")
def create(
    run: Run,
    name: Name,
    role: Annotated[
        RoleName,
        typer.Option("--role", help=ROLES),
    ] = "viewer",
    only: Annotated[
        str | None, typer.Option("--only", metavar="COLLECTION", help="Opens this one alone.")
    ] = None,
    requests_per_minute: Annotated[
        int | None,
        typer.Option("--requests-per-minute", min=1, max=1_000_000, help="A limit of its own."),
    ] = None,
) -> None:
    """Make a key. It is shown this once and kept nowhere."""
    from retrieval.catalogue.http.api_keys import MadeKey, Role

    with run.catalogue() as catalogue:
        key, token = catalogue.api_keys.create(name, Role(role), only, requests_per_minute)
    run.emit(asdict(MadeKey(**asdict(key), key=token)), lambda: run.print(token, markup=False))
    run.remark(f"{key.role} for {key.collection or 'all collections'}; shown this once")


@command(keys, "list")
def list_keys(run: Run) -> None:
    """List keys, revoked ones too."""

    with run.catalogue() as catalogue:
        found = catalogue.api_keys.all()
    rows = [
        (k.name, k.handle, k.role.value, k.collection or "all", k.created_at, k.revoked_at)
        for k in found
    ]
    columns = ("name", "handle", "role", "collection", "since", "revoked")
    run.emit({"keys": [asdict(key) for key in found]}, lambda: run.table(columns, rows))


@command(keys, "revoke")
def revoke(run: Run, name: Name) -> None:
    """End a key, by its name or handle, at once and for good."""
    from retrieval.catalogue.http.api_keys import meant

    with run.catalogue() as catalogue:
        keys = catalogue.api_keys
        key = keys.revoke(meant(keys.all(), name))
    run.emit(asdict(key), lambda: run.print(f"Revoked {key.name} ({key.handle}).", markup=False))
