"""Benchmarks by workers: each part a job, its state in the home folder."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.app import app
from retrieval.errors import DataInvalid
from retrieval.settings import Settings
from tests.benchmarks.fashion_mnist.small import write_small
from worker.benchmarks_job import Part, State, give_up, perform, state
from worker.process import WorkerPlan
from worker.redis_server import EmbeddedRedis
from worker.supervisor import Supervisor, workers


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "small"
    folder.mkdir()
    write_small(folder)
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def working(settings: Settings, redis_server: EmbeddedRedis) -> Iterator[Supervisor]:
    """Two workers on the home."""
    plan = WorkerPlan(settings, redis_server.url, "rollcall")
    with workers(plan, 2, beat_s=0.3) as supervisor:
        yield supervisor


def part(data: Path, **options: object) -> Part:
    return Part(
        run="bench-1",
        part=0,
        bench="fashion-mnist train",
        collection="default",
        options={"data": str(data), "epochs": 3, "batch_size": 16, **options},
    )


def rollcall(home: Path, *words: object) -> Result:
    env = {"ROLLCALL_HOME": str(home)}
    return CliRunner(env=env).invoke(app, [str(word) for word in words])


def test_a_part_leaves_its_progress_and_its_result(data: Path, settings: Settings) -> None:
    assert state(settings, "bench-1", 0) == State(done=0, result=None, error=None)
    perform(settings, part(data))
    found = state(settings, "bench-1", 0)
    assert found["done"] == 3
    assert found["result"] is not None
    assert len(found["result"]["epochs"]) == 3
    assert found["error"] is None


def test_a_part_that_is_done_is_not_done_again(data: Path, settings: Settings) -> None:
    perform(settings, part(data))
    first = state(settings, "bench-1", 0)
    (data / "train-images-idx3-ubyte.gz").unlink()  # doing it again would fail
    perform(settings, part(data))
    assert state(settings, "bench-1", 0) == first


def test_a_part_that_fails_says_why(data: Path, settings: Settings) -> None:
    payload = part(data / "nowhere")
    with pytest.raises(DataInvalid) as caught:
        perform(settings, payload)
    give_up(settings, payload, caught.value)
    error = state(settings, "bench-1", 0)["error"]
    assert error is not None
    assert error["code"] == "data"
    assert "nowhere" in error["message"]


def test_workers_do_a_sweep_a_batch_size_a_job_and_it_equals_one_done_here(
    data: Path, settings: Settings, working: Supervisor, tmp_path: Path
) -> None:
    words = ["bench", "fashion-mnist", "sweep", "--data", data, "--epochs", 2, "--json"]
    words += ["--batch-size", 16, "--batch-size", 32]
    queued = rollcall(settings.home, *words, "--queue", "--out", tmp_path / "out")
    assert queued.exit_code == 0, queued.output
    here = rollcall(tmp_path / "another home", *words)
    assert here.exit_code == 0, here.output
    by_workers, by_us = json.loads(queued.stdout), json.loads(here.stdout)
    assert [Path(path).name for path in by_workers.pop("files")] == [
        "sweep.html",
        "sweep.json",
        "sweep-curves.png",
    ]
    for result in (by_workers, by_us):
        for training in result["trainings"]:
            training.pop("seconds")
    assert by_workers == by_us
    jobs = list((settings.home / "benchmarks" / "jobs").glob("*/*.json"))
    assert len(jobs) == 2


def test_what_fails_in_a_worker_fails_here_in_the_same_way(
    settings: Settings, working: Supervisor, tmp_path: Path
) -> None:
    words = ("bench", "fashion-mnist", "split", "--data", tmp_path / "none", "--json")
    queued = rollcall(settings.home, *words, "--queue")
    here = rollcall(settings.home, *words)
    assert queued.exit_code == here.exit_code == 2
    assert json.loads(queued.stdout) == json.loads(here.stdout)
