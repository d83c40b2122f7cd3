"""The application: FastAPI over the library, with its web app."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cache, partial
from uuid import uuid4

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, ExceptionHandler, Message, Receive, Scope, Send

from retrieval.api import problems
from retrieval.api.auth import Access, Rate
from retrieval.api.context import Context, identify
from retrieval.api.deletions import Deletions
from retrieval.api.heads import Heads
from retrieval.api.limits import Limits
from retrieval.api.metrics import Metrics
from retrieval.api.pictures import Pictures
from retrieval.api.problems import status_of
from retrieval.api.routes import (
    administration,
    documentation,
    enrolment,
    event_photos,
    faces,
    health,
    kiosk,
    pages,
    people,
    people_lists,
    previews,
    quality,
    questions,
    receipts,
    rejects,
    runs,
    staff_lists,
    unknowns,
    users,
    webhooks,
)
from retrieval.api.services import OpenService, Services
from retrieval.api.single_sign_on import SingleSignOn
from retrieval.api.streams import Streams
from retrieval.api.web.errors import as_page, on_error
from retrieval.api.web.static_files import static_files
from retrieval.api.work import Batcher, Bodies, Desk, Pool
from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.http.replies import CLAIM_S
from retrieval.collection.run_files import forget_old
from retrieval.errors import RollcallError, StoreError
from retrieval.photos.memory import give_back
from retrieval.protocols import JobQueue
from retrieval.settings import Settings

logger = logging.getLogger(__name__)

# Two batches at a time: while one is embedded, the next one's photos are decoded.
BATCHES = 2
LARGEST_BATCH = 16  # photos; larger ones keep the first request waiting for little gain
WORKERS = 2  # enrolments, searches and other work that comes one by one
UNPACKERS = 1  # each waits for a process that takes a core
PREVIEWERS = 2  # photos that are made small at a time
MOST_PREVIEWS = 200  # waiting: browsers ask for six at a time
_DAY_S = 24 * 3600
_TIDY_S = 30  # it takes some milliseconds
API_VERSION = "1"  # that of the paths; Rollcall itself has its own

DESCRIPTION = """\
Who of our people is in this photo? Every face comes back as a person, as ambiguous, as unknown or
as not usable, each time with the reason. Send `Authorization: Bearer KEY`; each operation names the
role that it asks for (`x-role`). Errors are problem details as in RFC 9457.
"""


def create_app(
    settings: Settings,
    catalogue: Catalogue,
    open_service: OpenService,
    *,
    loopback: bool,
    queue: JobQueue | None = None,
) -> FastAPI:
    """Make the application; it closes what it was given when it is shut down.

    Args:
        settings: from the entry point.
        catalogue: for keys, audit and what belongs to no collection.
        open_service: opens the service of a collection.
        loopback: whether it will be bound to loopback only; see `Access`.
        queue: for runs; None leaves them out.
    """
    context = make_context(settings, catalogue, open_service, loopback=loopback, queue=queue)
    app = FastAPI(
        title="Rollcall",
        version=API_VERSION,
        description=DESCRIPTION,
        lifespan=_lifespan,
        docs_url=None,  # its page would ask other hosts for its scripts
        redoc_url=None,
        openapi_url="/v1/openapi.json",
        routes=_every_route().routes,
    )
    app.state.context = context
    if (files := documentation.swagger_ui()) is not None:
        app.mount("/docs/files", files)
    app.mount("/static", static_files())
    app.add_exception_handler(RollcallError, _on_error)
    app.add_exception_handler(HTTPException, _shown(problems.on_http_exception))
    app.add_exception_handler(RequestValidationError, _shown(problems.on_invalid))
    app.add_exception_handler(ClientDisconnect, problems.on_leaving)
    app.add_exception_handler(Exception, _shown(problems.on_crash))
    _enclose(app, context)
    return app


def _enclose(app: FastAPI, context: Context) -> None:
    """Put around the routes what refuses or packs a request; the last is the outermost."""
    settings = context.settings
    app.add_middleware(
        Limits,
        max_bytes=settings.max_body_bytes,
        max_photo_bytes=settings.max_photo_bytes,
        max_json_bytes=settings.max_json_bytes,
        timeout_s=settings.body_timeout_s,
    )
    # What pages hold beside a visitor's words could be guessed from how well it compresses.
    app.add_middleware(
        GZipMiddleware,
        compresslevel=6,
        exclude_content_types=(*DEFAULT_EXCLUDED_CONTENT_TYPES, "text/html"),
    )
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key"],
            expose_headers=["Retry-After", "Location", *RATE_HEADERS, "X-Request-Id"],
            max_age=600,
        )
    app.add_middleware(Heads)
    app.add_middleware(Outermost, metrics=context.metrics)


@cache
def _every_route() -> APIRouter:
    """What every application answers: its models are built once per process."""
    routes = APIRouter(generate_unique_id_function=lambda route: route.name)  # not by its path
    for module in (
        questions,
        faces,
        kiosk,
        staff_lists,
        people_lists,  # before people: its paths are told from ids of people
        people,
        enrolment,
        unknowns,
        runs,
        rejects,
        event_photos,
        previews,
        quality,
        administration,
        receipts,
        users,
        webhooks,
        health,
    ):
        routes.include_router(module.routes)
    for router in (health.guarded, kiosk.page_routes, *pages.ROUTERS, documentation.routes):
        routes.include_router(router)
    return routes


def make_context(
    settings: Settings,
    catalogue: Catalogue,
    open_service: OpenService,
    *,
    loopback: bool,
    queue: JobQueue | None,
) -> Context:
    """Make the parts of an application."""
    metrics = Metrics()
    desk = Desk(settings.max_waiting_photos)
    metrics.watch(lambda: desk.taken)

    return Context(
        settings=settings,
        catalogue=catalogue,
        sign_on=SingleSignOn(settings),
        access=Access(
            catalogue.api_keys, catalogue.users, catalogue.sessions, settings, loopback=loopback
        ),
        services=Services(open_service),
        bodies=Bodies(settings.max_uploading_bytes),
        streams=Streams(settings.max_streams, settings.max_streams_per_key),
        pool=Pool(desk, WORKERS, settings.request_timeout_s),
        unpackers=Pool(desk, UNPACKERS, settings.request_timeout_s),
        previewers=Pool(Desk(MOST_PREVIEWS), PREVIEWERS, settings.request_timeout_s),
        batcher=Batcher(
            partial(identify, audit=catalogue.audit, metrics=metrics),
            desk,
            threads=BATCHES,
            largest=LARGEST_BATCH,
            timeout_s=settings.request_timeout_s,
        ),
        metrics=metrics,
        pictures=Pictures(settings),
        deletions=Deletions(catalogue, settings.home),
        queue=queue,
    )


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    context: Context = app.state.context
    tasks = [asyncio.create_task(work(context)) for work in (_every_day, _put_claims_off, _tidy)]
    context.services.load_in_background(context.settings.collection)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await run_in_threadpool(context.close)


async def _every_day(context: Context) -> None:
    """Forget what was kept for its time: audit, receipts, replies, sessions, files of runs."""
    while True:
        try:
            await run_in_threadpool(context.catalogue.audit.purge, context.settings.audit_days)
            await run_in_threadpool(context.catalogue.replies.purge)
            await run_in_threadpool(context.catalogue.sessions.purge)
            await run_in_threadpool(
                context.catalogue.runs.forget_answers, context.settings.upload_days
            )
            await run_in_threadpool(context.catalogue.receipts.purge, context.settings.receipt_days)
            await run_in_threadpool(forget_old, context.settings.home, context.settings.upload_days)
        except (StoreError, OSError) as error:
            logger.warning("Old audit entries and files of runs stay for now: %s", error)
        await asyncio.sleep(_DAY_S)


async def _put_claims_off(context: Context) -> None:
    """Say that this process lives, and does what it has claimed; take over what others left."""
    while True:
        await asyncio.sleep(CLAIM_S / 3)
        try:
            await run_in_threadpool(context.catalogue.replies.put_off)
            await run_in_threadpool(context.deletions.put_off)
            await run_in_threadpool(context.deletions.take_over, context.services)
        except StoreError as error:
            logger.warning("Claims of repeated requests and receipts may end too early: %s", error)


async def _tidy(context: Context) -> None:
    """Give freed memory back: what photos took, and models that were let go."""
    while True:
        await asyncio.sleep(_TIDY_S)
        await run_in_threadpool(give_back)


async def _on_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RollcallError)
    if status_of(error) >= 500:
        logger.warning("%s failed: %s", request.url.path, error)
    return await run_in_threadpool(on_error, request, error)


def _shown(handler: Callable[[Request, Exception], Awaitable[JSONResponse]]) -> ExceptionHandler:
    """The handler, with a page for people."""

    async def handled(request: Request, error: Exception) -> Response:
        return as_page(request, await handler(request, error))

    return handled


class Outermost:
    """ASGI middleware: headers of every answer, one log line and one count per request."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        state = scope.setdefault("state", {})
        request_id = uuid4().hex[:12]
        status = 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message["headers"],
                    *_headers(message, request_id, state.get("rate")),
                ]
            await send(message)

        try:
            await self.app(scope, receive, sending)
        finally:
            seconds = time.perf_counter() - began
            route = getattr(scope.get("route"), "path", "none")
            method = scope["method"] if route != "none" else "any"
            self.metrics.requests.labels(method, route, str(status)).inc()
            self.metrics.seconds.labels(method, route).observe(seconds)
            logger.info(
                "%s %s %s %d %.0f ms", request_id, scope["method"], route, status, seconds * 1000
            )


# Fields of draft-ietf-httpapi-ratelimit-headers-03, which clients know.
RATE_HEADERS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:;"
    " connect-src 'self'; form-action 'self'; manifest-src 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)


def _headers(message: Message, request_id: str, rate: Rate | None) -> list[tuple[bytes, bytes]]:
    named = {name.lower() for name, _ in message["headers"]}
    headers = {
        b"x-request-id": request_id.encode(),
        b"content-security-policy": POLICY.encode(),
        b"x-content-type-options": b"nosniff",
        b"referrer-policy": b"same-origin",
        b"cache-control": b"no-store",
    }
    if rate is not None:
        numbers = (rate.limit, rate.left, rate.reset_s)
        for name, number in zip(RATE_HEADERS, numbers, strict=True):
            headers[name.lower().encode()] = str(number).encode()
    return [(name, value) for name, value in headers.items() if name not in named]
