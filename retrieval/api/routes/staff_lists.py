"""/v1/staff-lists: a staff list with photos, shown as it was understood, then applied."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from fastapi import File, UploadFile
from fastapi import Path as InPath
from starlette.concurrency import run_in_threadpool

from retrieval.api.auditing import audited, edited, entry_of
from retrieval.api.bodies import ApplyList
from retrieval.api.context import Context
from retrieval.api.routes.people import erased_of
from retrieval.api.routes.runs import NewRun, begun, unpacked, uploaded
from retrieval.api.routing import OPERATOR, By, CollectionName, InContext, Once, router
from retrieval.api.uploads import client_name
from retrieval.catalogue.http.api_keys import Role
from retrieval.catalogue.records import Erased, JournalEntry, Person
from retrieval.collection.run_files import note_list, noted_list, taking_list, uploads_below
from retrieval.errors import (
    AlreadyExists,
    DataInvalid,
    FoldersUnclear,
    NotAllowed,
    NotFound,
    SettingInvalid,
)
from retrieval.files.private import open_bytes
from retrieval.people import deletions, sync
from retrieval.people.documents import LeaverDeleted, ListApplied, ListPreview
from retrieval.people.uploaded_list import Preview, UploadedList, enrol, photos_of, preview
from retrieval.photos.folders import PassedOver
from retrieval.photos.people_list import is_list
from retrieval.service import Service

routes = router("people")

MOST_WITHOUT_QUEUE = 200  # photos that are enrolled within a request
_LONGEST_NAME = 200  # bytes of the list's, which is a file of this name here too
_GONE = (
    "This list is not there any more: it was applied, or somebody was deleted since. Send it again."
)

ListId = Annotated[str, InPath(pattern="^[0-9a-f]{32}$", description="As the preview names it.")]


@dataclass(frozen=True, slots=True)
class _Kept:
    """A list that was uploaded."""

    id: str
    staff: UploadedList


@routes.post(
    "/staff-lists",
    response_model=ListPreview,
    status_code=201,
    openapi_extra=OPERATOR,
    dependencies=[Once],
)
async def preview_list(
    context: InContext,
    name: CollectionName,
    file: Annotated[UploadFile, File(description="The staff list: CSV or XLSX.")],
    photos: Annotated[
        UploadFile | None,
        File(description="A ZIP: a folder per person, by name or number, or what the list names."),
    ] = None,
) -> Any:
    """Say what a staff list was understood as and would change; nothing is changed."""
    filename = client_name(file)
    if not is_list(Path(filename)):
        raise SettingInvalid(
            f"{filename or 'The file'} is no list. Send .csv, .tsv, .txt or .xlsx."
        )
    if len(filename.encode(errors="replace")) > _LONGEST_NAME:
        raise SettingInvalid("The list's file name is too long. Give it a shorter one.")
    folder = await _folder(context, file, filename, photos)

    def work() -> ListPreview:
        note_list(folder, name, filename)
        with _without_folder(folder), context.services.made(name) as service:
            kept = _kept(context, name, folder.name)
            return _shown(kept, preview(service, kept.staff, context.settings.max_photo_bytes))

    try:
        return await context.pool.run(work)
    except BaseException:
        await run_in_threadpool(shutil.rmtree, folder, ignore_errors=True)
        raise


@routes.post(
    "/staff-lists/{list_id}/apply",
    response_model=ListApplied,
    openapi_extra=OPERATOR,
    dependencies=[Once],
)
async def apply_list(
    context: InContext, caller: By, name: CollectionName, list_id: ListId, apply: ApplyList
) -> Any:
    """Do what a preview showed: leavers only if asked, then names and numbers, then photos.

    Refused where the list would change something else by now.
    """

    def work() -> tuple[ListApplied, Preview, _Kept]:
        kept = _kept(context, name, list_id)
        with _taken(kept), context.services.made(name) as service:
            seen = preview(service, kept.staff, context.settings.max_photo_bytes)
            if seen.digest != apply.digest:
                raise AlreadyExists(
                    "People were changed meanwhile, so the list would do something else now."
                    " Nothing was changed; look at its preview again."
                )
            _check(context, caller, seen, apply)
            done = _edited(context, caller, service, seen, leavers=apply.leavers is not None)
            photos = photos_of(seen.plan, kept.staff.folder)
            if context.queue is None and photos:
                report = enrol(service, photos, kept.staff.folder)
                told = {"list": kept.staff.name, "enrolled": report.enrolled}
                context.catalogue.audit.record([entry_of(caller, "apply-list", name, answer=told)])
                done["report"] = report.document()
            return done, seen, kept

    done, seen, kept = await context.pool.run_to_the_end(work)
    photos = photos_of(seen.plan, kept.staff.folder)
    if context.queue is not None and photos:
        folder = str(kept.staff.folder)
        options = {"base": folder, "within": folder}
        new = NewRun("enrol", name, kept.staff.name, options, iter(photos), PassedOver(), None)
        told = {"kind": "enrol", "source": kept.staff.name}
        with_entry = audited(context.catalogue, caller, "start-run", name, lambda run: told)
        done["run"] = (await begun(context, new, with_entry))["run"]
        await run_in_threadpool(
            os.unlink, kept.staff.folder / kept.staff.name
        )  # the run reads photos alone
    else:
        await run_in_threadpool(shutil.rmtree, kept.staff.folder, ignore_errors=True)
    return done


async def _folder(
    context: Context, file: UploadFile, filename: str, photos: UploadFile | None
) -> Path:
    """A folder of uploads with the photos and, among them, the list."""
    if photos is None or not photos.filename:
        return await uploaded(context, file, filename)
    folder = await unpacked(context, photos, PassedOver())

    def add() -> Path:
        try:
            if (folder / filename).exists():
                raise DataInvalid(
                    f"The ZIP holds {filename}, as the list is called. Rename one of them."
                )
            with open_bytes(folder / filename) as copy:  # of a ZIP photos alone are unpacked
                shutil.copyfileobj(file.file, copy)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return folder

    return await run_in_threadpool(add)


def _kept(context: Context, name: str, list_id: str) -> _Kept:
    """A list that was uploaded for this collection."""
    folder = uploads_below(context.settings.home) / list_id
    path = noted_list(folder, name)
    if path is None:
        raise NotFound(_GONE)
    return _Kept(list_id, UploadedList(path))


@contextmanager
def _taken(kept: _Kept) -> Iterator[None]:
    """Let a list be applied once."""
    with ExitStack() as stack:
        try:
            stack.enter_context(taking_list(kept.staff.folder))
        except FileNotFoundError:
            raise NotFound(_GONE) from None
        yield


@contextmanager
def _without_folder(folder: Path) -> Iterator[None]:
    """Errors about a list, without the folder of the server in which it lies."""
    try:
        yield
    except (DataInvalid, FoldersUnclear) as error:
        told = str(error).replace(f"{folder}/", "").replace(str(folder), "the ZIP")
        raise type(error)(told) from error


def _shown(kept: _Kept, seen: Preview) -> ListPreview:
    return {
        "id": kept.id,
        "digest": seen.digest,
        "changes": seen.plan.changes,
        "photos": len(seen.plan.photos),
        **seen.document,
    }


def _check(context: Context, caller: By, seen: Preview, apply: ApplyList) -> None:
    """Refuse what the caller may not do, or did not see, before anything is done."""
    if apply.leavers is not None:
        if not caller.role.covers(Role.HR):
            raise NotAllowed("Whoever deletes people needs the role HR. Leave those who left.")
        if apply.leavers != len(seen.plan.leavers):
            raise SettingInvalid(
                f"{len(seen.plan.leavers)} people are not in the list; {apply.leavers} were to be"
                " deleted. Nothing was changed; look at the preview again."
            )
    if context.queue is None and len(seen.plan.photos) > MOST_WITHOUT_QUEUE:
        raise SettingInvalid(
            f"The list has {len(seen.plan.photos)} photos; without a queue at most"
            f" {MOST_WITHOUT_QUEUE} are taken at once. Send them in parts."
        )


def _edited(
    context: Context, caller: By, service: Service, seen: Preview, *, leavers: bool
) -> ListApplied:
    """Leavers first, so that their names and numbers are free; then names and numbers."""
    receipts: list[LeaverDeleted] = []
    if leavers and seen.plan.leavers:
        deletion = _gone(context, caller, service, seen.plan.leavers)
        receipts = [
            {"person_id": person_id, "receipt": receipt}
            for person_id, receipt in deletion.receipts.items()
        ]
    entries = []
    if seen.plan.renamings or seen.plan.numbered:
        with edited(service, caller, "apply-list", _edits):
            entries = sync.rename(service, seen.plan)
    return {
        "receipts": receipts,
        "edits": [{"entry": each.id, "summary": each.summary} for each in entries],
        "run": None,
        "report": None,
    }


def _gone(
    context: Context, caller: By, service: Service, leavers: Sequence[Person]
) -> deletions.Deletion:
    """Delete those who left; whom somebody else has deleted meanwhile is left out."""

    def told(person: Person, gone: Erased) -> dict[str, Any] | None:
        own = next((part for part in gone.parts if part.people == (person.id,)), None)
        return None if own is None else erased_of(person, own)

    def delete() -> deletions.Deletion:
        with ExitStack() as entries:
            for person in leavers:
                entries.enter_context(edited(service, caller, "delete", partial(told, person)))
            return deletions.delete_people(service, leavers, context.settings.home, or_gone=True)

    deletion = context.deletions.begin(service, delete)
    context.pictures.forget(deletion.faces, deletion.photos)
    return deletion


def _edits(entries: Sequence[JournalEntry]) -> dict[str, Any]:
    """What the audit log tells of edits: no names, since it outlives the people."""
    return {"edits": [entry.id for entry in entries]}
