"""/v1/people: enrolling somebody with photos, and adding photos to somebody."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Annotated, Any

from fastapi import File, Form, UploadFile
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from retrieval.api.auditing import entry_of
from retrieval.api.context import Context
from retrieval.api.problems import of_error
from retrieval.api.routes.people import PersonId
from retrieval.api.routing import (
    OPERATOR,
    By,
    CollectionName,
    InContext,
    InGallery,
    Once,
    router,
)
from retrieval.api.uploads import FaceNumber, check_count, photo_sources
from retrieval.catalogue.http.audit import AuditEntry
from retrieval.catalogue.names import clean_name
from retrieval.catalogue.records import Enrolment, EnrolmentOutcome, NewFace
from retrieval.collection.documents import PersonEnrolled
from retrieval.collection.enrolments import EnrolItem, EnrolReport, EnrolResult, box_of
from retrieval.errors import DataInvalid, SameName
from retrieval.service import Service

routes = router("people")

Name = Annotated[str, Form(min_length=1, max_length=200, description="The person's name.")]
Photos = Annotated[list[UploadFile], File(description="Photos that show this person.")]
Box = Annotated[
    str | None,
    Form(
        max_length=100,
        description="Left, top, width, height of a face that is not found by itself, in pixels of"
        " the upright photo: 120,80,64,80. Takes one photo.",
    ),
]


Taken = tuple[str | None, list[tuple[NewFace, Enrolment]]]  # what an enrolment tells


class NothingEnrolled(DataInvalid):
    """Not one photo could be taken."""

    code = "nothing-enrolled"


@routes.post(
    "/people",
    response_model=PersonEnrolled,
    status_code=201,
    openapi_extra=OPERATOR,
    dependencies=[Once],
)
async def create_person(
    context: InContext,
    caller: By,
    collection: CollectionName,
    person: Name,
    photos: Photos,
    external_id: Annotated[str | None, Form(max_length=200, description="Your own id.")] = None,
    face: FaceNumber = None,
    box: Box = None,
    same_person: Annotated[
        bool,
        Form(description="It is whoever of this name is enrolled, also if it looks otherwise."),
    ] = False,
) -> Any:
    """Enrol a person with at least one photo; under a name that is there, add to that person.

    Where none of the photos looks like that person, and no number says who it is, the answer is
    409 with whoever is enrolled: send `same_person`, or an `external_id`. The collection is made
    where it does not exist, if a photo was taken.
    """
    name = clean_name(person, "person's name")
    gallery = partial(context.services.made, collection)
    return await _enrol(
        context, caller, gallery, name, photos, external_id, face, box, same_person=same_person
    )


@routes.post(
    "/people/{person_id}/photos",
    response_model=PersonEnrolled,
    status_code=201,
    openapi_extra=OPERATOR,
    dependencies=[Once],
)
async def add_photos_of_person(
    context: InContext,
    caller: By,
    service: InGallery,
    person_id: PersonId,
    photos: Photos,
    face: FaceNumber = None,
    box: Box = None,
) -> Any:
    """Add photos to a person."""
    find = service.catalogue.person_by_id
    person = await run_in_threadpool(find, service.collection.id, person_id)

    def gallery() -> AbstractContextManager[Service]:
        return nullcontext(service)

    number = person.external_id
    return await _enrol(
        context, caller, gallery, person.name, photos, number, face, box, same_person=True
    )


async def _enrol(
    context: Context,
    caller: By,
    gallery: Callable[[], AbstractContextManager[Service]],
    name: str,
    photos: Sequence[UploadFile],
    external_id: str | None,
    face: int | None,
    box: str | None,
    *,
    same_person: bool,
) -> Any:
    check_count(photos, context.settings)
    given = None if box is None else box_of(box)
    if given is not None and (len(photos) != 1 or face is not None):
        raise DataInvalid("A box says where a face of one photo is: send one photo, and no number.")
    sources = await photo_sources(photos)

    def work() -> Any:
        with gallery() as service:
            items = [
                EnrolItem(
                    name, s.name, s.content, external_id, face, given, same_person=same_person
                )
                for s in sources
            ]
            results = _enrolled(context, caller, service, name, items)
            return _enrolment(service, name, external_id, results)

    return await context.pool.run(work, len(sources))


def _enrolment(
    service: Service, name: str, external_id: str | None, results: Sequence[EnrolResult]
) -> PersonEnrolled | JSONResponse:
    report = EnrolReport()
    for result in results:
        report.add(result)
    rejected = [result.document() for result in report.rejected]
    if not report.enrolled and not report.known:
        other = next((each for each in report.rejected if each.code == SameName.code), None)
        if other is not None:
            enrolled = service.catalogue.namesakes(service.collection.id, name)
            people = [
                {"id": p.id, "person": p.name, "external_id": p.external_id} for p in enrolled
            ]
            return of_error(SameName(str(other.message)), people=people, rejected=rejected)
        reasons = "; ".join(str(result.message) for result in report.rejected)
        return of_error(NothingEnrolled(f"Nothing was enrolled. {reasons}"), rejected=rejected)
    person = service.person(name if external_id is None else external_id)
    return {
        **report.document(),
        "id": person.id,
        "person": person.name,
        "face_ids": [result.face_id for result in results if result.face_id is not None],
    }


def _enrolled(
    context: Context,
    caller: By,
    service: Service,
    name: str,
    items: Sequence[EnrolItem],
) -> list[EnrolResult]:
    entry = partial(entry_of, caller, "enrol", service.collection_name)

    def entries(taken: Taken) -> list[AuditEntry]:
        model, faces = taken
        told = {"person": name, "outcome": "enrolled", "reason": None}
        enrolled = [face for face, each in faces if each.outcome is EnrolmentOutcome.ENROLLED]
        return [entry(photo=face.sha256, answer=told, model=model) for face in enrolled]

    with service.catalogue.recorded(entries):
        results = list(service.enrol(items))
    context.catalogue.audit.record(  # what changed nothing has no transaction of its own
        [
            entry(
                photo=result.sha256,
                answer={"person": name, "outcome": result.outcome, "reason": result.code},
                model=result.fingerprint,
            )
            for result in results
            if result.outcome != "enrolled"
        ]
    )
    return results
