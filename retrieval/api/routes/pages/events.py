"""Pages of events: all of them, one, its history; and asking about photos that are not kept."""

from fastapi import APIRouter, Response

from retrieval.api.routes.events import EventId
from retrieval.api.routing import VIEWER, GuardedRoute, InContext
from retrieval.api.web.view import InView, View

routes = APIRouter(route_class=GuardedRoute, include_in_schema=False)


@routes.get("/", openapi_extra=VIEWER)
def events_page(view: InView, context: InContext) -> Response:
    """Drop photos, and find the events that there are."""
    service, counts = view.service(), view.counts()
    events = [] if service is None else [each.document() for each in service.events.all()]
    keys = context.catalogue.api_keys.any_made()
    first_run = not keys or not counts.people or not events
    return view.page(
        "events",
        "events.html",
        events=events,
        people=counts.people,
        keys=keys,
        first_run=first_run,
        **_uploading(view),
    )


@routes.get("/events/{event_id}", openapi_extra=VIEWER)
def event_page(view: InView, event_id: EventId) -> Response:
    """One event: its photos, its roll, and what is to check."""
    service = view.gallery()
    event = service.events.find(event_id)
    shown = service.events.show(event).document()
    return view.page("events", "event.html", event=shown, **_uploading(view))


@routes.get("/events/{event_id}/history", openapi_extra=VIEWER)
def history_page(view: InView, event_id: EventId) -> Response:
    """What was said of an event's faces, by whom, and what was taken back."""
    event = view.gallery().events.find(event_id)
    return view.page("events", "event-history.html", event=event)


@routes.get("/identify", openapi_extra=VIEWER)
def identify_page(view: InView, context: InContext) -> Response:
    """See who is in a photo that is not kept."""
    days = context.settings.unknown_days or 0
    return view.page("events", "identify.html", people=view.counts().people, days=days)


def _uploading(view: View) -> dict[str, int | bool]:
    """The limits that an upload keeps to."""
    settings = view.context.settings
    return {
        "most_photos": settings.max_request_photos,
        "most_bytes": settings.max_body_bytes,
        "queue": view.context.queue is not None,
        "video": view.context.queue is not None,  # videos go through it
    }
