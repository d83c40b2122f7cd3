"""Pages of people: everybody, and one person."""

from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Query, Response

from retrieval.api.routes.people import PersonId
from retrieval.api.routes.people_lists import (
    Cursor,
    Search,
    Sort,
    cursor_of,
    page_of,
    people_wanted,
    rows_of,
)
from retrieval.api.routing import OPERATOR, VIEWER, GuardedRoute, InContext
from retrieval.api.web.view import InView
from retrieval.catalogue.http.api_keys import Role
from retrieval.catalogue.people_pages import Order, Photos
from retrieval.identities.health import FEW_PHOTOS

routes = APIRouter(route_class=GuardedRoute, include_in_schema=False)

PAGE_PEOPLE = 120
_LETTERS_FROM = 30  # people; fewer are seen at a glance


@routes.get("/people", openapi_extra=VIEWER)
def people_page(
    view: InView,
    search: Search = None,
    photos: Annotated[str | None, Query(max_length=20)] = None,
    sort: Sort = Order.NAME,
    cursor: Cursor = None,
) -> Response:
    """Everybody, with a picture."""
    service, counts = view.service(), view.counts()
    chosen = Photos(photos) if photos in set(Photos) else None
    wanted = people_wanted(search=search or None, photos=chosen)
    found, following, letters, total, events = [], None, [], 0, []
    if service is not None:
        people, following = page_of(service, wanted, sort, cursor or None, PAGE_PEOPLE)
        found = rows_of(service.catalogue, people)
        total = service.catalogue.count_people(service.collection.id, wanted)
        if view.caller.role.covers(Role.OPERATOR):
            events = [each.event for each in service.events.all()]
        if sort is Order.NAME and total > _LETTERS_FROM:
            initials = service.catalogue.initials(service.collection.id, wanted)
            letters = [(letter.upper(), cursor_of(_before(first))) for letter, first in initials]
    return view.page(
        "people",
        "people.html",
        found=found,
        letters=letters,
        search=search or "",
        photos=chosen,
        sort=sort.value,
        few_photos=FEW_PHOTOS,
        count=counts.people,
        faces=counts.faces,
        total=total,
        next=following,
        events=events,
    )


def _before(sought: str) -> list[str | int]:
    """What begins with the first person whose name is sought so."""
    return [sought, "", 0, 0, "", 0]


@routes.get("/people/import", openapi_extra=OPERATOR)
def import_page(view: InView, context: InContext) -> Response:
    """Bring everybody to the state of a staff list: look first, then do it."""
    return view.page("people", "import.html", queue=context.queue is not None)


@routes.get("/people/{person_id}", openapi_extra=VIEWER)
def person_page(view: InView, person_id: PersonId) -> Response:
    """One person with all photos."""
    service = view.gallery()
    person = service.catalogue.person_by_id(service.collection.id, person_id)
    seen = service.events.sightings(person.id)
    years = Counter(each.event.day.year if each.event.day else None for each in seen)
    return view.page(
        "people",
        "person.html",
        person=person,
        faces=service.catalogue.faces_of(person.id),
        cover=service.catalogue.portraits([person.id]).get(person.id),
        seen=seen,
        years=sorted(years.items(), key=_latest),
    )


def _latest(year: tuple[int | None, int]) -> int:
    return -(year[0] or 0)
