"""Pages of events: all of them, one, its history; and asking about photos that are not kept."""

from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, Query, Response

from retrieval.api.routes.events import EventId
from retrieval.api.routing import VIEWER, GuardedRoute, InContext
from retrieval.api.web.view import InView, View, day_told
from retrieval.catalogue.names import sought
from retrieval.events.documents import EventDocument

routes = APIRouter(route_class=GuardedRoute, include_in_schema=False)

_PAGE_EVENTS = 60


@routes.get("/", openapi_extra=VIEWER)
def events_page(
    view: InView,
    context: InContext,
    search: Annotated[str, Query(max_length=200)] = "",
    every: bool = False,
) -> Response:
    """Drop photos, and find the events that there are."""
    service, counts = view.service(), view.counts()
    events = [] if service is None else [each.document() for each in service.events.all()]
    found = _like(search, events, view.language) if search else events
    keys = context.catalogue.api_keys.any_made()
    first_run = not keys or not counts.people or not events
    return view.page(
        "events",
        "events.html",
        events=found if every else found[:_PAGE_EVENTS],
        found=len(found),
        count=len(events),
        search=search.strip(),
        people=counts.people,
        keys=keys,
        first_run=first_run,
        **_uploading(view),
    )


def _like(search: str, events: Iterable[EventDocument], language: str) -> list[EventDocument]:
    """Events whose name or day has what is searched, whatever its case and accents."""
    part, found = sought(search), []
    for each in events:
        days = [each["day"], day_told(each["day"], language)] if each["day"] else []
        if any(part in sought(text) for text in (each["name"], *days)):
            found.append(each)
    return found


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
