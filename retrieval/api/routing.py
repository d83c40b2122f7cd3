"""Every route of the API asks for a role before it reads the body, and keeps its replies.

A route names its role in the OpenAPI document (`x-role`); one that names none cannot be made.
"""

import hashlib
import json
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response, Security
from fastapi.dependencies.models import Dependant
from fastapi.params import Form as InForm
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile as Upload

from retrieval.api.auditing import note_refusal
from retrieval.api.auth import Caller
from retrieval.api.context import Context
from retrieval.api.problems import MEDIA_TYPE, Forged, RepeatedWrongly, StillAnswering
from retrieval.api.schemas import Problem
from retrieval.catalogue.http.api_keys import Role
from retrieval.catalogue.http.replies import Reply
from retrieval.errors import AccessError, KeyRefused, SettingInvalid
from retrieval.service import Service

MOST_FILES = 1_000  # what `max_request_photos` may be at most
MOST_FIELDS = 100
LARGEST_FIELD = 64 << 10  # bytes of a field that is no file
_PIECE = 1 << 20
_FORMS = frozenset({"multipart/form-data", "application/x-www-form-urlencoded"})

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

_PROBLEM = {"model": Problem, "content": {MEDIA_TYPE: {}}}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {**_PROBLEM, "description": "The request cannot be read."},
    401: {**_PROBLEM, "description": "No key, or an unknown or revoked one."},
    403: {**_PROBLEM, "description": "The key's role or collection does not cover this."},
    404: {**_PROBLEM, "description": "No such person, photo, run or collection."},
    408: {**_PROBLEM, "description": "The request did not arrive in time."},
    409: {**_PROBLEM, "description": "The name is taken, or the state does not allow it."},
    413: {**_PROBLEM, "description": "Too many bytes, photos or pixels."},
    415: {**_PROBLEM, "description": "A body of a kind that is not taken."},
    422: {**_PROBLEM, "description": "Something in the request does not fit."},
    429: {**_PROBLEM, "description": "Too many requests; see Retry-After."},
    500: {**_PROBLEM, "description": "A model cannot answer; the service's log says more."},
    503: {**_PROBLEM, "description": "As much to do as allowed, or no store; see Retry-After."},
}


def role_of(route: APIRoute) -> Role:
    """The role that a route asks for."""
    return Role((route.openapi_extra or {})["x-role"])


class GuardedRoute(APIRoute):
    """Admits the caller first; with `Once`, a repeated request gets the first reply."""

    def get_route_handler(self) -> Handler:
        """Wrap the handler."""
        handler = super().get_route_handler()
        role = role_of(self)
        taken = frozenset(_query_parameters(self.dependant)) if self.include_in_schema else None
        form = self.body_field is not None and isinstance(self.body_field.field_info, InForm)
        fields = [each.alias for each in self.dependant.body_params] if form else []
        repeatable = any(each.dependency is _idempotency_key for each in self.dependencies)

        async def guarded(request: Request) -> Response:
            try:
                return await admitted(request)
            except (AccessError, Forged) as error:
                await run_in_threadpool(note_refusal, request.app.state.context, request, error)
                raise

        async def admitted(request: Request) -> Response:
            context: Context = request.app.state.context
            _check_text(request)
            caller = await context.access.admit(request, role)
            _check_query(request, taken)
            _check_form(request, fields)
            whose, request = caller.handle or caller.name, _Bounded(request.scope, request.receive)
            with context.bodies.admitted(whose, _size(request, context)):
                token = request.headers.get("Idempotency-Key")
                if token is None or not repeatable:
                    return await handler(request)
                try:
                    return await _once(context, caller, token, request, handler)
                finally:
                    await request.close()  # a replayed request's files, which nobody has closed

        return guarded


class _Bounded(Request):
    """A request that parses JSON off the event loop, and takes no large fields of a form."""

    async def json(self) -> Any:
        """The body; `Limits` has seen to its size."""
        return await run_in_threadpool(json.loads, await self.body())

    def form(self, **limits: Any) -> Any:
        """The fields; files are spooled to disk beyond 1 MB, and counted before they are read."""
        return super().form(
            max_files=MOST_FILES, max_fields=MOST_FIELDS, max_part_size=LARGEST_FIELD
        )


def _size(request: Request, context: Context) -> int:
    """The bytes that a request's body may have."""
    if "transfer-encoding" in request.headers:
        return context.settings.max_body_bytes
    return int(request.headers.get("content-length", 0))


def _check_text(request: Request) -> None:
    """Refuse a zero byte, which no database takes in text."""
    given = (request.scope["path"], *request.query_params.keys(), *request.query_params.values())
    if any("\0" in text for text in given):
        raise SettingInvalid("The request's path or query has a zero byte. Leave it out.")


def _query_parameters(dependant: Dependant) -> Iterator[str]:
    """The names of all query parameters that an operation takes, by whichever of its parts."""
    yield from (each.alias for each in dependant.query_params)
    for part in dependant.dependencies:
        yield from _query_parameters(part)


def _check_query(request: Request, taken: frozenset[str] | None) -> None:
    """Refuse what an operation does not take: nobody would notice that `limits` says nothing."""
    # Clients and pages name their collection with everything; where none is meant it says nothing.
    given = set(request.query_params.keys()) - {"collection"}
    unknown = sorted(given - taken) if taken is not None else []
    if unknown:
        known = ", ".join(sorted(taken or ())) or "none"
        raise SettingInvalid(
            f"There is no query parameter {unknown[0]!r} here; those that there are: {known}."
        )


def _check_form(request: Request, fields: Sequence[str]) -> None:
    """Refuse a body that is no form where one is taken: its fields would all be called missing."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if fields and kind and kind not in _FORMS:
        raise SettingInvalid(
            f"Send a form, multipart/form-data, with the fields {', '.join(fields)}; found {kind}."
            " Photos are files of the form, as they are: no base64, no JSON."
        )


async def _once(
    context: Context, caller: Caller, token: str, request: Request, handler: Handler
) -> Response:
    who = caller.handle or caller.name
    fingerprint = await _fingerprint(request)
    await _still_admitted(request)
    first = await run_in_threadpool(context.catalogue.replies.claim, who, token, fingerprint)
    if first is not None:
        return _replayed(first, fingerprint)
    try:
        response = await handler(request)
    except BaseException:
        await run_in_threadpool(context.catalogue.replies.release, who, token)
        raise
    if isinstance(response, StreamingResponse) or response.status_code >= 400:
        await run_in_threadpool(context.catalogue.replies.release, who, token)
        return response
    await run_in_threadpool(
        context.catalogue.replies.keep,
        who,
        token,
        response.status_code,
        response.headers.get("content-type", ""),
        bytes(response.body),
    )
    return response


def _replayed(first: Reply, fingerprint: str) -> Response:
    if first.fingerprint != fingerprint:
        raise RepeatedWrongly(
            "This Idempotency-Key came before, with another request. Take a new one."
        )
    if first.status is None:
        raise StillAnswering("The first request with this Idempotency-Key is still being answered.")
    headers = {"Idempotency-Replayed": "true", "Content-Type": first.media_type or ""}
    return Response(first.body, first.status, headers)


async def _fingerprint(request: Request) -> str:
    """Of path, query and content; a form's by its fields, since its boundary is drawn by chance."""
    digest = hashlib.sha256(f"{request.method} {request.url.path}?{request.url.query}".encode())
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        for name, value in (await request.form()).multi_items():
            digest.update(f"\0{name}\0".encode())
            if isinstance(value, Upload):
                digest.update(f"{value.filename}\0".encode())
                while piece := await value.read(_PIECE):
                    digest.update(piece)
                await value.seek(0)
            else:
                digest.update(value.encode())
    else:
        digest.update(await request.body())
    return digest.hexdigest()


async def _idempotency_key(
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            max_length=200,
            description="On POST: a request repeated with the same key gets the first reply.",
        ),
    ] = None,
) -> None:
    """Declares the header; `GuardedRoute` reads it before the body."""


async def _still_admitted(request: Request) -> None:
    """Refuse whoever was let in, but whose key or session ended while the body arrived.

    Dependencies are asked when the body is there, so nothing has been done yet.
    """
    if "content-length" in request.headers or "transfer-encoding" in request.headers:
        context: Context = request.app.state.context
        if not await run_in_threadpool(context.access.is_still, request.state.caller):
            raise KeyRefused("The key or session was ended while the request arrived.")


def router(tag: str) -> APIRouter:
    """A router of guarded routes."""
    return APIRouter(
        prefix="/v1",
        tags=[tag],
        route_class=GuardedRoute,
        responses=PROBLEMS,
        dependencies=[
            Security(HTTPBearer(auto_error=False, description="A key.")),
            Depends(_still_admitted),
        ],
    )


def needs(role: Role) -> dict[str, Any]:
    """For a route's `openapi_extra`: the role that it asks for."""
    return {"x-role": role.value}


KIOSK, VIEWER, OPERATOR, HR, ADMIN = (needs(role) for role in Role)


# A picture that may be missing: a page asks so, since a browser reports every 404 as an error.
Optional = Annotated[
    bool, Query(description="Answer 204 instead of 404 where there is no picture.")
]


# What routes take from a request. FastAPI runs plain functions in threads of its pool, which takes
# more than these do; where the catalogue is asked, that is right.


async def _context(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


async def _caller(request: Request) -> Caller:
    caller: Caller = request.state.caller
    return caller


InContext = Annotated[Context, Depends(_context)]
By = Annotated[Caller, Depends(_caller)]


async def _collection(
    context: InContext,
    caller: By,
    collection: Annotated[
        str | None,
        Query(description="The collection; else the key's own, or the service's.", max_length=200),
    ] = None,
) -> str:
    name = collection or caller.collection or context.settings.collection
    caller.check_collection(name)
    return name


CollectionName = Annotated[str, Depends(_collection)]


def _service(context: InContext, name: CollectionName) -> Iterator[Service]:
    with context.services.lease(name) as service:
        yield service


def _loaded_service(context: InContext, name: CollectionName) -> Iterator[Service]:
    with context.services.loaded(name) as service:
        yield service


# Each is held for as long as the request lasts; NotFound where there is no such collection.
InGallery = Annotated[Service, Depends(_service)]  # no network is loaded for it
InLoadedGallery = Annotated[Service, Depends(_loaded_service)]  # to ask about photos
Once = Depends(_idempotency_key)  # for POST routes whose reply may be kept: it holds no secret
