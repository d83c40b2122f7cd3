"""Workers that die, hang, are stopped or cannot start; and what becomes of their jobs."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest
from redis import Redis
from rq import worker_registration

from retrieval.errors import ModelMissing, WorkerFailed
from tests.worker import diary
from tests.worker.waiting import until, workers
from worker.jobs import RqJobQueue
from worker.process import WorkerPlan
from worker.redis_server import EmbeddedRedis

RUN = "run1"


def batches(numbers: list[int], size: int) -> list[dict[str, list[int]]]:
    return [{"photos": numbers[i : i + size]} for i in range(0, len(numbers), size)]


def test_every_photo_of_every_job_is_done_once(queue: RqJobQueue, plan: WorkerPlan) -> None:
    with workers(plan, 2):
        queue.enqueue("enrol", batches(list(range(100)), 7), RUN)
        until(lambda: queue.pending(RUN) == 0)
    assert diary.page(plan.settings, "done") == list(range(100))


def test_workers_stay_warm_between_jobs_and_close_their_tasks_at_the_end(
    queue: RqJobQueue, plan: WorkerPlan
) -> None:
    with workers(plan, 1) as supervisor:
        (pid,) = supervisor.pids
        queue.enqueue("enrol", batches(list(range(10)), 1), RUN)
        until(lambda: queue.pending(RUN) == 0)
        assert supervisor.pids == [pid]
    assert diary.page(plan.settings, "closed") == [pid]


def test_a_stop_lets_the_batch_in_hand_be_finished_and_leaves_the_others_queued(
    queue: RqJobQueue, plan: WorkerPlan
) -> None:
    queue.enqueue("enrol", [{"photos": [diary.SLOW]}, {"photos": [1]}], RUN)
    with workers(plan, 1):
        until(lambda: diary.page(plan.settings, "begun"))
    assert diary.page(plan.settings, "done") == [diary.SLOW]
    assert queue.pending(RUN) == 1


def test_a_killed_worker_is_replaced_and_its_batch_done_by_another(
    queue: RqJobQueue, plan: WorkerPlan
) -> None:
    with workers(plan, 1, beat_s=0.5) as supervisor:
        queue.enqueue("enrol", [{"photos": [diary.SLOW]}], RUN)
        until(lambda: diary.page(plan.settings, "begun"))
        os.kill(supervisor.pids[0], signal.SIGKILL)
        until(lambda: queue.pending(RUN) == 0)
    assert diary.page(plan.settings, "begun") == [diary.SLOW, diary.SLOW]
    assert diary.page(plan.settings, "done") == [diary.SLOW]


def test_the_one_photo_that_kills_workers_is_found_and_rejected(
    queue: RqJobQueue, plan: WorkerPlan
) -> None:
    with workers(plan, 2, beat_s=0.5):
        queue.enqueue("enrol", [{"photos": [1, 2, 3, 4, diary.POISON, 5]}, {"photos": [6]}], RUN)
        until(lambda: queue.pending(RUN) == 0)
    assert diary.page(plan.settings, "rejected") == [diary.POISON]
    assert diary.page(plan.settings, "done") == [1, 2, 3, 4, 5, 6]


def test_the_one_photo_that_meets_a_defect_fails_and_the_others_are_done(
    queue: RqJobQueue, plan: WorkerPlan
) -> None:
    with workers(plan, 1):
        queue.enqueue("enrol", [{"photos": [1, 2, diary.DEFECT, 3]}], RUN)
        until(lambda: queue.pending(RUN) == 0)
    assert diary.page(plan.settings, "failed") == [diary.DEFECT]
    assert diary.page(plan.settings, "done") == [1, 2, 3]


def test_a_photo_that_never_ends_fails_and_the_others_are_done(
    connection: Redis, plan: WorkerPlan
) -> None:
    queue = RqJobQueue(connection, timeout_s=1)
    with workers(replace(plan, timeout_s=1), 2):
        queue.enqueue("enrol", [{"photos": [1, diary.STUCK, 2]}], RUN)
        until(lambda: queue.pending(RUN) == 0)
    assert diary.page(plan.settings, "failed") == [diary.STUCK]
    assert diary.page(plan.settings, "done") == [1, 2]


def test_a_video_that_takes_longer_than_a_job_may_is_done_as_long_as_it_gets_on(
    connection: Redis, plan: WorkerPlan
) -> None:
    queue = RqJobQueue(connection, timeout_s=1)
    with workers(replace(plan, timeout_s=1), 1):
        queue.enqueue("enrol", [{"photos": [diary.LONG]}], RUN)
        until(lambda: queue.pending(RUN) == 0)
    assert diary.page(plan.settings, "done") == [diary.LONG]


def test_trouble_that_may_pass_is_retried_and_then_kept_in_the_failed_registry(
    queue: RqJobQueue, plan: WorkerPlan
) -> None:
    with workers(plan, 1, beat_s=0.2):
        queue.enqueue("enrol", [{"photos": [diary.LOCKED]}], RUN)
        until(lambda: queue.failed(RUN))
    assert diary.page(plan.settings, "tried") == [diary.LOCKED] * 3  # two retries, see `queue`
    assert diary.page(plan.settings, "failed") == [diary.LOCKED]
    (failed,) = queue.failed(RUN)
    assert (failed.kind, failed.error) == (
        "enrol",
        "retrieval.errors.CatalogueUnavailable: locked",
    )
    assert queue.forget_failed(RUN) == 1
    assert queue.failed(RUN) == []


def test_trouble_that_cannot_pass_is_not_retried(queue: RqJobQueue, plan: WorkerPlan) -> None:
    with workers(plan, 1):
        queue.enqueue("enrol", [{"photos": [1, diary.NO_MODEL]}], RUN)
        until(lambda: queue.pending(RUN) == 0)
    assert diary.page(plan.settings, "failed") == [1, diary.NO_MODEL]


def test_a_worker_that_cannot_start_says_why(plan: WorkerPlan) -> None:
    broken = replace(plan, tasks="tests.worker.diary:build_no_tasks")
    with pytest.raises(ModelMissing, match="models export"), workers(broken, 1):
        pytest.fail("a worker without a model must not begin")


def test_workers_that_die_before_they_are_ready_are_not_started_for_ever(plan: WorkerPlan) -> None:
    broken = replace(plan, tasks="tests.worker.diary:build_crash")
    with pytest.raises(WorkerFailed, match="before they were ready"), workers(broken, 1):
        pytest.fail("a worker that crashes must not begin")


def test_workers_that_are_killed_before_they_are_ready_are_no_failed_starts(
    plan: WorkerPlan, queue: RqJobQueue
) -> None:
    killed = replace(plan, tasks="tests.worker.diary:build_killed_nine_times")
    with workers(killed, 1):
        queue.enqueue("enrol", [{"photos": [1]}], RUN)
        until(lambda: queue.pending(RUN) == 0)
    assert diary.page(plan.settings, "killed") == list(range(9))
    assert diary.page(plan.settings, "done") == [1]


def test_whoever_waits_for_workers_that_gave_up_hears_why_at_once(plan: WorkerPlan) -> None:
    once = replace(plan, tasks="tests.worker.diary:build_once")

    def wait_in_vain() -> None:
        with workers(once, 1) as running:
            os.kill(running.pids[0], signal.SIGKILL)
            until(lambda: False)

    with pytest.raises(WorkerFailed, match="before they were ready"):
        wait_in_vain()


def test_work_goes_on_after_redis_was_stopped_and_started_again(
    queue: RqJobQueue, plan: WorkerPlan, redis_server: EmbeddedRedis
) -> None:
    with workers(plan, 2, revive=redis_server.ensure, beat_s=0.2):
        queue.enqueue("enrol", batches(list(range(60)), 1), RUN)
        until(lambda: diary.page(plan.settings, "done"))
        redis_server.stop()
        until(lambda: queue.pending(RUN) == 0)
    assert sorted(set(diary.page(plan.settings, "done"))) == list(range(60))


def test_worker_stop_reaches_every_supervisor(queue: RqJobQueue, plan: WorkerPlan) -> None:
    with workers(plan, 1, beat_s=0.1) as supervisor:
        queue.ask_workers_to_stop()
        until(lambda: not supervisor.pids)
    assert queue.workers() == 0


@pytest.fixture
def other_supervisor(queue: RqJobQueue, plan: WorkerPlan) -> Iterator[subprocess.Popen[bytes]]:
    """A supervisor of one worker in another process, with a slow batch in hand."""
    queue.enqueue("enrol", [{"photos": [diary.SLOW]}], RUN)
    command = [sys.executable, "-m", "tests.worker.supervise", str(plan.settings.home), plan.url]
    with subprocess.Popen(command) as process:
        until(lambda: diary.page(plan.settings, "begun"))
        yield process


def test_a_worker_whose_supervisor_is_killed_finishes_its_batch_and_leaves(
    queue: RqJobQueue, plan: WorkerPlan, other_supervisor: subprocess.Popen[bytes]
) -> None:
    other_supervisor.kill()
    until(lambda: queue.workers() == 0)
    assert diary.page(plan.settings, "done") == [diary.SLOW]
    assert queue.pending(RUN) == 0


def test_a_new_supervisor_puts_back_what_a_killed_one_and_its_workers_held(
    queue: RqJobQueue, plan: WorkerPlan, other_supervisor: subprocess.Popen[bytes]
) -> None:
    (worker,) = worker_registration.get_keys(queue.rq)
    pid = queue.connection.hget(worker, "pid")
    assert pid is not None
    os.kill(int(pid), signal.SIGKILL)
    other_supervisor.kill()
    other_supervisor.wait()
    assert diary.page(plan.settings, "done") == []
    with workers(plan, 1, beat_s=0.2):
        until(lambda: queue.pending(RUN) == 0)
    assert diary.page(plan.settings, "done") == [diary.SLOW]
