"""Logging in and out, and whether a session still stands."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from retrieval.api.auditing import audited, note_refusal
from retrieval.api.auth import COOKIE, address_of, check_origin, csrf_token
from retrieval.api.problems import status_of
from retrieval.api.routing import VIEWER, By, GuardedRoute, InContext
from retrieval.api.web.view import language_of, rendered
from retrieval.errors import KeyRefused

routes = APIRouter(route_class=GuardedRoute, include_in_schema=False)
login_routes = APIRouter(include_in_schema=False)


@login_routes.get("/login")
def login_page(request: Request, next: Annotated[str, Query(max_length=500)] = "/") -> Response:
    """Ask for a key."""
    return rendered("login.html", {"problem": None, "next": _own_path(next)}, language_of(request))


@login_routes.post("/login")
def log_in(
    request: Request,
    context: InContext,
    key: Annotated[str, Form(max_length=300)],
    next: Annotated[str, Form(max_length=500)] = "/",
) -> Response:
    """Open a session for somebody with a key."""
    check_origin(request)
    try:
        known = context.access.check(key.strip())
    except KeyRefused as error:
        context.access.count_refusal(request)
        note_refusal(context, request, error)
        values = {"problem": str(error), "next": _own_path(next)}
        return rendered("login.html", values, language_of(request), status_of(error))
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
