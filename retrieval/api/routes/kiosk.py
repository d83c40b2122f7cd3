"""/v1/kiosk and /kiosk: a tablet at a door. Who comes is greeted, and noted once per day."""

import io
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Form, Request, Response
from fastapi import Path as InPath
from PIL import Image
from pydantic import BaseModel

from retrieval.api.auditing import entry_of
from retrieval.api.auth import Caller
from retrieval.api.context import Context
from retrieval.api.routing import KIOSK, By, InContext, InLoadedGallery, router
from retrieval.api.uploads import Photo, photo_source
from retrieval.api.web.view import language_of, rendered
from retrieval.catalogue.events.records import Event, VerdictKind
from retrieval.collection.answers import FaceAnswer, PhotoAnswer
from retrieval.errors import ModelMissing, NotFound, PhotoUnreadable, SettingInvalid
from retrieval.events.verdicts import Judgement
from retrieval.service import Service
from retrieval.values import Source

routes = router("kiosk")
page_routes = APIRouter(include_in_schema=False)

_AROUND = 2.0  # of the face's box, that is kept of a picture: nobody who stands behind
_LARGER = 2.0  # times the area of the next face that whoever is meant has at least
_OLDEST = timedelta(days=7)  # that a tablet may have been without a network
_EXIF_MOMENT = 0x9003  # DateTimeOriginal

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

    def work() -> dict[str, Any]:
        event = _day_of(service, datetime.now(UTC))
        own = [
            verdict
            for verdict in service.events.history(event)
            if verdict.appearance == sighting and verdict.undone_at is None
        ]
        if not own:
            raise NotFound("Nothing was said of this sighting that could be taken back.")
        service.events.undo(event, own[-1].act, caller.name)
        return _shown(service, event, sighting, again=True)

    return await context.pool.run(work)


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
    if before is None:
        if _refused_today(service, event, face.person_id):
            return {"state": "refused", "liveness": face.liveness}
        name = f"{caller.name} {moment:%H:%M:%S}.jpg"
        list(service.events.add(event, [Source(name, _cut(service, source, face, moment))]))
        event = service.events.find(event.id)
        before = _sighting_of(service, event, face.person_id)
        context.catalogue.audit.record(
            [
                entry_of(
                    caller,
                    "kiosk",
                    service.collection.name,
                    photo=answer.sha256,
                    answer={"event": event.id, "sighting": before},
                )
            ]
        )
        if before is None:  # the cut picture alone was not enough
            return {"state": "unknown", "liveness": face.liveness}
        return _shown(service, event, before, again=False) | {"liveness": face.liveness}
    return _shown(service, event, before, again=True) | {"liveness": face.liveness}


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
    name = f"Kiosk {day.isoformat()}"
    try:
        return service.events.find(name)
    except NotFound:
        return service.events.create(name, day=day)


def _sighting_of(service: Service, event: Event, person: int) -> int | None:
    """The id of a person's sighting on a day."""
    return next(iter(service.events.faces_of(event, person)), None)


def _refused_today(service: Service, event: Event, person: int) -> bool:
    """Whether somebody has just said that they are not this person: ask no second time."""
    newest = datetime.now(UTC) - timedelta(seconds=20)
    said = service.catalogue.verdicts.of_person(service.collection.id, person)
    return any(
        verdict.kind is VerdictKind.NOT and verdict.at > newest
        for verdict in said.get(event.id, ())
    )


def _judged(service: Service, caller: Caller, sighting: int, kind: VerdictKind) -> dict[str, Any]:
    event = _day_of(service, datetime.now(UTC))
    service.events.judge(event, Judgement(kind, (sighting,)), caller.name)
    return _shown(service, event, sighting, again=True)


def _shown(service: Service, event: Event, sighting: int, *, again: bool) -> dict[str, Any]:
    found = service.events.appearances(event, [sighting])
    if not found:
        raise NotFound("There is no such sighting today.")
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
    return found if now - _OLDEST < found <= now else now


def _cut(service: Service, source: Source, face: FaceAnswer, moment: datetime) -> bytes:
    """The face with its surroundings as JPEG, with the moment by the local clock in its EXIF."""
    photo = service.pipeline.open(source).at_least(None)
    left, top, width, height = face.box
    side = max(width, height) * _AROUND
    x, y = left + width / 2, top + height / 2
    box = (
        max(int(x - side / 2), 0),
        max(int(y - side / 2), 0),
        min(int(x + side / 2), photo.width),
        min(int(y + side / 2), photo.height),
    )
    picture = Image.fromarray(photo.pixels).crop(box)
    exif = Image.Exif()
    local = f"{moment.astimezone():%Y:%m:%d %H:%M:%S}"
    exif[0x0132] = local
    exif.get_ifd(0x8769)[_EXIF_MOMENT] = local
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=92, exif=exif)
    return data.getvalue()
