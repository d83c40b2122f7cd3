"""Receipts of deletions over HTTP: whoever deletes hears 202 with where the receipt is.

An answer that is lost on its way can be asked for again.
"""

from collections.abc import Callable
from urllib.parse import quote

from starlette.responses import Response

from retrieval.api.context import Context
from retrieval.catalogue.records import Counts, KeptReceipt
from retrieval.people.deletions import Deletion
from retrieval.people.documents import ReceiptDocument
from retrieval.service import Service


async def accepted(
    context: Context, service: Service, response: Response, delete: Callable[[], Deletion]
) -> ReceiptDocument:
    """Answer that something is deleted, and where its receipt will be."""

    def work() -> ReceiptDocument:
        deletion = context.deletions.begin(service, delete)
        context.pictures.forget(deletion.faces, deletion.photos)
        kept = context.catalogue.receipts.get(deletion.receipt, service.collection.name)
        return shown(kept)

    # Not under the request's time: rows would be gone, and nobody told where the receipt is.
    document = await context.pool.run_to_the_end(work)
    response.headers["Location"] = document.url
    return document


def shown(kept: KeptReceipt) -> ReceiptDocument:
    """A receipt as the API tells it."""
    told = {name: value for name, value in kept.document.items() if name != "marks"}
    return ReceiptDocument(
        id=kept.id,
        url=f"/v1/receipts/{kept.id}?collection={quote(kept.collection, safe='')}",
        kind=kept.kind,
        deleted_id=kept.deleted_id,
        state="working" if kept.finished_at is None else "done",
        collection=kept.collection,
        erased_at=kept.erased_at,
        finished_at=kept.finished_at,
        **{"summary": _summary(kept), **told, "counts": Counts(**told["counts"])},
    )


def _summary(kept: KeptReceipt) -> str:
    """In words, where no file was searched."""
    named = ", ".join(
        f"{count} {what if count != 1 else one}"
        for (what, one), count in (
            (("people", "person"), kept.document["counts"]["people"]),
            (("photos", "photo"), kept.document["counts"]["photos"]),
            (("faces", "face"), kept.document["counts"]["faces"]),
        )
        if count
    )
    gone = f"gone: the {kept.kind.value}" + (f" with {named}" if named else "")
    if kept.finished_at is None:
        return f"{gone}; files are being cleaned of what is left"
    left = kept.document.get("open", [])
    return f"{gone}, but {'; '.join(left)}" if left else gone
