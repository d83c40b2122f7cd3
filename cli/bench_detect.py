"""`bench detect`: faces found and invented, by size, on photos whose faces are known."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import Run, Writes, command

if TYPE_CHECKING:
    from retrieval.benchmarks.detect import DetectionTimes


def register(bench: typer.Typer) -> None:
    """Add the command to the group `bench`."""
    command(bench)(detect)


def detect(
    run: Run,
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", help="Photos, and boxes.csv: photo, x, y, w, h, a row per face."
        ),
    ],
    detector: Annotated[
        list[str] | None,
        typer.Option("--detector", help="Ours to measure; all that are on this machine."),
    ] = None,
    like_opencv: Annotated[
        bool,
        typer.Option(
            "--like-opencv",
            help="Needs no boxes.csv: what YuNet finds as OpenCV runs it is taken for the faces.",
        ),
    ] = False,
    photos: Annotated[
        int | None,
        typer.Option("--photos", min=1, help="At most so many, evenly spread."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write a plot here, PNG."),
        Writes.FILE,
    ] = None,
) -> None:
    """Find the faces of photos with each detector and detail, beside OpenCV and HOG."""
    from retrieval.benchmarks.detect import evenly, photos_without_boxes, plot, read_boxes
    from retrieval.benchmarks.detect import run as measure
    from retrieval.building import build_models
    from retrieval.files.output import replacing

    models = build_models(run.settings)
    names = detector or [name for name in models.manifest.detectors if models.available(name)]
    listed = None if like_opencv else read_boxes(folder)
    paths = evenly(list(listed or photos_without_boxes(folder)), photos)
    asked = {path: listed[path] if listed else None for path in paths}
    with run.progress("measuring", len(asked)) as advance:
        times = measure(run.settings, asked, names, progress=advance)
    if out is not None:
        with replacing(out) as part:
            part.write_bytes(plot(times)["light"])
        run.remark(f"wrote {out}")
    run.emit(times.document(), lambda: _show(run, times))


def _show(run: Run, times: "DetectionTimes") -> None:
    from retrieval.benchmarks.detect import sizes

    there = [row for row, faces in enumerate(times.faces) if faces]
    rows: list[tuple[object, ...]] = []
    for each in times.detectors:
        recall = times.recall(each)
        shares = [f"{100 * (recall[row] or 0):.1f}" for row in there]
        rows.append((each.name, *shares, sum(each.invented), f"{each.ms:.1f}"))
    columns = [f"{sizes()[row]} ({times.faces[row]})" for row in there]
    run.table(
        ("detector", *columns, "invented", "CPU ms"),
        rows,
        title=f"{times.photos} photos: % of faces found, by their shorter side",
    )
    if not times.rival:
        run.print("face_recognition is not installed, so it is not measured.")
