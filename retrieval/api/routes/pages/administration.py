"""Pages of whoever keeps the service: bulk work, quality, the index."""

from pathlib import PurePath
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from retrieval.api.context import Context
from retrieval.api.receipts import shown
from retrieval.api.routes.runs import RunId, own_run
from retrieval.api.routing import HR, OPERATOR, VIEWER, By, GuardedRoute, InContext
from retrieval.api.web.view import InView, places_for
from retrieval.catalogue.records import Deleted
from retrieval.collection.bulk import run_document
from retrieval.errors import QueueUnavailable
from retrieval.identities.calibrate import missing
from retrieval.upkeep.calibration import calibration_shown
from retrieval.upkeep.model_swap import status as status_of_models

routes = APIRouter(route_class=GuardedRoute, include_in_schema=False)

PAGE_RUNS = 100
PAGE_REJECTS = 200
PAGE_RECEIPTS = 50


@routes.get("/admin", openapi_extra=OPERATOR)
def admin_page(view: InView, caller: By) -> Response:
    """The first page of Admin that the caller may see."""
    admin = next(place for place in places_for(caller.role) if place.name == "admin")
    return RedirectResponse(view.url(admin.parts[0].path), 303)


@routes.get("/runs", openapi_extra=VIEWER)
def runs_page(
    view: InView,
    context: InContext,
    before: Annotated[str | None, Query(max_length=64)] = None,
) -> Response:
    """Bulk ingests: start one, see how the others went."""
    runs = context.catalogue.runs
    found = runs.newest(PAGE_RUNS + 1, view.collection, before=before)
    own = found[:PAGE_RUNS]
    return view.page(
        "runs",
        "runs.html",
        runs=[run_document(runs, run) for run in own],
        next=own[-1].id if len(found) > PAGE_RUNS else None,
        folders=context.settings.ingest_folders,
        queue=context.queue is not None,
        busy=_workers(context),
    )


def _workers(context: Context) -> dict[str, int | None]:
    """How many workers there are, and how many batches wait for one; None where nobody knows."""
    if context.queue is None:
        return {"workers": None, "waiting": None}
    try:
        return {"workers": context.queue.workers(), "waiting": context.queue.waiting()}
    except QueueUnavailable:
        return {"workers": None, "waiting": None}


@routes.get("/runs/{run_id}", openapi_extra=VIEWER)
def run_page(
    view: InView,
    context: InContext,
    run_id: RunId,
    after: Annotated[int, Query(ge=0, le=2**62)] = 0,
) -> Response:
    """One run, live, with the photos that it did not take."""
    runs = context.catalogue.runs
    run = own_run(runs, view.collection, run_id)
    rejects = runs.not_taken(run.id, after, PAGE_REJECTS + 1)
    return view.page(
        "runs",
        "run.html",
        run=run_document(runs, run),
        rejects=rejects[:PAGE_REJECTS],
        next=rejects[PAGE_REJECTS - 1].id if len(rejects) > PAGE_REJECTS else None,
        name=PurePath(run.source).name,
    )


@routes.get("/receipts", openapi_extra=HR)
def receipts_page(
    view: InView,
    context: InContext,
    kind: Annotated[str | None, Query(max_length=20)] = None,
    before: Annotated[str | None, Query(max_length=64)] = None,
) -> Response:
    """What was deleted for good, and what became of it, newest first."""
    chosen = Deleted(kind) if kind in set(Deleted) else None
    found = context.catalogue.receipts.newest(
        view.collection, kind=chosen, before=before, limit=PAGE_RECEIPTS + 1
    )
    page = found[:PAGE_RECEIPTS]
    return view.page(
        "receipts",
        "receipts.html",
        receipts=[shown(kept) for kept in page],
        kind=chosen,
        next=page[-1].id if len(found) > PAGE_RECEIPTS else None,
    )


@routes.get("/receipts/{receipt_id}", openapi_extra=HR)
def receipt_page(
    view: InView, context: InContext, receipt_id: Annotated[str, Path(max_length=64)]
) -> Response:
    """One receipt, to be read and printed."""
    kept = context.catalogue.receipts.get(receipt_id, view.collection)
    return view.page("receipts", "receipt.html", receipt=shown(kept))


@routes.get("/quality", openapi_extra=VIEWER)
def quality_page(view: InView) -> Response:
    """What the threshold is worth, and another one would be."""
    service = view.service()
    if service is None:
        return view.page("quality", "quality.html", shown=None)
    everybody = service.catalogue.people(service.collection.id)
    lacking = missing(np.repeat([p.id for p in everybody], [p.faces for p in everybody]))
    gate = calibration_shown(service)
    return view.page("quality", "quality.html", shown=gate, lacking=lacking)


@routes.get("/index", openapi_extra=VIEWER)
async def index_page(view: InView, context: InContext) -> Response:
    """What searches the faces, and how large it is."""
    service = await run_in_threadpool(view.service)
    if service is None:
        return view.page("index", "index.html", status=None)
    models, status, gate = await context.pool.run(
        lambda: (status_of_models(service), service.gallery.status(), service.gate)
    )
    return view.page(
        "index",
        "index.html",
        other=models.other_model,
        lacking=models.other_lacking,
        status=status,
        model=service.collection,
        gate=gate,
    )
