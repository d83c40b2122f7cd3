"""Pages of what waits for a human's eye."""

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from retrieval.api.routing import OPERATOR, VIEWER, GuardedRoute, InContext
from retrieval.api.web.view import InView
from retrieval.people.strangers import list_groups

routes = APIRouter(route_class=GuardedRoute, include_in_schema=False)

PAGE_GROUPS = 60


@routes.get("/review", openapi_extra=OPERATOR)
def review_page(view: InView) -> Response:
    """The first page of Review."""
    return RedirectResponse(view.url("/findings"), 303)


@routes.get("/findings", openapi_extra=OPERATOR)
def findings_page(view: InView) -> Response:
    """What may be wrong with enrolled photos, faces side by side."""
    return view.page("findings", "findings.html", anybody=view.counts().faces > 0)


@routes.get("/unknowns", openapi_extra=VIEWER)
async def unknowns_page(view: InView, context: InContext) -> Response:
    """Strangers who come again, to be named."""
    service = await run_in_threadpool(view.service)
    groups = [] if service is None else await context.pool.run(lambda: list_groups(service))
    return view.page(
        "unknowns",
        "unknowns.html",
        groups=[group.document() for group in groups[:PAGE_GROUPS]],
        days=context.settings.unknown_days or 0,
    )
