"""The edge where the error tree becomes HTTP: problem details as in RFC 9457."""

import logging
import math
import re
from collections.abc import Mapping
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from retrieval import errors
from retrieval.errors import RollcallError

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
BUSY_RETRY_S = 1  # a photo takes well below a second: another try is soon worth while
TROUBLE_RETRY_S = 10

# The nearest ancestor of an error in this table gives its status.
STATUS: Mapping[type[RollcallError], int] = {
    errors.InputError: 422,
    errors.PhotoTooLarge: 413,
    errors.NotFound: 404,
    errors.AlreadyExists: 409,
    errors.Ambiguous: 409,
    errors.SameName: 409,
    errors.UndoImpossible: 409,
    errors.RequestRefused: 400,
    errors.KeyRefused: 401,
    errors.NotAllowed: 403,
    errors.TooManyRequests: 429,
    errors.ModelError: 500,
    errors.StoreError: 503,
    errors.QueueError: 503,
    errors.ServiceBusy: 503,
    RollcallError: 500,
}


class BodyTooLarge(errors.RequestRefused):
    """More bytes than a request may have."""

    code = "body-too-large"


class BodyUnknown(errors.RequestRefused):
    """A body of a kind that the operation does not take."""

    code = "body-unknown"


class BodyTooSlow(errors.RequestRefused):
    """The request did not arrive in time."""

    code = "body-too-slow"


class HeadTooSlow(errors.RequestRefused):
    """The head of the request did not arrive in time."""

    code = "head-too-slow"


class Forged(errors.RequestRefused):
    """A browser sent it for another site, or without the session's token."""

    code = "forged"


class RepeatedWrongly(errors.RequestRefused):
    """An Idempotency-Key that came before, with another request."""

    code = "repeated-wrongly"


class StillAnswering(errors.RequestRefused):
    """An Idempotency-Key whose first request is still being answered."""

    code = "still-answering"


_OWN_STATUS: Mapping[type[RollcallError], int] = {
    BodyTooLarge: 413,
    BodyTooSlow: 408,
    BodyUnknown: 415,
    HeadTooSlow: 408,
    Forged: 403,
    RepeatedWrongly: 422,
    StillAnswering: 409,
}


def status_of(error: RollcallError) -> int:
    """The HTTP status of an error: its own or its nearest ancestor's."""
    table = {**STATUS, **_OWN_STATUS}
    return next(table[kind] for kind in type(error).__mro__ if kind in table)


def problem(
    status: int, code: str, title: str, detail: str, headers: Mapping[str, str], **more: Any
) -> JSONResponse:
    """A problem document."""
    document = {
        "type": f"urn:rollcall:problem:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        **more,
    }
    return JSONResponse(document, status, dict(headers), media_type=MEDIA_TYPE)


def of_error(error: RollcallError, **more: Any) -> JSONResponse:
    """The problem document of an error of the tree."""
    title = (type(error).__doc__ or "").splitlines()[0].rstrip(".")
    detail = without_commands(str(error)) or f"{title}. An admin of this service can mend it."
    return problem(status_of(error), error.code, title, detail, _headers(error), **more)


COMMANDS = r"rollcall [a-z][\w-]*|(?<![\w-])--[a-z][\w-]+|pip install|\bsettings? [a-z]+_[a-z_]+"
_COMMAND = re.compile(COMMANDS)


def without_commands(message: str) -> str:
    """A message without sentences of what the caller has not: a command line, names of settings.

    `told.js` does the same for pages.
    """
    kept = [part for part in re.split(r"(?<=[.!?;])\s+", message) if not _COMMAND.search(part)]
    return re.sub(r";$", ".", " ".join(kept))


def _headers(error: RollcallError) -> dict[str, str]:
    match error:
        case errors.KeyRefused():
            return {"WWW-Authenticate": 'Bearer realm="rollcall"'}
        case errors.TooManyRequests():
            return {"Retry-After": str(math.ceil(error.retry_after_s))}
        case errors.ServiceBusy():
            return {"Retry-After": str(BUSY_RETRY_S)}
        case errors.StoreError() | errors.QueueError():
            return {"Retry-After": str(TROUBLE_RETRY_S)}
        case _:
            return {}


async def on_http_exception(request: Request, error: Exception) -> JSONResponse:
    """Handle what the framework refuses: no such path or method, a body that cannot be read."""
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, RollcallError):  # raised while the body was read
        return of_error(error.__cause__)
    title = {404: "No such path", 405: "No such method here"}.get(error.status_code, "Refused")
    code = {404: "no-such-path", 405: "no-such-method"}.get(error.status_code, "refused")
    return problem(error.status_code, code, title, str(error.detail), error.headers or {})


async def on_invalid(request: Request, error: Exception) -> JSONResponse:
    """Handle a request whose parameters or body do not fit."""
    assert isinstance(error, RequestValidationError)
    found = [
        {"where": ".".join(map(str, each["loc"])), "message": each["msg"]}
        for each in error.errors()
    ]
    detail = "; ".join(f"{each['where']}: {each['message']}" for each in found)
    return problem(422, "invalid", "The request does not fit its schema", detail, {}, errors=found)


async def on_leaving(request: Request, error: Exception) -> Response:
    """Handle a client that left while it sent: no fault of ours, and nobody is there to be told."""
    return Response(status_code=400)


async def on_crash(request: Request, error: Exception) -> JSONResponse:
    """Handle what nobody foresaw; the log has the rest."""
    logger.error("%s crashed", request.url.path, exc_info=error)
    detail = "Rollcall failed in a way that it should not. The service's log says more."
    return problem(500, "crash", "Rollcall failed", detail, {})
