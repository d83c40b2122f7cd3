"""`worker`: the processes that do queued work."""

import logging
import os
import time
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cli.options import Run, command
from retrieval.errors import QueueUnavailable, WorkerFailed
from retrieval.values import counted

if TYPE_CHECKING:
    from worker.jobs import RqJobQueue
    from worker.process import WorkerPlan
    from worker.redis_server import EmbeddedRedis, RedisPlace


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    command(app)(worker)


def worker(
    run: Run,
    action: Annotated[
        Literal["start", "stop"],
        typer.Argument(help="start works here until it is stopped; stop ends all workers."),
    ] = "start",
    processes: Annotated[
        int | None,
        typer.Option(
            "--processes", min=1, max=256, help="Worker processes; one per core if unset."
        ),
    ] = None,
    timeout: Annotated[
        int,
        typer.Option(
            "--timeout", min=10, metavar="SECONDS", help="For one batch; and for stop to wait."
        ),
    ] = 900,
) -> None:
    """Do queued work with warm processes, one thread each, until SIGTERM or Ctrl-C.

    The batches in hand are then finished first. `rollcall worker stop` ends all workers of the
    queue, and the embedded Redis.
    """
    if action == "stop":
        _stop(run, timeout)
    else:
        _start(run, processes, timeout)


def _start(run: Run, processes: int | None, timeout_s: int) -> None:
    from worker.redis_server import redis_of
    from worker.supervisor import Supervisor, stopping_on_signals

    with redis_of(run.settings) as place:
        plan = plan_of(run, place, timeout_s)
        threads = plan.settings.threads or 1
        count = processes or max(len(os.sched_getaffinity(0)) // threads, 1)
        supervisor = Supervisor(plan, count, revive=place.revive)
        with stopping_on_signals(supervisor):
            run.remark(
                f"workers wait for jobs, {count} of {counted(threads, 'thread')} each; Ctrl-C or"
                " `rollcall worker stop` ends them after the batch in hand"
            )
            supervisor.run()


def plan_of(run: Run, place: "RedisPlace", timeout_s: int = 900) -> "WorkerPlan":
    """What workers of these settings do, and where their jobs are."""
    from worker.process import WorkerPlan

    level = logging.ERROR if run.quiet else logging.INFO
    logging.getLogger("worker").setLevel(level)
    return WorkerPlan(
        run.settings.model_copy(update={"threads": run.settings.threads or 1}),
        place.url,
        run.settings.queue,
        timeout_s=timeout_s,
        log_level=level,
    )


def _stop(run: Run, timeout_s: int) -> None:
    from worker.jobs import RqJobQueue
    from worker.recovery import Recovery
    from worker.redis_server import EmbeddedRedis, connect

    server = EmbeddedRedis(run.settings.home)
    url = run.settings.redis_url or server.url
    if run.settings.redis_url is None and not server.running:
        run.emit({"workers": 0}, lambda: run.print("Nothing runs."))
        return
    with connect(url, reconnects=2) as connection:
        queue = RqJobQueue(connection, run.settings.queue)
        recovery = Recovery(queue)
        for name in recovery.lost_workers():
            recovery.worker_died(name)
        stopped = queue.workers()
        queue.ask_workers_to_stop()
        deadline = time.monotonic() + timeout_s
        while (left := _workers_left(queue, server)) and time.monotonic() < deadline:
            time.sleep(0.2)
        if left:
            raise WorkerFailed(
                f"{left} workers still work after {timeout_s} s. Wait with a longer "
                "--timeout, or end their processes: their jobs are put back at the next start."
            )
    if run.settings.redis_url is None:
        server.stop()
    run.emit({"workers": stopped}, lambda: run.print(f"Stopped {stopped} workers."))


def _workers_left(queue: "RqJobQueue", server: "EmbeddedRedis") -> int:
    """How many workers there are; none where the embedded server ended with the last of them."""
    try:
        return queue.workers()
    except QueueUnavailable:
        if server.running:
            raise
        return 0
