"""/v1/runs: bulk work on a folder on the server, or on an uploaded archive."""

import logging
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import uuid4

from fastapi import File, Form, Query, UploadFile
from fastapi import Path as InPath
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from retrieval.api.archives import unpack
from retrieval.api.auditing import audited
from retrieval.api.context import Context
from retrieval.api.routing import (
    OPERATOR,
    VIEWER,
    By,
    CollectionName,
    InContext,
    Once,
    router,
)
from retrieval.api.schemas import AnswersPage
from retrieval.api.streams import EventStream, changes
from retrieval.api.uploads import client_name
from retrieval.catalogue.runs.run_records import ListedPhoto, Run, RunState
from retrieval.catalogue.runs.runs import Runs
from retrieval.collection.bulk import Bulk, run_document
from retrieval.collection.documents import RunDocument, RunsDocument
from retrieval.collection.run_files import uploads_below
from retrieval.errors import (
    DataInvalid,
    FoldersUnclear,
    NotAllowed,
    NotFound,
    QueueUnavailable,
    RollcallError,
    SettingInvalid,
)
from retrieval.files.private import make_folder, open_bytes
from retrieval.people.intake import listed_folder
from retrieval.photos.folders import PassedOver, photos_below

logger = logging.getLogger(__name__)

routes = router("runs")

RunId = Annotated[str, InPath(pattern="^[0-9a-f]{1,32}$", description="Or the beginning of it.")]


@routes.get("/runs", response_model=RunsDocument, openapi_extra=VIEWER)
def list_runs(
    context: InContext, name: CollectionName, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> Any:
    """List the collection's runs, newest first."""
    runs = context.catalogue.runs
    found = runs.newest(limit, name)
    return {"runs": [run_document(runs, run) for run in found]}


@routes.post(
    "/runs",
    response_model=RunDocument,
    status_code=202,
    openapi_extra=OPERATOR,
    dependencies=[Once],
)
async def start_run(
    context: InContext,
    caller: By,
    name: CollectionName,
    kind: Annotated[
        Literal["enrol", "identify"],
        Form(description="enrol a folder per person, or identify whoever is on the photos."),
    ] = "enrol",
    folder: Annotated[
        str | None, Form(max_length=4000, description="On the server, on its allow-list.")
    ] = None,
    archive: Annotated[UploadFile | None, File(description="Or a .zip or .tar.gz.")] = None,
    nested: Annotated[
        bool | None,
        Form(
            description="Of enrol: whether people's folders lie below others (departments); by"
            " default what the folders tell, and 422 where they do not."
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        Form(ge=-1, le=1, description="Of identify: in place of the collection's own."),
    ] = None,
) -> Any:
    """Start a bulk ingest or identification, or go on with the same one that did not end."""
    bulk_of(context)
    passed = PassedOver()
    if (folder is None) == (archive is None):
        raise SettingInvalid("Send either `folder`, a path on the server, or `archive`, a file.")
    if archive is not None:
        source = client_name(archive) or "archive"
        place = within = await unpacked(context, archive, passed)
    else:
        place, within = await run_in_threadpool(_allowed, context, folder or "")
        source = str(place)
    inside = archive is not None
    options: dict[str, Any] = {"base": str(place), "within": str(within)}
    if kind == "enrol":
        photos = _people_below(place, nested, passed, relative=inside)
    else:
        photos = any_photos_below(place, passed, relative=inside)
        options |= {} if threshold is None else {"threshold": threshold}
    new = NewRun(kind, name, source, options, photos, passed, place if inside else None)
    return await begun(context, new, _audited(context, caller, "start-run", name))


@dataclass(frozen=True, slots=True, eq=False)
class NewRun:
    """What a run is begun with.

    Attributes:
        kind, collection, source, options: see `Bulk.begin`.
        photos: of its source; listing them counts in `passed` what is none.
        passed: see `photos`.
        unpacked: the folder that its archive was unpacked to, which goes if the run never begins.
    """

    kind: str
    collection: str
    source: str
    options: dict[str, Any]
    photos: Iterator[ListedPhoto]
    passed: PassedOver
    unpacked: Path | None


async def begun(context: Context, new: NewRun, audited: AbstractContextManager[None]) -> Any:
    """Begin a run, and list its photos in a thread of its own; its document."""
    bulk = bulk_of(context)

    def begin() -> RunDocument:
        first = next(new.photos, None)  # before the run: unclear folders begin none
        if first is None:
            told = f" ({new.passed})" if new.passed else ""
            wanted = " Send one folder per person, with photos." if new.kind == "enrol" else ""
            raise DataInvalid(f"{new.source} holds no photo{told}.{wanted}")
        with audited:
            run = bulk.begin(new.kind, new.collection, new.source, new.options)
        listed = chain([first], new.photos)
        threading.Thread(target=_fill, args=(bulk, run, listed, new.passed), daemon=True).start()
        return run_document(bulk.runs, run)

    try:
        return await run_in_threadpool(begin)
    except BaseException:
        if new.unpacked is not None:  # no run will ever read it
            await run_in_threadpool(shutil.rmtree, new.unpacked, ignore_errors=True)
        raise


def bulk_of(context: Context) -> Bulk:
    """The runs, and the queue that they go through."""
    if context.queue is None:
        raise QueueUnavailable(
            "The service was started without a queue, which bulk work needs. Its admin sets"
            " ROLLCALL_REDIS_URL, or installs redis-server, and starts it again."
        )
    return Bulk(context.catalogue.runs, context.queue)


async def unpacked(context: Context, archive: UploadFile, passed: PassedOver) -> Path:
    """Unpack an archive into a folder of its own under the home folder; count what is no photo."""
    settings = context.settings

    def write(folder: Path) -> None:
        unpack(
            archive.file,
            folder,
            max_bytes=settings.max_archive_bytes,
            max_photo_bytes=settings.max_photo_bytes,
            timeout_s=settings.request_timeout_s,
            passed=passed,
        )

    return await _filled(context, write)


async def uploaded(context: Context, file: UploadFile, name: str) -> Path:
    """Write an upload into a folder of its own under the home folder, for a worker to read."""

    def write(folder: Path) -> None:
        make_folder(folder)
        with open_bytes(folder / name) as copy:
            shutil.copyfileobj(file.file, copy)

    return await _filled(context, write)


async def _filled(context: Context, write: Callable[[Path], None]) -> Path:
    """A new folder for an upload, as it was written; nothing of it stays where that failed."""
    folder = uploads_below(context.settings.home) / uuid4().hex
    given_up = threading.Event()

    def work() -> None:
        write(folder)
        if given_up.is_set():
            shutil.rmtree(folder, ignore_errors=True)

    try:
        await context.unpackers.run(work)
    except BaseException:
        given_up.set()
        await run_in_threadpool(shutil.rmtree, folder, ignore_errors=True)
        raise
    return folder


def _allowed(context: Context, folder: str) -> tuple[Path, Path]:
    """The folder that is meant, and the one on the allow-list that it must not lead out of."""
    try:
        place = Path(folder).resolve()
        known = place.is_dir()
    except (OSError, ValueError):  # ValueError: a zero byte
        raise SettingInvalid(f"{folder!r} is no path.") from None
    allowed = [each.resolve() for each in context.settings.ingest_folders]
    within = next((each for each in allowed if place.is_relative_to(each)), None)
    if within is None:
        raise NotAllowed(
            f"The service may not read {folder!r}. Its admin lists folders that it may read in"
            " ROLLCALL_INGEST_FOLDERS."
        )
    if not known:
        raise NotFound(f"There is no folder {folder!r} on the server.")
    return place, within


def _fill(bulk: Bulk, run: Run, photos: Iterator[ListedPhoto], passed: PassedOver) -> None:
    """List and queue the photos; may wait for a long time while the queue is full."""
    try:
        for _ in bulk.fill(run, photos, passed.document):
            pass
    except RollcallError as error:
        logger.warning("Run %s is not wholly listed: %s Start it again.", run.id, error)


def _people_below(
    place: Path, nested: bool | None, passed: PassedOver, *, relative: bool = False
) -> Iterator[ListedPhoto]:
    """What a folder of people holds; relative to it where nobody is to learn where it lies."""
    try:
        yield from _no_links(
            place, listed_folder(place, nested=nested, passed=passed), passed, relative=relative
        )
    except FoldersUnclear as error:
        raise FoldersUnclear(
            f"{error} Say nested=true if the inner ones are, nested=false if the outer ones are."
        ) from error


def any_photos_below(
    place: Path, passed: PassedOver, *, relative: bool = False
) -> Iterator[ListedPhoto]:
    """All photos and videos of a folder, whosever they are; relative as of people's."""
    found = (
        ListedPhoto(str(each))
        for each in photos_below(place, recursive=True, passed=passed, videos=True)
    )
    return _no_links(place, found, passed, relative=relative)


def _no_links(
    place: Path, photos: Iterable[ListedPhoto], passed: PassedOver, *, relative: bool
) -> Iterator[ListedPhoto]:
    """What links lead to is passed over, not even named: it may lie where nobody may look."""
    for photo in photos:
        path = Path(photo.path)
        if os.path.realpath(path) != str(path):
            passed.files["link"] += 1
            continue
        yield replace(photo, path=str(path.relative_to(place) if relative else path))


@routes.get("/runs/{run_id}", response_model=RunDocument, openapi_extra=VIEWER)
def show_run(context: InContext, name: CollectionName, run_id: RunId) -> Any:
    """Show how far a run is."""
    runs = context.catalogue.runs
    return run_document(runs, own_run(runs, name, run_id))


def own_run(runs: Runs, collection: str, run_id: str) -> Run:
    """A run of a collection; NotFound where it is another one's."""
    run = runs.run(run_id)
    if run.collection != collection:
        raise NotFound(f"There is no run {run_id!r} in the collection {collection!r}.")
    return run


@routes.get("/runs/{run_id}/answers", response_model=AnswersPage, openapi_extra=VIEWER)
def list_answers(
    context: InContext,
    name: CollectionName,
    run_id: RunId,
    after: Annotated[int, Query(ge=0, le=2**62, description="`next` of the page before.")] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Any:
    """List what a run that identifies has found so far, in the order of the source.

    Answers are kept for as long as uploads (ROLLCALL_UPLOAD_DAYS) after the run has ended.
    """
    runs = context.catalogue.runs
    found = runs.answers(own_run(runs, name, run_id).id, after, limit)
    return {
        "photos": [answer for _, answer in found],
        "next": found[-1][0] if len(found) == limit else None,
    }


@routes.post("/runs/{run_id}/cancel", response_model=RunDocument, openapi_extra=OPERATOR)
def cancel_run(context: InContext, caller: By, name: CollectionName, run_id: RunId) -> Any:
    """Stop a run: batches in hand are finished, all others are left alone."""
    bulk = bulk_of(context)
    own = own_run(bulk.runs, name, run_id)
    with _audited(context, caller, "cancel-run", name, own):
        run = bulk.cancel(own.id)
    return run_document(bulk.runs, run)


@routes.post("/runs/{run_id}/retry", response_model=RunDocument, openapi_extra=OPERATOR)
def retry_run(context: InContext, caller: By, name: CollectionName, run_id: RunId) -> Any:
    """Let a run that was stopped, or has failed photos, go on; what is done stays done."""
    bulk = bulk_of(context)
    own = own_run(bulk.runs, name, run_id)
    with _audited(context, caller, "retry-run", name, own):
        run = bulk.go_on(own.id)
    return run_document(bulk.runs, run)


@routes.get(
    "/runs/{run_id}/events",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"text/event-stream": {}}, "description": "RunDocument, as it changes."}
    },
    openapi_extra=VIEWER,
)
async def follow_run(
    context: InContext, caller: By, name: CollectionName, run_id: RunId
) -> StreamingResponse:
    """Follow a run by server-sent events: one whenever it has changed, until it has ended.

    A stream ends after a quarter of an hour, and soon after its key was revoked.
    """
    runs = context.catalogue.runs
    run = await run_in_threadpool(own_run, runs, name, run_id)
    streams = context.streams
    events = changes(
        lambda: streams.look(run.id, lambda: {**run_document(runs, runs.run(run.id))}),
        lambda document: document["state"] != RunState.WORKING,
        lambda: context.access.is_still(caller),
    )
    return EventStream(events, streams.open(caller.handle or caller.name))


def _audited(
    context: Context, caller: By, action: str, collection: str, own: Run | None = None
) -> AbstractContextManager[None]:
    """Audits what becomes of a run: the given one, or the one that is begun."""

    def told(edit: Any) -> dict[str, Any]:
        run: Run = own or edit
        return {"run": run.id, "kind": run.kind, "source": run.source}

    return audited(context.catalogue, caller, action, collection, told)
