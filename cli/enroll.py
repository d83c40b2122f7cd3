"""`enroll`: photos of people into the gallery."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from cli.options import Run, command
from retrieval.answers import EnrolItem, EnrolReport
from retrieval.errors import DataInvalid, InputError, SettingInvalid
from retrieval.photos.folders import people_below, photos_below


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    command(app)(enroll)


def enroll(
    run: Run,
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...",
            help="Folders with a folder a person; with --person, photos of that person.",
        ),
    ],
    person: Annotated[
        str | None, typer.Option("--person", metavar="NAME", help="Whom loose photos show.")
    ] = None,
    face: Annotated[
        int | None,
        typer.Option("--face", min=1, help="Which face is meant, 1 for the leftmost."),
    ] = None,
) -> None:
    """Enrol photos: a folder a person, or loose photos of one person.

    Photos that are enrolled already are left as they are, so a run that was stopped is simply
    started again.
    """
    items = list(_items(paths, person, face))
    if not items:
        raise DataInvalid(
            f"No photos found in {', '.join(map(str, paths))}. Expected PATH/<person>/*.jpg, or"
            " photos with --person NAME."
        )
    report = EnrolReport()
    with run.service() as service:
        with run.progress("enrolling", len(items)) as advance:
            for result in service.enrol(items):
                report.add(result)
                advance(enrolled=report.enrolled, rejected=len(report.rejected))
        state = service.state()
    run.rejected = bool(report.rejected)
    run.emit(
        {
            "enrolled": report.enrolled,
            "known": report.known,
            "rejected": [result.document() for result in report.rejected],
            **state.document(),
        },
        lambda: show_report(run, report),
    )


def _items(paths: Sequence[Path], person: str | None, face: int | None) -> Iterator[EnrolItem]:
    for path in paths:
        if person is not None:
            photos = photos_below(path) if path.is_dir() else [path]
            for photo in photos:
                yield EnrolItem(person, str(photo), photo, face=face)
        elif path.is_dir():
            for name, photo in people_below(path):
                yield EnrolItem(name, str(photo), photo, face=face)
        elif path.exists():
            raise SettingInvalid(f"{path} is a photo: say whom it shows with --person NAME.")
        else:
            raise InputError(f"{path} does not exist. Give a folder with a folder a person.")


def show_report(run: Run, report: EnrolReport) -> None:
    """Print what was enrolled, and each photo that was not, with the reason."""
    if report.rejected:
        rows = [(r.photo, r.person, r.code, r.message) for r in report.rejected]
        run.table(("photo", "person", "reason", "what to do"), rows, title="Not taken")
    if report.enrolled == 0 and not report.rejected:
        run.print(f"Nothing to do: all {report.known} photos are enrolled already.")
        return
    run.print(
        f"Enrolled {report.enrolled} photos; {report.known} were known;"
        f" {len(report.rejected)} not taken."
    )
