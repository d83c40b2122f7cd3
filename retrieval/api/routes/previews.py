"""Photos as every browser shows them: JPEG, upright, no larger than a screen asks for."""

from typing import Annotated, Any

from fastapi import Query, Response

from retrieval.api.pictures import jpeg_or_nothing
from retrieval.api.routes.events import EventId
from retrieval.api.routing import VIEWER, InContext, InGallery, Optional, router
from retrieval.api.uploads import Photo, photo_source
from retrieval.errors import NotFound, PhotoError

routes = router("events")

Side = Annotated[int, Query(ge=64, le=2048, description="Pixels of the longer side, at least.")]
_JPEG: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/jpeg": {}}, "description": "The photo, upright."}
}


@routes.get(
    "/events/{event_id}/photos/{photo_id}/picture",
    response_class=Response,
    responses=_JPEG,
    openapi_extra=VIEWER,
)
async def show_event_photo(
    context: InContext,
    service: InGallery,
    event_id: EventId,
    photo_id: EventId,
    side: Side = 640,
    optional: Optional = False,
) -> Response:
    """Show a photo of an event, where it was kept or still lies where it was."""

    def picture() -> bytes:
        photo, source = service.events.photo(service.events.find(event_id), photo_id)
        if source is None or photo.sha256 is None:
            raise NotFound(f"There is no picture of {photo.photo}: the event keeps no photos.")
        try:
            return context.pictures.preview(source, photo.sha256, side)
        except PhotoError as error:  # a video, say, or a file that was damaged since
            raise NotFound(f"There is no picture of {photo.photo}: {error}") from error

    return await context.previewers.run(lambda: jpeg_or_nothing(picture, optional=optional))


@routes.post("/previews", response_class=Response, responses=_JPEG, openapi_extra=VIEWER)
async def preview_photo(context: InContext, photo: Photo, side: Side = 1280) -> Response:
    """Show a photo that is not kept, whatever its format: HEIC, TIFF, JPEG 2000, CMYK."""
    source = await photo_source(photo)
    picture = await context.previewers.run(lambda: context.pictures.preview(source, None, side))
    return Response(picture, media_type="image/jpeg", headers={"Cache-Control": "no-store"})
