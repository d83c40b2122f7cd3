"""/healthz, /readyz, /metrics: for whoever watches the service."""

from typing import Any

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from retrieval.api.problems import problem
from retrieval.api.routing import PROBLEMS, VIEWER, GuardedRoute, InContext
from retrieval.api.schemas import Alive, Readiness
from retrieval.errors import NotFound

routes = APIRouter(tags=["health"])
guarded = APIRouter(tags=["health"], route_class=GuardedRoute, responses=PROBLEMS)


@routes.head("/healthz", include_in_schema=False)
@routes.get("/healthz", response_model=Alive)
async def healthz() -> Any:
    """Say that the process lives."""
    return {"status": "ok"}


@routes.head("/readyz", include_in_schema=False)
@routes.get("/readyz", response_model=Readiness, responses={503: PROBLEMS[503]})
def readyz(context: InContext) -> Any:
    """Say whether the catalogue answers and the service's own collection has its models loaded."""
    count = len(context.catalogue.collections())
    name = context.settings.collection
    try:
        with context.services.lease(name) as service:
            loaded = service.is_loaded()
    except NotFound:
        return {"status": "ready", "collections": count, "models": "none yet"}
    if loaded:
        return {"status": "ready", "collections": count, "models": "loaded"}
    trouble = context.services.trouble(name)
    if trouble is not None:
        return problem(503, trouble.code, "The models cannot be loaded", str(trouble), {})
    return problem(503, "loading", "The models are being loaded", "Ask again in a moment.", {})


@guarded.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {CONTENT_TYPE_LATEST: {}}}},
    openapi_extra=VIEWER,
)
def metrics(context: InContext) -> Response:
    """Counters in Prometheus's text format."""
    return Response(context.metrics.text(), media_type=CONTENT_TYPE_LATEST)
