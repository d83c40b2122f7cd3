"""Deletions over HTTP: rows go at once, the rest is done in the background, and a receipt kept.

Whoever asked hears 202 with where the receipt is. A large home folder takes minutes to be searched,
which is no time for a request; and an answer that is lost on its way can be asked for again.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.responses import Response

from retrieval.api.services import Services
from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.records import KeptReceipt
from retrieval.errors import NotFound, RollcallError
from retrieval.people.deletions import Deletion, failed, finish_interrupted
from retrieval.service import Service

if TYPE_CHECKING:
    from retrieval.api.context import Context

logger = logging.getLogger(__name__)

Document = dict[str, Any]


class Deletions:
    """Does what is left of deletions, one after another. Safe to share.

    Args:
        catalogue: that keeps the receipts.
        home: the folder whose files are searched.
    """

    def __init__(self, catalogue: Catalogue, home: Path) -> None:
        self._receipts = catalogue.receipts
        self._home = home
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="deletion")
        self._lock = threading.Lock()
        self._working: set[str] = set()

    def begin(self, service: Service, delete: Callable[[], Deletion]) -> Deletion:
        """Delete rows now, and have the rest done; the service stays open for it."""
        with ExitStack() as held:
            held.enter_context(service.using())
            deletion = delete()
            self._submit(deletion.receipt, deletion.begun, deletion.finish, held.pop_all())
        return deletion

    def put_off(self) -> None:
        """Say that this process still works on what it has begun; to be called in time."""
        with self._lock:
            working = sorted(self._working)
        self._receipts.put_off(working)

    def take_over(self, services: Services) -> None:
        """Finish what processes that are gone have begun."""
        for kept in self._receipts.take_over():

            def finish(kept: KeptReceipt = kept) -> Document:
                try:
                    with services.lease(kept.collection) as service:
                        return finish_interrupted(service, self._home, kept)
                except NotFound:
                    return finish_interrupted(None, self._home, kept)

            self._submit(kept.id, kept.document, finish, ExitStack())

    def close(self) -> None:
        """Finish what is being done; what waits is finished by another process, or at the start."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _submit(
        self, receipt: str, begun: Document, finish: Callable[[], Document], held: ExitStack
    ) -> None:
        with self._lock:
            self._working.add(receipt)
        self._threads.submit(self._finish, receipt, begun, finish, held)

    def _finish(
        self, receipt: str, begun: Document, finish: Callable[[], Document], held: ExitStack
    ) -> None:
        try:
            with held:
                try:
                    document = finish()
                except RollcallError as error:
                    document = failed(begun, error)
                self._receipts.finish(receipt, document)
        except Exception:
            # It is taken over when its claim ends, and said to be unproven then.
            logger.exception("The receipt %s could not be finished", receipt)
        finally:
            with self._lock:
                self._working.discard(receipt)


async def accepted(
    context: "Context", service: Service, response: Response, delete: Callable[[], Deletion]
) -> Document:
    """Answer that something is deleted, and where its receipt will be."""

    def work() -> Document:
        deletion = context.deletions.begin(service, delete)
        context.pictures.forget(deletion.faces, deletion.photos)
        kept = context.catalogue.receipts.get(deletion.receipt, service.collection.name)
        return shown(kept)

    # Not under the request's time: rows would be gone, and nobody told where the receipt is.
    document = await context.pool.run_to_the_end(work)
    response.headers["Location"] = document["url"]
    return document


def shown(kept: KeptReceipt) -> Document:
    """A receipt as the API tells it."""
    told = kept.document
    counts = told["counts"]
    done = kept.finished_at is not None
    return {
        "id": kept.id,
        "url": f"/v1/receipts/{kept.id}?collection={quote(kept.collection, safe='')}",
        "kind": kept.kind.value,
        "deleted_id": kept.deleted_id,
        "state": "done" if done else "working",
        "collection": kept.collection,
        "erased_at": kept.erased_at,
        "finished_at": kept.finished_at,
        "erasure": told.get("erasure"),
        "counts": counts,
        "erased_faces": told.get("faces", []),
        "erased_photo_marks": told.get("photo_marks", []),
        "events": told.get("events", []),
        "erased_event_faces": told.get("event_faces", []),
        "searched": told.get("searched", {}),
        "searched_patterns": told.get("patterns", 0),
        **{
            name: told.get(name, [])
            for name in ("traces", "open", "not_searched", "backups", "mentions")
        },
        "clean": told.get("clean"),
        "summary": told.get("summary") or _summary(kept),
    }


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
