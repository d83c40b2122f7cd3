"""`models swap`: another embedder for a collection, while it answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import Run, Yes, command
from cli.queued import options, queued, report, watch
from retrieval.errors import SettingInvalid
from retrieval.values import counted

if TYPE_CHECKING:
    from retrieval.catalogue.records import Collection
    from retrieval.service import Service
    from retrieval.upkeep.model_comparison import Agreement, Comparison
    from retrieval.upkeep.swap_status import Missed, Status
    from retrieval.values import Source

_SHOWN = 20  # faces or changes in the terminal; --json has all


swap = typer.Typer(
    help="Another embedder for a collection, while it answers.", no_args_is_help=True
)

Photos = Annotated[
    Path, typer.Option("--photos", metavar="DIR", help="Where relative paths of photos start.")
]
WithoutMissing = Annotated[
    bool, typer.Option("--without-missing", help="Leave out faces that cannot be embedded.")
]


def register(models: typer.Typer) -> None:
    """Add the command group to that of models."""
    models.add_typer(swap, name="swap")
    command(swap)(begin)
    command(swap)(status)
    command(swap)(switch)
    command(swap)(back)
    command(swap)(drop)


def begin(
    run: Run,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The embedder, as `models list` shows.")
    ],
    precision: Annotated[
        str | None, typer.Option("--precision", help="fp32 or int8; the default one if not given.")
    ] = None,
    fpir: Annotated[
        float | None,
        typer.Option(
            "--fpir",
            help="For its calibration: the share of strangers who may be named as somebody"
            " (false positive identification rate); that of the present model if not given.",
        ),
    ] = None,
    photos: Photos = Path(),
    queries: Annotated[
        Path | None,
        typer.Option("--queries", metavar="DIR", help="Photos to compare both models on."),
    ] = None,
    queue: Annotated[
        bool, typer.Option("--queue", help="Leave embedding to `rollcall worker` processes.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="With --queue: wait for its end, then compare.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what cannot be embedded; do nothing.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Embed all faces by another embedder and compare both; the present one goes on answering.

    Faces are embedded anew from the kept copies of their photos, or from where these lie. Answers
    go on all the time, of one model or the other, never of both. The same command again goes on
    with what is left.
    """
    if wait and not queue:
        raise SettingInvalid("--wait belongs to --queue.")
    with run.service() as service:
        target = _target(run, service, name, precision)
        missed = _surveyed(run, service, target, photos)
        if dry_run or not _agreed(run, missed, yes):
            _emit_survey(run, target, missed)
        else:
            how = _How(photos, queries, fpir, queue=queue, wait=wait)
            _embed(run, service, target, missed, how)


def status(run: Run) -> None:
    """Show how both models stand."""
    from retrieval.upkeep import model_swap

    with run.service() as service:
        found = model_swap.status(service)
        run.emit(found.document(), lambda: _show_status(run, found))


def switch(run: Run, photos: Photos = Path(), without_missing: WithoutMissing = False) -> None:
    """Answer with the other model from now on; faces that are new are embedded first."""
    with run.service() as service:
        _switch(run, service, photos, back=False, without_missing=without_missing)


def back(run: Run, photos: Photos = Path(), without_missing: WithoutMissing = False) -> None:
    """Answer with the model from before again, threshold and all."""
    with run.service() as service:
        _switch(run, service, photos, back=True, without_missing=without_missing)


def drop(run: Run, without_missing: WithoutMissing = False, yes: Yes = False) -> None:
    """Forget the model that does not answer, with its vectors, for good."""
    from retrieval.upkeep import model_swap

    with run.service() as service:
        other_model = service.catalogue.other_models.get(service.collection.id)
        if not run.confirm(f"Forget {other_model.fingerprint} and its vectors for good?", yes):
            return
        model_swap.drop(service, other_model.fingerprint, without_missing=without_missing)
        document = {"collection": service.collection.name, "dropped": other_model.fingerprint}
        gone = f"{other_model.fingerprint} is gone."
        run.emit(document, lambda: run.print(gone, markup=False))


@dataclass(frozen=True, slots=True)
class _How:
    """The options of embedding and comparing."""

    photos: Path
    queries: Path | None
    fpir: float | None
    queue: bool
    wait: bool


def _target(run: Run, service: "Service", name: str, precision: str | None) -> "Collection":
    from retrieval.building import other_model

    return other_model(run.settings, service.active_model.collection, name, precision)


def _surveyed(run: Run, service: "Service", target: "Collection", photos: Path) -> "list[Missed]":
    from retrieval.upkeep.model_swap import survey

    faces = service.catalogue.counts(target.id).faces
    with run.progress("looking for photos", faces) as advance:
        return survey(service, target, photos, advance)


def _agreed(run: Run, missed: "Sequence[Missed]", yes: bool) -> bool:
    if not missed:
        return True
    if not yes:
        _show_missed(run, missed)
    return run.confirm(f"Embed all faces but these {len(missed)}?", yes)


def _emit_survey(run: Run, target: "Collection", missed: "Sequence[Missed]") -> None:
    document = {
        "collection": target.name,
        "after": target.fingerprint,
        "missing": [found.document() for found in missed],
    }
    run.rejected = bool(missed)

    def show() -> None:
        _show_missed(run, missed)
        run.print(
            f"Nothing was changed. {counted(len(missed), 'face')} could not be embedded anew."
        )

    run.emit(document, show)


def _show_missed(run: Run, missed: "Sequence[Missed]") -> None:
    if not missed:
        return
    rows = [(m.photo, m.person, m.code, m.message) for m in missed[:_SHOWN]]
    run.table(("photo", "person", "reason", "what is wrong"), rows, title="Cannot be embedded anew")
    more = f" ({len(missed) - _SHOWN} more: --json)" if len(missed) > _SHOWN else ""
    run.print(
        f"{len(missed)} faces{more} have no photo to embed. They stay as they are while the present"
        " model answers. The switch is refused while there are such faces; with --without-missing"
        " they are left out: nobody finds them until `models swap back`, or until their photos are"
        " there again and `models swap begin` embeds them."
    )


def _embed(
    run: Run, service: "Service", target: "Collection", missed: "Sequence[Missed]", how: _How
) -> None:
    from retrieval.upkeep import model_swap

    active = target.fingerprint == service.active_model.collection.fingerprint
    mending = active and model_swap.status(service).lacking > 0
    if not mending:
        model_swap.begin(service, target)
    if how.queue and not _embedded_by_workers(run, service, target, how):
        return
    lacking = service.catalogue.counts(target.id).faces
    with run.progress("embedding", lacking) as advance:
        left = model_swap.follow_up(service, target.fingerprint, how.photos, advance)
    run.rejected = bool(left)
    document: dict[str, Any] = {
        "collection": target.name,
        "missing": [found.document() for found in left],
        **model_swap.status(service).document(),
        "comparison": None,
    }
    if mending:
        run.emit(document, lambda: _show_status(run, model_swap.status(service)))
        return
    found = model_swap.prepare(service, how.fpir, _sources(how.queries), run.remark)
    document |= model_swap.status(service).document()
    document["comparison"] = found.document()
    run.emit(document, lambda: _show_comparison(run, found, left))


def _embedded_by_workers(run: Run, service: "Service", target: "Collection", how: _How) -> bool:
    """Queue what is to be embedded; whether it was also waited for."""
    from retrieval.upkeep.model_swap import listed

    with queued(run) as opened:
        chosen = {**options(model=target.fingerprint), "base": str(how.photos.absolute())}
        source = f"{target.embedder} {target.precision}"
        bulk_run = opened.bulk.begin("embed", target.name, source, chosen)
        run.remark(f"run {bulk_run.id[:8]}")
        steps = opened.bulk.fill(bulk_run, listed(service, target.fingerprint))
        if how.wait:
            steps = chain(steps, opened.bulk.follow(bulk_run.id))
        watch(run, opened, bulk_run, "embedding" if how.wait else "queueing", steps)
        if not how.wait:
            report(run, opened, bulk_run)
            run.remark(
                f"follow it with `rollcall jobs show {bulk_run.id[:8]} --wait`; then the same"
                " command without --queue compares both models"
            )
    return how.wait


def _sources(folder: Path | None) -> "list[Source] | None":
    from retrieval.photos.folders import photos_below
    from retrieval.values import Source

    if folder is None:
        return None
    return [Source(str(path), path) for path in photos_below(folder, recursive=True)]


def _show_comparison(run: Run, found: "Comparison", left: "Sequence[Missed]") -> None:
    own = found.own_photos
    rows: list[tuple[Any, ...]] = []
    if own.before is not None and own.after is not None:
        fpir = f"{own.before.fpir:.1%}"
        rows += [
            (f"threshold for {fpir} of strangers named (FPIR)", f"{own.before.threshold:.4f}",
             f"{own.after.threshold:.4f}"),
            ("known people not named there (FNIR)", f"{own.before.fnir:.2%}",
             f"{own.after.fnir:.2%}"),
        ]  # fmt: skip
    if own.agreement is not None:
        rows += _agreement_rows("own photos", own.agreement)
    if found.queries is not None:
        rows += _agreement_rows("queries", found.queries)
    _show_missed(run, left)
    if rows:
        run.table(("", found.before, found.after), rows, title="Both models on the same photos")
    if own.lacking is not None:
        run.print(
            f"The other model is not calibrated: {own.lacking}. It has its default threshold."
        )
    for agreement in (own.agreement, found.queries):
        if agreement is not None and agreement.changes:
            _show_changes(run, agreement)
    run.print("To answer with it from now on: rollcall models swap switch")


def _agreement_rows(what: str, found: "Agreement") -> list[tuple[Any, ...]]:
    before, after = found.named
    return [
        (f"{what}: faces named, of {found.asked}", before, after),
        (f"{what}: answered alike", "", f"{found.share:.2%}"),
        (f"{what}: named as somebody else", "", len(found.other_people)),
    ]


def _show_changes(run: Run, found: "Agreement") -> None:
    first = sorted(found.changes, key=lambda c: c.before is None or c.after is None)[:_SHOWN]
    rows = [(c.photo, c.before or "nobody", c.after or "nobody") for c in first]
    title = f"Answered otherwise ({len(first)} of {len(found.changes)})"
    run.table(("photo", "before", "after"), rows, title=title)


def _switch(
    run: Run, service: "Service", photos: Path, *, back: bool, without_missing: bool
) -> None:
    from retrieval.upkeep import model_swap

    left = model_swap.switch(
        service, back=back, without_missing=without_missing, base=photos, progress=run.remark
    )
    found = model_swap.status(service)
    document = {**found.document(), "missing": [missed.document() for missed in left]}

    def show() -> None:
        if left:
            _show_missed(run, left)
        run.print(
            f"{found.active.name} answers with {found.active.fingerprint} now. The other model is"
            f" kept: rollcall models swap {'switch' if back else 'back'} goes to it,"
            " rollcall models swap drop ends it.",
            markup=False,
        )

    run.emit(document, show)


def _show_status(run: Run, found: "Status") -> None:
    active, other_model = found.active, found.other_model
    rows = [("answers", active.fingerprint, found.faces - found.lacking, found.lacking, "")]
    if other_model is not None:
        state = "answered before" if other_model.former else "is to answer"
        index = "ready" if other_model.generation is not None else "not made yet"
        embedded = found.faces - found.other_lacking
        rows.append((state, other_model.fingerprint, embedded, found.other_lacking, index))
    run.table(("", "model", "faces with a vector", "without", "index"), rows)
