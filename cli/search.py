"""`search`: the enrolled photos that show the people of photos."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.auditing import note
from cli.crops import Crop, write_crops
from cli.identify import Crops, Rejects, listed_photos
from cli.identify_queued import ask_queued, check_files
from cli.options import Queue, Run, Writes, command, tell_passed
from cli.results import HITS, write_failed, write_results
from retrieval.collection.answers import hits_of
from retrieval.errors import SettingInvalid
from retrieval.photos.folders import PassedOver, is_folder
from retrieval.photos.urls import location_of
from retrieval.values import Source, counted

if TYPE_CHECKING:
    from retrieval.service import Service


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    command(app)(search)


def search(
    run: Run,
    photos: Annotated[
        list[str],
        typer.Argument(
            metavar="PHOTO...", help="Whose people to look for: photos, or folders of them."
        ),
    ],
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=1000, help="How many photos, for each that asks.")
    ] = 10,
    like: Annotated[
        bool, typer.Option("--like", help="By how many of the photo's people they show.")
    ] = False,
    crops: Crops = None,
    queue: Queue = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="Write a row per photo found: .csv, .xlsx, .jsonl or .parquet.",
        ),
        Writes.FILE,
    ] = None,
    rejects: Rejects = None,
) -> None:
    """Find the enrolled photos that show the people of a photo, best first."""
    check_files(out, rejects, queue=queue)
    if queue and crops is not None:
        raise SettingInvalid("--crops does not go with --queue.")
    places, passed = [location_of(photo) for photo in photos], PassedOver()
    listed = listed_photos(places, passed, videos=False)
    if queue and out is not None:
        ask_queued(run, "search", places, listed, out, rejects, limit=limit, like=like or None)
        tell_passed(run, passed)
        return
    one = len(places) == 1 and rejects is None and not is_folder(places[0])
    asked = [Source(str(path), path) for path in listed]
    with run.service() as service:
        answers = _answers(run, service, asked, limit, like=like, one=one)
        note(service.catalogue, (run.entry(people=_people(each)) for each in answers))
        cut = [] if crops is None else _crops(service, answers)
    if out is not None:
        rows = write_results(out, answers, form=HITS)
        run.remark(f"{out}: {counted(rows, 'row')}")
    failed = [(each["photo"], each["error"]) for each in answers if "error" in each]
    if rejects is not None:
        write_failed(run, rejects, failed)
    if crops is not None:
        write_crops(run, cut, crops)
    run.rejected = bool(failed)
    document = answers[0] if one else {"photos": answers}
    run.emit(document, partial(_show, run, answers, one=one))
    tell_passed(run, passed)


def _answers(
    run: Run, service: "Service", asked: Sequence[Source], limit: int, *, like: bool, one: bool
) -> list[dict[str, Any]]:
    """What is found of each photo; one photo that cannot be looked for is an error."""
    ask = partial(service.search, limit=limit, like=like)
    if one:
        hits = ask(asked[0]).hits
        return [{"photo": asked[0].name, "hits": [hit.document() for hit in hits]}]
    answers = []
    with run.progress("searching", len(asked)) as advance:
        for source in asked:
            answers.append(hits_of(ask, source))
            advance()
    return answers


def _show(run: Run, answers: Sequence[dict[str, Any]], *, one: bool) -> None:
    rows: list[tuple[str, ...]] = []
    for answer in answers:
        asked = () if one else (Path(answer["photo"]).name,)
        for hit in answer.get("hits", ()):
            same = "yes" if hit["same_person"] else ""
            whose = hit["person"], hit["external_id"] or ""
            rows.append((*asked, hit["photo"], *whose, f"{hit['score']:.3f}", same))
        if "error" in answer:
            rows.append((*asked, answer["error"], "", "", "", ""))
    columns = ("photo", "person", "number", "score", "same person")
    run.table(columns if one else ("asked", "found", *columns[1:]), rows)


def _people(answer: dict[str, Any]) -> list[str]:
    """Whom a photo was found to show."""
    same = (hit["person"] for hit in answer.get("hits", ()) if hit["same_person"])
    return list(dict.fromkeys(same))


def _crops(service: "Service", answers: Sequence[dict[str, Any]]) -> list[Crop]:
    """The enrolled faces that were found, as far as there are pictures of them."""
    from retrieval.catalogue.picture_rows import Of

    hits = [
        (each["photo"], rank, hit)
        for each in answers
        for rank, hit in enumerate(each.get("hits", ()), 1)
    ]
    faces = [hit["face_id"] for _, _, hit in hits]
    pictures = service.catalogue.thumbnails.find(service.collection.id, Of.FACE, faces)
    return [
        Crop(photo, rank, f"{hit['person']} {hit['score']:.3f}", pictures[hit["face_id"]])
        for photo, rank, hit in hits
        if hit["face_id"] in pictures
    ]
