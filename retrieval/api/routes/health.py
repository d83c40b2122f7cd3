"""/healthz, /readyz, /metrics: for whoever watches the service."""

from typing import Any

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from retrieval.api.routing import PROBLEMS, GuardedRoute, InContext, needs
from retrieval.api.schemas import Health, Readiness
from retrieval.catalogue.http.api_keys import Role

routes = APIRouter(tags=["health"])
guarded = APIRouter(tags=["health"], route_class=GuardedRoute, responses=PROBLEMS)


@routes.get("/healthz", response_model=Health)
async def healthz() -> Any:
    """Say that the process lives."""
    return {"status": "ok"}


@routes.get("/readyz", response_model=Readiness, responses={503: PROBLEMS[503]})
def readyz(context: InContext) -> Any:
    """Say whether the catalogue answers."""
    return {"status": "ready", "collections": len(context.catalogue.collections())}


@guarded.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {CONTENT_TYPE_LATEST: {}}}},
    openapi_extra=needs(Role.VIEWER),
)
def metrics(context: InContext) -> Response:
    """Counters in Prometheus's text format."""
    return Response(context.metrics.text(), media_type=CONTENT_TYPE_LATEST)
