"""Two commands at once, and Ctrl-C while the workers do the work: nothing is lost or hidden."""

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.runs.run_records import Run, RunState
from retrieval.files.output import lock_of
from retrieval.settings import Settings
from tests.cli.running import rollcall
from tests.worker.waiting import workers
from worker.process import WorkerPlan
from worker.redis_server import EmbeddedRedis

ROOT = Path(__file__).parents[2]
WAIT_S = 180


@contextmanager
def started(home: Path, *words: object, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A `rollcall` process, as a terminal starts it."""
    with subprocess.Popen(
        # What a script starts in the background ignores Ctrl-C, and so would its children.
        ["env", "--default-signal=INT", sys.executable, "-m", "cli", *map(str, words)],
        cwd=ROOT,
        env={**os.environ, "ROLLCALL_HOME": str(home), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def until(found: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    """Wait for something that a process brings about."""
    deadline = time.monotonic() + WAIT_S
    while not found():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.1)


def listed(home: Path) -> Run | None:
    """The newest run, once all of its photos are in the list."""
    with Catalogue.open(home / "catalogue.db") as catalogue:
        return next((run for run in catalogue.runs.newest(1) if run.listed), None)


def test_of_two_equal_commands_one_writes_the_file_and_the_other_names_it(
    home: Path, samples: Path, redis_server: EmbeddedRedis, tmp_path: Path
) -> None:
    own = {"ROLLCALL_REDIS_URL": redis_server.url}
    assert rollcall(home, "enroll", samples / "employees").exit_code == 0
    out = tmp_path / "two.csv"
    words = ("identify", samples / "queries", "--queue", "--out", out)
    with started(home, *words, **own) as first:
        until(lambda: lock_of(out).exists() and listed(home) is not None, first)
        second = rollcall(home, *words, **own)
        assert second.exit_code == 4
        assert "two.csv is being written by" in second.stderr
        assert "identify" in second.stderr
        assert f"process {first.pid}" in second.stderr
        plan = WorkerPlan(Settings(home=home, threads=1), redis_server.url, "rollcall")
        with workers(plan, 1):
            said = first.communicate(timeout=WAIT_S)
    assert first.returncode == 0, said
    with out.open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 2
    assert not lock_of(out).exists()


def test_ctrl_c_says_that_the_run_goes_on_and_how_to_follow_and_to_stop_it(
    home: Path, samples: Path, redis_server: EmbeddedRedis
) -> None:
    own = {"ROLLCALL_REDIS_URL": redis_server.url}
    words = ("enroll", samples / "employees", "--queue", "--wait")
    with started(home, *words, **own) as process:
        until(lambda: (home / "catalogue.db").exists() and listed(home) is not None, process)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=WAIT_S)
    run = listed(home)
    assert run is not None
    assert process.returncode == 130
    assert f"run {run.id[:8]} goes on" in said
    assert f"rollcall jobs show {run.id[:8]} --wait" in said
    assert f"rollcall jobs cancel {run.id[:8]}" in said
    assert run.state is RunState.WORKING
    shown = rollcall(home, "jobs", "cancel", run.id[:8], **own)
    assert "cancelled" in shown.output
