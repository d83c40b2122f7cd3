"""`bench search`: the index beside its rivals, and what a group photo costs as a gallery grows."""

from pathlib import Path
from typing import Annotated

import typer

from cli.bench_report import Out, Seed, finish
from cli.options import Run


def search(
    run: Run,
    sizes: Annotated[
        list[int] | None,
        typer.Option("--size", min=1000, help="Faces; 10k, 100k and 1M if unset."),
    ] = None,
    probes: Annotated[
        int, typer.Option("--probes", min=20, help="New photos to ask about.")
    ] = 2000,
    dimension: Annotated[int, typer.Option("--dimension", min=8, help="Numbers per vector.")] = 128,
    photo: Annotated[
        Path | None,
        typer.Option("--photo", help="A group photo, to measure the stages before the search."),
    ] = None,
    rivals: Annotated[
        bool, typer.Option("--rivals/--no-rivals", help="hnswlib and usearch, where installed.")
    ] = True,
    large: Annotated[
        int,
        typer.Option(
            "--large",
            min=0,
            help="Faces of one more index, in SQ8; ten million need 10 GB of memory.",
        ),
    ] = 0,
    seed: Seed = 0,
    out: Out = None,
) -> None:
    """Search face-like vectors: right, fast, small; beside FAISS alone, hnswlib and usearch."""
    from retrieval.benchmarks import search as module
    from retrieval.benchmarks import search_report
    from retrieval.building import threads_of

    result = module.run(
        sorted(sizes or module.SIZES),
        rivals=rivals,
        probes=probes,
        dimension=dimension,
        threads=threads_of(run.settings),
        seed=seed,
        photo=None if photo is None else _stages(run, photo),
        large=large,
        progress=run.remark,
    )
    finish(run, "search", result, search_report.report(result), out)


def _stages(run: Run, photo: Path) -> dict[str, float]:
    """Milliseconds of the stages before the search, and the photo's `faces`."""
    from retrieval.benchmarks.pipeline import run as measure
    from retrieval.building import build_models, chosen_precision, threads_of

    with run.service() as service:
        collection = service.ensure_collection()
        models = build_models(run.settings)
        precision = chosen_precision(models.manifest, collection.embedder, collection.precision)
        times = measure(
            service,
            models.file(collection.embedder, precision),
            [photo],
            threads=threads_of(run.settings),
        )
    run.remark(f"{times.faces} faces found in {photo}")
    stages = {stage: times.stage_ms[stage] for stage in ("decode", "detect", "align", "embed")}
    return {"faces": times.faces, **stages}
