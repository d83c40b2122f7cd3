"""Pages of what waits for a human's eye."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
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

Before = Annotated[int | None, Query(ge=0, le=2**62)]


@routes.get("/review", openapi_extra=OPERATOR)
def review_page(view: InView) -> Response:
    """The first page of Review."""
    return RedirectResponse(view.url("/findings"), 303)


@routes.get("/findings", openapi_extra=OPERATOR)
def findings_page(view: InView) -> Response:
    """What may be wrong with enrolled photos, faces side by side."""
    return view.page("findings", "findings.html", anybody=view.counts().faces > 0)


@routes.get("/unknowns", openapi_extra=VIEWER)
async def unknowns_page(
    view: InView, context: InContext, faces: Before = None, group: Before = None
) -> Response:
    """Strangers who come again, to be named; those behind a group of so many faces."""
    service = await run_in_threadpool(view.service)
    is_first = faces is None or group is None
    behind = (-(faces or 0), group or 0)

    def work() -> list[dict[str, Any]]:
        if service is None:
            return []
        every = list_groups(service)
        groups = [each for each in every if is_first or (-len(each.faces), each.id) > behind]
        groups = groups[: PAGE_GROUPS + 1]
        alike = enrolled_like(service, groups)
        return [
            {**each.document(), "alike": [like.document() for like in alike[each.id][:3]]}
            for each in groups
        ]

    groups = await context.pool.run(work)
    return view.page(
        "unknowns",
        "unknowns.html",
        groups=groups[:PAGE_GROUPS],
        more=len(groups) > PAGE_GROUPS,
        first=is_first,
        days=context.settings.unknown_days or 0,
    )


@routes.get("/rejects", openapi_extra=OPERATOR)
def rejects_page(view: InView, context: InContext, before: Before = None) -> Response:
    """Photos that bulk work did not take, each with what can be done about it."""
    behind = 2**62 if before is None else before
    found = context.catalogue.runs.rejected(view.collection, PAGE_REJECTS + 1, behind)
    return view.page(
        "rejects",
        "rejects.html",
        rejects=[{**reject_document(photo), "run": run.id} for run, photo in found[:PAGE_REJECTS]],
        more=len(found) > PAGE_REJECTS,
        first=before is None,
    )
