"""Pages of people: everybody, and one person."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from retrieval.api.routes.people import PersonId, cursor_of_name, name_of_cursor
from retrieval.api.routing import VIEWER, GuardedRoute
from retrieval.api.web.view import InView

routes = APIRouter(route_class=GuardedRoute, include_in_schema=False)

PAGE_PEOPLE = 120


@routes.get("/people", openapi_extra=VIEWER)
def people_page(
    view: InView,
    search: Annotated[str | None, Query(max_length=200)] = None,
    cursor: Annotated[str | None, Query(max_length=2000)] = None,
) -> Response:
    """Everybody, with a picture."""
    service, counts = view.service(), view.counts()
    found, portraits = [], {}
    if service is not None:
        found = service.catalogue.people(
            service.collection.id,
            search=search,
            after=None if cursor is None else name_of_cursor(cursor),
            limit=PAGE_PEOPLE + 1,
        )
        portraits = service.catalogue.portraits([person.id for person in found])
    more = len(found) > PAGE_PEOPLE
    found = found[:PAGE_PEOPLE]
    return view.page(
        "people",
        "people.html",
        found=found,
        portraits=portraits,
        search=search,
        count=counts.people,
        faces=counts.faces,
        next=cursor_of_name(found[-1].name) if more else None,
    )


@routes.get("/people/{person_id}", openapi_extra=VIEWER)
def person_page(view: InView, person_id: PersonId) -> Response:
    """One person with all photos."""
    service = view.gallery()
    person = service.catalogue.person_by_id(service.collection.id, person_id)
    faces = service.catalogue.faces_of(person.id)
    return view.page("people", "person.html", person=person, faces=faces)
