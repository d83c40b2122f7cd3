"""`demo`: the main job on photos that arrive with packages, from a fresh install."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import Run, command
from retrieval.collection.answers import PhotoAnswer, identification
from retrieval.collection.enrolments import EnrolItem, EnrolReport
from retrieval.errors import DataInvalid
from retrieval.photos.folders import people_below, photos_below
from retrieval.values import Source

if TYPE_CHECKING:
    from retrieval.service import Service


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    command(app)(demo)


def demo(
    run: Run,
    photos: Annotated[
        Path | None,
        typer.Option(
            "--photos", metavar="DIR", help="Your own: DIR/employees/<person>/*.jpg, DIR/queries/."
        ),
    ] = None,
) -> None:
    """Enrol sample people, identify a sample photo, write the annotated picture.

    The samples are two portraits that arrive with Python packages: Grace Hopper (US Navy, public
    domain), who is enrolled, and Eileen Collins (NASA, public domain), who is not.
    """
    run.change(collection="demo")
    folder = run.settings.home / "demo"
    if photos is None:
        from retrieval.photos.samples import write_samples

        photos = folder / "samples"
        write_samples(photos)
    employees, queries = photos / "employees", photos / "queries"
    for needed in (employees, queries):
        if not needed.is_dir():
            raise DataInvalid(
                f"{needed} does not exist. --photos wants a folder that holds"
                " employees/<person>/*.jpg and queries/*.jpg."
            )
    with run.service() as service:
        report = _enrol(run, service, employees)
        answers = _identify(run, service, queries)
        state = service.state()
    pictures = _draw(run, answers, folder / "annotated")
    run.rejected = bool(report.rejected) or any(answer.error for answer in answers)
    document = {
        "enrolled": report.enrolled,
        "known": report.known,
        "rejected": [result.document() for result in report.rejected],
        "pictures": [str(picture) for picture in pictures],
        **identification(answers, state),
    }
    run.emit(document, lambda: _show(run, report, answers, pictures))


def _enrol(run: Run, service: "Service", folder: Path) -> EnrolReport:
    items = [EnrolItem(name, str(photo), photo) for name, photo in people_below(folder)]
    report = EnrolReport()
    with run.progress("enrolling", len(items)) as advance:
        for result in service.enrol(items):
            report.add(result)
            advance()
    return report


def _identify(run: Run, service: "Service", folder: Path) -> list[PhotoAnswer]:
    paths = list(photos_below(folder))
    with run.progress("identifying", len(paths)) as advance:
        answers = service.identify([Source(str(path), path) for path in paths])
        advance(len(paths))
    return answers


def _draw(run: Run, answers: list[PhotoAnswer], folder: Path) -> list[Path]:
    from cli.identify import draw_all

    return draw_all(run, answers, [Path(answer.photo) for answer in answers], folder)


def _show(run: Run, report: EnrolReport, answers: list[PhotoAnswer], pictures: list[Path]) -> None:
    from cli.enrolling import show_report
    from cli.identify import show_answers

    show_report(run, report)
    run.print()
    show_answers(run, answers)
    run.print()
    for picture in pictures:
        run.print(f"annotated: {picture}", markup=False)
    run.print(
        "\nNow with photos of your own (a folder per person, then any photo):\n\n"
        "  rollcall enroll path/to/employees\n"
        "  rollcall identify path/to/photo.jpg --draw annotated\n",
        markup=False,
    )
