"""`identify`, `verify`: who is in a photo."""

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cli.auditing import asked, note
from cli.crops import Crop, crops_of, crops_of_tracks, write_crops
from cli.face_words import remarks, words_of
from cli.identify_queued import ask_queued, check_files
from cli.options import Queue, Run, Writes, command, tell_passed
from cli.pictures import decoded, free_name, make_picture_folder
from cli.results import write_failed, write_results
from cli.videos import draw_videos, identify_videos, parted, show_videos
from retrieval.collection.answers import PhotoAnswer, identification
from retrieval.collection.tracks.answers import as_photo
from retrieval.errors import DataInvalid, SettingInvalid
from retrieval.files.output import replacing
from retrieval.photos.folders import PassedOver, photos_at
from retrieval.photos.urls import location_of
from retrieval.values import Location, Source, Url, counted

if TYPE_CHECKING:
    from retrieval.collection.tracks.answers import VideoAnswer
    from retrieval.service import Service

BATCH = 16  # photos that are asked about in one call: enough for full embedding batches


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    command(app)(identify)
    command(app)(verify)


Photos = Annotated[
    list[str],
    typer.Argument(
        metavar="PHOTO...", help="Photos and videos, or folders of them: paths or URLs."
    ),
]
Crops = Annotated[
    Path | None,
    typer.Option(
        "--crops", metavar="DIR", help="Write a picture of each face here, and contact sheets."
    ),
    Writes.FOLDER,
]
Rejects = Annotated[
    Path | None,
    typer.Option(
        "--rejects",
        metavar="FILE",
        help="Write photos that got no answer, with the reasons, in one of these forms.",
    ),
    Writes.FILE,
]
Threshold = Annotated[
    float | None,
    typer.Option("--threshold", min=-1.0, max=1.0, help="In place of the collection's own."),
]


Draw = Annotated[
    Path | None,
    typer.Option(
        "--draw",
        metavar="DIR",
        help="Write annotated copies here, and a timeline of each video.",
    ),
    Writes.FOLDER,
]
MaxPx = Annotated[
    int | None,
    typer.Option(
        "--max-px",
        metavar="N",
        min=160,
        help="With --draw: longer side of the copies at most; else they are as large as the"
        " photos.",
    ),
]
CloseLook = Annotated[
    Literal["auto", "normal", "high"] | None,
    typer.Option(
        "--detail",
        help="auto looks closer where small faces are or may be; normal looks once; high looks"
        " at everything enlarged.",
    ),
]
Liveness = Annotated[
    bool,
    typer.Option(
        "--liveness",
        help="Score how live each face of a photo looks; a hint against pictures of faces, no"
        " security. Needs `models pull antispoof`.",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out", metavar="FILE", help="Write a row per face: .csv, .xlsx, .jsonl or .parquet."
    ),
    Writes.FILE,
]


def identify(
    run: Run,
    photos: Photos,
    draw: Draw = None,
    crops: Crops = None,
    max_px: MaxPx = None,
    detail: CloseLook = None,
    threshold: Threshold = None,
    liveness: Liveness = False,
    queue: Queue = False,
    out: Out = None,
    rejects: Rejects = None,
) -> None:
    """Say who is in each photo, and who is in each video from when to when."""
    run.change(detail=detail)
    places, passed = [location_of(photo) for photo in photos], PassedOver()
    check_files(out, rejects, queue=queue)
    if queue and out is not None:
        if draw is not None or crops is not None or liveness:
            raise SettingInvalid("--draw, --crops and --liveness do not go with --queue.")
        listed = listed_photos(places, passed)
        ask_queued(
            run, "identify", places, listed, out, rejects, detail=detail, threshold=threshold
        )
        tell_passed(run, passed)
        return
    paths, videos = parted(list(listed_photos(places, passed)))
    if liveness and videos:
        run.remark("--liveness scores photos alone: videos are looked at without it.")
    with run.service() as service:
        answers = _identified(run, service, paths, threshold, liveness=liveness)
        state = service.state()
        note(service.catalogue, asked(run.action, answers, state, threshold))
        seen = list(identify_videos(run, service, videos, threshold, state, paths=draw is not None))
    _write_tables(run, answers, seen, out, rejects)
    if draw is not None:
        for picture in [
            *draw_all(run, answers, paths, draw, max_px),
            *draw_videos(run, seen, videos, draw),
        ]:
            run.remark(f"wrote {picture}")
    if crops is not None:
        write_crops(run, chain(_crops(run, answers, paths), crops_of_tracks(seen)), crops)
    run.rejected = any(a.error for a in answers) or any(a.error for a in seen)
    documents = [answer.document() for answer in seen]

    def show() -> None:
        if answers or not seen:
            show_answers(run, answers)
        if seen:
            show_videos(run, seen)

    run.emit(identification(answers, state, documents), show)
    run.remark(
        f"{counted(state.people, 'person', 'people')} enrolled; model {state.model}; threshold"
        f" {threshold if threshold is not None else state.threshold:.3f}"
        " for the score plus half its lead over the second person"
        f" ({'given' if threshold is not None else state.threshold_source})"
    )
    tell_passed(run, passed)


def _write_tables(
    run: Run,
    answers: Sequence[PhotoAnswer],
    seen: "Sequence[VideoAnswer]",
    out: Path | None,
    rejects: Path | None,
) -> None:
    """A row per face, and what got no answer, where they were asked for."""
    if out is not None:
        rows = write_results(out, [*(a.document() for a in answers), *map(as_photo, seen)])
        run.remark(f"{out}: {counted(rows, 'row')}")
    if rejects is not None:
        failed = [(a.photo, a.error) for a in answers if a.error]
        write_failed(run, rejects, [*failed, *((a.video, a.error) for a in seen if a.error)])


def _identified(
    run: Run,
    service: "Service",
    paths: Sequence[Location],
    threshold: float | None,
    *,
    liveness: bool,
) -> list[PhotoAnswer]:
    """Ask about photos, a batch at a time; and how live their faces look."""
    answers: list[PhotoAnswer] = []
    if liveness:
        _ = service.liveness  # says at once where it is not there
    if not paths:
        return answers
    with run.progress("identifying", len(paths)) as advance:
        for start in range(0, len(paths), BATCH):
            batch = [Source(str(path), path) for path in paths[start : start + BATCH]]
            answers += service.identify(batch, threshold)
            advance(len(batch))
    if liveness:
        pairs = zip(paths, answers, strict=True)
        answers = [service.with_liveness(Source(a.photo, path), a) for path, a in pairs]
    return answers


def listed_photos(
    photos: Sequence[Location], passed: PassedOver, *, videos: bool = True
) -> Iterator[Location]:
    """The photos and videos named, and those anywhere below a folder named.

    Raises:
        DataInvalid: there is none.
    """
    found = 0
    for path in photos:
        for photo in photos_at(path, passed=passed, videos=videos):
            found += 1
            yield photo
    if not found:
        told = f" ({passed})" if passed else ""
        raise DataInvalid(f"No photos found in {', '.join(map(str, photos))}{told}.")


def show_answers(run: Run, answers: Sequence[PhotoAnswer]) -> None:
    """Print a row per face."""
    rows = [row for answer in answers for row in _rows(answer)]
    run.table(("photo", "face", "decision", "person", "score", "margin", "why"), rows)


def _rows(answer: PhotoAnswer) -> Iterator[tuple[object, ...]]:
    name = Path(answer.photo).name
    if answer.error is not None:
        yield name, "", "error", "", "", "", answer.error
    elif not answer.faces:
        yield name, "", "no face", "", "", "", "no face was found"
    for number, face in enumerate(answer.faces, 1):
        yield name, number, face.decision.value, *words_of(face)
    for remark in remarks(answer):
        yield name, "", "", "", "", "", remark


def draw_all(
    run: Run,
    answers: Sequence[PhotoAnswer],
    paths: Sequence[Location],
    folder: Path,
    max_px: int | None = None,
) -> list[Path]:
    """Write an annotated copy of each photo that could be read; return where."""
    from retrieval.collection.drawing import annotate

    make_picture_folder(folder, "--draw")
    taken: set[str] = set()
    written = []
    for answer, path in zip(answers, paths, strict=True):
        if answer.error is not None:
            continue
        file = folder / f"{free_name(path.stem, taken)}.jpg"
        photo = decoded(run.settings, path, max_px)
        with replacing(file) as part:
            picture = annotate(photo.pixels, answer)
            if max_px is not None:
                picture.thumbnail((max_px, max_px))
            picture.save(part, "JPEG", quality=92)
        written.append(file)
    return written


def _crops(run: Run, answers: Sequence[PhotoAnswer], paths: Sequence[Location]) -> Iterator[Crop]:
    """The faces of photos that could be read, each with who it is."""
    for answer, path in zip(answers, paths, strict=True):
        if answer.faces:
            told = [face.person or face.decision.value for face in answer.faces]
            boxes = [face.box for face in answer.faces]
            yield from crops_of(run, path, (answer.width, answer.height), boxes, told)


def verify(
    run: Run,
    photo: Annotated[str, typer.Argument(metavar="PHOTO", help="Whose face is meant.")],
    other: Annotated[str, typer.Argument(metavar="PHOTO|PERSON", help="A photo or a name.")],
    face: Annotated[
        int | None,
        typer.Option(
            "--face", metavar="N", min=1, help="Which face of the first photo, as identify counts."
        ),
    ] = None,
    other_face: Annotated[
        int | None,
        typer.Option("--other-face", metavar="N", min=1, help="Which face of the second photo."),
    ] = None,
) -> None:
    """Say whether a photo shows the same person as another photo, or as somebody enrolled."""
    place = location_of(other)
    is_photo = isinstance(place, Url) or place.is_file()
    against = Source(other, place) if is_photo else other
    with run.service() as service:
        verdict = service.verify(Source(photo, location_of(photo)), against, face, other_face)
        entry = run.entry(photo=photo, **verdict.document())
        note(service.catalogue, [entry])
    word = "the same person" if verdict.same else "not shown to be the same person"
    run.emit(
        verdict.document(),
        lambda: run.print(
            f"{photo} and {verdict.against}: {word} (score {verdict.score:.3f},"
            f" threshold {verdict.threshold:.3f}, {verdict.threshold_source})",
            markup=False,
        ),
    )
