"""/v1/collections, /v1/keys, /v1/audit, /v1/index: what there is, who may, what happened."""

from contextlib import ExitStack
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import Path, Query, Response
from starlette.concurrency import run_in_threadpool

from retrieval.api.auditing import audited
from retrieval.api.bodies import NewKey
from retrieval.api.context import Context
from retrieval.api.receipts import accepted
from retrieval.api.routing import (
    ADMIN,
    VIEWER,
    By,
    CollectionName,
    InContext,
    InGallery,
    router,
)
from retrieval.api.schemas import AuditPage, KeyList
from retrieval.catalogue.documents import CollectionRow, CollectionsDocument
from retrieval.catalogue.http.api_keys import Key, MadeKey, meant
from retrieval.catalogue.records import Collection, Counts
from retrieval.errors import NotAllowed, NotFound
from retrieval.index.status import IndexStatus
from retrieval.people import deletions
from retrieval.people.documents import ReceiptDocument

routes = router("administration")


@dataclass(frozen=True, slots=True)
class Version:
    """What answers.

    Attributes:
        version: of Rollcall.
        api: of the paths; what it documents stays within it.
    """

    version: str
    api: str


@routes.get("/version", response_model=Version, openapi_extra=VIEWER)
async def show_version(context: InContext, caller: By) -> Any:
    """Say which version answers."""
    return Version(version("rollcall"), "1")


@routes.get("/collections", response_model=CollectionsDocument, openapi_extra=VIEWER)
def list_collections(context: InContext, caller: By) -> Any:
    """List the collections that the key opens."""
    catalogue = context.catalogue
    found = [(c, catalogue.counts(c.id)) for c in catalogue.collections()]
    return {
        "collections": [
            CollectionRow.of(c, n) for c, n in found if caller.collection in (None, c.name)
        ]
    }


@routes.delete(
    "/collections/{collection_id}",
    response_model=ReceiptDocument,
    status_code=202,
    openapi_extra=ADMIN,
)
async def delete_collection(
    context: InContext,
    caller: By,
    response: Response,
    collection_id: Annotated[int, Path(ge=1, le=2**62, description="As listed.")],
    called: Annotated[
        str, Query(max_length=200, description="Its name; another one's is not deleted.")
    ],
) -> Any:
    """Delete a collection with everybody in it for good."""

    def find() -> Collection:
        for each in context.catalogue.collections():
            if each.id == collection_id and caller.collection in (None, each.name):
                if each.name == called:
                    return each
                break
        raise NotFound(f"There is no collection {collection_id} that is called {called!r}.")

    found = await run_in_threadpool(find)

    def told(counts: Counts) -> dict[str, Any]:
        return {"id": found.id, "people": counts.people, "faces": counts.faces}

    with ExitStack() as held:
        leased = context.services.lease(found.name)
        service = await run_in_threadpool(held.enter_context, leased)

        def delete() -> deletions.Deletion:
            with audited(service.catalogue, caller, "delete-collection", found.name, told):
                return deletions.delete_collection(service, found)

        return await accepted(context, service, response, delete)


@routes.get("/index", response_model=IndexStatus, openapi_extra=VIEWER)
async def show_index(context: InContext, service: InGallery) -> Any:
    """Show what the collection's index is, in this process."""
    return await context.pool.run(lambda: service.gallery.status())


@routes.get("/keys", response_model=KeyList, openapi_extra=ADMIN)
def list_keys(context: InContext, caller: By) -> Any:
    """List keys; an admin of one collection sees that one's."""
    return {"keys": _own(context, caller)}


@routes.post("/keys", response_model=MadeKey, status_code=201, openapi_extra=ADMIN)
def create_key(context: InContext, caller: By, new: NewKey) -> Any:
    """Make a key. Its text is shown this once and kept nowhere."""
    if caller.collection is not None and new.collection != caller.collection:
        raise NotAllowed(f"This key makes keys of the collection {caller.collection!r} only.")
    limit = _limit_of(context, caller, new.requests_per_minute)
    with audited(context.catalogue, caller, "create-key", new.collection, _told):
        key, token = context.catalogue.api_keys.create(new.name, new.role, new.collection, limit)
    return MadeKey(**asdict(key), key=token)


@routes.delete("/keys/{handle}", response_model=Key, openapi_extra=ADMIN)
def revoke_key(
    context: InContext,
    caller: By,
    handle: Annotated[
        str,
        Path(max_length=200, description="Of the key; or its name, where only one is called so."),
    ],
) -> Any:
    """End a key at once and for good."""
    key = meant(_own(context, caller), handle)
    with audited(context.catalogue, caller, "revoke-key", key.collection, _told):
        return context.catalogue.api_keys.revoke(key)


def _limit_of(context: Context, caller: By, wanted: int | None) -> int | None:
    """The limit of a new key: from an admin of one collection never above their own."""
    own = caller.requests_per_minute
    if caller.collection is None or own is None:
        return wanted
    if wanted is not None and wanted > own:
        raise NotAllowed(f"This key has {own} requests per minute, and can give no more: {wanted}.")
    return own if wanted is None and own < context.settings.requests_per_minute else wanted


def _own(context: Context, caller: By) -> list[Key]:
    every = context.catalogue.api_keys.all()
    return [key for key in every if caller.collection in (None, key.collection)]


def _told(key: Key) -> dict[str, Any]:
    return {"key": key.name, "handle": key.handle, "role": key.role}


@routes.get("/audit", response_model=AuditPage, openapi_extra=ADMIN)
def read_audit(
    context: InContext,
    caller: By,
    name: CollectionName,
    who: Annotated[str | None, Query(max_length=200, description="Only this key's.")] = None,
    action: Annotated[str | None, Query(max_length=60, description="Only such ones.")] = None,
    photo: Annotated[str | None, Query(max_length=64, description="Begin of a SHA-256.")] = None,
    before: Annotated[int | None, Query(ge=1, le=2**62, description="`next` of a page.")] = None,
    everywhere: Annotated[bool, Query(description="Of all collections.")] = False,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Any:
    """Read the collection's audit log, newest first.

    A key for all collections reads what belongs to none as well: keys for all, logins, refusals.
    """
    if everywhere and caller.collection is not None:
        raise NotAllowed(f"This key reads the audit log of {caller.collection!r} only.")
    entries = context.catalogue.audit.entries(
        collection=None if everywhere else name,
        and_of_none=caller.collection is None,
        who=who,
        action=action,
        photo=photo,
        before=before,
        limit=limit,
    )
    return {
        "entries": [entry.document() for entry in entries],
        "next": entries[-1].id if len(entries) == limit else None,
    }
