"""A real Redis for the queue's tests: an embedded server of the test's own home."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from retrieval.errors import QueueUnavailable
from retrieval.settings import Settings
from worker.jobs import RqJobQueue
from worker.process import WorkerPlan
from worker.redis_program import redis_server_program
from worker.redis_server import EmbeddedRedis, connect


@pytest.fixture(scope="session")
def _redis_program() -> Path:
    try:
        return redis_server_program()
    except QueueUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture
def redis_server(tmp_path: Path, _redis_program: Path) -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis(tmp_path / "home") as server:
        yield server


@pytest.fixture
def connection(redis_server: EmbeddedRedis) -> Iterator[Redis]:
    with connect(redis_server.url) as client:
        yield client


@pytest.fixture
def queue(connection: Redis) -> RqJobQueue:
    return RqJobQueue(connection, pauses_s=(1, 1))


@pytest.fixture
def plan(tmp_path: Path, redis_server: EmbeddedRedis) -> WorkerPlan:
    """Workers that write down which photos they did, see `tests.worker.diary`."""
    return WorkerPlan(
        settings=Settings(home=tmp_path / "home"),
        url=redis_server.url,
        queue="rollcall",
        tasks="tests.worker.diary:build_tasks",
        pauses_s=(1, 1),
    )
