"""`bench events`: the roll of composed albums, and how fast large events are."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli.bench_report import Fpir, Seed
from cli.options import Run, command


def register(bench: typer.Typer) -> None:
    """Add the command to the group."""
    command(bench)(events)


def events(
    run: Run,
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="One folder per person, with photos.")
    ] = None,
    albums: Annotated[int, typer.Option("--events", min=1, help="Albums to compose.")] = 20,
    fpir: Fpir = 0.01,
    faces: Annotated[
        int, typer.Option("--faces", min=0, help="Of the event that is timed; 0 times none.")
    ] = 40_000,
    seed: Seed = 0,
) -> None:
    """Events against photos decided one by one, on albums composed of a folder of people."""
    document: dict[str, Any] = {}
    if folder is not None:
        from retrieval.benchmarks.events import look, measure

        with run.service() as service:
            service.ensure_collection()
            with run.progress("photos", None) as advance:
                looks = look(service.pipeline, folder, advance)
            document["model"] = service.collection.fingerprint
            own = service.own_gate(service.collection)
        with run.progress("events", albums) as advance:
            document |= measure(looks, albums, fpir, seed, own, advance)
    if faces:
        from retrieval.benchmarks.event_speed import time_event

        document["speed"] = time_event(faces)
    run.emit(document, lambda: _show(run, document))


def _show(run: Run, document: dict[str, Any]) -> None:
    if "rules" in document:
        rows = [
            (
                each["rule"],
                f"{each['missed']:.1%}",
                f"{each['tagged']:.1%}",
                f"{each['wrongly_listed']:.2f}",
                f"{each['to_check']:.2f}",
                f"{each['moved']:.1%}",
                f"{each['lost']:.2f}",
                "" if each["grouped"] is None else f"{each['grouped']:.3f}",
            )
            for each in document["rules"]
        ]
        columns = ("rule", "faces missed", "strangers tagged", "wrongly listed per event",
                   "not there, to check", "present, to check", "lost per event",
                   "groups F1")  # fmt: skip
        title = (
            f"{document['events']} events, {document['model']}: {document['faces']} faces,"
            f" {document['unusable']} unusable; threshold {document['threshold']:.3f}"
        )
        run.table(columns, rows, title=title)
    if "speed" in document:
        run.table(("what", "value"), list(document["speed"].items()), title="Speed")
