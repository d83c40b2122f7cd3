"""`health`: photos under the wrong name, look-alikes, copies, thin enrolments."""

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.bench_report import Out
from cli.options import Run, command

if TYPE_CHECKING:
    from retrieval.benchmarks.report import Table
    from retrieval.catalogue.records import EnrolledFace
    from retrieval.service import Service
    from retrieval.upkeep.trust import Health
    from retrieval.values import Pixels


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    command(app)(health)


def health(
    run: Run,
    fix: Annotated[
        bool, typer.Option("--fix", help="Propose edits; none is applied without --yes.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --fix: apply the edits.")] = False,
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
    """Find photos under the wrong name, look-alikes, copies and thin enrolments."""
    from retrieval.photos.group_list import read_groups
    from retrieval.upkeep.fairness import fairness_of
    from retrieval.upkeep.trust import examine_collection, move_misplaced

    listed = None if groups is None else read_groups(groups)
    with run.service() as service:
        found = examine_collection(service)
        document: dict[str, Any] = {**found.document(), "collection": service.collection.name}
        if listed is not None:
            document["groups"] = fairness_of(service, listed).document()
        if fix:
            entry = move_misplaced(service, found) if yes else None
            document["proposed"] = _proposals(found)
            document["applied"] = [] if entry is None else [entry.id]
        if out is not None:
            document["files"] = _write(run, service, found, out, document)
    run.emit(document, lambda: _show(run, found, document))


def _proposals(found: "Health") -> list[str]:
    """The edits as commands: moves can be undone, so only these are applied by `--yes`."""
    moves = [
        f"rollcall people move {m.face.person!r} {m.looks_like!r} {m.face.id}"
        for m in found.misplaced
    ]
    copies = [f"rollcall photos remove {t.other.sha256[:12]}" for t in found.twins if t.one_person]
    return moves + copies


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


def _show(run: Run, found: "Health", document: dict[str, Any]) -> None:
    from retrieval.benchmarks.trust_report import health_tables

    for table in health_tables(found):
        run.table(table.columns, table.cells(), title=table.caption)
        run.print()
    if found.sound:
        run.print(f"Nothing found in {found.faces} photos of {found.people} people.")
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
    for proposal in document.get("proposed", []):
        run.print(proposal, markup=False)
    if document.get("applied"):
        moved, (entry,) = len(found.misplaced), document["applied"]
        run.print(
            f"Moved {moved} photo{'' if moved == 1 else 's'}; `rollcall people undo {entry}` takes"
            f" {'it' if moved == 1 else 'them all'} back."
        )
    elif document.get("proposed"):
        run.print("None of these was applied. --yes applies the moves.")
    for path in document.get("files", []):
        run.print(f"wrote {path}", markup=False)
