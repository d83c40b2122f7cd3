"""/v1/kiosk and /kiosk: a tablet at a door. Who comes is greeted, and noted once per day."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Form, Request, Response
from fastapi import Path as InPath
from pydantic import BaseModel

from retrieval.api.auditing import entry_of
from retrieval.api.auth import Caller
from retrieval.api.context import Context
from retrieval.api.routing import KIOSK, By, InContext, InLoadedGallery, router
from retrieval.api.uploads import Photo, photo_source
from retrieval.api.web.view import language_of, rendered
from retrieval.catalogue.events.records import Event, Verdict, VerdictKind
from retrieval.collection.answers import PhotoAnswer
from retrieval.errors import AlreadyExists, ModelMissing, NotFound, PhotoUnreadable, SettingInvalid
from retrieval.events.shown import Named
from retrieval.events.verdicts import Judgement
from retrieval.photos.moments import wall_clock
from retrieval.service import Service
from retrieval.values import Source

routes = router("kiosk")
page_routes = APIRouter(include_in_schema=False)

_LARGER = 2.0  # times the area of the next face that whoever is meant has at least
_OLDEST = timedelta(days=7)  # that a tablet may have been without a network
_STAY = timedelta(minutes=2)  # that somebody stands there, who can say whether that is them

SightingId = Annotated[int, InPath(ge=1, le=2**62)]


class KioskAnswer(BaseModel):
    """Who stands before the kiosk; `state` says what came of it."""

    state: str
    person: str | None = None
    sighting: int | None = None
    time: str | None = None
    again: bool = False
    liveness: float | None = None


@page_routes.get("/kiosk")
def kiosk_page(request: Request) -> Response:
    """The page of a tablet: it holds nothing that needs a key, which it asks for itself."""
    return rendered("kiosk.html", {}, language_of(request))


@routes.post("/kiosk/frames", response_model=KioskAnswer, openapi_extra=KIOSK)
async def look(
    context: InContext,
    caller: By,
    service: InLoadedGallery,
    photo: Photo,
    moment: Annotated[
        str, Form(max_length=40, description="When it was taken, ISO 8601; now if empty.")
    ] = "",
) -> Any:
    """Say who stands before the kiosk, and note it, once per person and day.

    The largest face counts, if it is much larger than the next. One that looks like a picture of a
    face is not noted, where the network for that was pulled; it is a hint, no security.
    """
    source, taken = await photo_source(photo), _moment(moment)
    return await context.pool.run(lambda: _noted(context, caller, service, source, taken))


@routes.post("/kiosk/sightings/{sighting}/refuse", response_model=KioskAnswer, openapi_extra=KIOSK)
async def refuse(
    context: InContext,
    caller: By,
    service: InLoadedGallery,
    sighting: SightingId,
) -> Any:
    """Take a sighting back: whoever stands there says that it is not them."""
    return await context.pool.run(lambda: _judged(service, caller, sighting, VerdictKind.NOT))


@routes.post("/kiosk/sightings/{sighting}/confirm", response_model=KioskAnswer, openapi_extra=KIOSK)
async def confirm(
    context: InContext,
    caller: By,
    service: InLoadedGallery,
    sighting: SightingId,
) -> Any:
    """Confirm a sighting."""
    return await context.pool.run(lambda: _judged(service, caller, sighting, VerdictKind.RIGHT))


@routes.post("/kiosk/sightings/{sighting}/undo", response_model=KioskAnswer, openapi_extra=KIOSK)
async def undo(
    context: InContext,
    caller: By,
    service: InLoadedGallery,
    sighting: SightingId,
) -> Any:
    """Take back what was said of a sighting of today."""

    return await context.pool.run(lambda: _undone(service, caller, sighting))


def _noted(
    context: Context, caller: Caller, service: Service, source: Source, moment: datetime
) -> dict[str, Any]:
    answer = service.identify([source])[0]
    if answer.error is not None:
        raise PhotoUnreadable(answer.error)
    row = _who_is_meant(answer)
    if row is None:
        return {"state": "nobody" if not answer.faces else "several"}
    with suppress(ModelMissing):  # the answer then says nothing of it
        answer = service.with_liveness(source, answer)
    face = answer.faces[row]
    if face.decision == "unusable":
        picture = face.liveness is not None and (face.reason or "").startswith("picture")
        return {"state": "picture" if picture else "unusable", "liveness": face.liveness}
    if face.person_id is None:
        return {"state": "unknown", "liveness": face.liveness}
    event = _day_of(service, moment)
    before = _sighting_of(service, event, face.person_id)
    if before is not None:
        return _shown(service, event, before, again=True) | {"liveness": face.liveness}
    said = service.catalogue.verdicts.of_person(service.collection.id, face.person_id)
    refused = said.get(event.id, ())
    if _just_refused(refused):
        return {"state": "refused", "liveness": face.liveness}
    photo = Source(f"{caller.name} {moment.astimezone():%H:%M:%S}.jpg", source.content)
    # Two tablets that see somebody at once would note both the same; after a refusal, another.
    key = f"kiosk {event.id} {face.person_id} {len(refused)} {moment:%H:%M}"
    service.events.add_one(event, photo, row + 1, moment=moment, key=key)
    before = _sighting_of(service, event, face.person_id)
    told = {"event": event.id, "sighting": before}
    noted = entry_of(caller, "kiosk", service.collection.name, photo=answer.sha256, answer=told)
    context.catalogue.audit.record([noted])
    if before is None:  # beside all others of the day it is not that person
        return {"state": "unknown", "liveness": face.liveness}
    return _shown(service, event, before, again=False) | {"liveness": face.liveness}


def _who_is_meant(answer: PhotoAnswer) -> int | None:
    """The row of the largest face, if it is much larger than the next."""
    if not answer.faces:
        return None
    sizes = np.array([face.box[2] * face.box[3] for face in answer.faces])
    order = np.argsort(-sizes)
    if len(sizes) > 1 and sizes[order[0]] < _LARGER * sizes[order[1]]:
        return None
    return int(order[0])


def _day_of(service: Service, moment: datetime) -> Event:
    """The event of a day; made when somebody comes first."""
    day = moment.astimezone().date()
    name = _called(day)
    with suppress(NotFound):
        return service.events.find(name)
    with suppress(AlreadyExists):  # another tablet was faster
        return service.events.create(name, day=day)
    return service.events.find(name)


def _called(day: date) -> str:
    return f"Kiosk {day.isoformat()}"


def _sighting_of(service: Service, event: Event, person: int) -> int | None:
    """The id of a person's sighting on a day."""
    return next(iter(service.events.faces_of(event, person)), None)


def _just_refused(said: Iterable[Verdict]) -> bool:
    """Whether somebody has just said that they are not this person: ask no second time."""
    newest = datetime.now(UTC) - timedelta(seconds=20)
    return any(each.kind is VerdictKind.NOT and each.at > newest for each in said)


def _judged(service: Service, caller: Caller, sighting: int, kind: VerdictKind) -> dict[str, Any]:
    """Write down what whoever stands there says of a sighting that was just noted.

    Of one of earlier it says nothing: that may have been somebody else, who is noted rightly.
    """
    event, named = _found(service, sighting)
    taken = named.appearance.photo.taken_at
    if taken is not None and wall_clock(datetime.now(UTC)) - taken <= _STAY:
        service.events.judge(event, Judgement(kind, (sighting,)), caller.name)
    elif kind is VerdictKind.NOT:
        return {"state": "refused"}
    return _shown(service, event, sighting, again=True)


def _undone(service: Service, caller: Caller, sighting: int) -> dict[str, Any]:
    """Take back the last of what this kiosk was told of a sighting, and nothing of others."""
    event, _ = _found(service, sighting)
    own = [
        verdict
        for verdict in service.events.history(event)
        if (verdict.appearance, verdict.judge, verdict.undone_at) == (sighting, caller.name, None)
    ]
    if not own:
        raise NotFound("Nothing was said of this sighting that could be taken back.")
    service.events.undo(event, own[-1].act, caller.name)
    return _shown(service, event, sighting, again=True)


def _found(service: Service, sighting: int) -> tuple[Event, Named]:
    """A sighting of today, or of the last minutes of yesterday, and its event."""
    for day in days_of(datetime.now(UTC)):
        with suppress(NotFound):
            event = service.events.find(_called(day))
            found = service.events.appearances(event, [sighting])
            if found:
                return event, found[0]
    raise NotFound("There is no such sighting today.")


def days_of(moment: datetime) -> list[date]:
    """The days in which somebody may have been noted who stands there at a moment."""
    return sorted({each.astimezone().date() for each in (moment, moment - _STAY)}, reverse=True)


def _shown(service: Service, event: Event, sighting: int, *, again: bool) -> dict[str, Any]:
    found = service.events.appearances(event, [sighting])
    taken = found[0].appearance.photo.taken_at
    return {
        "state": "refused" if found[0].person is None else "seen",
        "person": found[0].person,
        "sighting": sighting,
        "time": None if taken is None else f"{taken:%H:%M}",
        "again": again,
    }


def _moment(text: str) -> datetime:
    """When a picture was taken: now, or what a tablet says that was without a network."""
    now = datetime.now(UTC)
    if not text:
        return now
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise SettingInvalid(f"`moment` is no ISO 8601 moment: {text!r}.") from None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    if found < now - _OLDEST:
        raise SettingInvalid(
            f"`moment` is {text}: what is older than {_OLDEST.days} days is not noted any more."
        )
    return min(found, now)
