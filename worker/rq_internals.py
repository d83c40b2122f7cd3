"""RQ's own names and keys in Redis that Rollcall relies on; no other module names one.

RQ documents none of them and may change them in any version, so the versions that are taken are
bounded, and a test holds each of these to the RQ that is installed.
"""

import signal
from collections.abc import Callable
from typing import Any

from redis.client import Pipeline
from rq import Queue, worker_registration
from rq.executions import WORKER_EXECUTIONS_KEY_TEMPLATE, Execution
from rq.job import Job
from rq.worker import SimpleWorker

_WORKER = "rq:worker:"


def worker_key(name: str) -> str:
    """Where a worker writes that it lives: hostname, pid, last_heartbeat."""
    return f"{_WORKER}{name}"


def worker_keys(queue: Queue) -> list[str]:
    """The keys of all workers of a queue, on whatever machine."""
    return [str(key) for key in worker_registration.get_keys(queue=queue)]


def worker_name(key: str) -> str:
    """Whose key that is."""
    return key.removeprefix(_WORKER)


def workers_key(queue: str) -> str:
    """The set of keys of a queue's workers."""
    return str(worker_registration.WORKERS_BY_QUEUE_KEY % queue)


def executions_key(name: str) -> str:
    """The set of what a worker has begun, as `job:execution`."""
    return str(WORKER_EXECUTIONS_KEY_TEMPLATE.format(name))


def execution_key(execution: str) -> str:
    """Where one of those says when it was begun, or got on last: last_heartbeat."""
    return f"rq:execution:{execution}"


def strike_off(name: str, queue: str, pipeline: Pipeline) -> None:
    """Forget a worker that is gone, with what it had begun."""
    key = worker_key(name)
    pipeline.srem(worker_registration.REDIS_WORKER_KEYS, key)
    pipeline.srem(workers_key(queue), key)
    pipeline.delete(key, executions_key(name))


def queue_again(queue: Queue, job: Job, pipeline: Pipeline) -> None:
    """Queue a job that was begun already, before all others."""
    queue._enqueue_job(job, pipeline=pipeline, at_front=True)


class QuietWorker(SimpleWorker):  # type: ignore[misc]  # rq has no types
    """RQ's worker without its handlers on standard output, signals and command channel."""

    _begun: Execution | None = None

    max_connection_wait_time = 2.0  # seconds between looking for a Redis that went away

    def prepare_execution(self, job: Job) -> Execution:
        """Remember what was begun, for `begin_anew`."""
        self._begun = super().prepare_execution(job)
        return self._begun

    def begin_anew(self, job: Job) -> None:
        """Let the job in hand have as much time as one that begins now.

        RQ ends a job by SIGALRM, and takes one for lost whose heartbeat is too old.
        """
        if self._begun is None or not signal.getitimer(signal.ITIMER_REAL)[0]:
            return  # it is over
        signal.alarm(int(job.timeout))
        self.maintain_heartbeats(job, self._begun)

    def bootstrap(self, *_: Any, **__: Any) -> None:
        """Register, and nothing else."""
        self.register_birth()

    def _install_signal_handlers(self) -> None:
        # Ctrl-C reaches the whole process group; it is the supervisor that decides what it means.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self.request_stop)

    def unsubscribe(self) -> None:
        """Nothing to do: see `bootstrap`."""


def job_class(perform: Callable[[Job], None]) -> type[Job]:
    """RQ's job, but what it does is `perform`, whatever function it names."""

    class WarmJob(Job):  # type: ignore[misc]  # rq has no types
        def _execute(self) -> None:
            perform(self)

    return WarmJob
