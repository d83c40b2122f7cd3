"""`bench video`: tracks of composed videos, and how fast videos are watched."""

import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.bench_report import Seed
from cli.options import Run, command


def register(bench: typer.Typer) -> None:
    """Add the command to the group."""
    command(bench)(video)


def video(
    run: Run,
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="One folder per person, with photos.")
    ],
    videos: Annotated[int, typer.Option("--videos", min=1, help="To compose.")] = 10,
    seconds: Annotated[
        float, typer.Option("--seconds", min=0, help="Of the video that is timed; 0 times none.")
    ] = 30.0,
    hours: Annotated[
        float, typer.Option("--hours", min=0, help="Of video to watch in a loop, for its memory.")
    ] = 0.0,
    seed: Seed = 0,
) -> None:
    """Tracks against single frames, on videos composed of a folder of people; speed; memory."""
    import numpy as np

    from retrieval.benchmarks import videos as composed
    from retrieval.building import build_service

    with tempfile.TemporaryDirectory() as home:
        models = run.settings.home / "models"
        if models.is_dir():
            (Path(home) / "models").symlink_to(models.resolve(), target_is_directory=True)
        settings = run.settings.model_copy(update={"home": Path(home), "catalogue_url": None})
        with build_service(settings, run.remark) as service:
            with run.progress("enrolling", None) as advance:
                others = composed.enrol(service, folder, advance)
            with run.progress("videos", videos) as advance:
                figures = composed.measure(service, others, videos, seed, advance)
            document: dict[str, Any] = {
                "model": service.collection.fingerprint,
                **figures.document(),
            }
            if seconds:
                from retrieval.benchmarks.video_speed import watch

                people = {p.name for p in service.catalogue.people(service.collection.id)}
                rng = np.random.default_rng(seed)
                walkers = composed.compose(
                    {n: o for n, o in others.items() if o}, people & others.keys(), rng
                )
                with run.progress("watching", None) as advance:
                    document["speed"] = watch(service, walkers, seconds, hours, advance)
    run.emit(document, lambda: _show(run, document))


def _show(run: Run, document: dict[str, Any]) -> None:
    rows = [
        ("known people's faces not named", *(f"{x:.1%}" for x in document["faces_missed"])),
        ("known people never named", *document["people_missed"]),
        ("wrong names per video", *(f"{x:.2f}" for x in document["wrongly_named"])),
        ("strangers' faces named", *(f"{x:.1%}" for x in document["strangers_tagged"])),
    ]
    title = (
        f"{document['videos']} videos, {document['faces']} faces of {document['owners']} walkers on"
        f" {document['tracks']} tracks; purity {document['purity']:.1%}; {document['model']}"
    )
    run.table(("", "by tracks", "one by one", "in an event"), rows, title=title)
    if "speed" in document:
        speed = dict(document["speed"])
        speed |= {f"memory: {name}": value for name, value in speed.pop("memory", {}).items()}
        run.table(("what", "value"), list(speed.items()), title="720p, 25 frames per second")
