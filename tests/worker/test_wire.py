"""What travels through Redis: ids, as JSON, and nothing else."""

import json
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from retrieval.building import open_catalogue
from retrieval.collection.bulk import Bulk
from tests.worker.small_models import begin, write_photos
from tests.worker.waiting import follow, until, workers
from worker.jobs import RqJobQueue
from worker.process import WorkerPlan


@pytest.fixture
def plan(plan: WorkerPlan) -> WorkerPlan:
    return replace(plan, tasks="tests.worker.small_models:build_tasks")


@pytest.fixture
def bulk(plan: WorkerPlan, queue: RqJobQueue) -> Iterator[Bulk]:
    with open_catalogue(plan.settings) as catalogue:
        yield Bulk(catalogue.runs, queue)


def jobs(connection: Redis) -> list[tuple[Any, dict[bytes, bytes]]]:
    """Every job in Redis: what its data says, and all its fields."""
    keys = [key for key in connection.scan_iter(match="rq:job:*") if key.count(b":") == 2]
    held = [fields for key in keys if (fields := connection.hgetall(key))]
    return [(json.loads(zlib.decompress(fields[b"data"])), fields) for fields in held]


def assert_only_ids(document: Any, run_id: str) -> None:
    kind, instance, arguments, options = document
    assert (kind, instance, options) == ("enrol", None, {})
    (payload,) = arguments
    assert payload.keys() == {"run", "photos"}
    assert payload["run"] == run_id
    assert all(isinstance(photo, int) for photo in payload["photos"])


def everything(connection: Redis) -> bytes:
    """All bytes that Redis holds."""
    return b"".join(connection.dump(key) or b"" for key in connection.scan_iter())


def test_every_job_is_json_of_ids_before_and_while_it_is_done(
    plan: WorkerPlan, bulk: Bulk, connection: Redis, tmp_path: Path
) -> None:
    photos = write_photos(tmp_path / "photos", people=10, photos=10)
    run = begin(bulk, tmp_path / "photos")
    waiting = jobs(connection)
    assert sum(len(document[2][0]["photos"]) for document, _ in waiting) == photos
    seen = 0
    with workers(plan, 2) as supervisor:
        while bulk.runs.counts(run.id).waiting:
            supervisor.check()
            for document, fields in jobs(connection):
                assert_only_ids(document, run.id)
                assert json.loads(fields[b"meta"]).keys() == {"run", "deaths"}
                seen += 1
            held = everything(connection)
            assert b"person 0" not in held  # names and paths stay in the catalogue
            assert b"\x80\x04\x95" not in held  # how a pickle begins
        assert follow(bulk, run).enrolled == photos
    assert seen


def test_a_job_that_names_a_function_is_not_called(
    plan: WorkerPlan, queue: RqJobQueue, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    queue.rq.enqueue("pathlib.Path.touch", str(canary), job_id="run1_harm", meta={"run": "run1"})
    with workers(plan, 1):
        until(lambda: not queue.pending("run1"))
    assert queue.pending("run1") == 0
    assert not canary.exists()
