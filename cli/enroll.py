"""`enroll`: photos of people into the gallery."""

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cli.enrol_files import EnrolFiles, is_archive, unpacked
from cli.enrol_group import enrol_group
from cli.enrol_options import (
    Asked,
    FaceBox,
    FaceNumbers,
    Manifest,
    Nested,
    Number,
    Out,
    Paths,
    PersonName,
    Rejects,
    Replacing,
    SamePerson,
    Tags,
    Wait,
    WebhookUrl,
)
from cli.enrol_source import Source, people_list
from cli.enrol_tags import enrol_tagged
from cli.enrolling import enrol_items, show_report
from cli.new_collection import may_be_made
from cli.options import DryRun, ListColumns, Queue, Run, Yes, command, tell_passed
from cli.queued import check_webhook, options, queued, report, watch
from retrieval.collection.enrolments import EnrolReport, EnrolResult, box_of
from retrieval.errors import DataInvalid, NotFound, SettingInvalid
from retrieval.photos.folders import PassedOver
from retrieval.photos.urls import absolute, location_of
from retrieval.values import counted

if TYPE_CHECKING:
    from retrieval.catalogue.records import EnrolledFace
    from retrieval.catalogue.runs.run_records import ListedPhoto
    from retrieval.service import Service


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    command(app)(enroll)


def enroll(
    run: Run,
    paths: Paths = None,
    person: PersonName = None,
    number: Number = None,
    same_person: SamePerson = False,
    face: FaceNumbers = None,
    box: FaceBox = None,
    nested: Nested = None,
    tags: Tags = False,
    manifest: Manifest = None,
    columns: ListColumns = None,
    replacing: Replacing = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    queue: Queue = False,
    wait: Wait = False,
    rejects: Rejects = None,
    out: Out = None,
    webhook: WebhookUrl = None,
) -> None:
    """Enrol photos: one folder per person, loose photos of one person, or a list.

    Photos that are enrolled already are left as they are, so a run that was stopped is simply
    started again.
    """
    asked = Asked(
        paths or [], person, number, same_person, face or [], box, nested, tags, manifest, columns,
        replacing, yes, dry_run, queue, wait, rejects, out, webhook,
    )  # fmt: skip
    alone, named = asked.checked()
    if dry_run or may_be_made(run, yes=yes):
        _enrol(run, asked, alone, named)


def _enrol(run: Run, asked: Asked, alone: int | None, named: dict[int, str]) -> None:
    """What the options say, once they are known to agree.

    Args:
        run: the command.
        asked: the options.
        alone, named: the face that is meant, or whose each is; see `parse_faces`.
    """
    files = EnrolFiles(asked.out, asked.rejects)
    places = [absolute(location_of(path)) for path in asked.paths]
    same = asked.same_person
    if named:
        enrol_group(run, places[0], named, files, same_person=same)
        return
    if asked.tags:
        enrol_tagged(run, places, files, dry_run=asked.dry_run, yes=asked.yes, same_person=same)
        return
    listing = None if asked.manifest is None else people_list(run, asked.manifest, asked.columns)
    source = Source(
        places, asked.person, asked.number, listing, asked.nested, asked.replacing, same
    )
    if any(map(is_archive, places)) and (asked.queue or asked.dry_run):
        raise SettingInvalid(
            "An archive is enrolled at once: leave out --queue and --dry-run, or unpack it first."
        )
    with unpacked(run, places, source.passed) as source.unpacked:
        photos = source.photos(run)
        if asked.dry_run:
            _preview(run, photos, source.passed)
        elif asked.queue:
            chosen = options(
                face=alone,
                person=source.person,
                webhook=asked.webhook,
                same_person=same or None,
            )
            _enrol_queued(run, photos, source, chosen, wait=asked.wait, rejects=files.rejects)
        else:
            _enrol_here(run, photos, source, files, alone, asked.box)


def _none_found(passed: PassedOver) -> DataInvalid:
    found = f" ({passed})" if passed else ""
    return DataInvalid(
        f"No photos found{found}. Expected PATH/<person>/*.jpg, photos with --person NAME, or a"
        " list with rows."
    )


def _enrol_here(
    run: Run,
    listed: "Iterable[ListedPhoto]",
    source: Source,
    files: EnrolFiles,
    face: int | None,
    box: str | None,
) -> None:
    photos, passed = list(listed), source.passed
    if not photos:
        raise _none_found(passed)
    given = None if box is None else box_of(box)
    if given is not None and len(photos) != 1:
        raise SettingInvalid(f"--box is of one photo; {len(photos)} were named.")
    from retrieval.people.intake import items_of

    report = EnrolReport(passed_over=passed)
    items = items_of(photos, report, face=face, box=given, same_person=source.same_person)
    items = [replace(item, photo=source.named(item.photo)) for item in items]
    report.rejected = [replace(each, photo=source.named(each.photo)) for each in report.rejected]
    results = list(report.rejected)
    extra: dict[str, Any] = {}
    with run.service() as service:
        before = _enrolled(service)
        results += enrol_items(run, service, items, report)
        if report.enrolled:
            extra = _replace(run, service, before, results, source.replacing)
            service.keep_up(run.remark)
        state = service.state()
    files.write(run, results, passed)
    run.rejected = run.rejected or bool(report.rejected)
    run.emit(
        {**report.document(), **extra, **state.document()},
        lambda: show_report(run, report),
    )
    tell_passed(run, passed)


def _enrolled(service: "Service") -> "list[EnrolledFace]":
    try:
        return service.catalogue.photos(service.collection.id)
    except NotFound:  # it is made with the first photo
        return []


def _replace(
    run: Run,
    service: "Service",
    before: "list[EnrolledFace]",
    results: "Sequence[EnrolResult]",
    replacing: bool | None,
) -> dict[str, Any]:
    """Remove photos whose files hold another picture by now, where that is wanted."""
    from retrieval.people.changed_photos import outdated

    old = outdated(before, results, run.settings.max_photo_bytes)
    for face in old:
        run.remark(f"{face.photo} of {face.called} is another picture than was enrolled from it")
    if old and replacing is None:
        if sys.stdin.isatty() and not run.json:
            replacing = typer.confirm(f"Remove the {len(old)} older photos?", err=True)
        else:
            run.remark("Both are enrolled now; --replace removes the older ones.")
    if old and replacing:
        for face in old:
            service.remove_photo(face)
        run.remark(f"removed {len(old)} older photos")
    told = [{"person": face.person, "photo": face.photo, "face_id": face.id} for face in old]
    return {"replaced" if replacing else "outdated": told}


def _enrol_queued(
    run: Run,
    photos: "Iterable[ListedPhoto]",
    source: Source,
    chosen: dict[str, Any],
    *,
    wait: bool,
    rejects: Path | None,
) -> None:
    if "webhook" in chosen:
        check_webhook(run, chosen["webhook"])
    remaining = iter(photos)
    first = next(remaining, None)
    if first is None:
        raise _none_found(source.passed)
    with queued(run) as opened:
        bulk_run = opened.bulk.begin("enrol", run.settings.collection, str(source), chosen)
        run.remark(f"run {bulk_run.id[:8]}")
        steps = opened.bulk.fill(bulk_run, chain([first], remaining), source.passed.document)
        if wait:
            steps = chain(steps, opened.bulk.follow(bulk_run.id))
        watch(run, opened, bulk_run, "enrolling" if wait else "queueing", steps)
        if wait:
            with run.service() as service, suppress(NotFound):  # nobody could be enrolled
                service.keep_up(run.remark)
        report(run, opened, bulk_run, rejects, {"passed_over": source.passed.document()})
    tell_passed(run, source.passed)


def _preview(run: Run, photos: "Iterable[ListedPhoto]", passed: PassedOver) -> None:
    from retrieval.building import open_catalogue
    from retrieval.people.intake import prospects

    counts: Counter[str] = Counter()
    rejected = []
    with open_catalogue(run.settings) as catalogue:
        limit = run.settings.max_photo_bytes
        for found in prospects(catalogue, run.settings.collection, photos, limit):
            counts[found.outcome] += 1
            if found.outcome == "rejected":
                rejected.append(found)
    run.rejected = run.rejected or bool(rejected)
    document = {
        "new": counts["new"],
        "known": counts["known"],
        "rejected": [
            {
                "person": found.photo.person,
                "photo": found.photo.path,
                "reason": found.code,
                "message": found.message,
            }
            for found in rejected
        ],
        "passed_over": passed.document(),
    }

    def show() -> None:
        rows = [(f.photo.path, f.photo.person, f.code, f.message) for f in rejected]
        if rows:
            run.table(("photo", "person", "reason", "what to do"), rows, title="Would not be taken")
        run.print(
            f"Would enrol {counted(counts['new'], 'photo')} if each shows a face;"
            f" {counts['known']} known before; {len(rejected)} would not be taken."
        )

    run.emit(document, show)
    tell_passed(run, passed)
