"""`jobs`: runs of bulk work: how far they are, stopping them, and going on."""

from pathlib import Path
from typing import Annotated

import typer

from cli.options import Run, Writes, command
from cli.queued import queued, report, watch
from retrieval.errors import NotFound

jobs = typer.Typer(help="Bulk work in the queue.", no_args_is_help=True)

RunId = Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or the beginning of it.")]
Wait = Annotated[bool, typer.Option("--wait", help="Show the progress until it has ended.")]
Rejects = Annotated[
    Path | None,
    typer.Option("--rejects", metavar="FILE", help="Where to write photos that were not taken."),
    Writes.FILE,
]


def register(app: typer.Typer) -> None:
    """Add the command group to the app."""
    app.add_typer(jobs, name="jobs")


@command(jobs, "list")
def list_jobs(
    run: Run,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many runs.")] = 50,
) -> None:
    """List runs, newest first."""
    from retrieval.building import open_catalogue
    from retrieval.collection.bulk import run_document

    with open_catalogue(run.settings) as catalogue:
        runs = catalogue.runs
        documents = [run_document(runs, found) for found in runs.newest(limit)]
    rows = []
    for found in documents:
        counts = found["counts"]
        done = counts["found"] - counts["queued"]
        rejected = sum(counts["rejected"].values())
        about = (found["run"][:8], found["kind"], found["collection"], found["source"])
        rows.append(
            (*about, found["state"], f"{done}/{counts['found']}", rejected, counts["failed"])
        )
    columns = ("run", "kind", "collection", "source", "state", "done", "rejected", "failed")
    run.emit({"runs": documents}, lambda: run.table(columns, rows))


@command(jobs, "show")
def show_job(
    run: Run,
    run_id: Annotated[
        str | None,
        typer.Argument(metavar="RUN", help="A run's id, or its beginning; else the newest."),
    ] = None,
    wait: Wait = False,
    rejects: Rejects = None,
) -> None:
    """Show how far a run is, and which photos were not taken."""
    with queued(run) as opened:
        newest = opened.runs.newest(1) if run_id is None else ()
        if run_id is None and not newest:
            raise NotFound("There is no run yet. Begin one with `rollcall enroll PATH --queue`.")
        found = newest[0] if newest else opened.runs.run(run_id or "")
        if wait:
            watch(run, opened, found, found.kind, opened.bulk.follow(found.id))
        failed = opened.queue.failed(found.id)
        for job in failed:
            run.remark(f"given up: {job.kind} {job.id}: {job.error}")
        report(run, opened, found, rejects)


@command(jobs, "retry")
def retry_job(run: Run, run_id: RunId, wait: Wait = False, rejects: Rejects = None) -> None:
    """Let a run go on that was cancelled, lost its workers, or has failed photos."""
    with queued(run) as opened:
        found = opened.bulk.go_on(opened.runs.run(run_id).id)
        if wait:
            watch(run, opened, found, found.kind, opened.bulk.follow(found.id))
        report(run, opened, found, rejects)


@command(jobs, "cancel")
def cancel_job(run: Run, run_id: RunId) -> None:
    """Stop a run: batches in hand are finished, what is enrolled stays."""
    with queued(run) as opened:
        found = opened.bulk.cancel(opened.runs.run(run_id).id)
        report(run, opened, found)
        run.remark(f"`rollcall jobs retry {found.id[:8]}` takes what is missing")
