"""/v1/events: events, their roll, faces and verdicts; and questions over several events."""

from collections.abc import Sequence
from datetime import date
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import Header, Query, Response
from fastapi import Path as InPath
from starlette.concurrency import run_in_threadpool

from retrieval.api.auditing import edited
from retrieval.api.bodies import (
    AlsoExpected,
    ChangedEvent,
    NewEvent,
    NewVerdict,
    UndoVerdict,
)
from retrieval.api.pictures import jpeg_or_nothing
from retrieval.api.receipts import accepted
from retrieval.api.routing import (
    ADMIN,
    OPERATOR,
    VIEWER,
    By,
    CollectionName,
    InContext,
    InGallery,
    Once,
    Optional,
    router,
)
from retrieval.catalogue.events.records import Decided, Event, Expects, Verdict, VerdictKind
from retrieval.catalogue.records import Person
from retrieval.errors import NotFound
from retrieval.events.documents import (
    AppearancesDocument,
    ChangesDocument,
    EventDocument,
    EventsDocument,
    JudgedDocument,
    MadeEvent,
    PresenceDocument,
    RollDocument,
    SightingsDocument,
    UndoneDocument,
    VerdictsDocument,
)
from retrieval.events.exports import MEDIA_TYPES, presence_bytes, roll_bytes
from retrieval.events.shown import Expected, history_document, undone_document
from retrieval.events.verdicts import Judgement
from retrieval.people import deletions
from retrieval.people.documents import ReceiptDocument
from retrieval.service import Service

routes = router("events")

EventId = Annotated[int, InPath(ge=1, le=2**62)]
EventNumber = Annotated[int, Query(ge=1, le=2**62)]
Form = Literal["json", "csv", "xlsx", "html"]
_FILES: dict[int | str, dict[str, Any]] = {
    200: {"content": {kind.partition(";")[0]: {} for kind in MEDIA_TYPES.values()}}
}


@routes.get("/events", response_model=EventsDocument, openapi_extra=VIEWER)
def list_events(service: InGallery) -> Any:
    """List the events, the latest first."""
    return {"events": [each.document() for each in service.events.all()]}


@routes.post(
    "/events",
    response_model=MadeEvent,
    status_code=201,
    openapi_extra=OPERATOR,
    dependencies=[Once],
)
def create_event(context: InContext, caller: By, collection: CollectionName, new: NewEvent) -> Any:
    """Make an event without photos; the collection too, where it does not exist."""
    with context.services.made(collection) as service:
        expected = _expected(service, new.expects, new.expected)
        with edited(service, caller, "create-event", _event):
            event = service.events.create(
                new.name, day=new.day, expected=expected, keep_photos=new.keep_photos, days=new.days
            )
        return {**service.events.show(event).document(), "not_enrolled": list(expected.unknown)}


@routes.get("/events/{event_id}", response_model=EventDocument, openapi_extra=VIEWER)
def show_event(service: InGallery, event_id: EventId) -> Any:
    """Show how much an event holds, and whether its roll is of today."""
    return service.events.show(service.events.find(event_id)).document()


@routes.patch("/events/{event_id}", response_model=MadeEvent, openapi_extra=OPERATOR)
def change_event(
    context: InContext, caller: By, service: InGallery, event_id: EventId, new: ChangedEvent
) -> Any:
    """Change an event's name, day, retention or who was expected."""
    expected = None if new.expects is None else _expected(service, new.expects, new.expected)
    event = service.events.find(event_id)
    with edited(service, caller, "change-event", _event):
        event = service.events.change(
            event, name=new.name, day=new.day, expected=expected, days=new.days
        )
    unknown = [] if expected is None else list(expected.unknown)
    return {**service.events.show(event).document(), "not_enrolled": unknown}


@routes.post(
    "/events/{event_id}/expected",
    response_model=EventDocument,
    openapi_extra=OPERATOR,
    dependencies=[Once],
)
def expect_people(
    context: InContext, caller: By, service: InGallery, event_id: EventId, also: AlsoExpected
) -> Any:
    """Add people to those who are expected at an event; all of them, or nobody."""
    event = service.events.find(event_id)
    meant = [service.person_by_id(each.id, each.called) for each in also.people]
    with edited(service, caller, "change-event", _event):
        event = service.events.expect_also(event, meant)
    return service.events.show(event).document()


@routes.delete(
    "/events/{event_id}", response_model=ReceiptDocument, status_code=202, openapi_extra=ADMIN
)
async def delete_event(
    context: InContext, caller: By, service: InGallery, response: Response, event_id: EventId
) -> Any:
    """Delete an event with its faces, pictures and verdicts, for good."""
    event = await run_in_threadpool(service.events.find, event_id)

    def told(photos: Sequence[str]) -> dict[str, Any]:
        return {"event": event_id, "photos": len(photos)}

    def delete() -> deletions.Deletion:
        with edited(service, caller, "delete-event", told):
            return deletions.delete_event(service, event)

    return await accepted(context, service, response, delete)


# The roll


@routes.get(
    "/events/{event_id}/roll", response_model=RollDocument, responses=_FILES, openapi_extra=VIEWER
)
async def show_roll(
    context: InContext,
    service: InGallery,
    event_id: EventId,
    form: Annotated[Form | None, Query(alias="format", description="Else by `Accept`.")] = None,
    accept: Annotated[str, Header(max_length=500)] = "",
) -> Response:
    """Say who was there: as JSON, CSV, an Excel file, or a page that prints on A4."""
    chosen = form or _accepted(accept)

    def work() -> bytes:
        return roll_bytes(service.events.roll(service.events.find(event_id)), chosen)

    return _file(await context.pool.run(work), chosen, f"roll-{event_id}")


@routes.get(
    "/events/{event_id}/appearances", response_model=AppearancesDocument, openapi_extra=VIEWER
)
async def list_appearances(
    context: InContext,
    service: InGallery,
    event_id: EventId,
    after: Annotated[int, Query(ge=0, le=2**62, description="`next` of the page before.")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    photo: Annotated[
        list[EventNumber] | None, Query(max_length=200, description="Only on these photos.")
    ] = None,
    face: Annotated[
        list[EventNumber] | None, Query(max_length=200, description="These, in place of a page.")
    ] = None,
) -> Any:
    """List an event's faces with who they are, by id."""

    def work() -> AppearancesDocument:
        event = service.events.find(event_id)
        found = service.events.appearances(event, face, photos=photo, after=after, limit=limit)
        if face is not None:
            return {"faces": [each.document() for each in found], "next": None}
        last = found[-1].appearance.id if len(found) == limit else None
        return {"faces": [each.document() for each in found], "next": last}

    return await context.pool.run(work)


@routes.get(
    "/events/{event_id}/appearances/{face_id}/picture",
    response_class=Response,
    responses={
        200: {"content": {"image/jpeg": {}}, "description": "The face, 112 px."},
        204: {"description": "No picture, with `optional`."},
    },
    openapi_extra=VIEWER,
)
def show_appearance(
    service: InGallery, event_id: EventId, face_id: EventId, optional: Optional = False
) -> Response:
    """Show a face of an event."""

    def picture() -> bytes:
        found = service.events.picture(service.events.find(event_id), face_id)
        if found is None:
            raise NotFound(f"There is no picture of the face {face_id}.")
        return found

    return jpeg_or_nothing(picture, optional=optional)


# Verdicts


@routes.get("/events/{event_id}/verdicts", response_model=VerdictsDocument, openapi_extra=VIEWER)
def list_verdicts(service: InGallery, event_id: EventId) -> Any:
    """List what was said of an event's faces, oldest first, undone or not."""
    said = service.events.history(service.events.find(event_id))
    names = service.catalogue.names(each.person for each in said if each.person is not None)
    return history_document(said, names)


@routes.post(
    "/events/{event_id}/verdicts",
    response_model=JudgedDocument,
    openapi_extra=OPERATOR,
    dependencies=[Once],
)
async def judge_faces(
    context: InContext, caller: By, service: InGallery, event_id: EventId, new: NewVerdict
) -> Any:
    """Say what faces are: it wins over every later computation, and can be undone."""
    told = Judgement(
        VerdictKind(new.verdict),
        tuple(new.faces),
        person=new.person,
        person_id=new.person_id,
        external_id=new.external_id,
        group=new.group,
        teach=new.teach,
    )

    def done(edit: Any) -> dict[str, Any]:
        if isinstance(edit, Person):  # whom nobody had enrolled
            return {"event": event_id, "new_person": edit.id}
        if isinstance(edit, tuple):  # an enrolment
            return {"event": event_id, "taught": len(edit[1])}
        told = {"event": event_id, "verdict": new.verdict}
        return {**told, "act": edit[0].act, "faces": len(edit)}

    def work() -> JudgedDocument:
        event = service.events.find(event_id)
        with edited(service, caller, "judge", done):
            return service.events.judge(event, told, caller.name).document()

    return await context.pool.run(work)


@routes.post(
    "/events/{event_id}/verdicts/undo",
    response_model=UndoneDocument,
    openapi_extra=OPERATOR,
    dependencies=[Once],
)
def undo_verdict(
    context: InContext, caller: By, service: InGallery, event_id: EventId, which: UndoVerdict
) -> Any:
    """Take back what was said together, the newest that stands by default."""
    event = service.events.find(event_id)

    def told(undone: Sequence[Verdict]) -> dict[str, Any]:
        return {"event": event_id, "act": undone[0].act}

    with edited(service, caller, "undo-verdict", told):
        undone = service.events.undo(event, which.act, caller.name)
    return undone_document(undone)


@routes.get("/events/{event_id}/changes", response_model=ChangesDocument, openapi_extra=VIEWER)
async def show_changes(context: InContext, service: InGallery, event_id: EventId) -> Any:
    """Say which faces would be somebody else with the people and thresholds of now."""
    found = service.events.would_change
    return await context.pool.run(lambda: found(service.events.find(event_id)).document())


@routes.post(
    "/events/{event_id}/update",
    response_model=ChangesDocument,
    openapi_extra=OPERATOR,
    dependencies=[Once],
)
async def update_event(
    context: InContext, caller: By, service: InGallery, event_id: EventId
) -> Any:
    """Decide an event anew with the people and thresholds of now; verdicts stay."""

    def told(edit: Decided | int) -> dict[str, Any]:
        if isinstance(edit, int):
            return {"event": event_id, "embedded": edit}
        return {"event": event_id, "decided": len(edit.ids)}

    def work() -> ChangesDocument:
        event = service.events.find(event_id)
        with edited(service, caller, "update-event", told):
            return service.events.update(event).document()

    return await context.pool.run(work)


# Over several events


@routes.get("/sightings", response_model=SightingsDocument, openapi_extra=VIEWER)
async def find_sightings(
    context: InContext,
    service: InGallery,
    person: Annotated[
        list[Annotated[str, Query(min_length=1, max_length=200)]],
        Query(
            min_length=1,
            max_length=20,
            description="Names, numbers or ids; photos show all of them.",
        ),
    ],
) -> Any:
    """Say where somebody was seen, or in which photos several people are together."""

    def work() -> SightingsDocument:
        events = service.events
        found = events.sightings(person[0]) if len(person) == 1 else events.together(person)
        return {"events": [each.document() for each in found]}

    return await context.pool.run(work)


@routes.get("/presence", response_model=PresenceDocument, responses=_FILES, openapi_extra=VIEWER)
async def show_presence(
    context: InContext,
    service: InGallery,
    first: Annotated[date | None, Query(alias="from", description="First day.")] = None,
    last: Annotated[date | None, Query(alias="to", description="Last day.")] = None,
    form: Annotated[Literal["json", "csv", "xlsx"], Query(alias="format")] = "json",
) -> Response:
    """Say who was at which events: people and events as a table."""
    work = partial(service.events.presence, first, last)
    data = await context.pool.run(lambda: presence_bytes(work(), form))
    return _file(data, form, "presence")


def _expected(service: Service, whom: str, entries: list[str]) -> Expected:
    if whom == "listed":
        return service.events.expect(entries)
    return Expected(Expects(whom))


def _accepted(accept: str) -> str:
    """The form that a client would have, JSON by default."""
    for form, kind in MEDIA_TYPES.items():
        if form != "json" and kind.partition(";")[0] in accept:
            # A browser that follows a link takes anything, and HTML first.
            return form
    return "json"


def _file(data: bytes, form: str, name: str) -> Response:
    headers = {"Cache-Control": "no-store"}
    if form in ("csv", "xlsx"):
        headers["Content-Disposition"] = f'attachment; filename="{name}.{form}"'
    return Response(data, media_type=MEDIA_TYPES[form], headers=headers)


def _event(event: Event) -> dict[str, Any]:
    return {"event": event.id}
