"""`health`: photos under the wrong name, look-alikes, copies, thin enrolments."""

from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.bench_report import Out
from cli.options import Run, command, tell_undo
from retrieval.errors import SettingInvalid
from retrieval.values import counted

if TYPE_CHECKING:
    from retrieval.benchmarks.report import Table
    from retrieval.catalogue.documents import EnrolledPhoto
    from retrieval.service import Service
    from retrieval.upkeep.findings import FindingDone
    from retrieval.upkeep.health import Health
    from retrieval.values import Pixels


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    command(app)(health)


class Action(StrEnum):
    """What is done about findings."""

    ACCEPT = "accept"
    DISMISS = "dismiss"


def health(
    run: Run,
    action: Annotated[
        Action | None,
        typer.Argument(
            metavar="[accept|dismiss]",
            help="Do what findings propose, or never propose them again; `people undo` takes back"
            " either. Without it: list what is found.",
            show_default=False,
        ),
    ] = None,
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID...]", help="Of the findings.", show_default=False),
    ] = None,
    every: Annotated[
        bool,
        typer.Option(
            "--all",
            help="With accept: all findings that are plain and can be undone.",
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With accept: do not ask.")] = False,
    groups: Annotated[
        Path | None,
        typer.Option(
            "--groups",
            metavar="FILE",
            help="CSV or XLSX of person (or employee number) and group: compare error rates too.",
        ),
    ] = None,
    out: Out = None,
) -> None:
    """Find photos under the wrong name, people under two names, copies and thin enrolments.

    Each finding has an id, by which it is accepted or dismissed.
    """
    if action is not None:
        _act(run, action, ids or [], every=every, yes=yes)
        return
    from retrieval.photos.group_list import read_groups
    from retrieval.upkeep.fairness import fairness_of
    from retrieval.upkeep.health import examine_collection

    listed = None if groups is None else read_groups(groups)
    with run.service() as service:
        found = examine_collection(service)
        document: dict[str, Any] = {**asdict(found), "collection": service.collection.name}
        if listed is not None:
            document["groups"] = asdict(fairness_of(service, listed))
        if out is not None:
            document["files"] = _write(run, service, found, out, document)
    run.emit(document, lambda: _show(run, found, document))


def _act(run: Run, action: Action, ids: Sequence[str], *, every: bool, yes: bool) -> None:
    """Accept or dismiss findings."""
    from retrieval.upkeep.findings import FindingDone, accept, chosen, dismiss
    from retrieval.upkeep.health import examine_collection

    with run.service() as service:
        if action is Action.DISMISS:
            if every or not ids:
                raise SettingInvalid("Name findings that are none; `rollcall health` lists them.")
            meant = chosen(examine_collection(service).findings, ids)
            entries = zip(meant, dismiss(service, meant), strict=True)
            done = [FindingDone.of(each, entry) for each, entry in entries]
            run.emit({"dismissed": done}, lambda: _say_done(run, done))
            return
        if every == bool(ids):
            raise SettingInvalid("Name findings, or --all; `rollcall health` lists them.")
        found = examine_collection(service).findings
        plain = (each for each in found if each.accepting and not (each.final or each.doubtful))
        wanted = list(plain) if every else chosen(found, ids)
        for each in wanted:
            run.remark(f"{each.id}: {each.what}: {each.accepting or 'decide by hand'}")
        final = any(each.final for each in wanted)
        warning = " Removed photos cannot be brought back." if final else ""
        question = f"Accept {len(wanted)}?{warning}"
        if wanted and not run.confirm(question, yes):
            run.emit({"accepted": []}, lambda: None)
            return
        done = accept(service, wanted)
    run.emit({"accepted": done}, lambda: _say_done(run, done))


def _say_done(run: Run, done: "Sequence[FindingDone]") -> None:
    for each in done:
        for entry in each.entries:
            tell_undo(run, entry["entry"], entry["summary"])
        if each.removed:
            run.print(f"Removed {counted(len(each.removed), 'photo')} for good.")
    if not done:
        run.print("There is nothing to accept.")


def _write(
    run: Run, service: "Service", found: "Health", out: Any, document: dict[str, Any]
) -> list[str]:
    import numpy as np
    from PIL import Image

    from retrieval.api.pictures import Pictures
    from retrieval.benchmarks.group_rates import ABOUT_GROUPS
    from retrieval.benchmarks.quality_report import health_report
    from retrieval.errors import RollcallError

    pictures = Pictures(run.settings)

    def crop(photo: "EnrolledPhoto") -> "Pixels | None":
        face = service.catalogue.faces([photo.face_id]).get(photo.face_id)
        try:
            picture = None if face is None else Image.open(BytesIO(pictures.cut(service, face)))
        except RollcallError:
            return None
        if picture is None:
            return None
        return np.asarray(picture.convert("RGB"))

    report = health_report(found, service.collection.name, crop)
    if "groups" in document:
        report.heading("Groups of people").text(ABOUT_GROUPS).table(_groups(document["groups"]))
    return [str(path) for path in report.write_folder(out, "health", document)]


def _groups(rates: dict[str, Any]) -> "Table":
    from retrieval.benchmarks.group_rates import groups_table

    judged = f"{rates['column']}, at the threshold {rates['threshold']:.3f} ({rates['source']}). "
    return groups_table(rates, judged)


def _show(run: Run, found: "Health", document: dict[str, Any]) -> None:
    from retrieval.benchmarks.quality_report import health_tables

    for table in health_tables(found):
        run.table(table.columns, table.cells(), title=table.caption)
        if table.caption == "Findings":
            run.print("`rollcall health accept ID` does that, `dismiss ID` never shows it again.")
        run.print()
    if found.sound:
        run.print(
            f"Nothing found in {counted(found.faces, 'photo')} of"
            f" {counted(found.people, 'person', 'people')}."
        )
    if "groups" in document:
        from retrieval.benchmarks.group_rates import ABOUT_GROUPS

        table = _groups(document["groups"])
        run.table(table.columns, table.cells(), title=table.caption)
        run.print(ABOUT_GROUPS)
        if document["groups"]["ungrouped"]:
            run.print(f"In no group: {document['groups']['ungrouped']} people.")
        run.print()
    for what in found.not_compared:
        run.print(f"Not compared: {what}.", markup=False)
    for path in document.get("files", []):
        run.print(f"wrote {path}", markup=False)
