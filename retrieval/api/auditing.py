"""What the service writes into the audit log: edits with their own transaction, and refusals."""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from starlette.requests import Request

from retrieval.api.auth import Caller, address_of
from retrieval.api.context import Context
from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.http.audit import AuditEntry
from retrieval.errors import RollcallError, StoreError, TooManyRequests
from retrieval.service import Service

logger = logging.getLogger(__name__)

Told = dict[str, Any]


def entry_of(caller: Caller, action: str, collection: str | None, **more: Any) -> AuditEntry:
    """An entry about what somebody did."""
    return AuditEntry(caller.name, action, collection, key=caller.handle, **more)


@contextmanager
def audited(
    catalogue: Catalogue,
    caller: Caller,
    action: Callable[[Any], str] | str,
    collection: str | None,
    told: Callable[[Any], Told | None],
) -> Iterator[None]:
    """Write each edit that this thread makes meanwhile down, in the edit's own transaction.

    Args:
        catalogue: that is edited.
        caller: who does it.
        action: what it is called, or what calls it by what the edit returned.
        collection: in which.
        told: the entry's answer, of what the edit returned; None writes nothing down.
    """

    def entries(edit: Any) -> list[AuditEntry]:
        name = action if isinstance(action, str) else action(edit)
        answer = told(edit)
        return [] if answer is None else [entry_of(caller, name, collection, answer=answer)]

    with catalogue.recorded(entries):
        yield


def edited(
    service: Service,
    caller: Caller,
    action: Callable[[Any], str] | str,
    told: Callable[[Any], Told | None],
) -> AbstractContextManager[None]:
    """Write down each edit of a collection that this thread makes meanwhile; see `audited`."""
    return audited(service.catalogue, caller, action, service.collection.name, told)


def note_refusal(context: Context, request: Request, error: RollcallError) -> None:
    """Write down that somebody was refused, but not so often that it would be an attack of its own.

    The path is the route's, without ids; what was sent with a wrong key is kept nowhere.
    """
    caller: Caller | None = getattr(request.state, "caller", None)
    address = address_of(request)
    if isinstance(error, TooManyRequests) or not context.access.may_be_noted(caller, address):
        return
    route = getattr(request.scope.get("route"), "path", "")
    told = {"method": request.method, "path": route, "code": error.code, "address": address}
    who, collection = ("nobody", None) if caller is None else (caller.name, caller.collection)
    handle = None if caller is None else caller.handle
    entry = AuditEntry(who, "refused", collection, answer=told, key=handle)
    try:
        context.catalogue.audit.record([entry])
    except StoreError as trouble:
        logger.warning("A refusal is not in the audit log: %s", trouble)
