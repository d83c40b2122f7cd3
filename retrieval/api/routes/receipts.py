"""/v1/receipts: what deletions erased, and what was found of it afterwards."""

from typing import Annotated, Any

from fastapi import Path, Query

from retrieval.api.receipts import shown
from retrieval.api.routing import HR, CollectionName, InContext, router
from retrieval.api.schemas import ReceiptsPage
from retrieval.catalogue.records import Deleted
from retrieval.people.documents import ReceiptDocument

routes = router("deletions")

ReceiptId = Annotated[str, Path(max_length=64, description="As a deletion answered it.")]


@routes.get("/receipts", response_model=ReceiptsPage, openapi_extra=HR)
def list_receipts(
    context: InContext,
    name: CollectionName,
    kind: Annotated[Deleted | None, Query(description="Only of these.")] = None,
    deleted_id: Annotated[
        int | None,
        Query(ge=1, le=2**62, description="Of the person, face, event or collection."),
    ] = None,
    before: Annotated[
        str | None, Query(max_length=64, description="`next` of the page before.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=500, description="Receipts per page.")] = 50,
) -> Any:
    """List receipts of deletions, newest first: also of one whose answer was lost."""
    found = context.catalogue.receipts.newest(
        name, kind=kind, deleted_id=deleted_id, before=before, limit=limit + 1
    )
    page = found[:limit]
    return {
        "receipts": [shown(kept) for kept in page],
        "next": page[-1].id if len(found) > limit else None,
    }


@routes.get("/receipts/{receipt_id}", response_model=ReceiptDocument, openapi_extra=HR)
def show_receipt(context: InContext, name: CollectionName, receipt_id: ReceiptId) -> Any:
    """Show a receipt; while its state is `working`, ask again in a moment."""
    return shown(context.catalogue.receipts.get(receipt_id, name))
