"""`index`: what searches the faces; it can always be made again from the catalogue."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import Run, command

if TYPE_CHECKING:
    from retrieval.index.status import IndexStatus

index = typer.Typer(help="What searches the faces, derived from the catalogue.")

Memory = Annotated[
    str | None,
    typer.Option("--memory", metavar="SIZE", help="Of lists and codes at most: 2G, 512M."),
]
Agreement = Annotated[
    float | None,
    typer.Option("--agreement", help="Share of probes to be named as exact search names them."),
]


def register(app: typer.Typer) -> None:
    """Add the command group to the app."""
    app.add_typer(index, name="index", no_args_is_help=True)


@command(index)
def status(run: Run) -> None:
    """Show what the index is, how far it has come and how right it was when measured."""
    with run.service() as service:
        found = service.gallery.status()
    _emit(run, found)


@command(index)
def train(run: Run, memory: Memory = None, agreement: Agreement = None) -> None:
    """Choose lists, coding and lists to visit by measuring on held-out faces."""
    from retrieval.index.training import Goal
    from retrieval.settings import parse_bytes

    goal = Goal(
        parse_bytes(memory or run.settings.index_memory),
        run.settings.index_agreement if agreement is None else agreement,
    )
    with run.service() as service:
        found = service.gallery.train(goal, progress=run.remark)
    _emit(run, found)


@command(index)
def rebuild(run: Run) -> None:
    """Read all faces from the catalogue again; trained lists are trained again."""
    with run.service() as service:
        found = service.gallery.rebuild(progress=run.remark)
    _emit(run, found)


@command(index)
def check(run: Run) -> None:
    """Compare the index with the catalogue, face by face; exit code 1 where they differ."""
    with run.service() as service:
        found = service.gallery.check()
    kinds = ("missing", "extra", "misplaced", "altered", "templates")
    counts = {kind: len(getattr(found, kind)) for kind in kinds}
    rows = [("in the catalogue", found.faces), *counts.items()]
    run.emit(
        {"sound": found.sound, "faces": found.faces, **counts},
        lambda: run.table(("faces", "how many"), rows),
    )
    run.rejected = not found.sound
    if run.rejected:
        run.remark("The index differs from the catalogue: run rollcall index rebuild.")


def _emit(run: Run, found: "IndexStatus") -> None:
    run.emit(asdict(found), lambda: run.table(("", ""), list(_rows(found).items())))


def _rows(found: "IndexStatus") -> dict[str, Any]:
    rows = {
        "kind": found.kind,
        "faces": f"{found.faces:,}",
        "people": f"{found.people:,}",
        "followed the change log to": f"{found.watermark.seq} of {found.watermark.epoch}",
        "dead share": f"{found.dead_share:.1%}",
        "faces beside the frozen part": f"{found.recent:,}",
        "bytes per face in memory": f"{found.bytes_a_face:.0f}",
        "bytes per face mapped": f"{found.mapped_bytes_a_face:.0f}",
    }
    if found.trained is not None:
        trained = found.trained
        rows |= {
            "lists": f"{found.nlist:,}",
            "lists visited for faces": f"{found.nprobe:,}",
            "lists visited for people": f"{found.visited:,}",
            "imbalance": "unknown" if found.imbalance is None else f"{found.imbalance:.2f}",
            "agreement with exact": f"{trained.agreement:.2%}",
            "of faces alone": f"{trained.faces_agreement:.2%}",
            "recall@10 of faces": f"{trained.recall_at_10:.2%}",
            "measured": f"{trained.when}, {trained.probes:,} held-out faces of {trained.faces:,}",
        }
    if found.due:
        rows["training is due"] = f"{found.due}: run rollcall index train"
    if found.problem:
        rows["snapshot refused"] = found.problem
    return rows
