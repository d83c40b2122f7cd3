"""`models`: what detectors and embedders there are, and the files they need."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import swap
from cli.options import Run, command
from retrieval.errors import ModelError, SettingInvalid

if TYPE_CHECKING:
    from retrieval.inference.download import Progress
    from retrieval.inference.store import ModelStore

models = typer.Typer(help="Detectors and embedders, and their files.", no_args_is_help=True)

_KB = 1000

Names = Annotated[list[str], typer.Argument(metavar="NAME...", help="As `models list` shows.")]


def register(app: typer.Typer) -> None:
    """Add the command group to the app."""
    app.add_typer(models, name="models")
    command(models, "list")(list_models)
    command(models)(pull)
    command(models)(export)
    command(models)(verify)
    swap.register(models)


def list_models(run: Run) -> None:
    """List every detector and embedder, what is there of it, and its licence."""
    store = _store(run)
    kinds = (("detector", store.manifest.detectors), ("embedder", store.manifest.embedders))
    found = [_description(store, kind, name) for kind, entries in kinds for name in entries]
    columns = ("name", "kind", "state", "precision", "threshold", "licence")
    rows = [[model[column] for column in columns] for model in found]
    run.emit({"models": found}, lambda: run.table(columns, rows))


def pull(
    run: Run,
    names: Names,
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="PATH", help="Take this file instead of downloading it."),
    ] = None,
) -> None:
    """Get the files of models, check their SHA-256, and export the embedders among them."""
    if source is not None and len(names) != 1:
        raise SettingInvalid(f"--from brings one model; found {len(names)} names. Pull each alone.")
    store = _store(run)
    pulled = {}
    for name in names:
        with _bytes_shown(run, f"pulling {name} (kB)") as progress:
            files = store.pull(name, source=source, progress=progress)
        if name in store.manifest.embedders:
            files.append(store.file(name, store.manifest.embedder(name).precisions[0]))
        pulled[name] = [str(file) for file in files]
    rows = [(name, file) for name, files in pulled.items() for file in files or ["in a package"]]
    run.emit({"models": pulled}, lambda: run.table(("name", "file"), rows))


def export(
    run: Run,
    name: Annotated[str, typer.Argument(help="An embedder, as `models list` shows.")],
    precision: Annotated[
        str | None, typer.Option("--precision", help="fp32 or int8; all that exist if not given.")
    ] = None,
) -> None:
    """Export an embedder to ONNX anew. It happens by itself on first use, too."""
    store = _store(run)
    variants = store.manifest.embedder(name).precisions
    chosen = [variant for variant in variants if precision in (None, variant)]
    if not chosen:
        raise SettingInvalid(f"{name} has no variant {precision}, only {', '.join(variants)}.")
    exported = {variant: str(store.export(name, variant)) for variant in chosen}
    document = {"name": name, "files": exported}
    run.emit(document, lambda: run.table(("precision", "file"), list(exported.items())))


def verify(
    run: Run,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME...]", help="All that are there if not given."),
    ] = None,
) -> None:
    """Hash the files of models and compare them with what they should be."""
    store = _store(run)
    every = [*store.manifest.detectors, *store.manifest.embedders]
    wanted = names or [name for name in every if store.available(name)]
    checked = [row for name in wanted for row in _verified(store, name)]
    wrong = [row for row in checked if row["error"] is not None]
    columns = ("name", "file", "sha256", "error")
    rows = [[row[column] for column in columns] for row in checked]
    run.emit({"intact": not wrong, "files": checked}, lambda: run.table(columns, rows))
    if wrong:
        raise typer.Exit(ModelError.exit_code)


def _verified(store: "ModelStore", name: str) -> Iterator[dict[str, Any]]:
    try:
        for file, sha256 in store.verify(name).items():
            yield {"name": name, "file": str(file), "sha256": sha256, "error": None}
    except ModelError as error:
        yield {"name": name, "file": None, "sha256": None, "error": str(error)}


def _description(store: "ModelStore", kind: str, name: str) -> dict[str, Any]:
    available = store.available(name)
    sources = store.sources(name)
    state = "ready" if available else "not there"
    if not available and any(source.url for source in sources):
        state = "not pulled"
    described = {"name": name, "kind": kind, "state": state, "available": available}
    if kind == "detector":
        licence = store.manifest.detectors[name].licence
        return described | {"precision": None, "threshold": None, "licence": licence}
    entry = store.manifest.embedders[name]
    return described | {
        "precision": ", ".join(entry.precisions),
        "threshold": entry.decision.threshold,
        "threshold_measured": entry.decision.measured,
        "licence": entry.licence,
    }


@contextmanager
def _bytes_shown(run: Run, what: str) -> Iterator["Progress"]:
    with run.progress(what, None) as advance:
        shown = 0

        def progress(done: int, total: int | None) -> None:
            nonlocal shown
            news = done // _KB - shown
            shown += news
            advance(news, total=total // _KB if total else None)

        yield progress


def _store(run: Run) -> "ModelStore":
    from retrieval.build import build_models

    return build_models(run.settings)
