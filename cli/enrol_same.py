"""A second person of a taken name: whoever enrols says whether it is the one who is enrolled."""

import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli.options import Run
from retrieval.collection.enrolments import EnrolItem, EnrolReport, EnrolResult
from retrieval.errors import SameName

if TYPE_CHECKING:
    from retrieval.service import Service


def ask_who_is_meant(
    run: Run, service: "Service", items: Sequence[EnrolItem], report: EnrolReport
) -> list[EnrolResult]:
    """Ask of each name whose photos look otherwise, and enrol those of the same person after all.

    Args:
        run: of the command; where nobody can answer, nothing is asked and nothing taken.
        service: of the collection.
        items: that were enrolled.
        report: of it; what is taken now is moved in it.

    Returns:
        what became of the photos that were asked about.
    """
    refused = {(each.person, each.photo) for each in report.rejected if each.code == SameName.code}
    if not refused or run.json or not sys.stdin.isatty():
        return []
    asked: dict[tuple[str, str | None], list[EnrolItem]] = defaultdict(list)
    for item in items:
        if (item.person, item.photo) in refused:
            asked[item.person, item.external_id].append(item)
    again: list[EnrolItem] = []
    for (name, number), photos in asked.items():
        shown = ", ".join(Path(item.photo).name for item in photos[:3])
        more = f" and {len(photos) - 3} more" if len(photos) > 3 else ""
        enrolled = service.catalogue.namesakes(service.collection.id, name)
        who = next((p.called for p in enrolled if number is None or not p.external_id), name)
        run.remark(f"{shown}{more}: looks unlike {who}, who is enrolled")
        if typer.confirm(f"Is this {name} the one who is enrolled?", err=True):
            again += [replace(item, same_person=True) for item in photos]
    taken = {(item.person, item.photo) for item in again}
    report.rejected = [each for each in report.rejected if (each.person, each.photo) not in taken]
    results = list(service.enrol(again))
    for result in results:
        report.add(result)
    return results
