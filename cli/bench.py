"""`bench`: measure Rollcall on this machine."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import (
    bench_detect,
    bench_events,
    bench_faces,
    bench_gallery,
    bench_liveness,
    bench_video,
)
from cli.bench_fashion import fashion
from cli.bench_ingest import ingest
from cli.bench_search import search
from cli.bench_serve import attacks, serve
from cli.options import Run, command
from retrieval.errors import DataInvalid

if TYPE_CHECKING:
    from retrieval.benchmarks.pipeline import PipelineTimes
    from retrieval.benchmarks.rivals import Comparison

bench = typer.Typer(help="Measure Rollcall on this machine.", no_args_is_help=True)

Photos = Annotated[
    list[Path], typer.Argument(metavar="PHOTOS...", help="Photos, or folders of photos.")
]
Rounds = Annotated[int, typer.Option("--rounds", min=1, help="Medians are over so many.")]


def register(app: typer.Typer) -> None:
    """Add the command group to the app."""
    bench.add_typer(fashion, name="fashion-mnist")
    bench_detect.register(bench)
    bench_faces.register(bench)
    bench_events.register(bench)
    bench_video.register(bench)
    bench_liveness.register(bench)
    bench_gallery.register(bench)
    command(bench)(search)
    command(bench)(ingest)
    command(bench)(serve)
    command(bench)(attacks)
    app.add_typer(bench, name="bench")


@command(bench)
def pipeline(run: Run, photos: Photos, rounds: Rounds = 5) -> None:
    """Milliseconds per photo, stage by stage, and what our layers add to the networks."""
    from retrieval.benchmarks.pipeline import run as measure
    from retrieval.building import build_models, chosen_precision, threads_of

    paths = _paths(photos)
    with run.service() as service:
        collection = service.ensure_collection()
        models = build_models(run.settings)
        precision = chosen_precision(models.manifest, collection.embedder, collection.precision)
        model = models.file(collection.embedder, precision)
        with run.progress("measuring", rounds) as advance:
            times = measure(
                service,
                model,
                paths,
                threads=threads_of(run.settings),
                rounds=rounds,
                progress=advance,
            )
    run.emit(times.document(), lambda: _show_times(run, times))


def _show_times(run: Run, times: "PipelineTimes") -> None:
    rows = [(stage, f"{ms:.2f}") for stage, ms in times.stage_ms.items()]
    rows += [("sum of stages", f"{sum(times.stage_ms.values()):.2f}")]
    rows += [("whole identify", f"{times.identify_ms:.2f}")]
    run.table(("stage", "ms per photo"), rows, title=f"{times.photos} photos, {times.faces} faces")
    run.print(f"identify / sum of stages: {times.identify_ratio:.3f}")
    run.print(
        f"embedding: {times.embed_faces_per_s:.0f} faces/s; forward passes per second over the bare"
        f" session's ({times.raw_passes_per_s:.0f}): {times.embed_ratio:.3f}"
    )


@command(bench, "enroll")
def rivals(
    run: Run,
    photos: Photos,
    detector: Annotated[
        list[str] | None,
        typer.Option("--detector", help="Ours to measure; all that are on this machine."),
    ] = None,
    embedder: Annotated[
        list[str] | None,
        typer.Option("--embedder", help="Ours to measure with each detector, several times."),
    ] = None,
    rounds: Rounds = 3,
) -> None:
    """Enrol the same photos with Rollcall and with face_recognition, in one run."""
    from retrieval.benchmarks.rivals import run as compare
    from retrieval.building import build_models

    models = build_models(run.settings)
    names = detector or [name for name in models.manifest.detectors if models.available(name)]
    paths = _paths(photos)
    with run.progress("measuring", None) as advance:
        found = compare(run.settings, paths, names, embedder or (), rounds=rounds, progress=advance)
    run.emit(found.document(), lambda: _show_comparison(run, found))


def _show_comparison(run: Run, found: "Comparison") -> None:
    rows = []
    for contender in found.contenders:
        ratio = found.times_as_fast(contender)
        rows.append(
            (
                contender.name,
                contender.faces,
                "not installed" if contender.seconds is None else f"{contender.seconds:.4f}",
                "" if contender.cpu_seconds is None else f"{contender.cpu_seconds:.4f}",
                "" if ratio is None else f"{ratio:.1f}",
            )
        )
    times = "seconds per photo", "of CPU", "times as fast as face_recognition"
    run.table(("system", "faces found", *times), rows, title=f"{found.photos} photos")


def _paths(photos: Sequence[Path]) -> list[Path]:
    paths = list(_below(photos))
    if not paths:
        raise DataInvalid(f"No photos found in {', '.join(map(str, photos))}.")
    return paths


def _below(photos: Sequence[Path]) -> Iterator[Path]:
    from retrieval.photos.folders import photos_at

    for path in photos:
        yield from photos_at(path)
