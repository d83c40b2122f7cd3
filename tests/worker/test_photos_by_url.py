"""Runs over photos that lie on a server: a real FTP server with a password."""

import csv
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from retrieval.building import open_catalogue
from retrieval.collection.bulk import Bulk
from retrieval.people.intake import listed_person
from retrieval.photos.folders import people_below
from retrieval.settings import Settings
from retrieval.values import Url
from tests.cli.running import document, rollcall
from tests.processes import free_port
from tests.storage_servers import PASSWORD, ftp_server
from tests.worker.small_models import write_photos
from tests.worker.waiting import follow, until, workers
from worker.jobs import RqJobQueue
from worker.process import WorkerPlan
from worker.redis_server import EmbeddedRedis

fsspec = pytest.importorskip("fsspec", reason="needs the extra storage")
pytest.importorskip("pyftpdlib", reason="needs pyftpdlib, an FTP server")


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    """As users give it: in the environment of whoever reads."""
    monkeypatch.setenv("FSSPEC_FTP_PASSWORD", PASSWORD)
    monkeypatch.setitem(fsspec.config.conf, "ftp", {"password": PASSWORD})


def test_a_company_on_a_server_is_enrolled_asked_about_and_its_password_is_nowhere(
    home: Path,
    samples: Path,
    redis_server: EmbeddedRedis,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    photos = tmp_path / "photos"
    shutil.copytree(samples, photos)
    (photos / "employees" / "Grace Hopper" / "broken.jpg").write_bytes(b"no photo at all")
    own = {"ROLLCALL_REDIS_URL": redis_server.url}
    tasks = "tests.worker.password_workers:build_tasks"
    plan = WorkerPlan(Settings(home=home, threads=1), redis_server.url, "rollcall", tasks)
    with ftp_server(photos) as url, workers(plan, 1):
        people = f"{url}/employees"
        queued = rollcall(home, "enroll", people, "--queue", "--wait", "--json", **own)
        assert queued.exit_code == 1, queued.output
        found = document(queued)
        assert (found["source"], found["counts"]["rejected"]) == (people, {"unreadable": 1})
        with Path(found["rejects"]).open(newline="") as file:
            (row,) = csv.DictReader(file)
        assert row["photo"] == f"{people}/Grace Hopper/broken.jpg"

        again = rollcall(home, "enroll", people, "--json", **own)
        assert document(again)["known"] == found["counts"]["enrolled"] > 0
        assert document(rollcall(home, "enroll", people, "--dry-run", "--json"))["new"] == 1
        named = rollcall(home, "enroll", "--manifest", found["rejects"], "--dry-run", "--json")
        assert document(named)["new"] == 1

        asked = f"{url}/queries/group.jpg"
        drawn = tmp_path / "drawn"
        here = rollcall(home, "identify", asked, "--draw", drawn, "--json")
        (photo,) = document(here)["photos"]
        assert "Grace Hopper" in {face["person"] for face in photo["faces"]}
        assert (drawn / "group.jpg").is_file()
        answers = tmp_path / "answers.jsonl"
        rollcall(home, "identify", f"{url}/queries", "--queue", "--out", answers, **own)
        assert '"Grace Hopper"' in answers.read_text()
        hits = document(rollcall(home, "search", asked, "--json"))["hits"]
        assert hits[0]["photo"].startswith(people)
        verified = rollcall(home, "verify", hits[0]["photo"], "Grace Hopper")
        assert "the same person" in verified.output
    assert PASSWORD not in "".join(
        [
            queued.output,
            again.output,
            here.output,
            verified.output,
            caplog.text,
            answers.read_text(),
        ]
    )
    assert not any(
        PASSWORD.encode() in path.read_bytes() for path in home.rglob("*") if path.is_file()
    )


def test_a_server_that_goes_away_in_the_middle_costs_no_photo(
    plan: WorkerPlan, redis_server: EmbeddedRedis, queue: RqJobQueue, tmp_path: Path
) -> None:
    photos = write_photos(tmp_path / "photos", people=8, photos=10)
    plan = replace(
        plan, tasks="tests.worker.password_workers:build_small_tasks", pauses_s=(1,) * 120
    )
    queue = RqJobQueue(queue.connection, pauses_s=plan.pauses_s)
    port = free_port()
    with open_catalogue(plan.settings) as catalogue, workers(plan, 2, beat_s=0.3):
        bulk = Bulk(catalogue.runs, queue)
        with ftp_server(tmp_path / "photos", port) as url:
            run = bulk.begin("enrol", "default", url, {})
            listed = (listed_person(name, photo) for name, photo in people_below(Url(url)))
            for _ in bulk.fill(run, listed):
                pass
            until(lambda: bulk.runs.counts(run.id).enrolled)
        assert bulk.runs.counts(run.id).waiting, "the server went too late"
        time.sleep(1.0)
        with ftp_server(tmp_path / "photos", port):
            counts = follow(bulk, run)
        enrolled = [photo.photo for photo in catalogue.photos(catalogue.collection("default").id)]
    assert (counts.enrolled, counts.found) == (photos, photos)
    assert len(set(enrolled)) == len(enrolled) == photos
