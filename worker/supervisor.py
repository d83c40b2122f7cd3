"""The supervisor: keeps N worker processes running and nothing that they held from being lost.

It restarts a worker that died and puts its job back at once, ends one that hangs beyond its job's
time, beats for the living so that other machines see them, and queues retries that are due. On
SIGTERM or SIGINT, or when `rollcall worker stop` asks, the batches in hand are finished first.
"""

import logging
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from types import FrameType
from uuid import uuid4

from redis import Redis
from rq.scheduler import RQScheduler
from rq.serializers import JSONSerializer
from rq.utils import now, utcformat

from retrieval.errors import QueueError, RollcallError, WorkerFailed
from worker.jobs import RqJobQueue
from worker.process import WorkerPlan, run_worker
from worker.recovery import Recovery
from worker.redis_server import connect, redis_errors
from worker.rq_internals import worker_key

logger = logging.getLogger(__name__)

_TICK_S = 0.5
_HANG_GRACE_S = 30.0  # RQ's own alarm stops Python code; this ends a call in C that never returns
_FAILED_STARTS = 8  # in a row
# Sent from outside, so they say nothing of the worker; but a system without memory kills as well.
_FROM_OUTSIDE = frozenset({-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP})
_KILLED_STARTS = 100  # in a row


@dataclass(slots=True)
class _Worker:
    """One of the supervisor's processes."""

    name: str
    process: ForkServerProcess
    ready: Connection
    warm: bool = False


class Supervisor:
    """Runs `processes` workers of one plan until it is asked to stop.

    Args:
        plan: what the workers do and where their jobs are.
        processes: how many.
        revive: starts the Redis server again if it is ours and has died.
        beat_s: between two looks at the queue; `Recovery` calls a worker lost after 60 s.
    """

    def __init__(
        self,
        plan: WorkerPlan,
        processes: int,
        *,
        revive: Callable[[], None] = lambda: None,
        beat_s: float = 5.0,
    ) -> None:
        self._plan = plan
        self._processes = processes
        self._revive = revive
        self._beat_s = beat_s
        self._connection = connect(
            plan.url, reconnects=2
        )  # it is here that an outage is seen first
        self._queue = RqJobQueue(
            self._connection, plan.queue, timeout_s=plan.timeout_s, pauses_s=plan.pauses_s
        )
        self._recovery = Recovery(self._queue)
        self._scheduler = _scheduler(self._connection, plan.queue)
        # A server process imports the libraries once, without threads, and forks the workers: they
        # start in an instant and share that memory. The supervisor itself has threads.
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([plan.tasks.partition(":")[0]])
        self._workers: list[_Worker] = []
        self._dead: dict[str, bool] = {}  # whose jobs are to be put back: whether these are blamed
        self._failed_starts = 0
        self._killed_starts = 0
        self._trouble: BaseException | None = None
        self._stopping = threading.Event()
        self._warm = threading.Event()
        self._last_beat = 0.0

    @property
    def pids(self) -> list[int]:
        """Of the worker processes that run now."""
        return [w.process.pid for w in self._workers if w.process.pid is not None]

    def stop(self) -> None:
        """Ask the workers to finish the batches in hand and leave; returns at once."""
        self._stopping.set()

    def wait_until_warm(self, timeout_s: float) -> bool:
        """Wait until all workers have loaded their models; whether they have."""
        return self._warm.wait(timeout_s)

    def check(self) -> None:
        """Raise what made the supervisor give up, if it has: for whoever waits for its work."""
        if self._trouble is not None:
            raise self._trouble

    def run(self) -> None:
        """Work until asked to stop.

        Raises:
            RollcallError: what keeps the workers from starting (a model that is missing, ...).
            WorkerFailed: they die again and again before they are ready.
        """
        try:
            self._run()
        except BaseException as error:
            self._trouble = error
            raise

    def _run(self) -> None:
        with redis_errors():
            stops = self._queue.stops_asked()
        try:
            while not self._stopping.is_set():
                self._start_missing()
                self._wait_for_something()
                self._look_after_workers()
                self._attend(stops)
        finally:
            self._stop_workers()
            self._scheduler.connection.connection_pool.disconnect()
            self._connection.close()

    # Processes

    def _start_missing(self) -> None:
        while len(self._workers) < self._processes:
            name = f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:8]}"
            ours, theirs = self._context.Pipe(duplex=False)
            process = self._context.Process(
                target=run_worker, args=(self._plan, name, theirs), name=name, daemon=True
            )
            process.start()
            theirs.close()
            self._workers.append(_Worker(name, process, ours))

    def _wait_for_something(self) -> None:
        objects = [w.process.sentinel for w in self._workers]
        wait([*objects, *(w.ready for w in self._workers if not w.warm)], timeout=_TICK_S)

    def _look_after_workers(self) -> None:
        for worker in list(self._workers):
            if not worker.warm and worker.ready.poll():
                self._note_start(worker)
            if not worker.process.is_alive():
                self._bury(worker)
        if all(w.warm for w in self._workers) and len(self._workers) == self._processes:
            self._warm.set()

    def _note_start(self, worker: _Worker) -> None:
        try:
            problem = worker.ready.recv()
        except EOFError:
            return  # it died; the sentinel says so too
        if isinstance(problem, RollcallError):
            raise problem
        worker.warm = True
        self._failed_starts = self._killed_starts = 0

    def _bury(self, worker: _Worker) -> None:
        worker.process.join()
        logger.warning("worker %s ended with code %s", worker.name, worker.process.exitcode)
        if not worker.warm and worker.process.exitcode in _FROM_OUTSIDE:
            self._killed_starts += 1
        elif not worker.warm:
            self._failed_starts += 1
        worker.ready.close()
        worker.process.close()
        self._workers.remove(worker)
        self._dead[worker.name] = True
        if self._failed_starts >= _FAILED_STARTS:
            raise WorkerFailed(
                f"Worker processes died {self._failed_starts} times before they were ready. "
                "Run `rollcall doctor`, and look at the messages above."
            )
        if self._killed_starts >= _KILLED_STARTS:
            raise WorkerFailed(
                f"Worker processes were killed {self._killed_starts} times before they were ready. "
                "If nobody did that, the system lacks memory: let fewer workers run."
            )

    def _stop_workers(self) -> None:
        for worker in self._workers:
            worker.process.terminate()
        for worker in self._workers:
            worker.process.join(self._plan.timeout_s + _HANG_GRACE_S)
            killed = worker.process.is_alive()
            if killed:
                worker.process.kill()
                worker.process.join()
            self._dead[worker.name] = not killed
            worker.ready.close()
            worker.process.close()
        self._workers.clear()
        try:
            self._put_back()
            self._scheduler.release_locks()
        except QueueError as error:
            logger.warning("jobs of ended workers are put back at the next start: %s", error)

    # The queue

    def _attend(self, stops: int) -> None:
        """What the queue needs now and then; a Redis that is away is waited for."""
        try:
            self._put_back()
            with redis_errors():
                if self._queue.stops_asked() != stops:
                    self.stop()
            if time.monotonic() - self._last_beat < self._beat_s:
                return
            with redis_errors():
                self._beat()
                for name in self._recovery.lost_workers():
                    self._recovery.worker_died(name)
                self._recovery.put_back_stuck()
                if self._scheduler.acquire_locks():
                    self._scheduler.enqueue_scheduled_jobs()
            self._last_beat = time.monotonic()
        except QueueError as error:
            logger.warning("the queue is away, waiting for it: %s", error)
            self._revive()

    def _put_back(self) -> None:
        while self._dead:
            name, blamed = next(iter(self._dead.items()))
            self._recovery.worker_died(name, blamed=blamed)
            del self._dead[name]

    def _beat(self) -> None:
        """Say for each living worker that it lives, and end those that hang."""
        for worker in self._workers:
            if not worker.warm:
                continue
            key = worker_key(worker.name)
            if self._connection.exists(key):
                self._connection.hset(key, "last_heartbeat", utcformat(now()))
            overdue_s = self._recovery.working_s(worker.name) - self._plan.timeout_s
            if overdue_s > _HANG_GRACE_S:
                logger.error("worker %s hangs: it is ended", worker.name)
                worker.process.kill()


def _scheduler(connection: Redis, queue: str) -> RQScheduler:
    """RQ's scheduler, of which only the part that queues due retries is used."""
    return RQScheduler(
        [queue], connection=connection, logging_level=logging.WARNING, serializer=JSONSerializer
    )


@contextmanager
def stopping_on_signals(supervisor: Supervisor) -> Iterator[None]:
    """Let SIGTERM and SIGINT stop the supervisor gracefully; for the main thread."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        supervisor.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def workers(
    plan: WorkerPlan,
    processes: int,
    *,
    revive: Callable[[], None] = lambda: None,
    beat_s: float = 5.0,
) -> Iterator[Supervisor]:
    """Warm workers for as long as the block runs, looked after by a thread.

    What waits in the block for the workers asks `Supervisor.check` now and then.

    Raises:
        RollcallError: they cannot start, or died again and again.
    """
    supervisor = Supervisor(plan, processes, revive=revive, beat_s=beat_s)

    def run() -> None:
        with suppress(BaseException):  # raised in the caller's thread
            supervisor.run()

    thread = threading.Thread(target=run, name="supervisor")
    thread.start()
    try:
        while thread.is_alive() and not supervisor.wait_until_warm(0.1):
            pass
        supervisor.check()
        yield supervisor
    finally:
        supervisor.stop()
        thread.join()
    supervisor.check()
