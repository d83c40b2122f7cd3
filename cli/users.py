"""`users`: people who may log in to the HTTP service; machines have keys."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.keys import ROLES, RoleName
from cli.options import Run, command, when

if TYPE_CHECKING:
    from retrieval.catalogue.http.users import User

users = typer.Typer(help="People who may log in to the HTTP service.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Of the user, or the handle.")]
Only = Annotated[
    str | None, typer.Option("--only", metavar="COLLECTION", help="May use this one alone.")
]


def register(app: typer.Typer) -> None:
    """Add the command group to the app."""
    app.add_typer(users, name="users")


@command(users, "create")
def create(
    run: Run,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="To log in with; an e-mail address for sign-on.")
    ],
    role: Annotated[RoleName, typer.Option("--role", help=ROLES)] = "viewer",
    only: Only = None,
    password: Annotated[
        bool, typer.Option("--password", help="Ask for a password in place of making a link.")
    ] = False,
) -> None:
    """Make a user, with a link that lets them in once to choose a password."""
    from retrieval.catalogue.http.api_keys import Role

    chosen = _password(name) if password else None
    with run.catalogue() as catalogue:
        user = catalogue.users.create(name, Role(role), only)
        if chosen is None:
            user, token = catalogue.users.make_link(user)
        else:
            user, token = catalogue.users.set_password(user, chosen), None
    _show(run, user, token)


@command(users, "list")
def list_users(run: Run) -> None:
    """List users, those who were ended too."""

    with run.catalogue() as catalogue:
        found = catalogue.users.all()
    rows = [
        (u.name, u.handle, u.role.value, u.collection or "all", _comes_by(u), u.created_at,
         u.ended_at)
        for u in found
    ]  # fmt: skip
    columns = ("name", "handle", "role", "collection", "comes by", "since", "ended")
    run.emit({"users": [user.document() for user in found]}, lambda: run.table(columns, rows))


@command(users, "link")
def link(run: Run, name: Name) -> None:
    """Make another one-time link, as when a password was forgotten."""

    with run.catalogue() as catalogue:
        user, token = catalogue.users.make_link(catalogue.users.find(name))
    _show(run, user, token)


@command(users, "password")
def password(run: Run, name: Name) -> None:
    """Give a user a password, which is asked for; their sessions end."""

    with run.catalogue() as catalogue:
        user = catalogue.users.find(name)
        user = catalogue.users.set_password(user, _password(user.name))
    _show(run, user, None)


@command(users, "change")
def change(
    run: Run,
    name: Name,
    role: Annotated[RoleName | None, typer.Option("--role", help=ROLES)] = None,
    only: Only = None,
    everywhere: Annotated[
        bool, typer.Option("--everywhere", help="May use all collections.")
    ] = False,
) -> None:
    """Give a user another role, or another collection."""
    from retrieval.catalogue.http.api_keys import Role

    with run.catalogue() as catalogue:
        user = catalogue.users.find(name)
        collection = None if everywhere else only or user.collection
        user = catalogue.users.change(user, Role(role) if role else user.role, collection)
    _show(run, user, None)


@command(users, "end")
def end(run: Run, name: Name) -> None:
    """End a user with all sessions, at once and for good."""

    with run.catalogue() as catalogue:
        user = catalogue.users.end(catalogue.users.find(name))
    sentence = f"Ended {user.name} ({user.handle})."
    run.emit(user.document(), lambda: run.print(sentence, markup=False))


def _password(name: str) -> str:
    """Ask for a password twice; its hash."""
    from retrieval.catalogue.http.passwords import hashed

    given = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return hashed(given, name)


def _show(run: Run, user: "User", token: str | None) -> None:
    where = (run.settings.public_url or "").rstrip("/")
    path = None if token is None else f"{where}/login/link/{token}"
    document = {**user.document(), **({} if path is None else {"link": path})}
    run.emit(document, lambda: run.print(path or f"{user.name} ({user.handle})", markup=False))
    if path is not None and user.link_ends_at is not None:
        lasts = f"lets {user.name} in once, until {when(user.link_ends_at)}"
        behind = "" if where else "; put it behind the service's address (ROLLCALL_PUBLIC_URL)"
        run.remark(f"{lasts}{behind}")
    run.remark(f"{user.role} for {user.collection or 'all collections'}")


def _comes_by(user: "User") -> str:
    ways = {
        "password": user.has_password,
        "single sign-on": user.signs_on,
        "link": user.link_ends_at is not None,
    }
    return ", ".join(way for way, is_so in ways.items() if is_so) or "nothing yet"
