"""`enroll`: photos of people into the gallery."""

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.enrol_files import EnrolFiles, is_archive, unpacked
from cli.enrol_group import enrol_group, parse_faces
from cli.enrol_source import Source, people_list
from cli.enrol_tags import enrol_tagged
from cli.enrolling import enrol_items, show_report
from cli.new_collection import may_be_made
from cli.options import ListColumns, Queue, Run, Writes, command, tell_passed
from cli.queued import check_webhook, options, queued, report, watch
from retrieval.collection.enrolments import EnrolReport, EnrolResult, box_of
from retrieval.errors import DataInvalid, NotFound, SettingInvalid
from retrieval.files.tables import check_table
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
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH...",
            help="Folders with one folder per person, or ZIP and tar files of such; with --person,"
            " photos of that person. A path or a URL (s3://bucket/people).",
        ),
    ] = None,
    person: Annotated[
        str | None, typer.Option("--person", metavar="NAME", help="Whom loose photos show.")
    ] = None,
    number: Annotated[
        str | None,
        typer.Option("--number", metavar="NUMBER", help="With --person: the employee number."),
    ] = None,
    same_person: Annotated[
        bool,
        typer.Option(
            "--same-person",
            help="Photos under a name that is enrolled are of that person, also where they look"
            " otherwise; else that is asked.",
        ),
    ] = False,
    face: Annotated[
        list[str] | None,
        typer.Option(
            "--face",
            metavar="N[=NAME]",
            help="Number of the face that is meant, as in identify; of a photo of several people,"
            " once for each: --face 2=Ann --face 3=Bob.",
        ),
    ] = None,
    box: Annotated[
        str | None,
        typer.Option(
            "--box",
            metavar="X,Y,W,H",
            help="Where the face of one photo is, if it is not found by itself: left, top, width,"
            " height in pixels.",
        ),
    ] = None,
    nested: Annotated[
        bool | None,
        typer.Option(
            "--nested/--no-nested",
            help="Whether people's folders lie below others (departments). Recognised where the"
            " folders tell, asked where they do not.",
            show_default=False,
        ),
    ] = None,
    tags: Annotated[
        bool,
        typer.Option(
            "--tags",
            help="Take the names that photo programs wrote into photos (XMP regions, sidecars).",
        ),
    ] = False,
    manifest: Annotated[
        str | None,
        typer.Option(
            "--manifest",
            metavar="FILE",
            help="A list, CSV or XLSX: person, external_id, photo, face; paths from the list, or"
            " URLs.",
        ),
    ] = None,
    columns: ListColumns = None,
    replacing: Annotated[
        bool | None,
        typer.Option(
            "--replace/--no-replace",
            help="Whether a file that holds another picture by now replaces the photo that came of"
            " it; asked where nobody said.",
            show_default=False,
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done; do nothing.")
    ] = False,
    queue: Queue = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="With --queue: show the progress to its end.")
    ] = False,
    rejects: Annotated[
        Path | None,
        typer.Option(
            "--rejects",
            metavar="FILE",
            help="Write what was not taken, with the reasons: .csv, .xlsx, .jsonl or .parquet.",
        ),
        Writes.FILE,
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="Write a row per photo, what became of it: .csv, .xlsx, .jsonl or .parquet.",
        ),
        Writes.FILE,
    ] = None,
    webhook: Annotated[
        str | None,
        typer.Option("--webhook", metavar="URL", help="Called, signed, when the run has ended."),
    ] = None,
) -> None:
    """Enrol photos: one folder per person, loose photos of one person, or a list.

    Photos that are enrolled already are left as they are, so a run that was stopped is simply
    started again.
    """
    if manifest is None and not paths:
        raise SettingInvalid("Give folders with photos, --manifest FILE, or both.")
    if columns is not None and manifest is None:
        raise SettingInvalid("--columns belongs to --manifest.")
    if not queue and (wait or webhook):
        raise SettingInvalid("--wait and --webhook belong to --queue.")
    if dry_run and (out or rejects):
        raise SettingInvalid("--dry-run takes nothing, so that --out and --rejects have no rows.")
    if queue and out:
        raise SettingInvalid("--out does not go with --queue; --rejects does.")
    for file in filter(None, (out, rejects)):
        check_table(file)
    alone, named = parse_faces(face or [])
    if number is not None and person is None:
        raise SettingInvalid("--number belongs to --person; a list has a column for numbers.")
    if named and (person or manifest or len(paths or []) != 1 or queue or dry_run or box):
        raise SettingInvalid(
            "--face N=NAME takes one photo, and no other way to say whom it shows."
        )
    if not dry_run and not may_be_made(run, yes=yes):
        return
    if named:
        files = EnrolFiles(out, rejects)
        enrol_group(
            run, absolute(location_of((paths or [""])[0])), named, files, same_person=same_person
        )
        return
    if tags and (person or manifest or queue or box or face or not paths):
        raise SettingInvalid("--tags takes photos and folders, and no other way to name people.")
    if tags:
        places = [absolute(location_of(path)) for path in paths or []]
        files = EnrolFiles(out, rejects)
        enrol_tagged(run, places, files, dry_run=dry_run, yes=yes, same_person=same_person)
        return
    if box is not None and (person is None or len(paths or []) != 1 or queue or face):
        raise SettingInvalid("--box takes one photo with --person, and neither --face nor --queue.")
    places = [absolute(location_of(path)) for path in paths or []]
    listing = None if manifest is None else people_list(run, manifest, columns)
    source = Source(places, person, number, listing, nested, replacing, same_person)
    files = EnrolFiles(out, rejects)
    if any(map(is_archive, places)) and (queue or dry_run):
        raise SettingInvalid(
            "An archive is enrolled at once: leave out --queue and --dry-run, or unpack it first."
        )
    with unpacked(run, places, source.passed) as source.unpacked:
        _enrol(
            run, source, files, face=alone, box=box, queue=queue, wait=wait, webhook=webhook,
            dry_run=dry_run,
        )  # fmt: skip


def _enrol(
    run: Run,
    source: Source,
    files: EnrolFiles,
    *,
    face: int | None,
    box: str | None,
    queue: bool,
    wait: bool,
    webhook: str | None,
    dry_run: bool,
) -> None:
    """What the options say, once they are known to agree."""
    photos = source.photos(run)
    if dry_run:
        _preview(run, photos, source.passed)
    elif queue:
        chosen = options(
            face=face,
            person=source.person,
            webhook=webhook,
            same_person=source.same_person or None,
        )
        _enrol_queued(run, photos, source, chosen, wait=wait, rejects=files.rejects)
    else:
        _enrol_here(run, photos, source, files, face, box)


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
            service.gallery.keep_up(run.remark)
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
                service.gallery.keep_up(run.remark)
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
