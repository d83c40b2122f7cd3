"""/v1/runs/{run}/rejects: photos that a run did not take, and what became of them."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import Path, Query, Response

from retrieval.api.auditing import audited
from retrieval.api.bodies import SettledReject
from retrieval.api.pictures import jpeg_or_nothing
from retrieval.api.problems import without_commands
from retrieval.api.routes.runs import RunId, own_run
from retrieval.api.routing import (
    OPERATOR,
    VIEWER,
    By,
    CollectionName,
    InContext,
    Optional,
    router,
)
from retrieval.api.schemas import RejectsPage, RunReject
from retrieval.catalogue.runs.run_records import RunPhoto, Taken
from retrieval.collection.bulk import content_of
from retrieval.photos.decode import read

routes = router("runs")

PhotoId = Annotated[int, Path(ge=1, le=2**62, description="As listed.")]


@routes.get("/runs/{run_id}/rejects", response_model=RejectsPage, openapi_extra=VIEWER)
def list_rejects(
    context: InContext,
    name: CollectionName,
    run_id: RunId,
    after: Annotated[int, Query(ge=0, le=2**62, description="`next` of the page before.")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Any:
    """List photos that were not taken, with the reason, in the order of the source."""
    runs = context.catalogue.runs
    run = own_run(runs, name, run_id)
    found, counts = runs.not_taken(run.id, after, limit), runs.counts(run.id)
    return {
        "rejects": [reject_document(photo) for photo in found],
        "next": found[-1].id if len(found) == limit else None,
        "total": sum(counts.rejected.values()) + counts.failed,
    }


@routes.get(
    "/runs/{run_id}/rejects/{photo_id}/picture",
    response_class=Response,
    responses={
        200: {"content": {"image/jpeg": {}}, "description": "The photo, small."},
        204: {"description": "No picture, with `optional`."},
    },
    openapi_extra=OPERATOR,
)
async def show_reject(
    context: InContext,
    name: CollectionName,
    run_id: RunId,
    photo_id: PhotoId,
    optional: Optional = False,
) -> Response:
    """Show a photo that was not taken, where it can be shown at all."""
    runs = context.catalogue.runs

    def picture() -> bytes:
        run = own_run(runs, name, run_id)
        return context.pictures.small(content_of(run, runs.reject(run.id, photo_id).path))

    return await context.pool.run(lambda: jpeg_or_nothing(picture, optional=optional))


@routes.get(
    "/runs/{run_id}/rejects/{photo_id}/photo",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}, "description": "Its bytes."}},
    openapi_extra=OPERATOR,
)
def get_reject(
    context: InContext,
    name: CollectionName,
    run_id: RunId,
    photo_id: PhotoId,
) -> Response:
    """Get a photo that was not taken as it is, to choose the face that is meant."""
    runs = context.catalogue.runs
    run = own_run(runs, name, run_id)
    photo = runs.reject(run.id, photo_id)
    data = read(content_of(run, photo.path), photo.path, context.settings.max_photo_bytes)
    return Response(data, media_type="application/octet-stream")


@routes.post(
    "/runs/{run_id}/rejects/{photo_id}/settle", response_model=RunReject, openapi_extra=OPERATOR
)
def settle_reject(
    context: InContext,
    caller: By,
    name: CollectionName,
    run_id: RunId,
    photo_id: PhotoId,
    settled: SettledReject,
) -> Any:
    """Say what became of a photo that was not taken: enrolled by hand, dismissed, or open again."""
    runs = context.catalogue.runs
    run = own_run(runs, name, run_id)
    photo = runs.reject(run.id, photo_id)
    told = {"run": run.id, "photo": photo.id, "now": settled.now}
    with audited(context.catalogue, caller, "settle-reject", name, lambda outcome: told):
        runs.settle(run.id, photo.id, _SETTLED[settled.now])
    return reject_document(replace(photo, outcome=_SETTLED[settled.now]))


_SETTLED = {"mended": Taken.ENROLLED, "dismissed": Taken.DISMISSED, "open": Taken.REJECTED}


def reject_document(photo: RunPhoto) -> dict[str, Any]:
    """A photo that was not taken, as JSON."""
    return {
        "id": photo.id,
        "photo": photo.path,
        "person": photo.person,
        "external_id": photo.external_id,
        "reason": photo.code,
        "message": photo.message and without_commands(photo.message),
        "dismissed": photo.outcome is Taken.DISMISSED,
    }
