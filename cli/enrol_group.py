"""`enroll PHOTO --face 2=Ann --face 3=Bob`: several people from one photo."""

from collections.abc import Mapping, Sequence

from cli.enrol_files import EnrolFiles
from cli.enrol_same import ask_who_is_meant
from cli.enrolling import show_report
from cli.options import Run
from retrieval.collection.enrolments import EnrolItem, EnrolReport
from retrieval.errors import SettingInvalid
from retrieval.photos.folders import PassedOver
from retrieval.values import Location


def parse_faces(given: Sequence[str]) -> tuple[int | None, dict[int, str]]:
    """Read `--face`: one number, or numbers with names.

    Returns:
        the number that stands alone, or None; the names by number.

    Raises:
        SettingInvalid: it is neither, or a number comes twice.
    """
    alone: int | None = None
    named: dict[int, str] = {}
    for text in given:
        number, equals, name = text.partition("=")
        if not number.strip().isdecimal() or int(number) < 1 or (equals and not name.strip()):
            raise SettingInvalid(f"--face takes a number, or N=NAME, as in 2=Ann; found {text!r}.")
        if not equals and len(given) > 1:
            raise SettingInvalid("Several --face need a name each: --face 2=Ann --face 3=Bob.")
        if int(number) in named:
            raise SettingInvalid(f"--face {int(number)} is given twice.")
        if equals:
            named[int(number)] = name.strip()
        else:
            alone = int(number)
    return alone, named


def enrol_group(
    run: Run, place: Location, named: Mapping[int, str], files: EnrolFiles, *, same_person: bool
) -> None:
    """Enrol people from one photo, each by the face of a number."""
    items = [
        EnrolItem(person, str(place), place, face=number, part=True, same_person=same_person)
        for number, person in named.items()
    ]
    report = EnrolReport()
    with run.service() as service:
        results = list(service.enrol(items))
        for result in results:
            report.add(result)
        results += ask_who_is_meant(run, service, items, report)
        if report.enrolled:
            service.keep_up(run.remark)
        state = service.state()
    files.write(run, results, PassedOver())
    run.rejected = bool(report.rejected)
    run.emit({**report.document(), **state.document()}, lambda: show_report(run, report))
