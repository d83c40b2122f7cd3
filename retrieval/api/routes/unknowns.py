"""/v1/unknowns: strangers who come again in questions, in groups that can be named."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Path, Query, Response

from retrieval.api.auditing import edited
from retrieval.api.bodies import GroupToForget, NameOfGroup
from retrieval.api.pictures import jpeg_or_nothing
from retrieval.api.routing import (
    ADMIN,
    OPERATOR,
    VIEWER,
    By,
    InContext,
    InGallery,
    Once,
    Optional,
    router,
)
from retrieval.api.schemas import Forgotten
from retrieval.catalogue.names import clean_name
from retrieval.catalogue.records import Enrolment
from retrieval.errors import NotFound, SettingInvalid
from retrieval.people.documents import GroupsDocument, NamingDocument
from retrieval.people.strangers import Group, list_groups, name_group
from retrieval.service import Service

routes = router("unknowns")

GroupId = Annotated[int, Path(ge=1, le=2**62, description="As listed.")]


@routes.get("/unknowns", response_model=GroupsDocument, openapi_extra=VIEWER)
async def list_unknowns(
    context: InContext,
    service: InGallery,
    days: Annotated[int | None, Query(ge=1, le=36500, description="Only of these last.")] = None,
    least: Annotated[int, Query(ge=1, le=5000, description="Faces per group at least.")] = 1,
) -> Any:
    """List unknown faces in groups, largest first: how often, when and in which photos."""
    groups = await context.pool.run(lambda: list_groups(service, days, least=least))
    return {"groups": [group.document() for group in groups]}


@routes.post(
    "/unknowns/{group}/name",
    response_model=NamingDocument,
    openapi_extra=OPERATOR,
    dependencies=[Once],
)
async def name_unknowns(
    context: InContext, caller: By, service: InGallery, group: GroupId, new: NameOfGroup
) -> Any:
    """Enrol a group under a name; says which earlier answers would now be known."""

    if (new.person is None) == (new.person_id is None):
        raise SettingInvalid("Send either `person`, a name, or `person_id`, of somebody enrolled.")

    def work() -> NamingDocument:
        person, number = new.person or "", new.external_id
        if new.person_id is not None:
            known = service.person_by_id(new.person_id, new.called)
            person, number = known.name, known.external_id

        def told(enrolled: Sequence[Enrolment]) -> dict[str, Any]:
            return {"person": clean_name(person), "faces": len(enrolled)}

        with edited(service, caller, "name-unknowns", told):
            return name_group(service, group, person, new.face_ids, number).document()

    return await context.pool.run(work)


@routes.post("/unknowns/{group}/forget", response_model=Forgotten, openapi_extra=OPERATOR)
async def forget_group(
    context: InContext, caller: By, service: InGallery, group: GroupId, seen: GroupToForget
) -> Any:
    """Delete the kept faces of one group of strangers, for good."""

    def work() -> dict[str, Any]:
        catalogue = service.catalogue
        with edited(service, caller, "forget-unknowns", lambda count: {"faces": count}):
            count = catalogue.strangers.forget_group(service.collection.id, group, seen.face_ids)
        catalogue.empty_wal()
        return {"deleted": count}

    return await context.pool.run(work)


@routes.get(
    "/unknowns/{group}/picture",
    response_class=Response,
    responses={
        200: {"content": {"image/jpeg": {}}, "description": "A face of the group."},
        204: {"description": "No picture, with `optional`."},
    },
    openapi_extra=VIEWER,
)
async def show_unknown(
    context: InContext, service: InGallery, group: GroupId, optional: Optional = False
) -> Response:
    """Show a face of a group: as it was kept, or from a photo that still lies where it was."""

    def picture() -> bytes:
        return context.pictures.of_stranger(service, _group(service, group).faces)

    return await context.pool.run(lambda: jpeg_or_nothing(picture, optional=optional))


def _group(service: Service, group_id: int) -> Group:
    found = [group for group in list_groups(service) if group.id == group_id]
    if not found:
        raise NotFound(f"There is no group {group_id} of unknown faces.")
    return found[0]


@routes.delete("/unknowns", response_model=Forgotten, openapi_extra=ADMIN)
def forget_unknowns(context: InContext, caller: By, service: InGallery) -> Any:
    """Delete all unknown faces that were kept, for good."""
    with edited(service, caller, "forget-unknowns", lambda count: {"faces": count}):
        count = service.catalogue.strangers.forget_all(service.collection.id)
    service.catalogue.empty_wal()
    return {"deleted": count}
