"""RqJobQueue without workers: bounded, cancelled by run, counted by run."""

import threading
import time
from typing import Any

import pytest
from redis import Redis
from rq.job import Job

from worker.jobs import RqJobQueue


def payloads(count: int) -> list[dict[str, list[int]]]:
    return [{"photos": [number]} for number in range(count)]


def test_runs_do_not_see_each_others_jobs(queue: RqJobQueue) -> None:
    queue.enqueue("enrol", payloads(3), "a")
    queue.enqueue("enrol", payloads(2), "ab")
    assert (queue.pending("a"), queue.pending("ab"), queue.pending("b")) == (3, 2, 0)
    assert queue.cancel("a") == 3
    assert (queue.pending("a"), queue.pending("ab")) == (0, 2)


def test_many_jobs_keep_their_order(queue: RqJobQueue) -> None:
    ids = queue.enqueue("enrol", payloads(250), "run")
    assert queue.rq.get_job_ids() == ids


def test_cancelled_jobs_leave_nothing_in_redis(queue: RqJobQueue, connection: Redis) -> None:
    before = set(connection.scan_iter())
    queue.enqueue("enrol", payloads(3), "run")
    queue.cancel("run")
    assert set(connection.scan_iter()) - before == {b"rq:queues"}


def test_a_job_that_ends_while_its_run_is_cancelled_is_passed_over(
    queue: RqJobQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.enqueue("enrol", payloads(3), "run")
    fetch = Job.fetch

    def ended_meanwhile(job_id: str, **options: Any) -> Job:
        job = fetch(job_id, **options)
        fetch(job_id, **options).delete()
        return job

    monkeypatch.setattr(Job, "fetch", ended_meanwhile)
    assert queue.cancel("run") == 0


def test_a_producer_waits_while_the_queue_is_full(connection: Redis) -> None:
    queue = RqJobQueue(connection, max_queued=10)
    producer = threading.Thread(target=queue.enqueue, args=("enrol", payloads(25), "run"))
    producer.start()
    longest = taken = 0
    while producer.is_alive() or queue.rq.count:
        longest = max(longest, queue.rq.count)
        if connection.lpop(queue.rq.key) is not None:
            taken += 1
        time.sleep(0.001)
    producer.join()
    assert taken == 25
    assert longest <= 10


def test_a_producer_without_workers_is_told_what_it_waits_for(
    connection: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    queue = RqJobQueue(connection, max_queued=1)
    producer = threading.Thread(target=queue.enqueue, args=("enrol", payloads(2), "run"))
    producer.start()
    while "rollcall worker" not in caplog.text:
        time.sleep(0.01)
    queue.rq.pop_job_id()
    producer.join()
