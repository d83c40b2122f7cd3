"""/docs and /openapi.json: the operations, to read and to try, with no file of another host."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from retrieval.api.web.view import language_of, rendered

routes = APIRouter(include_in_schema=False)


@routes.get("/docs")
def show_documentation(request: Request) -> Response:
    """Show the operations with their examples, and let them be tried."""
    if swagger_ui() is None:
        raise HTTPException(404, "This service was installed without its documentation's pages.")
    return rendered("documentation.html", {}, language_of(request))


@routes.get("/openapi.json")
def show_openapi(request: Request) -> Response:
    """The OpenAPI document, where tools look for it; /v1/openapi.json is the same."""
    document: dict[str, Any] = request.app.openapi()
    return JSONResponse(document)


def swagger_ui() -> StaticFiles | None:
    """Swagger UI's files as the package `fastapi-offline` brings them; None where it is missing."""
    found = find_spec("fastapi_offline")
    if found is None or found.origin is None:
        return None
    return StaticFiles(directory=Path(found.origin).parent / "static")
