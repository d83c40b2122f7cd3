"""/v1/events/ID/photos: photos into an event, and how far that is."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from fastapi import File, Header, Query, UploadFile
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from retrieval.api.asked_photos import decoded
from retrieval.api.auditing import audited, edited
from retrieval.api.auth import Caller
from retrieval.api.bodies import (
    InlinePhoto,
    InlinePhotos,
    MissedFace,
)
from retrieval.api.context import Context
from retrieval.api.routes.events import EventId, routes
from retrieval.api.routes.runs import (
    NewRun,
    any_photos_below,
    begun,
    bulk_of,
    unpacked,
    uploaded,
)
from retrieval.api.routing import OPERATOR, VIEWER, By, InContext, InGallery, Once
from retrieval.api.streams import EventStream, arrivals, changes
from retrieval.api.uploads import check_count, client_name, photo_sources, video_name
from retrieval.catalogue.events.records import Event, PhotosAdded
from retrieval.catalogue.runs.run_records import ListedPhoto, Run, RunState
from retrieval.collection.bulk import run_document
from retrieval.collection.documents import RunDocument
from retrieval.collection.enrolments import box_of
from retrieval.errors import NotAllowed, SettingInvalid
from retrieval.events.documents import AddedFace, EventPhotosDocument, TakenPhotos
from retrieval.events.shown import photo_document
from retrieval.photos.folders import PassedOver
from retrieval.photos.urls import location_of
from retrieval.service import Service
from retrieval.settings import Settings
from retrieval.values import Source, Url

_ARRIVED = 100  # faces that a stream of sightings reads at a time
_NEWEST = 200  # runs into events, among which one event's are looked for


@routes.get("/events/{event_id}/photos", response_model=EventPhotosDocument, openapi_extra=VIEWER)
def list_event_photos(
    service: InGallery,
    event_id: EventId,
    rejected: Annotated[bool, Query(description="Those that were not taken.")] = False,
    after: Annotated[int, Query(ge=0, le=2**62, description="`next` of the page before.")] = 0,
    limit: Annotated[int, Query(ge=1, le=2000)] = 2000,
) -> Any:
    """List an event's photos, or those that were not taken with the reason."""
    event = service.events.find(event_id)
    found = service.events.photos(event, rejected=rejected, after=after, limit=limit)
    return {
        "next": found[-1].id if len(found) == limit else None,
        "photos": [photo_document(each) for each in found],
    }


@routes.post(
    "/events/{event_id}/photos",
    response_model=TakenPhotos,
    openapi_extra=OPERATOR,
    dependencies=[Once],
)
async def add_event_photos(
    context: InContext,
    caller: By,
    service: InGallery,
    event_id: EventId,
    photos: Annotated[list[UploadFile], File(description="One or several photos.")],
    more: Annotated[
        bool, Query(description="More follow: all are decided when the roll is read.")
    ] = False,
) -> Any:
    """Add photos, each once; what cannot be taken says why."""
    check_count(photos, context.settings)
    sources = await photo_sources(photos)
    return await context.pool.run(
        lambda: _taken(caller, service, event_id, sources, more), len(sources)
    )


@routes.post(
    "/events/{event_id}/photos/inline",
    response_model=TakenPhotos,
    openapi_extra=OPERATOR,
    dependencies=[Once],
)
async def add_event_photos_inline(
    context: InContext, caller: By, service: InGallery, event_id: EventId, new: InlinePhotos
) -> Any:
    """Add photos of a JSON document: their bytes as base64, or URLs below allowed places."""
    check_count(new.photos, context.settings)
    sources = [_source(each, context.settings) for each in new.photos]
    return await context.pool.run(lambda: _taken(caller, service, event_id, sources), len(sources))


@routes.post(
    "/events/{event_id}/photos/{photo_id}/faces",
    response_model=AddedFace,
    status_code=201,
    openapi_extra=OPERATOR,
    dependencies=[Once],
)
async def add_face(
    context: InContext,
    caller: By,
    service: InGallery,
    event_id: EventId,
    photo_id: EventId,
    new: MissedFace,
) -> Any:
    """Add a face that was missed, where somebody saw it; it is decided with the others."""
    box = box_of(",".join(map(str, new.box)))

    def told(edit: Any) -> dict[str, Any] | None:
        """Of the face; the decision that follows is the event's own."""
        mine = {"event": event_id, "photo": photo_id, "face": edit}
        return mine if isinstance(edit, int) else None

    def work() -> AddedFace:
        event = service.events.find(event_id)
        with edited(service, caller, "add-face", told):
            return {"face": service.events.add_face(event, photo_id, box).document()}

    return await context.pool.run(work)


@routes.post(
    "/events/{event_id}/videos",
    response_model=RunDocument,
    status_code=202,
    openapi_extra=OPERATOR,
    dependencies=[Once],
)
async def add_video(
    context: InContext,
    caller: By,
    service: InGallery,
    event_id: EventId,
    video: Annotated[UploadFile, File(description="MP4, MOV, MKV, WebM, AVI and others.")],
) -> Any:
    """Add a video through the queue, a face per track; follow it by `progress`."""
    bulk_of(context)
    event = await run_in_threadpool(service.events.find, event_id)
    file_name = video_name(video)
    place = await uploaded(context, video, file_name)
    photos = iter([ListedPhoto(file_name)])
    new = _run_into(event, service, file_name, photos, PassedOver(), place)
    return await _begun(context, caller, event, new)


@routes.post(
    "/events/{event_id}/archive",
    response_model=RunDocument,
    status_code=202,
    openapi_extra=OPERATOR,
    dependencies=[Once],
)
async def add_event_archive(
    context: InContext,
    caller: By,
    service: InGallery,
    event_id: EventId,
    archive: Annotated[UploadFile, File(description="A .zip or .tar.gz of photos.")],
) -> Any:
    """Add the photos of an archive through the queue; follow it by `progress`."""
    bulk_of(context)
    event = await run_in_threadpool(service.events.find, event_id)
    passed = PassedOver()
    place = await unpacked(context, archive, passed)
    photos = any_photos_below(place, passed, relative=True)
    new = _run_into(event, service, client_name(archive) or "archive", photos, passed, place)
    return await _begun(context, caller, event, new)


@routes.get(
    "/events/{event_id}/progress",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"text/event-stream": {}}, "description": "How much it holds by now."}
    },
    openapi_extra=VIEWER,
)
async def follow_event(
    context: InContext, caller: By, service: InGallery, event_id: EventId
) -> StreamingResponse:
    """Follow photos that are added by runs: one event whenever that has changed, to the end."""
    event = await run_in_threadpool(service.events.find, event_id)
    runs = context.catalogue.runs
    name = service.collection.name

    def look() -> dict[str, Any]:
        own = runs.newest(_NEWEST, name, "event", event.id)
        now = service.events.find(event.id)
        size = service.events.size(now)
        return {
            "id": now.id,
            "name": now.name,
            "photos": size.photos,
            "rejected": size.rejected,
            "faces": size.appearances,
            "working": sum(run.state is RunState.WORKING for run in own),
            "runs": [run_document(runs, run) for run in own[:5]],
        }

    events = changes(
        lambda: context.streams.look(f"event {event.id}", look),
        lambda document: not document["working"],
        lambda: context.access.is_still(caller),
    )
    return EventStream(events, context.streams.open(caller.handle or caller.name))


@routes.get(
    "/events/{event_id}/sightings",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "Who was seen."}},
    openapi_extra=VIEWER,
)
async def follow_sightings(
    context: InContext,
    caller: By,
    service: InGallery,
    event_id: EventId,
    after: Annotated[
        int | None, Query(ge=0, le=2**62, description="Behind this face; the newest if left out.")
    ] = None,
    last_event_id: Annotated[int | None, Header(ge=0, le=2**62)] = None,
) -> StreamingResponse:
    """Follow who is seen: an event for each face that is added, as `/appearances` has it.

    A camera's sighting is such a face when it has ended, a track of a video when the video is
    through. The stream goes on until its time is over; its `id` is the face's, and a browser that
    comes back goes on behind the last that it had.
    """
    event = await run_in_threadpool(service.events.find, event_id)
    newest = await run_in_threadpool(service.events.newest, event)
    begin = next((each for each in (last_event_id, after) if each is not None), newest)

    def look(after: int) -> dict[str, Any]:
        event = service.events.find(event_id)
        if service.events.newest(event) <= after:
            return {"faces": []}
        found = service.events.appearances(event, after=after, limit=_ARRIVED)
        return {"faces": [each.document() for each in found]}

    async def arrived(after: int) -> list[tuple[int, dict[str, Any]]]:
        followed = f"sightings {event.id} {after}"
        document = await context.streams.look(followed, lambda: look(after))
        return [(each["id"], each) for each in document["faces"]]

    events = arrivals(
        arrived,
        begin,
        lambda: context.access.is_still(caller),
    )
    return EventStream(events, context.streams.open(caller.handle or caller.name))


def _run_into(
    event: Event,
    service: Service,
    file_name: str,
    photos: Iterator[ListedPhoto],
    passed: PassedOver,
    place: Path,
) -> NewRun:
    """A run that adds to an event what an upload holds that lies in `place`."""
    options = {"base": str(place), "within": str(place), "event": event.id}
    source = f"{event.name}: {file_name}"
    return NewRun("event", service.collection.name, source, options, photos, passed, place)


async def _begun(context: Context, caller: Caller, event: Event, new: NewRun) -> Any:
    def told(run: Run) -> dict[str, Any]:
        return {"event": event.id, "run": run.id}

    noted = audited(context.catalogue, caller, "add-photos", new.collection, told)
    return await begun(context, new, noted)


def _taken(
    caller: Caller,
    service: Service,
    event_id: int,
    sources: Sequence[Source],
    more: bool = False,
) -> TakenPhotos:
    event = service.events.find(event_id)
    add = service.events.take if more else service.events.add

    def told(edit: Any) -> dict[str, Any] | None:
        """Of photos that came in; the decision that follows is the event's own."""
        return asdict(edit) if isinstance(edit, PhotosAdded) else None

    with edited(service, caller, "add-photos", told):
        taken = list(add(event, sources))
    became = Counter(each.outcome for each in taken)
    return {
        "photos": [each.document() for each in taken],
        "added": became["added"],
        "known": became["known"],
        "rejected": became["rejected"],
        "strangers_kept_days": service.events.stranger_days,
    }


def _source(photo: InlinePhoto, settings: Settings) -> Source:
    if (photo.base64 is None) == (photo.url is None):
        raise SettingInvalid(f"{photo.name}: send either `base64` or `url`.")
    if photo.base64 is not None:
        return Source(photo.name, decoded(photo.base64, photo.name))
    place = location_of(photo.url or "")
    if not isinstance(place, Url) or not _allowed(place, settings):
        raise NotAllowed(
            f"The service may not read {photo.url!r}. Its admin lists places that it may read in"
            " ROLLCALL_INGEST_URLS."
        )
    return Source(photo.name, place)


def _allowed(place: Url, settings: Settings) -> bool:
    """Whether a URL lies below one of the allowed places, and not beside them."""
    text = place.text
    if ".." in text.split("/") or "%2e" in text.lower() or "\\" in text:
        return False
    return any(text.startswith(f"{each.rstrip('/')}/") for each in settings.ingest_urls)
