"""Logging in and out, and whether a session still stands."""

from typing import Annotated, Any
from urllib.parse import quote, unquote

from fastapi import APIRouter, Form, Path, Query, Request, Response
from fastapi.responses import RedirectResponse

from retrieval.api.auditing import audited, note_refusal
from retrieval.api.auth import COOKIE, address_of, check_origin, csrf_token
from retrieval.api.context import Context
from retrieval.api.problems import status_of
from retrieval.api.routes.users import address_of_service
from retrieval.api.routing import VIEWER, By, GuardedRoute, InContext
from retrieval.api.single_sign_on import COOKIE as SIGN_ON
from retrieval.api.web.view import language_of, rendered
from retrieval.catalogue.http.api_keys import Key
from retrieval.catalogue.http.passwords import hashed
from retrieval.catalogue.http.users import User
from retrieval.errors import AccessError, SettingInvalid

routes = APIRouter(route_class=GuardedRoute, include_in_schema=False)
login_routes = APIRouter(include_in_schema=False)
SIGN_ON_NEXT = "rollcall_sign_on_next"


Next = Annotated[str, Query(max_length=500)]


@login_routes.get("/login")
def login_page(request: Request, context: InContext, next: Next = "/") -> Response:
    """Ask for name and password, for a key, or for the company's own login."""
    return _asked(request, context, next)


@login_routes.post("/login")
def log_in(
    request: Request,
    context: InContext,
    key: Annotated[str, Form(max_length=300)] = "",
    name: Annotated[str, Form(max_length=200)] = "",
    password: Annotated[str, Form(max_length=1_000)] = "",
    next: Annotated[str, Form(max_length=500)] = "/",
) -> Response:
    """Open a session for somebody with a key, or with name and password."""
    check_origin(request)
    access = context.access
    try:
        known = access.check_password(name, password) if name else access.check(key.strip())
    except AccessError as error:
        return _refused(request, context, error, next)
    return _session_of(request, context, known, next)


@login_routes.get("/login/link/{token}")
def link_page(request: Request, token: Annotated[str, Path(max_length=200)]) -> Response:
    """Ask whoever has a one-time link to go on: what follows links by itself uses none up."""
    return rendered("login-link.html", {"token": token, "problem": None}, language_of(request))


@login_routes.post("/login/link")
def follow_link(
    request: Request,
    context: InContext,
    token: Annotated[str, Form(max_length=200)],
    password: Annotated[str, Form(max_length=1_000)] = "",
) -> Response:
    """Let somebody with a one-time link in, and give them the password that they chose."""
    check_origin(request)
    try:
        owner = context.catalogue.users.in_use(token.partition(".")[0])
        kept = hashed(password, owner.name) if password and owner is not None else None
        user = context.access.check_link(token)
    except SettingInvalid as error:
        values = {"token": token, "problem": str(error)}
        return rendered("login-link.html", values, language_of(request), status_of(error))
    except AccessError as error:
        return _refused(request, context, error, "/")
    if kept is not None:
        user = context.catalogue.users.set_password(user, kept)
    return _session_of(request, context, user, "/")


@login_routes.get("/login/sso")
def begin_sign_on(request: Request, context: InContext, next: Next = "/") -> Response:
    """Send a browser to the company's own login."""
    address, flow = context.sign_on.begin(_back_to(request, context))
    answer = RedirectResponse(address, 303)
    secure = request.url.scheme == "https"
    for name, value in ((SIGN_ON, flow), (SIGN_ON_NEXT, quote(_own_path(next)))):
        answer.set_cookie(
            name, value, max_age=600, path="/login", httponly=True, samesite="lax", secure=secure
        )
    return answer


@login_routes.get("/login/sso/back")
def finish_sign_on(
    request: Request,
    context: InContext,
    code: Annotated[str, Query(max_length=4_000)] = "",
    state: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """Let somebody in for whom the issuer vouches."""
    flow = request.cookies.get(SIGN_ON, "")
    try:
        identity = context.sign_on.finish(flow, code, state, _back_to(request, context))
        user = context.access.check_identity(identity)
    except AccessError as error:
        return _refused(request, context, error, "/")
    answer = _session_of(request, context, user, unquote(request.cookies.get(SIGN_ON_NEXT, "/")))
    for name in (SIGN_ON, SIGN_ON_NEXT):
        answer.delete_cookie(name, path="/login")
    return answer


def _back_to(request: Request, context: Context) -> str:
    return f"{address_of_service(context, request)}/login/sso/back"


def _asked(
    request: Request, context: Context, next: str, problem: str | None = None, status: int = 200
) -> Response:
    values = {
        "problem": problem,
        "next": _own_path(next),
        "users": context.catalogue.users.any_in_use(),
        "sign_on": context.sign_on.is_configured,
    }
    return rendered("login.html", values, language_of(request), status)


def _refused(request: Request, context: Context, error: AccessError, next: str) -> Response:
    """The login page once more, with what was wrong; counted and written down."""
    context.access.count_refusal(request)
    note_refusal(context, request, error)
    return _asked(request, context, next, str(error), status_of(error))


def _session_of(request: Request, context: Context, known: Key | User, next: str) -> Response:
    """Open a session, and go where somebody wanted to."""
    caller = context.access.caller_of(known)
    told = {"address": address_of(request)}
    with audited(context.catalogue, caller, "login", known.collection, lambda session: told):
        session = context.access.open_session(known)
    answer = RedirectResponse(_own_path(next), 303)
    answer.set_cookie(
        COOKIE,
        session,
        max_age=int(context.settings.session_hours * 3600),
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return answer


@login_routes.get("/login/done")
def done_page(request: Request) -> Response:
    """Tell the page that waits in another tab that its session goes on."""
    return rendered("login-done.html", {}, language_of(request))


@routes.get("/session", openapi_extra=VIEWER)
def show_session(caller: By) -> Any:
    """Who looks, and what a page of their session sends with each change."""
    session = caller.session
    return {
        "who": caller.name,
        "role": caller.role.value,
        "csrf": "" if session is None else csrf_token(session),
    }


@routes.post("/logout", openapi_extra=VIEWER)
def log_out(context: InContext, caller: By) -> Response:
    """End the session, wherever its cookie is."""
    with audited(context.catalogue, caller, "logout", caller.collection, lambda session: {}):
        context.access.end_session(caller)
    answer = Response(status_code=204)
    answer.delete_cookie(COOKIE)
    return answer


def _own_path(path: str) -> str:
    """A path of this service, never another site's."""
    own = path.startswith("/") and not path.startswith(("//", "/\\"))
    return path if own and path.isprintable() else "/"
