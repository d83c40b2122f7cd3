"""/v1/users, /v1/me: who may log in, and who asks."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import Path, Request
from pydantic import BaseModel, Field

from retrieval.api.auditing import audited
from retrieval.api.context import Context
from retrieval.api.routing import ADMIN, VIEWER, By, InContext, router
from retrieval.catalogue.http.api_keys import Role
from retrieval.catalogue.http.passwords import LONGEST, SHORTEST, hashed
from retrieval.catalogue.http.users import User
from retrieval.errors import NotAllowed, NotFound

routes = router("users")

Handle = Annotated[str, Path(max_length=200, description="Of the user, or the name.")]
_Only = Annotated[str | None, Field(max_length=200, description="Null for all collections.")]


class NewUser(BaseModel):
    """A user to make."""

    name: str = Field(min_length=1, max_length=200, description="To log in with; an e-mail address")
    role: Role = Role.VIEWER
    collection: _Only = None


class ChangedUser(BaseModel):
    """What becomes of a user: what is left out stays as it is."""

    role: Role | None = None
    collection: _Only = None


class NewPassword(BaseModel):
    """A password for whoever asks."""

    password: str = Field(min_length=SHORTEST, max_length=LONGEST)
    current: str | None = Field(
        None, max_length=LONGEST, description="The present one, where there is one."
    )


@dataclass(frozen=True, slots=True)
class UserList:
    """All users, those who were ended too."""

    users: list[User]


@dataclass(frozen=True, slots=True)
class UserLink:
    """A link that lets a user in once; it is shown this once.

    Attributes:
        user: whose it is.
        link: the address.
    """

    user: User
    link: str


@dataclass(frozen=True, slots=True)
class Me:
    """Who asks.

    Attributes:
        kind: a key, a user, or whoever sits at the machine of a service without keys.
        name, handle, role, collection: see `Key` and `User`.
        requests_per_minute: the limit, None for none.
        session_hours: how long a session lasts, None where this is none.
    """

    kind: Literal["key", "user", "local"]
    name: str
    handle: str | None
    role: Role
    collection: str | None
    requests_per_minute: int | None
    session_hours: float | None


@routes.get("/me", response_model=Me, openapi_extra=VIEWER)
def show_me(context: InContext, caller: By) -> Any:
    """Say who asks, and what they may do."""
    user = None if caller.handle is None else context.catalogue.users.in_use(caller.handle)
    return Me(
        kind="local" if caller.handle is None else "key" if user is None else "user",
        name=caller.name,
        handle=caller.handle,
        role=caller.role,
        collection=caller.collection,
        requests_per_minute=caller.requests_per_minute,
        session_hours=None if caller.session is None else context.settings.session_hours,
    )


@routes.put("/me/password", response_model=User, openapi_extra=VIEWER)
def change_password(context: InContext, caller: By, new: NewPassword) -> Any:
    """Give oneself a password; all sessions end, also this one."""
    users = context.catalogue.users
    user = None if caller.handle is None else users.in_use(caller.handle)
    if user is None:
        raise NotAllowed("Users have passwords; keys have none.")
    if user.has_password:
        context.access.check_password(user.name, new.current or "")
    with audited(context.catalogue, caller, "change-password", user.collection, _told):
        return users.set_password(user, hashed(new.password, user.name))


@routes.get("/users", response_model=UserList, openapi_extra=ADMIN)
def list_users(context: InContext, caller: By) -> Any:
    """List users; an admin of one collection sees that one's."""
    every = context.catalogue.users.all()
    return UserList([each for each in every if caller.collection in (None, each.collection)])


@routes.post("/users", response_model=UserLink, status_code=201, openapi_extra=ADMIN)
def create_user(context: InContext, caller: By, request: Request, new: NewUser) -> Any:
    """Make a user, with a link that lets them in once to choose a password."""
    _check_scope(caller, new.collection)
    users = context.catalogue.users
    with audited(context.catalogue, caller, "create-user", new.collection, _told):
        user = users.create(new.name, new.role, new.collection)
    return _linked(context, request, user)


@routes.post("/users/{handle}/link", response_model=UserLink, openapi_extra=ADMIN)
def make_link(context: InContext, caller: By, request: Request, handle: Handle) -> Any:
    """Make another link for a user, in place of an older one: as when a password was forgotten."""
    user = _own(context, caller, handle)
    with audited(context.catalogue, caller, "link-user", user.collection, _told):
        return _linked(context, request, user)


@routes.patch("/users/{handle}", response_model=User, openapi_extra=ADMIN)
def change_user(context: InContext, caller: By, handle: Handle, new: ChangedUser) -> Any:
    """Give a user another role or collection; it holds for their sessions at once."""
    user = _own(context, caller, handle)
    named = "collection" in new.model_fields_set
    collection = new.collection if named else user.collection
    _check_scope(caller, collection)
    with audited(context.catalogue, caller, "change-user", collection, _told):
        return context.catalogue.users.change(user, new.role or user.role, collection)


@routes.delete("/users/{handle}", response_model=User, openapi_extra=ADMIN)
def end_user(context: InContext, caller: By, handle: Handle) -> Any:
    """End a user with all sessions, at once and for good."""
    user = _own(context, caller, handle)
    with audited(context.catalogue, caller, "end-user", user.collection, _told):
        return context.catalogue.users.end(user)


def _own(context: Context, caller: By, named: str) -> User:
    """A user whom the caller may see."""
    user = context.catalogue.users.find(named)
    if caller.collection not in (None, user.collection):
        raise NotFound(f"There is no user {named!r} here. List the users to see who there is.")
    return user


def _check_scope(caller: By, collection: str | None) -> None:
    if caller.collection is not None and collection != caller.collection:
        raise NotAllowed(f"You manage users of the collection {caller.collection!r} only.")


def _linked(context: Context, request: Request, user: User) -> UserLink:
    user, token = context.catalogue.users.make_link(user)
    return UserLink(user, f"{address_of_service(context, request)}/login/link/{token}")


def address_of_service(context: Context, request: Request) -> str:
    """Where browsers find the service."""
    own = context.settings.public_url
    return (own or str(request.base_url)).rstrip("/")


def _told(user: Any) -> dict[str, Any]:
    found = user[0] if isinstance(user, tuple) else user
    return {"user": found.name, "handle": found.handle, "role": found.role}
