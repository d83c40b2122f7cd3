"""The web app's pages: HTML from templates; what they do afterwards, they do through the API."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path, PurePath
from typing import Annotated, Any, Self
from urllib.parse import quote

import numpy as np
from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool

from retrieval.api.auditing import audited, note_refusal
from retrieval.api.auth import COOKIE, Caller, address_of, check_origin, csrf_token
from retrieval.api.context import Context
from retrieval.api.problems import of_error, status_of
from retrieval.api.routes.people import PersonId, cursor_of_name, name_of_cursor
from retrieval.api.routes.quality import calibration_shown
from retrieval.api.routes.runs import RunId, own_run
from retrieval.api.routing import VIEWER, By, GuardedRoute, InContext
from retrieval.catalogue.http.api_keys import Role
from retrieval.catalogue.records import Counts
from retrieval.errors import KeyRefused, NotFound, RollcallError
from retrieval.identities.calibrate import missing
from retrieval.people.strangers import list_groups
from retrieval.runs.bulk import run_document
from retrieval.service import Service
from retrieval.upkeep.model_swap import status as status_of_models

WEB = Path(__file__).resolve().parents[1] / "web"
PAGE_PEOPLE = 120
PAGE_REJECTS = 200
PAGE_GROUPS = 60
COLLECTION_COOKIE = "rollcall_collection"
PAGES = (
    ("/", "identify", "Identify"),
    ("/people", "people", "People"),
    ("/unknowns", "unknowns", "Unknowns"),
    ("/runs", "runs", "Runs"),
    ("/quality", "quality", "Quality"),
    ("/index", "index", "Index"),
)

routes = APIRouter(route_class=GuardedRoute, include_in_schema=False)
login_routes = APIRouter(include_in_schema=False)


def _initials(name: str) -> str:
    words = [word for word in name.replace("-", " ").split() if word[0].isalnum()]
    return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper() or "?"


_templates = Environment(
    loader=FileSystemLoader(WEB / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.filters["initials"] = _initials
_templates.filters["capitalize_first"] = lambda text: text[:1].upper() + text[1:]
_templates.filters["last_part"] = lambda path: PurePath(path).name or path


def _rendered(name: str, values: Mapping[str, Any], status: int = 200) -> HTMLResponse:
    return HTMLResponse(_templates.get_template(name).render(values), status)


class View:
    """What a page needs: who looks, at which collection, and the names of the others."""

    def __init__(self, request: Request, context: Context, caller: Caller) -> None:
        self.context, self.caller = context, caller
        every = [each.name for each in context.catalogue.collections()]
        self.collections = [name for name in every if caller.collection in (None, name)]
        wanted = request.query_params.get("collection") or request.cookies.get(COLLECTION_COOKIE)
        default = caller.collection or context.settings.collection
        self.collection = wanted if wanted in self.collections else default
        self._held = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def service(self) -> Service | None:
        """The collection's service, held as long as the view; None where nobody is enrolled yet."""
        try:
            return self.gallery()
        except NotFound:
            return None

    def gallery(self) -> Service:
        """As `service`.

        Raises:
            NotFound: nobody is enrolled yet.
        """
        return self._held.enter_context(self.context.services.lease(self.collection))

    def counts(self) -> Counts:
        """How much the collection holds."""
        service = self.service()
        return service.catalogue.counts(service.collection.id) if service else Counts(0, 0, 0)

    def page(self, page: str, template: str, http_status: int = 200, **values: Any) -> HTMLResponse:
        """The page `page` of the navigation."""
        caller, session = self.caller, self.caller.session
        common = {
            "page": page,
            "pages": PAGES,
            "who": caller.name,
            "role": caller.role.value,
            "session": session is not None,
            "csrf": "" if session is None else csrf_token(session),
            "collection": self.collection,
            "collections": self.collections,
            "trouble": self.context.services.trouble(self.collection),
            "may_edit": caller.role.covers(Role.OPERATOR),
            "may_delete": caller.role.covers(Role.HR),
            "may_administer": caller.role.covers(Role.ADMIN),
            "picture": f"/v1/faces/{{}}/picture?optional=1&collection={quote(self.collection)}",
        }
        return _rendered(template, {**common, **values}, http_status)


def _view(request: Request, context: InContext, caller: By) -> Iterator[View]:
    with View(request, context, caller) as view:
        yield view


InView = Annotated[View, Depends(_view)]


# Logging in and out


@login_routes.get("/login")
def login_page(next: Annotated[str, Query(max_length=500)] = "/") -> Response:
    """Ask for a key."""
    return _rendered("login.html", {"problem": None, "next": _own_path(next)})


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
        return _rendered("login.html", values, status_of(error))
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


def on_error(request: Request, error: RollcallError) -> Response:
    """What a browser sees in place of a page; programs get problem details."""
    if not _wants_page(request):
        return of_error(error)
    if isinstance(error, KeyRefused):
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/login?next={quote(path)}", 303)
    caller = getattr(request.state, "caller", None)
    if caller is None:
        return as_page(request, of_error(error))
    title = (type(error).__doc__ or "").splitlines()[0].rstrip(".")
    title = "Not found" if status_of(error) == 404 else title
    view = View(request, request.app.state.context, caller)
    return view.page("", "error.html", status_of(error), title=title, detail=str(error))


def as_page(request: Request, answer: JSONResponse) -> Response:
    """A problem document as a browser shows it to a person; itself for programs."""
    if not _wants_page(request):
        return answer
    problem = json.loads(bytes(answer.body))
    page = _rendered("problem.html", problem, answer.status_code)
    page.headers.update({k: v for k, v in answer.headers.items() if k == "retry-after"})
    return page


def _wants_page(request: Request) -> bool:
    program = request.url.path.startswith("/v1/")
    return not program and "text/html" in request.headers.get("accept", "")


# Pages


@routes.get("/", openapi_extra=VIEWER)
def identify_page(view: InView, context: InContext, caller: By) -> Response:
    """Drop a photo and see who is in it."""
    days = context.settings.unknown_days or 0
    return view.page("identify", "identify.html", people=view.counts().people, days=days)


@routes.get("/people", openapi_extra=VIEWER)
def people_page(
    view: InView,
    context: InContext,
    caller: By,
    search: Annotated[str | None, Query(max_length=200)] = None,
    cursor: Annotated[str | None, Query(max_length=2000)] = None,
) -> Response:
    """Everybody, with a picture."""
    service, counts = view.service(), view.counts()
    found, portraits = [], {}
    if service is not None:
        found = service.catalogue.people(
            service.collection.id,
            search=search,
            after=None if cursor is None else name_of_cursor(cursor),
            limit=PAGE_PEOPLE + 1,
        )
        portraits = service.catalogue.portraits([person.id for person in found])
    more = len(found) > PAGE_PEOPLE
    found = found[:PAGE_PEOPLE]
    return view.page(
        "people",
        "people.html",
        found=found,
        portraits=portraits,
        search=search,
        count=counts.people,
        faces=counts.faces,
        next=cursor_of_name(found[-1].name) if more else None,
    )


@routes.get("/people/{person_id}", openapi_extra=VIEWER)
def person_page(view: InView, context: InContext, caller: By, person_id: PersonId) -> Response:
    """One person with all photos."""
    service = view.gallery()
    person = service.catalogue.person_by_id(service.collection.id, person_id)
    faces = service.catalogue.faces_of(person.id)
    return view.page("people", "person.html", person=person, faces=faces)


@routes.get("/unknowns", openapi_extra=VIEWER)
async def unknowns_page(view: InView, context: InContext, caller: By) -> Response:
    """Strangers who come again, to be named."""
    service = await run_in_threadpool(view.service)
    groups = [] if service is None else await context.pool.run(lambda: list_groups(service))
    return view.page(
        "unknowns",
        "unknowns.html",
        groups=[group.document() for group in groups[:PAGE_GROUPS]],
        days=context.settings.unknown_days or 0,
    )


@routes.get("/runs", openapi_extra=VIEWER)
def runs_page(view: InView, context: InContext, caller: By) -> Response:
    """Bulk ingests: start one, see how the others went."""
    runs = context.catalogue.runs
    own = runs.newest(100, view.collection)
    return view.page(
        "runs",
        "runs.html",
        runs=[run_document(runs, run) for run in own],
        folders=context.settings.ingest_folders,
        queue=context.queue is not None,
    )


@routes.get("/runs/{run_id}", openapi_extra=VIEWER)
def run_page(view: InView, context: InContext, caller: By, run_id: RunId) -> Response:
    """One run, live, with the photos that it did not take."""
    runs = context.catalogue.runs
    run = own_run(runs, view.collection, run_id)
    return view.page(
        "runs",
        "run.html",
        run=run_document(runs, run),
        rejects=runs.not_taken(run.id, limit=PAGE_REJECTS),
        name=PurePath(run.source).name,
    )


@routes.get("/quality", openapi_extra=VIEWER)
def quality_page(view: InView, context: InContext, caller: By) -> Response:
    """What the threshold is worth, and another one would be."""
    service = view.service()
    if service is None:
        return view.page("quality", "quality.html", shown=None)
    everybody = service.catalogue.people(service.collection.id)
    lacking = missing(np.repeat([p.id for p in everybody], [p.faces for p in everybody]))
    shown = calibration_shown(service)
    return view.page("quality", "quality.html", shown=shown, lacking=lacking)


@routes.get("/index", openapi_extra=VIEWER)
async def index_page(view: InView, context: InContext, caller: By) -> Response:
    """What searches the faces, and how large it is."""
    service = await run_in_threadpool(view.service)
    if service is None:
        return view.page("index", "index.html", status=None)
    models = await context.pool.run(lambda: status_of_models(service))
    return view.page(
        "index",
        "index.html",
        other=models.other_model,
        lacking=models.other_lacking,
        status=await context.pool.run(lambda: service.gallery.status()),
        model=service.collection,
        gate=await run_in_threadpool(lambda: service.gate),
    )
