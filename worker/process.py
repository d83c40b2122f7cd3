"""One worker process: builds its tasks once, then does job after job in the same process.

RQ's own worker forks for every job, which would load the models anew each time. This one keeps
them, runs nothing but the tasks that it was given (RQ would import any function that Redis names),
and decides what an error means for the job: retry, split, or record.
"""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from pkgutil import resolve_name
from types import TracebackType
from typing import Any, Protocol

from rq.exceptions import StopRequested
from rq.job import Job
from rq.serializers import JSONSerializer

from retrieval.errors import (
    InferenceFailed,
    InputError,
    ModelError,
    QueueError,
    RollcallError,
    StoreError,
)
from retrieval.files.logs import log_to
from retrieval.settings import Settings
from worker.jobs import RqJobQueue
from worker.recovery import queue_halves
from worker.redis_server import connect, redis_errors
from worker.rq_internals import QuietWorker, job_class

logger = logging.getLogger(__name__)

Payload = dict[str, Any]

_TOLD_EVERY_S = 0.5  # that a job gets on


class Tasks(Protocol):
    """What a worker can do."""

    def run(self, kind: str, payload: Payload, gets_on: Callable[[], None]) -> None:
        """Do one job; done twice, it must leave what it leaves done once.

        Args:
            kind, payload: of the job.
            gets_on: called while a job gets on that may take longer than jobs may: its time begins
                anew. A long video gets on; a photo that hangs does not.

        Raises:
            StoreError, QueueError: trouble that may pass; the job is tried again later.
            ModelError, InputError: nothing of the batch can ever be done.
        """

    def give_up(self, payload: Payload, error: Exception) -> None:
        """Record that the batch failed for good; must not raise for a batch that it records."""

    def close(self) -> None:
        """Let go of models and catalogue."""


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """What a worker process needs to know; travels to it by multiprocessing, not by Redis.

    Attributes:
        settings: its own, with the threads that it may use.
        url, queue: where its jobs are.
        tasks: "module:function" that makes the tasks from (settings, queue).
        timeout_s, pauses_s: see RqJobQueue.
        log_level: of the processes' messages on standard error.
    """

    settings: Settings
    url: str
    queue: str
    tasks: str = "worker.tasks:build_tasks"
    timeout_s: int = 900
    pauses_s: Sequence[int] = (2, 10, 60, 300)
    log_level: int = logging.WARNING


def run_worker(plan: WorkerPlan, name: str, ready: Connection) -> None:
    """The process's main function: says through `ready` that it is warm, or why it is not."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    log_to(plan.settings.log_file, plan.settings.log_format)
    logging.getLogger("worker").setLevel(plan.log_level)
    logging.getLogger("rq.worker").setLevel(logging.WARNING)  # RQ sets INFO when imported
    _die_with_parent()
    queue = RqJobQueue(
        connect(plan.url), plan.queue, timeout_s=plan.timeout_s, pauses_s=plan.pauses_s
    )
    try:
        tasks: Tasks = resolve_name(plan.tasks)(plan.settings, queue)
    except RollcallError as error:
        ready.send(error)
        raise SystemExit(error.exit_code) from None
    ready.send(None)
    ready.close()
    try:
        with redis_errors():
            WarmWorker(queue, tasks, name).work()
    except StopRequested:
        pass  # SIGTERM came while Redis was away
    except QueueError as error:
        logger.warning("worker %s leaves: %s", name, error)
        raise SystemExit(error.exit_code) from None
    finally:
        tasks.close()


class WarmWorker(QuietWorker):
    """RQ's worker without a fork, with tasks in place of importable functions."""

    def __init__(self, queue: RqJobQueue, tasks: Tasks, name: str) -> None:
        self._jobs = queue
        self._tasks = tasks
        self._told = 0.0
        super().__init__(
            [queue.rq],
            name=name,
            connection=queue.connection,
            job_class=job_class(self._perform),
            serializer=JSONSerializer,
            log_job_description=False,
        )

    def _perform(self, job: Job) -> None:
        kind, payload = str(job.func_name), _payload(job)
        if payload is None:
            logger.error("job %s is none of ours: dropped", job.id)
            return
        try:
            self._tasks.run(kind, payload, partial(self._gets_on, job))
        except (StoreError, QueueError, OSError):
            raise  # may pass: RQ tries again after a pause
        except InferenceFailed as error:
            self._halve(job, payload, error)
        except (InputError, ModelError) as error:
            logger.error("job %s failed: %s", job.id, error)  # noqa: TRY400
            self._tasks.give_up(payload, error)
        except Exception as error:
            # A defect, a timeout, no memory left: perhaps for one photo of the batch only.
            logger.exception("job %s failed in an unforeseen way", job.id)
            self._halve(job, payload, error)

    def _gets_on(self, job: Job) -> None:
        """Let a job's time begin anew, once in a few seconds; a queue that is away is no reason."""
        since = time.monotonic() - self._told
        if since < _TOLD_EVERY_S:
            return
        self._told = time.monotonic()
        try:
            with redis_errors():
                self.begin_anew(job)
        except QueueError as error:
            logger.warning("job %s gets on, but the queue is away: %s", job.id, error)

    def _halve(self, job: Job, payload: Payload, error: Exception) -> None:
        """Try the batch's halves, so that the fault of one photo does not cost the others."""
        if len(payload.get("photos", [])) < 2:
            self._tasks.give_up(payload, error)
            return
        with self.connection.pipeline() as pipeline:
            queue_halves(self._jobs, job, pipeline, deaths=0)
            pipeline.execute()

    def handle_exception(
        self, job: Job, _kind: type[BaseException], error: BaseException, _trace: TracebackType
    ) -> None:
        """RQ calls this before it retries a job or moves it to the failed registry."""
        logger.warning("job %s failed, tries left %s: %s", job.id, job.retries_left or 0, error)
        payload = _payload(job)
        if job.should_retry or payload is None or not isinstance(error, Exception):
            return
        try:
            self._tasks.give_up(payload, error)
        except RollcallError as trouble:
            # The catalogue itself may be what fails. The photos stay open: they can be retried.
            logger.error("job %s cannot be recorded as failed: %s", job.id, trouble)  # noqa: TRY400


def _payload(job: Job) -> Payload | None:
    """The job's one argument, or None where somebody else made the job."""
    ours = len(job.args) == 1 and isinstance(job.args[0], dict)
    return dict(job.args[0]) if ours else None


def _die_with_parent() -> None:
    """Finish the batch in hand and leave if the supervisor is killed."""
    parent = parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True, name="parent").start()
