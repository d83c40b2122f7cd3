"""/v1/identify, /v1/search, /v1/verify: questions about photos. They change no collection."""

import hashlib
import math
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import File, Form, Query, Request, UploadFile
from fastapi.responses import JSONResponse

from retrieval.api.asked_photos import asked_photos, body
from retrieval.api.auditing import entry_of
from retrieval.api.context import Question, refuse_if_none_was_read
from retrieval.api.routing import (
    VIEWER,
    By,
    InContext,
    InGallery,
    InLoadedGallery,
    Once,
    router,
)
from retrieval.api.uploads import FaceNumber, Photo, photo_source, video_name
from retrieval.catalogue.http.audit import AuditEntry
from retrieval.collection.answers import PhotoHits, Verification, identification
from retrieval.collection.documents import (
    HitsDocument,
    IdentificationDocument,
    VerificationDocument,
)
from retrieval.errors import SettingInvalid, SeveralFaces
from retrieval.values import Detail, Source

routes = router("questions")

Threshold = Annotated[
    float | None,
    Query(
        ge=-1,
        le=1,
        description="Least score of a match, in place of the collection's own: a cosine. It is"
        " taken as it is, so a low one names strangers.",
    ),
]
DetailOfPhotos = Annotated[
    Detail | None,
    Query(
        description="How closely photos are looked at: normal looks once, high looks at everything"
        " enlarged as well, auto looks closer where that pays; by default as the service is set."
    ),
]
_LIMIT = {"limit": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 10}}
_FORM = {"threshold": {"type": "number", "minimum": -1, "maximum": 1}}


@routes.post(
    "/identify",
    response_model=IdentificationDocument,
    openapi_extra={**VIEWER, **body(several=True, fields=_FORM)},
    dependencies=[Once],
)
async def identify(
    context: InContext,
    caller: By,
    service: InLoadedGallery,
    request: Request,
    threshold: Threshold = None,
    detail: DetailOfPhotos = None,
    max_candidates: Annotated[
        int, Query(ge=0, le=50, description="People that are named for each face at most.")
    ] = 5,
) -> JSONResponse:
    """Say who is in each photo.

    Photos come as a form, one photo as it is, or as base64 in JSON. A photo among several that
    cannot be read has `error` in place of `faces`; if none can be read, the whole request is
    refused. `threshold` may stand in the form as well.
    """
    sources, fields = await asked_photos(request, context.settings)
    if threshold is None:
        threshold = _number(fields.get("threshold"))
    question = Question(service, caller, sources, threshold, detail, max_candidates)
    identified = await context.batcher.ask(question, len(sources))
    refuse_if_none_was_read(identified.answers)
    # As it is: to check an answer that is ours against the schema takes as long as the search.
    return JSONResponse(identification(identified.answers, identified.state))


@routes.post(
    "/identify/video",
    response_model=IdentificationDocument,
    response_model_exclude_unset=True,
    openapi_extra=VIEWER,
    dependencies=[Once],
)
async def identify_video(
    context: InContext,
    caller: By,
    service: InLoadedGallery,
    video: Annotated[UploadFile, File(description="MP4, MOV, MKV, WebM, AVI and others.")],
    threshold: Annotated[
        float | None, Form(ge=-1, le=1, description="In place of the collection's own.")
    ] = None,
) -> Any:
    """Say who is in a video, from when to when.

    For short ones: what takes longer than a request may is refused. Add long ones to an event, or
    start a run, and they go through the queue.
    """
    source = Source(video_name(video), await video.read())

    def work() -> IdentificationDocument:
        answer = service.identify_video(source, threshold)
        if answer.error is not None:
            raise answer.failure()
        document = answer.document()
        state = service.state()
        context.catalogue.audit.record(
            [
                entry_of(
                    caller,
                    "identify",
                    service.collection.name,
                    photo=answer.sha256,
                    answer=document,
                    threshold=state.threshold if threshold is None else threshold,
                    model=state.fingerprint,
                )
            ]
        )
        return identification([], state, [document])

    return await context.pool.run(work)


@routes.post(
    "/search",
    response_model=HitsDocument,
    openapi_extra={**VIEWER, **body(several=False, fields=_LIMIT)},
    dependencies=[Once],
)
async def search(
    context: InContext,
    caller: By,
    service: InLoadedGallery,
    request: Request,
    limit: Annotated[int, Query(ge=1, le=1000, description="How many photos.")] = 10,
) -> Any:
    """Find the enrolled photos that show the people of a photo, best first.

    The photo comes as for `identify`; `limit` may stand in the form as well.
    """
    (source,), fields = await asked_photos(request, context.settings, several=False)
    if "limit" in fields:
        limit = _count(fields["limit"])

    def work() -> dict[str, Any]:
        found = service.search(source, limit)
        document = {"hits": [hit.document() for hit in found.hits]}
        context.catalogue.audit.record([_asked(caller, service, "search", source, document, found)])
        return {"photo": source.name, **document}

    return await context.pool.run(work)


@routes.post(
    "/verify", response_model=VerificationDocument, openapi_extra=VIEWER, dependencies=[Once]
)
async def verify(
    context: InContext,
    caller: By,
    service: InLoadedGallery,
    photo: Photo,
    other: Annotated[UploadFile | None, File(description="Another photo, or")] = None,
    person: Annotated[str | None, Form(max_length=200, description="a person's name.")] = None,
    face: FaceNumber = None,
    other_face: FaceNumber = None,
) -> Any:
    """Say whether a photo shows the same person as another photo, or as somebody enrolled.

    Of a photo with several faces, `face` or `other_face` says which is meant.
    """
    if (other is None) == (person is None):
        raise SettingInvalid("Send either `other`, a photo, or `person`, a name.")
    source = await photo_source(photo)
    against = await photo_source(other) if other is not None else person or ""

    def work() -> VerificationDocument:
        try:
            verdict = service.verify(source, against, face, other_face)
        except SeveralFaces as error:
            raise SeveralFaces(
                f"{error} Send its number as `face`, or as `other_face` where it is of `other`."
            ) from error
        document = verdict.document()
        context.catalogue.audit.record(
            [_asked(caller, service, "verify", source, document, verdict)]
        )
        return document

    return await context.pool.run(work, places=1 if isinstance(against, str) else 2)


def _count(text: str) -> int:
    """How many photos a form asks for."""
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:5]) <= 1000):
        raise SettingInvalid(f"A limit is a number from 1 to 1000; found {text[:50]!r}.")
    return int(text[:5])


def _number(text: str | None) -> float | None:
    """A threshold that stands in a form."""
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not -1 <= number <= 1:
        raise SettingInvalid(f"A threshold is a number from -1 to 1; found {text[:50]!r}.")
    return number


def _asked(
    caller: By,
    service: InGallery,
    action: str,
    source: Source,
    answer: Mapping[str, Any],
    judged: PhotoHits | Verification,
) -> AuditEntry:
    """What is written down: with the threshold and the model that answered, not those of now."""
    assert isinstance(source.content, bytes)
    return entry_of(
        caller,
        action,
        service.collection.name,
        photo=hashlib.sha256(source.content).hexdigest(),
        answer=answer,
        threshold=judged.threshold,
        model=judged.fingerprint,
    )
