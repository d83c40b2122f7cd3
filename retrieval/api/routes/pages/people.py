"""Pages of people: everybody, and one person."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Response

from retrieval.api.routes.people import PersonId, cursor_of_name, name_of_cursor
from retrieval.api.routing import VIEWER, GuardedRoute
from retrieval.api.web.view import InView
from retrieval.catalogue.records import Person
from retrieval.identities.health import FEW_PHOTOS

routes = APIRouter(route_class=GuardedRoute, include_in_schema=False)

PAGE_PEOPLE = 120


@routes.get("/people", openapi_extra=VIEWER)
def people_page(
    view: InView,
    search: Annotated[str | None, Query(max_length=200)] = None,
    few: bool = False,
    cursor: Annotated[str | None, Query(max_length=2000)] = None,
) -> Response:
    """Everybody, with a picture."""
    service, counts = view.service(), view.counts()
    found: list[Person] = []
    more, portraits = False, {}
    if service is not None:
        people = partial(
            service.catalogue.people,
            service.collection.id,
            search=search,
            fewer_than=FEW_PHOTOS if few else None,
        )
        found = people(after=None if cursor is None else name_of_cursor(cursor), limit=PAGE_PEOPLE)
        more = bool(found) and bool(people(after=found[-1].name, limit=1))
        portraits = service.catalogue.portraits([person.id for person in found])
    return view.page(
        "people",
        "people.html",
        found=found,
        portraits=portraits,
        search=search,
        few=few,
        few_photos=FEW_PHOTOS,
        count=counts.people,
        faces=counts.faces,
        next=cursor_of_name(found[-1].name) if more else None,
    )


@routes.get("/people/{person_id}", openapi_extra=VIEWER)
def person_page(view: InView, person_id: PersonId) -> Response:
    """One person with all photos."""
    service = view.gallery()
    person = service.catalogue.person_by_id(service.collection.id, person_id)
    return view.page(
        "people",
        "person.html",
        person=person,
        faces=service.catalogue.faces_of(person.id),
        seen=service.events.sightings(person.id),
    )
