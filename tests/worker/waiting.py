"""Waiting for workers: bounded for a loaded machine, and over at once when they have given up."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from retrieval.catalogue.runs.run_records import Run, RunCounts
from retrieval.collection.bulk import Bulk
from worker import supervisor
from worker.process import WorkerPlan
from worker.supervisor import Supervisor

WAIT_S = 180.0  # nothing takes that long, but a machine may stand still for half a minute
_running: list[Supervisor] = []


@contextmanager
def workers(plan: WorkerPlan, processes: int, **options: object) -> Iterator[Supervisor]:
    """As `supervisor.workers`; whoever waits below hears why they gave up."""
    with supervisor.workers(plan, processes, **options) as running:  # type: ignore[arg-type]
        _running.append(running)
        try:
            yield running
        finally:
            _running.remove(running)


def until(condition: Callable[[], object]) -> None:
    """Wait for something that workers do."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        for running in _running:
            running.check()
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def follow(bulk: Bulk, run: Run) -> RunCounts:
    """Wait for a run's end."""
    deadline = time.monotonic() + WAIT_S
    for _ in bulk.follow(run.id, poll_s=0.05):
        for running in _running:
            running.check()
        assert time.monotonic() < deadline, "waited in vain"
    return bulk.runs.counts(run.id)
