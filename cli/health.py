"""`health`: photos under the wrong name, look-alikes, copies, thin enrolments."""

from collections.abc import Sequence
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
    from retrieval.catalogue.records import EnrolledFace, JournalEntry
    from retrieval.service import Service
    from retrieval.upkeep.findings import Accepted, Finding
    from retrieval.upkeep.trust import Health
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
    from retrieval.upkeep.findings import examine_open

    listed = None if groups is None else read_groups(groups)
    with run.service() as service:
        found, findings = examine_open(service)
        document: dict[str, Any] = {
            **found.document(),
            "findings": [each.document() for each in findings],
            "collection": service.collection.name,
        }
        if listed is not None:
            document["groups"] = fairness_of(service, listed).document()
        if out is not None:
            document["files"] = _write(run, service, found, out, document)
    run.emit(document, lambda: _show(run, found, document, findings))


def _act(run: Run, action: Action, ids: Sequence[str], *, every: bool, yes: bool) -> None:
    """Accept or dismiss findings."""
    from retrieval.upkeep.findings import accept, chosen, dismiss, open_findings

    with run.service() as service:
        if action is Action.DISMISS:
            if every or not ids:
                raise SettingInvalid("Name findings that are none; `rollcall health` lists them.")
            meant = chosen(open_findings(service), ids)
            entries = dismiss(service, meant)
            told: dict[str, Any] = {
                "dismissed": [each.id for each in meant],
                "entries": [e.id for e in entries],
            }
            run.emit(told, lambda: _say_entries(run, entries))
            return
        if every == bool(ids):
            raise SettingInvalid("Name findings, or --all; `rollcall health` lists them.")
        found = open_findings(service)
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
    run.emit({"accepted": [each.document() for each in done]}, lambda: _say_done(run, done))


def _say_done(run: Run, done: "Sequence[Accepted]") -> None:
    for each in done:
        _say_entries(run, each.entries)
        if each.removed:
            run.print(f"Removed {counted(len(each.removed), 'photo')} for good.")
    if not done:
        run.print("There is nothing to accept.")


def _say_entries(run: Run, entries: "Sequence[JournalEntry]") -> None:
    for entry in entries:
        tell_undo(run, entry.id, entry.summary)


def _write(
    run: Run, service: "Service", found: "Health", out: Any, document: dict[str, Any]
) -> list[str]:
    import numpy as np
    from PIL import Image

    from retrieval.api.pictures import Pictures
    from retrieval.benchmarks.group_rates import ABOUT_GROUPS
    from retrieval.benchmarks.trust_report import health_report
    from retrieval.errors import RollcallError

    pictures = Pictures(run.settings)

    def crop(face: "EnrolledFace") -> "Pixels | None":
        try:
            picture = Image.open(BytesIO(pictures.cut(service, face)))
        except RollcallError:
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


def _show(
    run: Run, found: "Health", document: dict[str, Any], findings: "Sequence[Finding]"
) -> None:
    from retrieval.benchmarks.trust_report import health_tables

    if findings:
        rows = [(f.id, f.what, f.accepting or "nothing: decide by hand") for f in findings]
        run.table(("finding", "what", "accepting it would"), rows, title="Findings")
        run.print("`rollcall health accept ID` does that, `dismiss ID` never shows it again.")
        run.print()
    for table in health_tables(found):
        run.table(table.columns, table.cells(), title=table.caption)
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
