"""The commands that use the queue, on a real home with real models."""

import csv
import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from cli.app import app
from cli.worker import _workers_left
from retrieval.errors import QueueUnavailable
from retrieval.files.tables import read_rows
from retrieval.settings import Settings
from tests.cli.running import strict_json
from worker.jobs import RqJobQueue
from worker.process import WorkerPlan
from worker.redis_program import redis_server_program
from worker.redis_server import EmbeddedRedis, connect
from worker.supervisor import Supervisor, workers


@pytest.fixture
def staff(samples: Path, tmp_path: Path) -> Path:
    """A folder for each of two people; one file is no photo."""
    folder = tmp_path / "staff"
    (folder / "her mirror image").mkdir(parents=True)
    for photo in sorted((samples / "employees").glob("*/*.jpg")):
        target = folder / photo.parent.name / photo.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(photo.read_bytes())
        with Image.open(photo) as picture:
            mirrored = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            mirrored.save(folder / "her mirror image" / photo.name)
    (folder / "Grace Hopper" / "broken.jpg").write_bytes(b"no photo at all")
    return folder


@pytest.fixture
def working(home: Path) -> Iterator[Supervisor]:
    """One worker on the home."""
    with EmbeddedRedis(home) as server:
        plan = WorkerPlan(Settings(home=home, threads=1), server.url, "rollcall")
        with workers(plan, 1, beat_s=0.3) as supervisor:
            yield supervisor


def rollcall(home: Path, *words: object, **environment: str) -> Result:
    env = {"ROLLCALL_HOME": str(home), **environment}
    return CliRunner(env=env).invoke(app, [str(word) for word in words])


def document(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = strict_json(result.stdout)
    assert "error" not in found, found
    return found


def good_photos(staff: Path) -> int:
    return len(list(staff.glob("*/*.jpg"))) - 1


def test_enroll_through_the_queue_reports_counts_and_writes_what_was_not_taken(
    home: Path, staff: Path, working: Supervisor
) -> None:
    result = rollcall(home, "enroll", staff, "--queue", "--wait", "--json")
    assert result.exit_code == 1, result.output
    found = document(result)
    assert found["state"] == "finished"
    assert found["counts"]["enrolled"] == good_photos(staff)
    assert found["counts"]["rejected"] == {"unreadable": 1}
    with Path(found["rejects"]).open(newline="", encoding="utf-8-sig") as file:
        (row,) = csv.DictReader(file)
    assert (row["person"], row["reason"]) == ("Grace Hopper", "unreadable")

    good = next(p for p in staff.glob("*/*.jpg") if p.name != "broken.jpg")
    (staff / "Grace Hopper" / "broken.jpg").write_bytes(good.read_bytes() + b"\0")
    again = rollcall(home, "enroll", "--manifest", found["rejects"], "--queue", "--wait", "--json")
    assert again.exit_code == 0, again.output
    assert document(again)["counts"]["enrolled"] == 1


def test_runs_are_listed_shown_cancelled_and_taken_up_again(
    home: Path, staff: Path, redis_server: EmbeddedRedis
) -> None:
    own = {"ROLLCALL_REDIS_URL": redis_server.url}
    queued = document(rollcall(home, "enroll", staff, "--queue", "--json", **own))
    total = good_photos(staff) + 1
    assert (queued["state"], queued["counts"]["queued"]) == ("working", total)
    run = queued["run"][:8]
    cancelled = document(rollcall(home, "jobs", "cancel", run, "--json", **own))
    assert cancelled["state"] == "cancelled"
    (listed,) = document(rollcall(home, "jobs", "list", "--json", **own))["runs"]
    assert listed == cancelled
    plan = WorkerPlan(Settings(home=home, threads=1), redis_server.url, "rollcall")
    with workers(plan, 1):
        ended = document(rollcall(home, "jobs", "retry", run, "--wait", "--json", **own))
    assert (ended["state"], ended["counts"]["enrolled"]) == ("finished", total - 1)
    shown = rollcall(home, "jobs", "show", run, **own)
    assert "broken.jpg" in shown.output
    assert rollcall(home, "jobs", "show", "nothing", **own).exit_code == 2


@pytest.mark.parametrize("command", ["identify", "search"])
def test_answers_of_the_queue_are_written_in_every_form(
    home: Path, staff: Path, tmp_path: Path, working: Supervisor, command: str
) -> None:
    rollcall(home, "enroll", staff, "--queue", "--wait")
    (tmp_path / "asked").mkdir()
    for photo in sorted((staff / "Grace Hopper").glob("*.jpg"))[:2]:  # one is broken
        (tmp_path / "asked" / photo.name).write_bytes(photo.read_bytes())
    (tmp_path / "asked" / "broken.jpg").write_bytes(b"no photo at all")
    whole: dict[str, list[str]] = {}
    for ending in ("csv", "xlsx", "jsonl", "parquet"):
        if ending == "parquet" and importlib.util.find_spec("pyarrow") is None:
            continue
        out, rejects = tmp_path / f"out.{ending}", tmp_path / f"rejects.{ending}"
        words = ("--queue", "--out", out, "--rejects", rejects)
        result = rollcall(home, command, tmp_path / "asked", *words)
        assert result.exit_code == 1, result.output
        rows = [row for row in read_rows(out) if row.get("person")]
        whole[ending] = [str(row["person"]) for row in rows]
        assert [Path(row["photo"]).name for row in read_rows(rejects)] == ["broken.jpg"]
    assert whole["csv"]
    assert all(found == whole["csv"] for found in whole.values()), whole
    assert "Grace Hopper" in whole["csv"]


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_identify_through_the_queue_writes_a_line_a_face(
    home: Path, staff: Path, samples: Path, working: Supervisor, tmp_path: Path, ending: str
) -> None:
    rollcall(home, "enroll", staff, "--queue", "--wait")
    out = tmp_path / f"results.{ending}"
    asked = samples / "queries"
    result = rollcall(home, "identify", asked, "--queue", "--out", out, "--json")
    assert result.exit_code == 0, result.output
    alone = document(rollcall(home, "identify", asked, "--json"))["photos"]
    faces = [(p["photo"], f["decision"], f["person"]) for p in alone for f in p["faces"]]
    with out.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file)) if ending == "csv" else list(map(json.loads, file))
    assert [(r["photo"], r["decision"], r["person"] or None) for r in rows] == faces
    assert len(faces) > 1


def test_results_of_another_kind_are_refused_before_the_work(home: Path, tmp_path: Path) -> None:
    for out in ("results.xlsx", "no/such/folder/results.csv"):
        result = rollcall(home, "identify", tmp_path, "--queue", "--out", tmp_path / out)
        assert result.exit_code == 2
    assert rollcall(home, "identify", tmp_path, "--queue").exit_code == 2


def write_manifest(path: Path, staff: Path, people: dict[str, str]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(("Person", "external_id", "photo", "department"))
        for person, external_id in people.items():
            for photo in sorted((staff / person).glob("[0-9]*.jpg")):
                writer.writerow((person, external_id, photo.relative_to(path.parent), "x"))
    return path


def test_a_manifest_names_people_and_sync_deletes_who_left_it(
    home: Path, staff: Path, samples: Path, tmp_path: Path
) -> None:
    names = sorted(folder.name for folder in staff.iterdir())
    first = write_manifest(tmp_path / "people.csv", staff, {n: f"id-{n}" for n in names})
    assert rollcall(home, "enroll", "--manifest", first, "--json").exit_code == 0
    people = document(rollcall(home, "people", "list", "--json"))["people"]
    assert [(p["person"], p["external_id"]) for p in people] == [(n, f"id-{n}") for n in names]

    less = write_manifest(tmp_path / "less.csv", staff, {n: f"id-{n}" for n in names[:-1]})
    tried = rollcall(home, "people", "sync", less, "--dry-run", "--json")
    leaving = document(tried)["leavers"]
    assert [each["person"] for each in leaving] == [names[-1]]
    assert document(tried)["new_photos"] == []
    unanswered = rollcall(home, "people", "sync", less, "--json")
    assert unanswered.exit_code == 2
    done = rollcall(home, "people", "sync", less, "--yes", "--leavers", "1", "--json")
    assert document(done)["leavers"] == leaving
    people = document(rollcall(home, "people", "list", "--json"))["people"]
    assert [p["person"] for p in people] == names[:-1]


@pytest.mark.parametrize(
    "text", ["", "colour,shape\nred,round\n", "person,photo\n", "\xff\xfe".encode("utf-16")]
)
def test_a_manifest_that_is_none_is_refused(home: Path, tmp_path: Path, text: str | bytes) -> None:
    manifest = tmp_path / "people.csv"
    manifest.write_bytes(text if isinstance(text, bytes) else text.encode())
    result = rollcall(home, "enroll", "--manifest", manifest)
    assert result.exit_code == 2, result.output
    assert "people.csv" in result.output or "No photos" in result.output


def test_a_manifest_that_names_nobody_deletes_nobody(
    home: Path, staff: Path, tmp_path: Path
) -> None:
    rollcall(home, "enroll", staff)
    manifest = tmp_path / "people.csv"
    manifest.write_text("person,photo\n")
    result = rollcall(home, "people", "sync", manifest, "--yes")
    assert result.exit_code == 2
    assert "names nobody" in result.output


def test_a_dry_run_tells_new_photos_from_known_ones_and_stores_nothing(
    home: Path, staff: Path
) -> None:
    before = document(rollcall(home, "enroll", staff, "--dry-run", "--json"))
    assert (before["new"], before["known"]) == (good_photos(staff) + 1, 0)
    rollcall(home, "enroll", staff)
    after = document(rollcall(home, "enroll", staff, "--dry-run", "--json"))
    assert (after["new"], after["known"]) == (1, good_photos(staff))


def test_sigterm_and_worker_stop_end_a_worker_and_the_embedded_redis(home: Path) -> None:
    redis_server_program()
    command = [sys.executable, "-c", "from cli.app import main; main()", "worker"]
    command += ["--processes", "1", "--home", str(home)]
    for stop in ("signal", "command"):
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            for line in process.stderr:
                if "wait for jobs" in line:
                    break
            if stop == "signal":
                os.kill(process.pid, signal.SIGTERM)
            else:
                assert rollcall(home, "worker", "stop").exit_code == 0
            process.communicate(timeout=180)
            assert process.returncode == 0
        assert not EmbeddedRedis(home).running
    assert "Nothing runs" in rollcall(home, "worker", "stop").output


def test_no_worker_is_left_where_the_embedded_redis_ended_with_the_last_of_them(
    home: Path,
) -> None:
    with EmbeddedRedis(home) as server, connect(server.url, reconnects=0) as connection:
        queue = RqJobQueue(connection, "rollcall")
        assert _workers_left(queue, server) == 0
        server.stop()
        assert _workers_left(queue, server) == 0
    away = connect("redis://127.0.0.1:9", reconnects=0)
    with EmbeddedRedis(home) as server, pytest.raises(QueueUnavailable):
        _workers_left(RqJobQueue(away, "rollcall"), server)


def test_without_a_redis_the_queue_says_what_to_install(home: Path, staff: Path) -> None:
    result = rollcall(home, "jobs", "list", ROLLCALL_REDIS_URL="redis://127.0.0.1:9")
    assert result.exit_code == 0  # the list is in the catalogue
    url = "redis://127.0.0.1:9"
    result = rollcall(home, "enroll", staff, "--queue", ROLLCALL_REDIS_URL=url)
    assert result.exit_code == 5
    assert "ROLLCALL_REDIS_URL" in result.output
