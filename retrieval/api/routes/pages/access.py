"""Pages of who may come in, what they did, and how the service is set."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from retrieval.api.context import Context
from retrieval.api.routing import ADMIN, By, GuardedRoute, InContext
from retrieval.api.web.settings_shown import grouped
from retrieval.api.web.view import InView, View
from retrieval.catalogue.http.api_keys import Role
from retrieval.catalogue.http.audit import AuditEntry, AuditRecord
from retrieval.catalogue.names import sought
from retrieval.files.cells import CsvWriter

routes = APIRouter(route_class=GuardedRoute, include_in_schema=False)

PAGE_ENTRIES = 100
_EXPORTED_AT_ONCE = 1_000
_COLUMNS = ("at", "who", "key", "action", "collection", "photo", "answer", "threshold", "model")

Who = Annotated[str | None, Query(max_length=200)]
Action = Annotated[str | None, Query(max_length=60)]


@routes.get("/access", openapi_extra=ADMIN)
def access_page(
    view: InView,
    context: InContext,
    caller: By,
    search: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """Users, who log in, and keys, which programs send."""
    own, part = caller.collection, sought(search)
    users = [each for each in context.catalogue.users.all() if own in (None, each.collection)]
    keys = [each for each in context.catalogue.api_keys.all() if own in (None, each.collection)]
    count = len(users) + len(keys)
    users = [user for user in users if part in sought(user.name)]
    keys = [key for key in keys if part in sought(key.name) or key.handle.startswith(part)]
    return view.page(
        "access",
        "access.html",
        users=[asdict(user) for user in users],
        keys=[asdict(key) for key in keys],
        roles=[role.value for role in Role],
        own=own,
        search=search.strip(),
        count=count,
    )


@routes.get("/audit", openapi_extra=ADMIN)
def audit_page(
    view: InView,
    context: InContext,
    who: Who = None,
    action: Action = None,
    before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
) -> Response:
    """Who asked or changed what, newest first."""
    found = _entries(context, view, who, action, before, PAGE_ENTRIES + 1)
    page = found[:PAGE_ENTRIES]
    return view.page(
        "audit",
        "audit.html",
        entries=[{**each.document(), "told": _parts(each.entry)} for each in page],
        actions=context.catalogue.audit.actions(
            view.collection, and_of_none=view.caller.collection is None
        ),
        asked_who=who or "",
        asked_what=action or "",
        next=page[-1].id if len(found) > PAGE_ENTRIES else None,
    )


@routes.get("/audit/export", openapi_extra=ADMIN)
def export_audit(
    view: InView, context: InContext, who: Who = None, action: Action = None
) -> Response:
    """All entries that a filter leaves, as CSV."""
    return StreamingResponse(
        _csv(context, view, who, action),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="audit.csv"'},
    )


@routes.get("/webhooks", openapi_extra=ADMIN)
def webhooks_page(view: InView, context: InContext) -> Response:
    """Addresses that are told when bulk work has ended, each with a test."""
    return view.page(
        "webhooks",
        "webhooks.html",
        webhooks=[asdict(each) for each in context.catalogue.webhooks.of(view.collection)],
        secret=context.settings.webhook_secret is not None,
        queue=context.queue is not None,
        exists=view.service() is not None,
    )


@routes.get("/settings", openapi_extra=ADMIN)
def settings_page(view: InView, context: InContext) -> Response:
    """How the service is set, with what each setting means."""
    return view.page("settings", "settings.html", groups=grouped(context.settings))


def _entries(
    context: Context,
    view: View,
    who: str | None,
    action: str | None,
    before: int | None,
    limit: int,
) -> list[AuditRecord]:
    return context.catalogue.audit.entries(
        collection=view.collection,
        and_of_none=view.caller.collection is None,
        like=(who or "").strip() or None,
        action=action or None,
        before=before,
        limit=limit,
    )


def _csv(context: Context, view: View, who: str | None, action: str | None) -> Iterator[str]:
    text = io.StringIO()
    writer = CsvWriter(text)
    writer.row(_COLUMNS)
    before: int | None = None
    while True:
        found = _entries(context, view, who, action, before, _EXPORTED_AT_ONCE)
        for each in found:
            told = {**each.document(), "answer": _told(each.entry)}
            writer.row([told[name] for name in _COLUMNS])
        yield text.getvalue()
        text.seek(0)
        text.truncate()
        if len(found) < _EXPORTED_AT_ONCE:
            return
        before = found[-1].id


def _told(entry: AuditEntry) -> str:
    """What an entry tells, in a line: names that were answered, or what was changed."""
    return ", ".join(f"{name} {value}".strip() for name, value in _parts(entry))


def _parts(entry: AuditEntry) -> Sequence[tuple[str, str | int | float]]:
    """What an entry tells: each thing that was changed and to what, or who each face is."""
    answer = entry.answer or {}
    faces = answer.get("faces")
    if isinstance(faces, list) and all(isinstance(face, dict) for face in faces):
        # Edits name faces by their ids, answers by who they are.
        named = [("", str(face["person"])) if face["person"] else _decided(face) for face in faces]
        return named or [("no face", "")]
    return [(name, _value(value)) for name, value in answer.items() if value]


def _decided(face: dict[str, Any]) -> tuple[str, str]:
    return str(face["decision"]), ""


def _value(value: Any) -> str | int | float:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return value if isinstance(value, int | float) else str(value)
