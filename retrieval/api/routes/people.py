"""/v1/people: who is enrolled, and edits of them."""

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import File, Form, Path, Query, UploadFile

from retrieval.answers import EnrolItem, EnrolReport, EnrolResult
from retrieval.api.context import Context
from retrieval.api.problems import of_error
from retrieval.api.routing import (
    By,
    InContext,
    InGallery,
    InNewGallery,
    Once,
    needs,
    router,
)
from retrieval.api.schemas import (
    Edit,
    Enrolment,
    Gone,
    Journal,
    Merge,
    Move,
    NewName,
    PeoplePage,
    PersonShown,
    Renamed,
    Split,
    Undo,
)
from retrieval.api.uploads import check_count, photo_sources
from retrieval.catalogue.audit import Happening
from retrieval.catalogue.keys import Role
from retrieval.catalogue.names import clean_name
from retrieval.catalogue.records import EnrolledFace, Erased, JournalEntry, Person
from retrieval.catalogue.schema import now
from retrieval.errors import DataInvalid, NotFound, SettingInvalid
from retrieval.service import Service
from retrieval.values import Source

routes = router("people")
VIEWER, OPERATOR, ADMIN = needs(Role.VIEWER), needs(Role.OPERATOR), needs(Role.ADMIN)

PersonId = Annotated[int, Path(ge=1, le=2**62, description="Of the person.")]
Name = Annotated[str, Form(min_length=1, max_length=200, description="The person's name.")]
Photos = Annotated[list[UploadFile], File(description="Photos that show this person.")]
Face = Annotated[
    int | None,
    Form(ge=1, le=1000, description="Which face is meant, 1 for the leftmost; the dominant one."),
]


class NothingEnrolled(DataInvalid):
    """Not one photo could be taken."""

    code = "nothing-enrolled"


# Looking


@routes.get("/people", response_model=PeoplePage, openapi_extra=VIEWER)
def list_people(
    service: InGallery,
    search: Annotated[str | None, Query(description="Part of a name.", max_length=200)] = None,
    cursor: Annotated[
        str | None, Query(description="From the page before.", max_length=2000)
    ] = None,
    limit: Annotated[int, Query(ge=1, le=500, description="People a page.")] = 100,
) -> Any:
    """List people by name, a page at a time."""
    after = None if cursor is None else name_of_cursor(cursor)
    found = service.catalogue.people(
        service.collection.id, search=search, after=after, limit=limit + 1
    )
    page = found[:limit]
    portraits = service.catalogue.portraits([person.id for person in page])
    return {
        "people": [
            {
                "id": p.id,
                "person": p.name,
                "external_id": p.external_id,
                "photos": p.faces,
                "since": p.created_at,
                "face_id": portraits.get(p.id),
            }
            for p in page
        ],
        "next": cursor_of_name(page[-1].name) if len(found) > limit else None,
    }


def cursor_of_name(name: str) -> str:
    """A page's end as text that says nothing to a client."""
    return base64.urlsafe_b64encode(name.encode()).decode()


def name_of_cursor(cursor: str) -> str:
    """The name that a cursor stands for, or SettingInvalid."""
    try:
        return base64.b64decode(cursor.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError):
        raise SettingInvalid("The cursor is none of ours: take `next` of a page.") from None


@routes.get("/people/{person_id}", response_model=PersonShown, openapi_extra=VIEWER)
def show_person(service: InGallery, person_id: PersonId) -> Any:
    """Show a person with all photos."""
    person = service.catalogue.person_by_id(service.collection.id, person_id)
    return {
        "id": person.id,
        "person": person.name,
        "external_id": person.external_id,
        "photos": [_photo(face) for face in service.catalogue.faces_of(person.id)],
    }


@routes.get("/people/{person_id}/photos", response_model=PersonShown, openapi_extra=VIEWER)
def list_photos(service: InGallery, person_id: PersonId) -> Any:
    """List a person's photos."""
    return show_person(service, person_id)


def _photo(face: EnrolledFace) -> dict[str, Any]:
    return {
        "photo": face.photo,
        "sha256": face.sha256,
        "face_id": face.id,
        "box": [round(side, 1) for side in face.box],
        "width": face.width,
        "height": face.height,
        "size_px": face.size_px,
    }


# Enrolling


@routes.post(
    "/people",
    response_model=Enrolment,
    status_code=201,
    openapi_extra=OPERATOR,
    dependencies=[Once],
)
async def create_person(
    context: InContext,
    caller: By,
    service: InNewGallery,
    person: Name,
    photos: Photos,
    external_id: Annotated[str | None, Form(max_length=200, description="Your own id.")] = None,
    face: Face = None,
) -> Any:
    """Enrol a person with at least one photo; under a name that is there, add to that person."""
    name = clean_name(person, "person's name")
    return await _enrol(context, caller, service, name, photos, external_id, face)


@routes.post(
    "/people/{person_id}/photos",
    response_model=Enrolment,
    status_code=201,
    openapi_extra=OPERATOR,
    dependencies=[Once],
)
async def add_photos(
    context: InContext,
    caller: By,
    service: InGallery,
    person_id: PersonId,
    photos: Photos,
    face: Face = None,
) -> Any:
    """Add photos to a person."""
    person = service.catalogue.person_by_id(service.collection.id, person_id)
    return await _enrol(context, caller, service, person.name, photos, None, face)


async def _enrol(
    context: Context,
    caller: By,
    service: Service,
    name: str,
    photos: Sequence[UploadFile],
    external_id: str | None,
    face: int | None,
) -> Any:
    check_count(photos, context.settings)
    sources = await photo_sources(photos)
    results = await context.pool.run(
        lambda: _enrolled(context, caller, service, name, sources, external_id, face), len(sources)
    )
    report = EnrolReport()
    for result in results:
        report.add(result)
    rejected = [result.document() for result in report.rejected]
    if not report.enrolled and not report.known:
        reasons = "; ".join(str(result.message) for result in report.rejected)
        return of_error(NothingEnrolled(f"Nothing was enrolled. {reasons}"), rejected=rejected)
    person = service.catalogue.person(service.collection.id, name)
    return {
        "id": person.id,
        "person": person.name,
        "enrolled": report.enrolled,
        "known": report.known,
        "rejected": rejected,
        "face_ids": [result.face_id for result in results if result.face_id is not None],
    }


def _enrolled(
    context: Context,
    caller: By,
    service: Service,
    name: str,
    sources: Sequence[Source],
    external_id: str | None,
    face: int | None,
) -> list[EnrolResult]:
    items = [EnrolItem(name, each.name, each.content, external_id, face) for each in sources]
    results = list(service.enrol(items))
    context.audit.record(
        [
            Happening(
                who=caller.name,
                action="enrol",
                collection=service.collection.name,
                photo=result.sha256,
                answer={"person": name, "outcome": result.outcome, "reason": result.code},
                model=service.collection.embedder,
            )
            for result in results
        ]
    )
    return results


# Edits that can be undone


@routes.patch("/people/{person_id}", response_model=Renamed, openapi_extra=OPERATOR)
def rename_person(
    context: InContext, caller: By, service: InGallery, person_id: PersonId, new: NewName
) -> Any:
    """Give a person another name."""
    before = service.catalogue.person_by_id(service.collection.id, person_id)
    person = service.catalogue.rename_person(service.collection.id, person_id, new.person)
    _record(context, caller, service, "rename", {"person": before.name, "now": person.name})
    return {"id": person.id, "person": person.name}


@routes.post("/people/merge", response_model=Edit, openapi_extra=OPERATOR, dependencies=[Once])
def merge_people(context: InContext, caller: By, service: InGallery, merge: Merge) -> Any:
    """Give all faces of a person to another one, who keeps name and external id."""
    entry = service.catalogue.merge_people(service.collection.id, merge.person_id, merge.into_id)
    return _edited(context, caller, service, entry)


@routes.post("/people/move", response_model=Edit, openapi_extra=OPERATOR, dependencies=[Once])
def move_faces(context: InContext, caller: By, service: InGallery, move: Move) -> Any:
    """Give faces to another person."""
    entry = service.catalogue.move_faces(service.collection.id, move.face_ids, move.to_id)
    return _edited(context, caller, service, entry)


@routes.post(
    "/people/{person_id}/split", response_model=Edit, openapi_extra=OPERATOR, dependencies=[Once]
)
def split_person(
    context: InContext, caller: By, service: InGallery, person_id: PersonId, split: Split
) -> Any:
    """Make a new person of some of a person's faces."""
    entry = service.catalogue.split_person(
        service.collection.id, person_id, split.face_ids, split.person
    )
    return _edited(context, caller, service, entry)


@routes.get("/edits", response_model=Journal, openapi_extra=VIEWER)
def list_edits(service: InGallery, limit: Annotated[int, Query(ge=1, le=500)] = 50) -> Any:
    """List edits of people, newest first."""
    entries = service.catalogue.journal(service.collection.id, limit)
    return {"edits": [_edit(entry) for entry in entries]}


@routes.post("/undo", response_model=Edit, openapi_extra=OPERATOR, dependencies=[Once])
def undo(context: InContext, caller: By, service: InGallery, which: Undo) -> Any:
    """Undo an edit, whatever came after it, if what it left still stands."""
    entry = service.catalogue.undo(service.collection.id, which.edit)
    return _edited(context, caller, service, entry, "undo")


def _edited(
    context: Context, caller: By, service: Service, entry: JournalEntry, action: str | None = None
) -> dict[str, Any]:
    told = {"edit": entry.id, "summary": entry.summary}
    _record(context, caller, service, action or entry.kind, told)
    return _edit(entry)


def _edit(entry: JournalEntry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "kind": entry.kind,
        "summary": entry.summary,
        "people": entry.people,
        "faces": entry.faces,
        "at": entry.created_at,
        "undone": entry.undone_at is not None,
    }


# Deletion, which is final


@routes.delete("/people/{person_id}", response_model=Gone, openapi_extra=ADMIN)
async def delete_person(
    context: InContext, caller: By, service: InGallery, person_id: PersonId
) -> Any:
    """Delete a person for good: faces, vectors, kept photos and the index's entries."""
    person = service.catalogue.person_by_id(service.collection.id, person_id)

    def work() -> dict[str, Any]:
        return _gone(context, caller, service, "delete", person, service.forget(person.name))

    return await context.pool.run(work)


@routes.delete("/people/{person_id}/photos/{face_id}", response_model=Gone, openapi_extra=ADMIN)
async def remove_photo(
    context: InContext,
    caller: By,
    service: InGallery,
    person_id: PersonId,
    face_id: Annotated[int, Path(ge=1, le=2**62, description="As listed with the photos.")],
) -> Any:
    """Remove one of a person's photos for good."""
    face = service.catalogue.faces([face_id]).get(face_id)
    person = service.catalogue.person_by_id(service.collection.id, person_id)
    if face is None or face.person_id != person.id:
        raise NotFound(f"{person.name} has no photo with the face {face_id}.")

    def work() -> dict[str, Any]:
        erased = service.remove_photo(face.sha256)
        return _gone(context, caller, service, "remove-photo", person, erased)

    return await context.pool.run(work)


def _gone(
    context: Context, caller: By, service: Service, action: str, person: Person, erased: Erased
) -> dict[str, Any]:
    told = {"person_id": person.id, "faces": list(erased.faces)}
    for sha256 in erased.photos or (None,):
        _record(context, caller, service, action, told, sha256)
    traces = service.catalogue.traces(vector.tobytes() for vector in erased.vectors)
    return {
        "person": person.name,
        "faces": len(erased.faces),
        "photos": erased.photos,
        "at": now(),
        "traces": [path.name for path in traces],
    }


def _record(
    context: Context,
    caller: By,
    service: Service,
    action: str,
    told: dict[str, Any],
    photo: str | None = None,
) -> None:
    name = service.collection.name
    context.audit.record([Happening(caller.name, action, name, photo=photo, answer=told)])
