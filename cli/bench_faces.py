"""`bench faces`: how often people are named, rightly."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.bench_report import Fpir, Out, Seed, finish
from cli.options import Run, command
from retrieval.errors import DataInvalid, SettingInvalid

if TYPE_CHECKING:
    from retrieval.benchmarks.faces import Contender


def register(bench: typer.Typer) -> None:
    """Add the command to the group."""
    command(bench)(faces)


def faces(
    run: Run,
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A folder per person, with photos.")
    ],
    embedders: Annotated[
        list[str] | None,
        typer.Option(
            "--embedder",
            metavar="NAME[:PRECISION]",
            help="To compare, several times; face_recognition where that is installed; all that"
            " are there if not given.",
        ),
    ] = None,
    draws: Annotated[int, typer.Option("--draws", min=2, help="Of people and photos.")] = 10,
    photos: Annotated[
        int, typer.Option("--photos", min=1, help="Enrolled of each person; others are asked.")
    ] = 3,
    people: Annotated[
        int | None, typer.Option("--people", min=12, help="Known people; all if not given.")
    ] = None,
    fpir: Fpir = 0.01,
    groups: Annotated[
        Path | None,
        typer.Option(
            "--groups",
            metavar="FILE",
            help="CSV or XLSX of person and group: compare error rates between groups.",
        ),
    ] = None,
    seed: Seed = 0,
    out: Out = None,
) -> None:
    """Accuracy on known people and strangers, drawn many times from a folder of people.

    Vectors are kept below the home folder, so that a second run takes seconds.
    """
    from retrieval.benchmarks import faces as benchmark
    from retrieval.benchmarks.face_folder import photos_of_people
    from retrieval.benchmarks.faces_report import report

    paths = photos_of_people(folder)
    listed = None if groups is None else _groups_of(groups, [name for name, _ in paths])
    contenders = _contenders(run, embedders, paths)
    with run.progress("measuring", len(contenders)) as advance:
        result = benchmark.run(
            contenders,
            folder,
            [path.name for _, path in paths],
            draws=draws,
            photos=photos,
            people=people,
            seed=seed,
            fpir=fpir,
            groups=listed,
            advance=advance,
        )
    finish(run, "faces", {**result}, report(result), out)


def _contenders(
    run: Run, asked: list[str] | None, paths: list[tuple[str, Path]]
) -> "list[Contender]":
    """The embedders that are compared: those that were asked for, or all that are there."""
    from retrieval.benchmarks import face_recognition_rival as rival
    from retrieval.building import build_models

    models = build_models(run.settings)
    there = [name for name in models.manifest.embedder_names if models.available(name)]
    names = asked or [*there, *([rival.NAME] if rival.installed() else [])]
    return [
        _rival(run, paths) if name == rival.NAME else _contender(run, name, paths) for name in names
    ]


def _groups_of(file: Path, names: list[str]) -> dict[str, str]:
    """The group of each person of the folder whom the list names."""
    from retrieval.photos.group_list import read_groups

    listed = read_groups(file)
    found = {name: group for name in names if (group := listed.of(name)) is not None}
    if len(set(found.values())) < 2:
        raise DataInvalid(
            f"{file} puts people of the folder into fewer than two groups. Name them as their"
            " folders are called."
        )
    return found


def _contender(run: Run, asked: str, paths: list[tuple[str, Path]]) -> "Contender":
    """Embed the photos with one embedder, and measure what a face costs."""
    from retrieval.benchmarks.face_vectors import embed, face_ms
    from retrieval.benchmarks.faces import Contender
    from retrieval.building import (
        build_embedder,
        build_models,
        build_pipeline,
        chosen_detector,
        chosen_precision,
        default_gate,
    )

    settings = run.settings
    name, _, precision = asked.partition(":")
    detector = chosen_detector(settings)
    models = build_models(settings)
    variant = chosen_precision(models.manifest, name, precision or settings.precision)
    embedder = build_embedder(settings, name, variant)
    pipeline = build_pipeline(settings, detector, embedder)
    try:
        with run.progress(f"photos by {asked}", len(paths)) as advance:
            looks = detector, settings.detail, settings.working_px, settings.min_face_px
            found = embed(pipeline, looks, paths, settings.home / "bench", advance)
        size = models.size(name, variant) / 1e6
        gate = default_gate(models.manifest, name)
        return Contender(asked, found, gate, face_ms(embedder), size)
    finally:
        pipeline.close()


def _rival(run: Run, paths: list[tuple[str, Path]]) -> "Contender":
    from retrieval.benchmarks import face_recognition_rival as rival
    from retrieval.benchmarks.faces import Contender
    from retrieval.building import build_models

    if not rival.installed():
        raise SettingInvalid(
            f"{rival.NAME} is not installed, so it cannot be measured. Install face-recognition-ng"
            " and dlib-bin, or leave it out."
        )
    with run.progress(f"photos by {rival.NAME}", len(paths)) as advance:
        found = rival.embed(paths, run.settings.home / "bench", advance)
    weights = build_models(run.settings).manifest.embedder("dlib-resnet").weights
    size = build_models(run.settings).path("dlib-resnet", weights).stat().st_size / 1e6
    return Contender(rival.NAME, found, rival.GATE, rival.pass_ms(), size)
