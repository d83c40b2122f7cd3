"""/v1/people as a list: filtered, in an order, a page at a time or all of it as a file."""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import Depends, Query, Response

from retrieval.api.context import Context
from retrieval.api.routing import (
    OPERATOR,
    VIEWER,
    CollectionName,
    InContext,
    InGallery,
    router,
)
from retrieval.api.schemas import KnownPeople, PeoplePage
from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.documents import PersonRow
from retrieval.catalogue.people_pages import Key, ListedPerson, Order, Photos, Wanted
from retrieval.errors import NotFound, SettingInvalid
from retrieval.events.exports import MEDIA_TYPES
from retrieval.files.tables import table_bytes
from retrieval.identities.health import FEW_PHOTOS
from retrieval.service import Service
from retrieval.upkeep.health import POOR_PX

routes = router("people")

MOST_CHOSEN = 1_000  # people who are named by their ids

Search = Annotated[
    str | None,
    Query(description="Part of a name or number, whatever its case and accents.", max_length=200),
]
WithPhotos = Annotated[
    Photos | None,
    Query(
        description=f"Only who has fewer than {FEW_PHOTOS} photos, only faces below"
        f" {POOR_PX:.0f} px, or no photo."
    ),
]
Sort = Annotated[
    Order,
    Query(description="By name, by number, the newest, the fewest photos, or the last seen first."),
]
Cursor = Annotated[str | None, Query(description="From the page before.", max_length=4000)]


def _wanted(
    search: Search = None,
    external_id: Annotated[
        str | None, Query(description="Exactly this number.", max_length=200)
    ] = None,
    photos: WithPhotos = None,
) -> Wanted:
    return people_wanted(search=search, external_id=external_id, photos=photos)


InWanted = Annotated[Wanted, Depends(_wanted)]


def people_wanted(
    *,
    search: str | None = None,
    external_id: str | None = None,
    photos: Photos | None = None,
    ids: Sequence[int] | None = None,
) -> Wanted:
    """Which people are meant, with what counts as few and as poor."""
    chosen = None if ids is None else tuple(ids)
    return Wanted(search, external_id, photos, FEW_PHOTOS, POOR_PX, chosen)


@routes.get("/people", response_model=PeoplePage, openapi_extra=VIEWER)
def list_people(
    service: InGallery,
    wanted: InWanted,
    sort: Sort = Order.NAME,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=500, description="People a page.")] = 100,
) -> Any:
    """List people, a page at a time."""
    found, behind = page_of(service, wanted, sort, cursor, limit)
    return {
        "people": rows_of(service.catalogue, found),
        "next": behind,
        "total": service.catalogue.count_people(service.collection.id, wanted),
    }


@routes.get(
    "/people/export",
    response_class=Response,
    responses={
        200: {
            "content": {MEDIA_TYPES[form].partition(";")[0]: {} for form in ("csv", "xlsx")},
            "description": "The list.",
        }
    },
    openapi_extra=VIEWER,
)
async def export_people(
    context: InContext,
    service: InGallery,
    wanted: InWanted,
    form: Annotated[Literal["csv", "xlsx"], Query(alias="format")] = "xlsx",
    sort: Sort = Order.NAME,
    person: Annotated[
        list[Annotated[int, Query(ge=1, le=2**62)]] | None,
        Query(max_length=MOST_CHOSEN, description="Only people with these ids."),
    ] = None,
) -> Response:
    """Export people with their numbers, photos and the day on which they were seen last."""
    if person is not None:
        wanted = replace(wanted, ids=tuple(person))

    def work() -> bytes:
        found, _ = service.catalogue.page_of_people(service.collection.id, wanted, sort)
        return table_bytes(form, _COLUMNS, map(_exported, found))

    content = await context.pool.run(work)
    headers = {"Content-Disposition": f'attachment; filename="people.{form}"'}
    return Response(content, media_type=MEDIA_TYPES[form], headers=headers)


@routes.get("/people/known", response_model=KnownPeople, openapi_extra=OPERATOR)
def show_known(
    context: InContext,
    name: CollectionName,
    person: Annotated[str, Query(max_length=200, description="The name.")] = "",
    external_id: Annotated[str, Query(max_length=200, description="The number.")] = "",
) -> Any:
    """Say who has a name or a number already, and who was deleted under it."""
    number = external_id.strip() or None
    deleted = context.catalogue.receipts.of_deleted(name, person, number)
    return {
        "people": _known(context, name, person, number),
        "deleted": [{"receipt": kept.id, "erased_at": kept.erased_at} for kept in deleted],
    }


def _known(context: Context, name: str, person: str, number: str | None) -> list[PersonRow]:
    """Everybody of a name, however it is written, and whoever has the number."""
    try:
        collection = context.catalogue.collection(name).id
    except NotFound:
        return []
    catalogue = context.catalogue
    meant = catalogue.namesakes(collection, person) if person.strip() else []
    meant += [] if number is None else catalogue.people(collection, external_id=number)
    wanted = people_wanted(ids=sorted({each.id for each in meant}))
    found, _ = catalogue.page_of_people(collection, wanted)
    return rows_of(catalogue, found)


# As a list for `people sync` names them, and what is told besides.
_COLUMNS = {
    "person": str,
    "external_id": str,
    "photos": int,
    "last_seen": str,
    "since": str,
    "id": int,
}


def _exported(person: ListedPerson) -> dict[str, Any]:
    return {
        "person": person.name,
        "external_id": person.external_id,
        "photos": person.faces,
        "last_seen": None if person.seen is None else person.seen.isoformat(),
        "since": person.created_at.date().isoformat(),
        "id": person.id,
    }


def page_of(
    service: Service, wanted: Wanted, order: Order, cursor: str | None, limit: int
) -> tuple[list[ListedPerson], str | None]:
    """A page of people, and the cursor of the next one, None on the last."""
    after = None if cursor is None else _key_of(cursor)
    collection = service.collection.id
    found, behind = service.catalogue.page_of_people(collection, wanted, order, after, limit)
    return found, None if behind is None else cursor_of(behind)


def rows_of(catalogue: Catalogue, found: Sequence[ListedPerson]) -> list[PersonRow]:
    """People of a list, each with a face."""
    portraits = catalogue.portraits([person.id for person in found])
    return [PersonRow.of(person, portraits.get(person.id)) for person in found]


def cursor_of(behind: Key) -> str:
    """Where a page begins, as text that says nothing to a client."""
    return base64.urlsafe_b64encode(json.dumps(behind).encode()).decode()


def _key_of(cursor: str) -> Key:
    """What a cursor stands for, or SettingInvalid."""
    try:
        read = json.loads(base64.b64decode(cursor.encode(), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        read = None
    if not isinstance(read, list):
        raise SettingInvalid("The cursor is none of ours: take `next` of a page.")
    return read
