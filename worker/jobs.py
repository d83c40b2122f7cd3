"""RqJobQueue: the queue's protocol on RQ, with JSON on the wire.

A job is a kind ("enrol", ...) and one payload: ids and paths, nothing else. Its id begins with the
run's, so that a run's jobs are found without another list that could go stale.
"""

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any
from uuid import uuid4

from redis import Redis
from rq import Queue, Retry
from rq.exceptions import InvalidJobOperation, NoSuchJobError
from rq.job import Job
from rq.queue import EnqueueData
from rq.serializers import JSONSerializer

from retrieval.protocols import FailedJob
from worker.redis_server import redis_errors
from worker.rq_internals import workers_key

logger = logging.getLogger(__name__)

_KEPT_FAILURES_S = 30 * 24 * 3600
_SAVED_AT_ONCE = 100
_WAIT_S = 0.1


class RqJobQueue:
    """Jobs in one RQ queue.

    Args:
        connection: to Redis, see `connect`.
        name: of the queue; two catalogues that share one Redis need two names.
        max_queued: jobs that may wait; `enqueue` waits while there are as many.
        timeout_s: a job that takes longer is stopped, and its photos are tried in halves.
        pauses_s: before each retry after trouble that may pass (a lock, a full disk, the network).
    """

    def __init__(
        self,
        connection: Redis,
        name: str = "rollcall",
        *,
        max_queued: int = 1000,
        timeout_s: int = 900,
        pauses_s: Sequence[int] = (2, 10, 60, 300),
    ) -> None:
        self.connection = connection
        self.name = name
        self.rq = Queue(name, connection=connection, serializer=JSONSerializer)
        self._max_queued = max_queued
        self._timeout_s = timeout_s
        self._pauses_s = list(pauses_s)

    def enqueue(self, kind: str, payloads: Sequence[dict[str, Any]], run_id: str) -> list[str]:
        """Queue one job a payload, waiting while the queue is full; return the jobs' ids.

        Raises:
            QueueUnavailable: Redis does not answer.
            StoreFull: Redis cannot keep more.
        """
        waiting = iter(payloads)
        ids: list[str] = []
        with redis_errors():
            while len(ids) < len(payloads):
                chunk = list(islice(waiting, self._room()))
                with self.connection.pipeline() as pipeline:
                    jobs = self.rq.enqueue_many(
                        (self.prepare(kind, payload, run_id) for payload in chunk), pipeline
                    )
                    pipeline.execute()
                ids += [job.id for job in jobs]
        return ids

    def prepare(
        self, kind: str, payload: dict[str, Any], run_id: str, *, deaths: int = 0
    ) -> EnqueueData:
        """A job that is not queued yet; `deaths` counts the workers that died of its photos."""
        return Queue.prepare_data(
            kind,
            args=(payload,),
            timeout=self._timeout_s,
            result_ttl=0,
            failure_ttl=_KEPT_FAILURES_S,
            description=kind,
            job_id=f"{run_id}_{uuid4().hex}",
            meta={"run": run_id, "deaths": deaths},
            retry=Retry(len(self._pauses_s), self._pauses_s) if self._pauses_s else None,
        )

    def cancel(self, run_id: str) -> int:
        """Drop the run's jobs that no worker has begun; return how many.

        Raises:
            QueueUnavailable: Redis does not answer.
        """
        with redis_errors():
            waiting = [*self.rq.get_job_ids(), *self.rq.scheduled_job_registry.get_job_ids()]
            return sum(self._drop(job_id) for job_id in _of_run(waiting, run_id))

    def pending(self, run_id: str) -> int:
        """Jobs of the run that are queued, deferred, scheduled or begun.

        Raises:
            QueueUnavailable: Redis does not answer.
        """
        return len(self.pending_ids(run_id))

    def pending_ids(self, run_id: str) -> set[str]:
        """Ids of those jobs, seen at one moment, so that a job that moves on is not missed."""
        registries = (self.rq.started_job_registry, self.rq.scheduled_job_registry)
        with redis_errors(), self.connection.pipeline() as pipeline:
            pipeline.lrange(self.rq.key, 0, -1)
            pipeline.lrange(self.rq.intermediate_queue_key, 0, -1)
            for registry in (*registries, self.rq.deferred_job_registry):
                pipeline.zrange(registry.key, 0, -1)
            lists = pipeline.execute()
        # An entry of the started registry is the job's id, a colon and the execution's.
        entries = (entry.decode().partition(":")[0] for found in lists for entry in found)
        return set(_of_run(entries, run_id))

    def failed(self, run_id: str) -> list[FailedJob]:
        """The run's jobs that were given up, for people to read.

        Raises:
            QueueUnavailable: Redis does not answer.
        """
        with redis_errors():
            ids = list(_of_run(self.rq.failed_job_registry.get_job_ids(), run_id))
            jobs = Job.fetch_many(ids, connection=self.connection, serializer=JSONSerializer)
            return [_failed(job) for job in jobs if job is not None]

    def forget_failed(self, run_id: str) -> int:
        """Take the run's jobs out of the failed registry; return how many there were.

        Raises:
            QueueUnavailable: Redis does not answer.
        """
        with redis_errors():
            failed = self.rq.failed_job_registry.get_job_ids()
            return sum(self._drop(job_id) for job_id in _of_run(failed, run_id))

    def workers(self) -> int:
        """Worker processes that listen to this queue.

        Raises:
            QueueUnavailable: Redis does not answer.
        """
        with redis_errors():
            return int(self.connection.scard(workers_key(self.name)))

    def waiting(self) -> int:
        """Jobs of all runs that no worker has begun.

        Raises:
            QueueUnavailable: Redis does not answer.
        """
        with redis_errors():
            return int(self.rq.count)

    def ask_workers_to_stop(self) -> None:
        """Ask every supervisor of this queue, on whatever machine, to finish and leave.

        Raises:
            QueueUnavailable: Redis does not answer.
        """
        with redis_errors():
            self.connection.incr(self._stops_key)

    def stops_asked(self) -> int:
        """How often workers were asked to stop: a supervisor leaves when this changes."""
        return int(self.connection.get(self._stops_key) or 0)

    @property
    def _stops_key(self) -> str:
        return f"rollcall:{self.name}:stops"

    def _room(self) -> int:
        """How many jobs may be queued now, at least 1: waits until there is room."""
        room = self._max_queued - self.rq.count
        if room < 1 and self.workers() == 0:
            logger.warning(
                "the queue is full (%s jobs) and no worker runs: start `rollcall worker`",
                self._max_queued,
            )
        while room < 1:
            time.sleep(_WAIT_S)
            room = self._max_queued - self.rq.count
        return min(int(room), _SAVED_AT_ONCE)

    def _drop(self, job_id: str) -> bool:
        """Delete a job that is not running; return whether it was still there."""
        try:
            job = Job.fetch(job_id, connection=self.connection, serializer=JSONSerializer)
            if job.get_status(refresh=False) == "started":
                return False
            job.delete()
        except (NoSuchJobError, InvalidJobOperation):  # a worker took it or ended it meanwhile
            return False
        return True


def _of_run(job_ids: Iterable[str], run_id: str) -> Iterator[str]:
    return (job_id for job_id in job_ids if job_id.startswith(f"{run_id}_"))


def _failed(job: Job) -> FailedJob:
    result = job.latest_result()
    lines = ((result.exc_string if result else None) or "").strip().splitlines()
    return FailedJob(job.id, str(job.func_name), lines[-1] if lines else "")
