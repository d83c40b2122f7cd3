"""`people sync`: the collection brought to the state of a staff list."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import DryRun, ListColumns, Run, Writes, Yes, tell_passed, tell_undo
from retrieval.errors import FoldersUnclear, SettingInvalid
from retrieval.values import counted

if TYPE_CHECKING:
    from retrieval.collection.enrolments import EnrolReport
    from retrieval.people.sync import Plan
    from retrieval.service import Service

_MANY_LEAVE = 10  # a sync that would delete more than one person in so many is asked about
_SHOWN = 20  # rows of a preview's table


StaffList = Annotated[
    str,
    typer.Argument(
        metavar="FILE", help="The staff list, CSV or XLSX: person, external_id, photo, face."
    ),
]
PhotoFolder = Annotated[
    str | None,
    typer.Option(
        "--photos",
        metavar="DIR",
        help="Folder with a folder per person, called by name or number, for people of whom"
        " the list names no photo.",
    ),
]
Nested = Annotated[
    bool | None,
    typer.Option(
        "--nested/--no-nested",
        help="Whether people's folders lie below others; recognised where the folders tell.",
        show_default=False,
    ),
]
Leavers = Annotated[
    int | None,
    typer.Option(
        "--leavers",
        metavar="N",
        min=1,
        help="With --yes: how many people leave, where they are more than a tenth.",
    ),
]
Vanished = Annotated[
    bool, typer.Option("--vanished", help="Remove photos that the list has no more.")
]
ReceiptFile = Annotated[
    Path | None,
    typer.Option(
        "--receipt", metavar="FILE", help="Write what was erased of the leavers, and the check."
    ),
    Writes.FILE,
]


def sync(
    run: Run,
    file: StaffList,
    photos: PhotoFolder = None,
    columns: ListColumns = None,
    nested: Nested = None,
    leavers: Leavers = None,
    vanished: Vanished = False,
    receipt: ReceiptFile = None,
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Bring the collection to the state of a staff list: joiners, leavers, new names, new photos.

    Who is in the list, by number or name, stays; everybody else leaves for good. Shows what it
    understood and would do, then asks.
    """
    # and what reads photos, which `people list` needs not
    from cli.enrol_source import people_list, say_which
    from retrieval.people import sync as syncing
    from retrieval.photos.urls import absolute, location_of

    listing = people_list(run, file, columns)
    folder = None if photos is None else absolute(location_of(photos))
    with run.service() as service:
        with run.progress("reading", None) as advance:
            limit = run.settings.max_photo_bytes
            try:
                plan = syncing.plan(
                    service, listing, folder=folder, nested=nested, max_bytes=limit, advance=advance
                )
            except FoldersUnclear as error:
                raise say_which(error) from error
        document: dict[str, Any] = {**plan.document()}
        _check_leavers(plan, leavers, yes=yes and not dry_run)
        if not run.json:
            _show_plan(run, plan, vanished=vanished)
        gone = plan.vanished if vanished else ()
        if dry_run or not (plan.changes or gone):
            run.rejected = bool(plan.rejected)
            run.emit(document, lambda: _nothing(run, plan, dry_run=dry_run))
            return
        if not run.confirm(_question(plan), yes):
            run.emit(document, lambda: None)
            return
        done, report = _apply(run, service, plan, receipt)
        for face in gone:
            syncing.remove(service, face)
    told = report.document()
    rejected = [*document["rejected"], *told["rejected"]]
    document = {**document, **done, **told, "rejected": rejected}
    run.rejected = run.rejected or bool(report.rejected or plan.rejected)
    run.emit(document, lambda: _show_done(run, plan, done, report))
    tell_passed(run, plan.passed)


def _question(plan: "Plan") -> str:
    leaving = len(plan.leavers)
    if not leaving:
        return "Do this?"
    return f"Do this, and delete {counted(leaving, 'person', 'people')} for good?"


def _check_leavers(plan: "Plan", leavers: int | None, *, yes: bool) -> None:
    """Refuse a sync without a question that would delete many: a short list is a likely mistake.

    Raises:
        SettingInvalid: nobody said how many leave, or another number.
    """
    leaving = len(plan.leavers)
    if not leaving:
        return
    many = leaving > plan.enrolled / _MANY_LEAVE
    if (leavers is not None and leavers != leaving) or (yes and many and leavers is None):
        raise SettingInvalid(
            f"{leaving} of {plan.enrolled} people are not in the list and would be deleted. If that"
            f" is right, say so with --leavers {leaving}."
        )


def _apply(
    run: Run, service: "Service", plan: "Plan", receipt: Path | None
) -> tuple[dict[str, Any], "EnrolReport"]:
    """Leavers first, so that their names and numbers are free; then names, then photos."""
    from retrieval.collection.enrolments import EnrolReport
    from retrieval.people import sync as syncing
    from retrieval.people.deletions import forget_with_receipt
    from retrieval.people.receipts import write_receipt

    done: dict[str, Any] = {}
    if plan.leavers:
        proof = forget_with_receipt(service, plan.leavers, run.settings.home, or_gone=True)
        done["receipt"] = proof
        done["erased"] = proof.summary
        run.rejected = not proof.clean
        if receipt is not None:
            write_receipt(proof, receipt)
            run.remark(f"receipt: {receipt}")
    service.ensure_collection()
    entries = syncing.rename(service, plan)
    done["edits"] = [{"entry": each.id, "summary": each.summary} for each in entries]
    report = EnrolReport(passed_over=plan.passed)
    with run.progress("enrolling", len(plan.photos)) as advance:
        for so_far in syncing.enrol(service, plan):
            report = so_far
            advance(enrolled=report.enrolled, rejected=len(report.rejected))
    if report.enrolled:
        service.keep_up(run.remark)
    return done, report


def _show_plan(run: Run, plan: "Plan", *, vanished: bool) -> None:
    run.print(f"{counted(plan.listed, 'person', 'people')} in the list, {plan.enrolled} enrolled.")
    _rows(run, "Joining", ("person", "photos"), [(j.called, j.photos) for j in plan.joiners])
    _rows(run, "Leaving", ("person", "photos"), [(p.called, p.faces) for p in plan.leavers])
    renamed = [(each.person.called, each.name) for each in plan.renamings]
    _rows(run, "Renamed", ("person", "now"), renamed)
    _rows(run, "Given a number", ("person", "number"), [(p.name, n) for p, n in plan.numbered])
    _rows(run, "New photos", ("person", "photos"), plan.new)
    changed = [(face.called, face.photo) for face in plan.replaced]
    _rows(run, "Photos that are another picture by now", ("person", "photo"), changed)
    gone = [(face.called, face.photo) for face in plan.vanished]
    title = "Photos that the list has no more" + ("" if vanished else " (--vanished removes them)")
    _rows(run, title, ("person", "photo"), gone)
    bad = [(each.photo.path, each.photo.person, each.code, each.message) for each in plan.rejected]
    _rows(run, "Cannot be used", ("photo", "person", "reason", "what to do"), bad)


def _rows(run: Run, title: str, columns: tuple[str, ...], rows: Any) -> None:
    if not rows:
        return
    run.print(f"{title}: {len(rows)}", markup=False)
    run.table(columns, [tuple(row) for row in rows[:_SHOWN]])
    if len(rows) > _SHOWN:
        run.print(f"... and {len(rows) - _SHOWN} more; --json lists all.")


def _nothing(run: Run, plan: "Plan", *, dry_run: bool) -> None:
    if not plan.changes:
        run.print("Nothing to do: the collection is as the list has it.")
    elif dry_run:
        run.print("Nothing was changed.")


def _show_done(run: Run, plan: "Plan", done: dict[str, Any], report: "EnrolReport") -> None:
    if plan.leavers:
        names = ", ".join(each.called for each in plan.leavers)
        run.print(f"Deleted for good: {names}: {done['erased']}.", markup=False)
    for edit in done["edits"]:
        tell_undo(run, edit["entry"], edit["summary"])
    from cli.enrolling import show_report

    show_report(run, report)
