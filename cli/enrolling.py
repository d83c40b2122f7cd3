"""What every enrolment does: photos taken with progress, questions asked, results told."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cli.enrol_same import ask_who_is_meant
from cli.options import Run
from retrieval.collection.enrolments import EnrolItem, EnrolReport, EnrolResult
from retrieval.errors import SameName
from retrieval.values import counted

if TYPE_CHECKING:
    from retrieval.service import Service


def enrol_items(
    run: Run, service: "Service", items: Sequence[EnrolItem], report: EnrolReport
) -> list[EnrolResult]:
    """Enrol photos, and ask of those under a taken name that look otherwise.

    Args:
        run: of the command.
        service: of the collection.
        items: to enrol.
        report: of it; the results are added.

    Returns:
        what became of each photo, and then of those that were taken once somebody was asked.
    """
    results = []
    with run.progress("enrolling", len(items)) as advance:
        for result in service.enrol(items):
            report.add(result)
            results.append(result)
            advance(enrolled=report.enrolled, rejected=len(report.rejected))
    return results + ask_who_is_meant(run, service, items, report)


def show_report(run: Run, report: EnrolReport) -> None:
    """Print what was enrolled, and each photo that was not, with the reason."""
    if report.rejected:
        rows = [(r.photo, r.person, r.code, r.message) for r in report.rejected]
        run.table(("photo", "person", "reason", "what to do"), rows, title="Not taken")
        if any(each.code == SameName.code for each in report.rejected):
            run.print(
                "Is it the person who is enrolled? Then `enroll --same-person` takes the photos. Is"
                " it another one of the name? Then give both a number: `people number PERSON"
                " NUMBER`, and `enroll --person NAME --number NUMBER`, or a list with numbers."
            )
    if report.odd:
        odd = [(r.photo, r.person, r.remark) for r in report.odd]
        run.table(("photo", "person", "remark"), odd, title="Taken, but look them over")
    if report.enrolled == 0 and not report.rejected:
        run.print(f"Nothing to enrol: {counted(report.known, 'photo')} known before.")
        return
    run.print(
        f"Enrolled {counted(report.enrolled, 'photo')}; {report.known} known before;"
        f" {len(report.rejected)} not taken."
    )
    if nobody_of := report.nobody_of():
        run.print(f"Nothing was taken of: {', '.join(nobody_of)}.", markup=False)
