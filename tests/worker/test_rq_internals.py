"""Each name and key of RQ's own that is relied on is there in the RQ that is installed."""

import re
from pathlib import Path

import pytest
from rq import Queue, SimpleWorker, worker_registration
from rq.executions import Execution
from rq.job import Job
from rq.serializers import JSONSerializer

import worker
from worker import rq_internals
from worker.recovery import Recovery

FENCE = "rq_internals.py"


def test_rq_has_the_methods_that_are_called_or_replaced():
    for owner, names in (
        (Queue, ("_enqueue_job", "prepare_data", "intermediate_queue", "push_job_id")),
        (SimpleWorker, ("_install_signal_handlers", "bootstrap", "unsubscribe", "register_birth")),
        (SimpleWorker, ("request_stop", "max_connection_wait_time")),
        (SimpleWorker, ("prepare_execution", "maintain_heartbeats")),
        (Job, ("_execute",)),
        (Execution, ("from_composite_key",)),
    ):
        for name in names:
            assert hasattr(owner, name), f"{owner.__name__}.{name}"


def test_the_keys_are_those_that_a_worker_writes(queue):
    born = rq_internals.QuietWorker(
        [queue.rq], name="ann", connection=queue.connection, serializer=JSONSerializer
    )
    born.register_birth()
    key = rq_internals.worker_key("ann")
    assert born.key == key
    assert queue.connection.hexists(key, "pid")
    assert queue.connection.hexists(key, "last_heartbeat")
    assert rq_internals.worker_keys(queue.rq) == [key]
    assert rq_internals.worker_name(key) == "ann"
    assert queue.workers() == 1
    with queue.connection.pipeline() as pipeline:
        rq_internals.strike_off("ann", queue.name, pipeline)
        pipeline.execute()
    assert queue.workers() == 0
    assert worker_registration.get_keys(connection=queue.connection) == set()


def test_an_execution_is_found_by_its_key(queue):
    (job_id,) = queue.enqueue("enrol", [{}], "run")
    job = Job.fetch(job_id, queue.connection, JSONSerializer)
    with queue.connection.pipeline() as pipeline:
        execution = Execution.create(job, ttl=60, pipeline=pipeline)
        pipeline.execute()
    key = rq_internals.execution_key(execution.composite_key)
    assert queue.connection.hexists(key, "last_heartbeat")


def test_no_other_module_of_the_workers_names_them():
    private = re.compile(r"rq:(worker|execution)|\.rq\._|worker_registration|KEY_TEMPLATE")
    folder = Path(worker.__file__).parent
    others = [path for path in folder.glob("*.py") if path.name != FENCE]
    assert [path.name for path in others if private.search(path.read_text())] == []


@pytest.mark.parametrize(("blamed", "deaths"), [(True, 1), (False, 0)])
def test_a_job_is_blamed_for_a_worker_that_died_and_not_for_one_that_was_told_to_stop(
    queue, blamed, deaths
):
    born = rq_internals.QuietWorker(
        [queue.rq], name="ann", connection=queue.connection, serializer=JSONSerializer
    )
    born.register_birth()
    (job_id,) = queue.enqueue("enrol", [{"photos": [1]}], "run")
    job = born.dequeue_job_and_maintain_ttl(1)[0]
    born.prepare_execution(job)
    recovery = Recovery(queue)
    assert 0 < recovery.working_s("ann") < 60
    assert recovery.worker_died("ann", blamed=blamed) == 1
    assert queue.rq.get_job_ids() == [job_id]
    again = Job.fetch(job_id, queue.connection, JSONSerializer)
    assert again.meta["deaths"] == deaths
