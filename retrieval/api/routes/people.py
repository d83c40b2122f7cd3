"""/v1/people: who is enrolled, and edits of them."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

from fastapi import Path, Query, Response
from starlette.concurrency import run_in_threadpool

from retrieval.api.auditing import edited, entry_of
from retrieval.api.bodies import Merge, Move, NewName, Split, Undo
from retrieval.api.pictures import CACHED, jpeg_or_nothing
from retrieval.api.receipts import accepted
from retrieval.api.routing import (
    HR,
    OPERATOR,
    VIEWER,
    By,
    InContext,
    InGallery,
    Once,
    Optional,
    router,
)
from retrieval.catalogue.documents import ChangedPerson, Edit, EditsDocument
from retrieval.catalogue.http.audit import AuditEntry
from retrieval.catalogue.records import (
    EnrolledFace,
    Erased,
    JournalEntry,
    Person,
)
from retrieval.errors import NotFound
from retrieval.people import deletions
from retrieval.people.documents import AlikeDocument, PreviewDocument, ReceiptDocument
from retrieval.people.editing import plan_merge
from retrieval.people.resembling import people_like, strangers_like
from retrieval.people.showing import PersonShown, shown
from retrieval.service import Service

routes = router("people")

PersonId = Annotated[int, Path(ge=1, le=2**62, description="Of the person.")]
FaceId = Annotated[int, Path(ge=1, le=2**62, description="As listed with the photos.")]
Called = Annotated[
    str | None,
    Query(
        max_length=200,
        description="The name by which the person is meant: refused if they have another by now.",
    ),
]
# Looking


@routes.get(
    "/people/by-external-id/{external_id:path}", response_model=PersonShown, openapi_extra=VIEWER
)
async def show_person_by_external_id(
    context: InContext,
    service: InGallery,
    external_id: Annotated[str, Path(min_length=1, max_length=200, description="Your own id.")],
) -> Any:
    """Show the person with your own number, with all photos."""

    def work() -> PersonShown:
        found = service.catalogue.people(service.collection.id, external_id=external_id)
        if not found:
            raise NotFound(f"Nobody has the number {external_id!r} in this collection.")
        return shown(service, found[0])

    return await context.pool.run(work)


@routes.get("/people/{person_id}", response_model=PersonShown, openapi_extra=VIEWER)
async def show_person(context: InContext, service: InGallery, person_id: PersonId) -> Any:
    """Show a person with all photos, and where they were seen."""
    return await context.pool.run(lambda: shown(service, service.person_by_id(person_id)))


@routes.get("/people/{person_id}/alike", response_model=AlikeDocument, openapi_extra=OPERATOR)
async def show_alike(context: InContext, service: InGallery, person_id: PersonId) -> Any:
    """Say who resembles a person: other people, and strangers who were kept."""

    def work() -> AlikeDocument:
        person = service.person_by_id(person_id)
        return {
            "people": [each.document() for each in people_like(service, person)],
            "strangers": [each.document() for each in strangers_like(service, person)],
        }

    return await context.pool.run(work)


# Edits that can be undone


@routes.patch("/people/{person_id}", response_model=ChangedPerson, openapi_extra=OPERATOR)
def rename_person(
    context: InContext,
    caller: By,
    service: InGallery,
    person_id: PersonId,
    new: NewName,
    called: Called = None,
) -> Any:
    """Give a person another name and number, both or neither, or another picture.

    The answer names the edits of a name and a number, which can be undone.
    """
    catalogue, collection = service.catalogue, service.collection
    before = service.person_by_id(person_id, called)
    names = [] if new.person is None else [(before, new.person)]
    numbers = [] if new.external_id is None else [(before, new.external_id)]
    more = {"rename": {"now": new.person}, "number": {"number": new.external_id}}

    def told(entries: Sequence[JournalEntry]) -> list[AuditEntry]:
        return [
            entry_of(
                caller,
                each.kind,
                collection.name,
                answer={"person": before.name, **more[each.kind]},
            )
            for each in entries
        ]

    with catalogue.recorded(told):
        entries = catalogue.rename_and_number(collection.id, names, numbers)
    person = service.person_by_id(person_id)
    if new.cover is not None:
        with edited(service, caller, "cover", lambda now: {"person_id": now.id}):
            catalogue.choose_cover(collection.id, person, new.cover)
    edits = [Edit.of(entry) for entry in entries]
    return ChangedPerson(person.id, person.name, person.external_id, edits)


@routes.post("/people/merge", response_model=Edit, openapi_extra=OPERATOR, dependencies=[Once])
def merge_people(context: InContext, caller: By, service: InGallery, merge: Merge) -> Any:
    """Give all faces of a person to another one, who keeps name and external id."""
    person = service.person_by_id(merge.person_id, merge.called)
    into = service.person_by_id(merge.into_id, merge.into_called)
    with edited(service, caller, _kind, _ids):
        return Edit.of(service.catalogue.merge_people(service.collection.id, person, into))


@routes.get(
    "/people/{person_id}/merge-preview", response_model=PreviewDocument, openapi_extra=OPERATOR
)
def show_merge(
    service: InGallery,
    person_id: PersonId,
    into_id: Annotated[int, Query(ge=1, le=2**62, description="Who would keep the name.")],
) -> Any:
    """Say what a merge would move, before it is done."""
    person = service.catalogue.person_by_id(service.collection.id, person_id)
    into = service.catalogue.person_by_id(service.collection.id, into_id)
    return plan_merge(service, person, into).preview.document()


@routes.post("/people/move", response_model=Edit, openapi_extra=OPERATOR, dependencies=[Once])
def move_faces(context: InContext, caller: By, service: InGallery, move: Move) -> Any:
    """Give faces to another person."""
    to = service.person_by_id(move.to_id, move.to_called)
    of = None if move.person_id is None else service.person_by_id(move.person_id, move.called)
    with edited(service, caller, _kind, _ids):
        return Edit.of(service.catalogue.move_faces(service.collection.id, move.face_ids, to, of))


@routes.post(
    "/people/{person_id}/split", response_model=Edit, openapi_extra=OPERATOR, dependencies=[Once]
)
def split_person(
    context: InContext, caller: By, service: InGallery, person_id: PersonId, split: Split
) -> Any:
    """Make a new person of some of a person's faces."""
    person = service.person_by_id(person_id, split.called)
    with edited(service, caller, _kind, _ids):
        entry = service.catalogue.split_person(
            service.collection.id, person, split.face_ids, split.person
        )
    return Edit.of(entry)


@routes.get("/edits", response_model=EditsDocument, openapi_extra=VIEWER)
def list_edits(service: InGallery, limit: Annotated[int, Query(ge=1, le=500)] = 50) -> Any:
    """List edits of people, newest first."""
    entries = service.catalogue.journal(service.collection.id, limit)
    return {"edits": [Edit.of(entry) for entry in entries]}


@routes.post("/undo", response_model=Edit, openapi_extra=OPERATOR, dependencies=[Once])
def undo_edit(context: InContext, caller: By, service: InGallery, which: Undo) -> Any:
    """Undo an edit, whatever came after it, if what it left still stands."""
    collection = service.collection.id
    edit = service.catalogue.newest_edit(collection) if which.edit is None else which.edit
    with edited(service, caller, "undo", _ids):
        return Edit.of(service.catalogue.undo(collection, edit))


def _kind(entry: JournalEntry) -> str:
    return entry.kind


def _ids(entry: JournalEntry) -> dict[str, Any]:
    """What the audit log tells of an edit: no names, since it outlives the people."""
    return {"edit": entry.id, "people": list(entry.people), "faces": list(entry.faces)}


# Deletion, which is final


@routes.delete(
    "/people/{person_id}", response_model=ReceiptDocument, status_code=202, openapi_extra=HR
)
async def delete_person(
    context: InContext,
    caller: By,
    service: InGallery,
    response: Response,
    person_id: PersonId,
    called: Called = None,
) -> Any:
    """Delete a person for good. Rows are gone at once; the receipt says when all is, and its proof.

    `Location` says where the receipt can be fetched.
    """
    person = await run_in_threadpool(service.person_by_id, person_id, called)

    def delete() -> deletions.Deletion:
        with edited(service, caller, "delete", partial(erased_of, person)):
            return deletions.delete_people(service, [person], context.settings.home)

    return await accepted(context, service, response, delete)


@routes.delete(
    "/people/{person_id}/photos/{face_id}",
    response_model=ReceiptDocument,
    status_code=202,
    openapi_extra=HR,
)
async def remove_photo(
    context: InContext,
    caller: By,
    service: InGallery,
    response: Response,
    person_id: PersonId,
    face_id: FaceId,
    called: Called = None,
) -> Any:
    """Remove one of a person's photos for good."""
    person = await run_in_threadpool(service.person_by_id, person_id, called)
    face = await run_in_threadpool(_face, service, face_id)
    if face.person_id != person.id:
        raise NotFound(f"{person.name} has no photo with the face {face_id}.")

    def delete() -> deletions.Deletion:
        with edited(service, caller, "remove-photo", partial(erased_of, person)):
            return deletions.delete_photo(service, face)

    return await accepted(context, service, response, delete)


def erased_of(person: Person, gone: Erased) -> dict[str, Any]:
    """What was erased, by ids alone: the log keeps nothing else of who is gone."""
    return {"person_id": person.id, "faces": list(gone.faces)}


# Pictures


@routes.get(
    "/faces/{face_id}/picture",
    response_class=Response,
    responses={
        200: {"content": {"image/jpeg": {}}, "description": "The face."},
        204: {"description": "No picture, with `optional`."},
    },
    openapi_extra=VIEWER,
)
async def show_face(
    context: InContext,
    service: InGallery,
    face_id: FaceId,
    optional: Optional = False,
    small: Annotated[
        bool, Query(description="112 px will do: faster where there are many.")
    ] = False,
) -> Response:
    """Show an enrolled face: from its photo where that is kept or lies, else as it was cut."""

    def look() -> tuple[EnrolledFace, bytes | None]:
        face = _face(service, face_id)
        thumbnail = context.pictures.thumbnail(service, face.id) if small else None
        return face, context.pictures.held(face.id) if thumbnail is None else thumbnail

    face, ready = await run_in_threadpool(look)
    if ready is not None:
        return Response(ready, media_type="image/jpeg", headers=CACHED)
    return await context.pool.run(
        lambda: jpeg_or_nothing(lambda: context.pictures.cut(service, face), optional=optional)
    )


def _face(service: Service, face_id: int) -> EnrolledFace:
    face = service.catalogue.faces([face_id]).get(face_id)
    if face is None:
        raise NotFound(f"There is no face {face_id} any more.")
    service.catalogue.person_by_id(service.collection.id, face.person_id)  # of this collection
    return face
