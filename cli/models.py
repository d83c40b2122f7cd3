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

Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME...]", help="As `models list` shows; the recommended ones if not given."
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command group to the app."""
    app.add_typer(models, name="models")
    command(models, "list")(list_models)
    command(models)(pull)
    command(models)(export)
    command(models)(verify)
    swap.register(models)


def list_models(run: Run) -> None:
    """List every detector and embedder: what is there, licence, and what was measured on LFW.

    FNIR is the share of known people's faces that are not named where 1 % of the strangers' are.
    """
    store = _store(run)
    manifest = store.manifest
    kinds = (
        ("detector", tuple(manifest.detectors)),
        ("embedder", manifest.embedder_names),
        ("liveness", tuple(manifest.liveness)),
    )
    found = [_description(store, kind, name) for kind, names in kinds for name in names]
    run.emit({"models": found}, lambda: _show(run, found))


def _show(run: Run, models: list[dict[str, Any]]) -> None:
    """Two tables, so that eighty columns hold them: licences have things to say."""
    rows = [
        [
            model["name"],
            model["state"],
            _share(model["lfw_fnir"], "not measured" if model["kind"] == "embedder" else ""),
            _share(model["lfw_rank1"], ""),
            _number(model["ms_per_face"]),
            _number(model["megabytes"]),
        ]
        for model in models
    ]
    run.table(("name", "state", "FNIR", "rank-1", "ms per face", "MB"), rows)
    run.print("not measured: not by us, so calibrate a collection that uses such an embedder")
    columns = ("name", "kind", "licence")
    run.table(columns, [[model[column] for column in columns] for model in models])


def pull(
    run: Run,
    names: Names = None,
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="PATH", help="Take this file instead of downloading it."),
    ] = None,
    timeout_s: Annotated[
        float, typer.Option("--timeout", min=0.1, help="Seconds that a server may send nothing.")
    ] = 30.0,
) -> None:
    """Get the files of models, check their SHA-256, and export the embedders among them.

    Without a name: yunet and mobilefacenet, the best that are free to use.
    """
    from retrieval.building import RECOMMENDED

    wanted = names or list(RECOMMENDED)
    if source is not None and len(wanted) != 1:
        raise SettingInvalid(
            f"--from brings one model; found {len(wanted)} names. Pull each alone."
        )
    store = _store(run)
    if source is not None and wanted[0] in store.manifest.joined:
        made = ", ".join(store.manifest.parts(wanted[0]))
        raise SettingInvalid(f"{wanted[0]} consists of {made}: pull each of them from its file.")
    pulled = {}
    for name in wanted:
        with _bytes_shown(run, f"pulling {name} (kB)") as progress:
            files = store.pull(name, source=source, progress=progress, timeout_s=timeout_s)
        if name not in store.manifest.fetched:
            parts = store.manifest.parts(name)
            files += [store.file(part, store.variant(part, None)) for part in parts]
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
    every = [*store.manifest.fetched, *store.manifest.embedders]
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
    described: dict[str, Any] = {
        "name": name,
        "kind": kind,
        "state": "ready" if available else _lacking(store, name),
        "available": available,
    }
    entry = store.manifest.fetched.get(name) or store.manifest.any_embedder(name)
    decision = getattr(entry, "decision", None)
    figures = getattr(entry, "lfw", None)
    return described | {
        "precision": ", ".join(getattr(entry, "precisions", ())) or None,
        "threshold": decision.threshold if decision else None,
        "threshold_measured": decision.measured if decision else None,
        "lfw_fnir": figures.fnir if figures else None,
        "lfw_rank1": figures.rank1 if figures else None,
        "ms_per_face": figures.ms if figures else None,
        "megabytes": _megabytes(store, name),
        "licence": entry.licence,
    }


def _lacking(store: "ModelStore", name: str) -> str:
    """Why a model is not there."""
    sources = store.sources(name)
    if any(source.url and not store.path(name, source).is_file() for source in sources):
        return "not pulled"
    return "not installed" if any(source.extra for source in sources) else "not there"


def _megabytes(store: "ModelStore", name: str) -> float | None:
    """Of the files that are there; nothing is exported for it."""
    manifest = store.manifest
    if name in manifest.fetched:
        paths = [store.path(name, source) for source in store.sources(name)]
    else:
        paths = [
            store.export_path(part, store.variant(part, None)) for part in manifest.parts(name)
        ]
    if not all(path.is_file() for path in paths):
        return None
    return round(sum(path.stat().st_size for path in paths) / 1e6, 1)


def _share(value: float | None, unknown: str) -> str:
    return unknown if value is None else f"{value:.1%}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


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
    from retrieval.building import build_models

    return build_models(run.settings)
