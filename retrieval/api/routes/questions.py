"""/v1/identify, /v1/search, /v1/verify: questions about photos. They change no gallery."""

import hashlib
from typing import Annotated, Any

from fastapi import File, Form, UploadFile
from fastapi.responses import JSONResponse

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
from retrieval.api.schemas import Identification, SearchAnswer, Verdict
from retrieval.api.uploads import Photo, check_count, photo_source, photo_sources, video_name
from retrieval.catalogue.http.audit import AuditEntry
from retrieval.collection.answers import PhotoHits, Verification, identification
from retrieval.errors import SettingInvalid
from retrieval.values import Source

routes = router("questions")

Threshold = Annotated[
    float | None, Form(ge=-1, le=1, description="In place of the collection's own.")
]


@routes.post(
    "/identify",
    response_model=Identification,
    openapi_extra=VIEWER,
    dependencies=[Once],
)
async def identify(
    context: InContext,
    caller: By,
    service: InLoadedGallery,
    photos: Annotated[list[UploadFile], File(description="One or several photos.")],
    threshold: Threshold = None,
) -> JSONResponse:
    """Say who is in each photo.

    A photo among several that cannot be read has `error` in place of `faces`; if none can be read,
    the whole request is refused.
    """
    check_count(photos, context.settings)
    question = Question(service, caller, await photo_sources(photos), threshold)
    identified = await context.batcher.ask(question, len(photos))
    refuse_if_none_was_read(identified.answers)
    # As it is: to check an answer that is ours against the schema takes as long as the search.
    return JSONResponse(identification(identified.answers, identified.state))


@routes.post(
    "/identify/video",
    response_model=Identification,
    response_model_exclude_unset=True,
    openapi_extra=VIEWER,
    dependencies=[Once],
)
async def identify_video(
    context: InContext,
    caller: By,
    service: InLoadedGallery,
    video: Annotated[UploadFile, File(description="MP4, MOV, MKV, WebM, AVI and others.")],
    threshold: Threshold = None,
) -> Any:
    """Say who is in a video, from when to when.

    For short ones: what takes longer than a request may is refused. Add long ones to an event, or
    start a run, and they go through the queue.
    """
    source = Source(video_name(video), await video.read())

    def work() -> dict[str, Any]:
        answer = service.identify_video(source, threshold)
        if answer.error is not None:
            raise answer.failure()
        document = answer.document()
        state = service.state()
        context.audit.record(
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


@routes.post("/search", response_model=SearchAnswer, openapi_extra=VIEWER, dependencies=[Once])
async def search(
    context: InContext,
    caller: By,
    service: InLoadedGallery,
    photo: Photo,
    limit: Annotated[int, Form(ge=1, le=1000, description="How many photos.")] = 10,
) -> Any:
    """Find the gallery's photos that show the people of a photo, best first."""
    source = await photo_source(photo)

    def work() -> dict[str, Any]:
        found = service.look_up(source, limit)
        document = {"hits": [hit.document() for hit in found.hits]}
        context.audit.record([_asked(caller, service, "search", source, document, found)])
        return {"photo": source.name, **document}

    return await context.pool.run(work)


@routes.post("/verify", response_model=Verdict, openapi_extra=VIEWER, dependencies=[Once])
async def verify(
    context: InContext,
    caller: By,
    service: InLoadedGallery,
    photo: Photo,
    other: Annotated[UploadFile | None, File(description="Another photo, or")] = None,
    person: Annotated[str | None, Form(max_length=200, description="a person's name.")] = None,
) -> Any:
    """Say whether a photo shows the same person as another photo, or as somebody enrolled."""
    if (other is None) == (person is None):
        raise SettingInvalid("Send either `other`, a photo, or `person`, a name.")
    source = await photo_source(photo)
    against = await photo_source(other) if other is not None else person or ""

    def work() -> dict[str, Any]:
        verdict = service.verify(source, against)
        document = verdict.document()
        context.audit.record([_asked(caller, service, "verify", source, document, verdict)])
        return document

    return await context.pool.run(work, places=1 if isinstance(against, str) else 2)


def _asked(
    caller: By,
    service: InGallery,
    action: str,
    source: Source,
    answer: dict[str, Any],
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
