"""What all benchmarks share: here or by workers, then printed, and written where `--out` says."""

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer

from cli.options import Run, Writes
from retrieval import errors
from retrieval.errors import RollcallError, WorkerFailed

if TYPE_CHECKING:
    from retrieval.benchmarks.report import Report
    from worker.benchmarks_job import State
    from worker.jobs import RqJobQueue

Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Write an HTML report, JSON and PNG plots there."),
    Writes.FOLDER,
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Of everything that is drawn.")]
Fpir = Annotated[
    float,
    typer.Option(
        "--fpir", min=1e-5, max=0.5, help="Wanted share of strangers who get a name (FPIR)."
    ),
]
Queued = Annotated[
    bool, typer.Option("--queue", help="Let workers do it; start them with `rollcall worker`.")
]

_JOB_TIMEOUT_S = 7200  # the longest, `fashion-mnist best`, takes ten minutes on two quiet cores
_LOOK_S = 0.5


def measure(
    run: Run, name: str, options: Mapping[str, Any], *, out: Path | None, queue: bool
) -> None:
    """Run a benchmark, here or by workers; print its tables, or its result with `--json`."""
    from retrieval.benchmarks.jobs import find

    benchmark = find(name)
    with run.progress("measuring", benchmark.steps(options)) as advance:
        if queue:
            parts = [dict(part) for part in benchmark.parts(options)]
            result = benchmark.joined(_by_workers(run, name, parts, advance))
        else:
            result = benchmark.run(run.settings, options, advance)
    finish(run, name.split()[-1], result, benchmark.report(result), out)


def finish(
    run: Run, name: str, result: Mapping[str, Any], report: "Report", out: Path | None
) -> None:
    """Print the report's tables, or the result with `--json`; write both with `--out`."""
    files = [] if out is None else report.write_folder(out, name, result)
    document = {**result, "files": [str(path) for path in files]} if files else result
    run.emit(document, lambda: _show(run, report, files))


def _show(run: Run, report: "Report", files: list[Path]) -> None:
    for number, table in enumerate(report.tables):
        if number:
            run.print()
        run.table(table.columns, table.cells(), title=table.caption)
    for name, value in report.key_figures.items():
        run.print(f"{name}: {value}", markup=False)
    for path in files:
        run.print(f"wrote {path}", markup=False)


def _by_workers(
    run: Run, name: str, parts: Sequence[dict[str, Any]], advance: Any
) -> list[dict[str, Any]]:
    """Queue a job a part, follow them, and return their results."""
    from worker.benchmarks_job import KIND, Part
    from worker.jobs import RqJobQueue
    from worker.redis_server import connect, redis_of

    run_id = f"bench-{uuid4().hex}"
    payloads = [
        Part(
            run=run_id,
            part=number,
            bench=name,
            collection=run.settings.collection,
            options=options,
        )
        for number, options in enumerate(parts)
    ]
    with redis_of(run.settings) as place, connect(place.url) as connection:
        queue = RqJobQueue(connection, run.settings.queue, timeout_s=_JOB_TIMEOUT_S)
        queue.enqueue(KIND, [dict(payload) for payload in payloads], run_id)
        if queue.workers() == 0:
            run.remark("no worker is running: start some with `rollcall worker`")
        try:
            done = 0
            for states in _looks(run, queue, run_id, len(parts)):
                now = sum(state["done"] for state in states)
                if now > done:
                    advance(now - done)
                    done = now
        except BaseException:
            queue.cancel(run_id)
            raise
    return [_result(state) for state in states]


def _looks(run: Run, queue: "RqJobQueue", run_id: str, parts: int) -> Iterator[list["State"]]:
    """How far each part is, again and again, until no job of the run is left."""
    from worker.benchmarks_job import state

    while True:
        left = queue.pending(run_id)  # asked first: a job that ends now has written its result
        states = [state(run.settings, run_id, part) for part in range(parts)]
        yield states
        if left == 0 or any(found["error"] for found in states):
            return
        time.sleep(_LOOK_S)


def _result(state: "State") -> dict[str, Any]:
    if state["error"] is not None:
        kinds = (kind for kind in vars(errors).values() if isinstance(kind, type))
        by_code = {kind.code: kind for kind in kinds if issubclass(kind, RollcallError)}
        raise by_code.get(state["error"]["code"], WorkerFailed)(state["error"]["message"])
    if state["result"] is None:
        raise WorkerFailed(
            "The benchmark's job is gone without a result. Look at the workers' messages, and"
            " whether they use this home folder; then run the command again."
        )
    return state["result"]
