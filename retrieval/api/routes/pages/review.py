"""Pages of what waits for a human's eye."""

from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from retrieval.api.routes.rejects import reject_document
from retrieval.api.routing import OPERATOR, VIEWER, GuardedRoute, InContext
from retrieval.api.web.view import InView
from retrieval.people.resembling import enrolled_like
from retrieval.people.strangers import list_groups

routes = APIRouter(route_class=GuardedRoute, include_in_schema=False)

PAGE_GROUPS = 60
PAGE_REJECTS = 100


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

    def work() -> list[dict[str, Any]]:
        if service is None:
            return []
        groups = list_groups(service)[:PAGE_GROUPS]
        alike = enrolled_like(service, groups)
        return [
            {**group.document(), "alike": [each.document() for each in alike[group.id][:3]]}
            for group in groups
        ]

    groups = await context.pool.run(work)
    days = context.settings.unknown_days or 0
    return view.page("unknowns", "unknowns.html", groups=groups, days=days)


@routes.get("/rejects", openapi_extra=OPERATOR)
def rejects_page(view: InView, context: InContext) -> Response:
    """Photos that bulk work did not take, each with what can be done about it."""
    found = context.catalogue.runs.rejected(view.collection, PAGE_REJECTS + 1)
    return view.page(
        "rejects",
        "rejects.html",
        rejects=[{**reject_document(photo), "run": run.id} for run, photo in found[:PAGE_REJECTS]],
        more=len(found) > PAGE_REJECTS,
    )
