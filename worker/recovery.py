"""What happens to a job whose worker died or whose photos cannot be done together.

A worker that dies (SIGKILL, out of memory, a decoder that crashes) may be unlucky, or killed by a
photo of its batch. So the job is put back at once; when a worker dies of the same batch again, the
batch is split in halves, until a single photo has taken several workers with it: that photo is
rejected, all others are done.
"""

import logging
import socket
import time
from collections.abc import Iterable
from typing import Any

from redis.client import Pipeline
from rq.exceptions import NoSuchJobError
from rq.executions import Execution
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.utils import as_text, utcparse

from worker import rq_internals
from worker.jobs import RqJobQueue
from worker.redis_server import process_runs, redis_errors

logger = logging.getLogger(__name__)

REJECT = "reject"  # the kind of job that records a photo as rejected
_DEATHS_BEFORE_SPLIT = 2
_DEATHS_OF_ONE_PHOTO = 5  # chance kills, one after the other, must not condemn a good photo
_SILENT_S = 60.0  # supervisors beat every 5 s
_STUCK_S = 3.0  # between taking a job and beginning it lie milliseconds


class Recovery:
    """Puts back what dead workers held. One instance per supervisor."""

    def __init__(self, queue: RqJobQueue) -> None:
        self._queue = queue
        self._connection = queue.connection
        self._taken_since: dict[str, float] = {}

    def worker_died(self, name: str, *, blamed: bool = True) -> int:
        """Put the dead worker's jobs back and strike it off; return how many jobs it held.

        Args:
            name: of the worker.
            blamed: whether its jobs may be why it died: not of one that was told to stop.

        Raises:
            QueueUnavailable: Redis does not answer; ask again later.
        """
        with redis_errors():
            begun = self._connection.smembers(rq_internals.executions_key(name))
            held = [as_text(entry) for entry in begun]
            for composite_key in held:
                execution = Execution.from_composite_key(composite_key, self._connection)
                self._put_back(execution, blamed)
            with self._connection.pipeline() as pipeline:
                rq_internals.strike_off(name, self._queue.name, pipeline)
                pipeline.execute()
        return len(held)

    def lost_workers(self) -> list[str]:
        """Names of workers whose machine, supervisor or process is gone without a word."""
        with redis_errors():
            keys = rq_internals.worker_keys(self._queue.rq)
            return [rq_internals.worker_name(key) for key in keys if self._is_lost(key)]

    def working_s(self, name: str) -> float:
        """Seconds since the worker began its job or got on with it last, 0 if it has none."""
        executions = self._connection.smembers(rq_internals.executions_key(name))
        keys = [rq_internals.execution_key(as_text(entry)) for entry in executions]
        told = [self._connection.hget(key, "last_heartbeat") for key in keys]
        begun = [float(second) for second in told if second]
        return time.time() - min(begun) if begun else 0.0

    def put_back_stuck(self) -> int:
        """Put back jobs that a worker took and never began; return how many."""
        with redis_errors():
            queue = self._queue.rq
            started = set(queue.started_job_registry.get_job_ids(cleanup=False))
            taken = queue.intermediate_queue.get_job_ids()
            now = time.monotonic()
            self._taken_since = {
                job_id: self._taken_since.get(job_id, now)
                for job_id in taken
                if job_id not in started
            }
            stuck = [job for job, since in self._taken_since.items() if now - since >= _STUCK_S]
            for job_id in stuck:
                with self._connection.pipeline() as pipeline:
                    pipeline.lrem(queue.intermediate_queue_key, 1, job_id)
                    queue.push_job_id(job_id, pipeline=pipeline, at_front=True)
                    pipeline.execute()
            return len(stuck)

    def _put_back(self, execution: Execution, blamed: bool) -> None:
        queue = self._queue.rq
        with self._connection.pipeline() as pipeline:
            try:
                job = Job.fetch(execution.job_id, self._connection, JSONSerializer)
            except NoSuchJobError:
                return  # it was done, or dropped
            execution.delete(job=job, pipeline=pipeline)
            pipeline.lrem(queue.intermediate_queue_key, 1, job.id)
            if blamed:
                try_again(self._queue, job, pipeline)
            else:
                rq_internals.queue_again(queue, job, pipeline)
            pipeline.execute()
        logger.warning("put job %s back: its worker died", job.id)

    def _is_lost(self, worker_key: str) -> bool:
        host, pid, beat = self._connection.hmget(worker_key, "hostname", "pid", "last_heartbeat")
        if host is None or pid is None or beat is None:
            return True
        silent_s = time.time() - utcparse(as_text(beat)).timestamp()
        here = as_text(host) == socket.gethostname()
        return silent_s > _SILENT_S or (here and not process_runs(int(pid)))


def try_again(queue: RqJobQueue, job: Job, pipeline: Pipeline) -> None:
    """Queue a dead worker's job again, whole or in halves, or reject its one photo."""
    deaths = int(job.meta.get("deaths", 0)) + 1
    photos = _photos(job)
    if len(photos) > 1 and deaths >= _DEATHS_BEFORE_SPLIT:
        job.delete(pipeline=pipeline)
        queue_halves(queue, job, pipeline, deaths=1)
    elif len(photos) <= 1 and deaths >= _DEATHS_OF_ONE_PHOTO:
        job.delete(pipeline=pipeline)
        if photos:
            reason = f"{deaths} workers died of this photo; the last batch held it alone"
            _queue_first(queue, job, [_payload(job) | {"reason": reason}], pipeline, kind=REJECT)
    else:
        job.meta["deaths"] = deaths
        rq_internals.queue_again(queue.rq, job, pipeline)


def queue_halves(queue: RqJobQueue, job: Job, pipeline: Pipeline, *, deaths: int) -> None:
    """Queue two jobs, each with half of the job's photos."""
    photos = _photos(job)
    middle = (len(photos) + 1) // 2
    halves = [_payload(job) | {"photos": half} for half in (photos[:middle], photos[middle:])]
    _queue_first(queue, job, halves, pipeline, kind=str(job.func_name), deaths=deaths)


def _queue_first(
    queue: RqJobQueue,
    job: Job,
    payloads: Iterable[dict[str, Any]],
    pipeline: Pipeline,
    *,
    kind: str,
    deaths: int = 0,
) -> None:
    run_id = str(job.meta["run"])
    jobs = [queue.prepare(kind, payload, run_id, deaths=deaths) for payload in payloads]
    queue.rq.enqueue_many([data._replace(at_front=True) for data in jobs], pipeline)


def _payload(job: Job) -> dict[str, Any]:
    return dict(job.args[0])


def _photos(job: Job) -> list[Any]:
    return list(_payload(job).get("photos", []))
