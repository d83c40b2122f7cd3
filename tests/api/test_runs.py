"""Runs over HTTP, with a queue that a test works off itself."""

import io
import json
import time
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from retrieval.catalogue.schema import now
from retrieval.collection.bulk import Bulk
from retrieval.collection.run_files import uploads_below
from retrieval.protocols import FailedJob
from retrieval.settings import Settings
from tests.api.conftest import painted_app
from tests.api.painted import GREEN, RED, catalogue_of, paint, painted_service
from worker.tasks import RunTasks


class PatientQueue:
    """A JobQueue that keeps jobs until `work` is called."""

    def __init__(self) -> None:
        self.jobs: list[tuple[str, dict[str, Any], str]] = []

    def enqueue(self, kind: str, payloads: Sequence[dict[str, Any]], run_id: str) -> list[str]:
        self.jobs += [(kind, payload, run_id) for payload in payloads]
        return [f"{run_id}:{number}" for number in range(len(payloads))]

    def cancel(self, run_id: str) -> int:
        before = len(self.jobs)
        self.jobs = [job for job in self.jobs if job[2] != run_id]
        return before - len(self.jobs)

    def pending(self, run_id: str) -> int:
        return sum(job[2] == run_id for job in self.jobs)

    def workers(self) -> int:
        return 1

    def waiting(self) -> int:
        return len(self.jobs)

    def failed(self, run_id: str) -> list[FailedJob]:
        return []

    def forget_failed(self, run_id: str) -> int:
        return 0


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", ingest_folders=(tmp_path / "in",))


@pytest.fixture
def queue() -> PatientQueue:
    return PatientQueue()


@pytest.fixture
def app(settings: Settings, queue: PatientQueue) -> FastAPI:
    return painted_app(settings, queue)


@pytest.fixture
def tasks(settings: Settings, queue: PatientQueue) -> Iterator[RunTasks]:
    tasks = RunTasks(settings, queue, lambda own: painted_service(own, own.collection))
    yield tasks
    tasks.close()


def wait_for_jobs(queue: PatientQueue, count: int) -> None:
    deadline = time.monotonic() + 180
    while len(queue.jobs) < count and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(queue.jobs) == count


def work(queue: PatientQueue, tasks: RunTasks) -> None:
    while queue.jobs:
        kind, payload, _ = queue.jobs.pop(0)
        tasks.run(kind, payload)


def archive(**files: bytes) -> dict[str, tuple[str, bytes]]:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return {"archive": ("people.zip", data.getvalue())}


def test_an_archive_is_enrolled_and_its_rejects_are_listed_with_pictures(
    client: TestClient, queue: PatientQueue, tasks: RunTasks
) -> None:
    files = archive(
        **{"Rosa/1.png": paint(RED), "Gustav/1.png": paint(GREEN), "Nobody/1.png": paint()}
    )
    begun = client.post("/v1/runs", files=files)
    assert begun.status_code == 202, begun.text
    run = begun.json()["run"]
    wait_for_jobs(queue, 1)
    work(queue, tasks)
    shown = client.get(f"/v1/runs/{run[:8]}").json()
    assert shown["state"] == "finished"
    assert (shown["counts"]["enrolled"], shown["counts"]["rejected"]) == (2, {"no-face": 1})
    (reject,) = client.get(f"/v1/runs/{run}/rejects").json()["rejects"]
    assert (reject["person"], reject["reason"]) == ("Nobody", "no-face")
    picture = client.get(f"/v1/runs/{run}/rejects/{reject['id']}/picture")
    assert picture.headers["content-type"] == "image/jpeg"
    assert [p["person"] for p in client.get("/v1/people").json()["people"]] == ["Gustav", "Rosa"]


def test_an_archive_is_identified_and_its_answers_are_read_until_their_time_is_over(
    client: TestClient, queue: PatientQueue, tasks: RunTasks, people: dict[str, int]
) -> None:
    files = archive(**{"a/both.png": paint(RED, GREEN), "b/red.png": paint(RED), "c.png": b"no"})
    begun = client.post("/v1/runs", files=files, data={"kind": "identify"})
    assert (begun.status_code, begun.json()["kind"]) == (202, "identify"), begun.text
    run = begun.json()["run"]
    wait_for_jobs(queue, 1)
    work(queue, tasks)
    first = client.get(f"/v1/runs/{run}/answers?limit=2").json()
    rest = client.get(f"/v1/runs/{run}/answers?after={first['next']}").json()
    told = {
        photo["photo"]: [face["person"] for face in photo.get("faces") or []]
        for photo in first["photos"] + rest["photos"]
    }
    assert told == {"c.png": [], "a/both.png": ["Rosa", "Gustav"], "b/red.png": ["Rosa"]}
    assert (first["next"] is None, rest["next"]) == (False, None)
    assert len(client.get("/v1/people").json()["people"]) == len(people), "nobody was enrolled"
    assert tasks._runs.forget_answers(1) == 0, "it has ended a moment ago"
    assert tasks._runs.forget_answers(-1) == 1
    assert client.get(f"/v1/runs/{run}/answers").json()["photos"] == []
    counts = client.get(f"/v1/runs/{run}").json()["counts"]
    assert (counts["answered"], counts["rejected"]) == (2, {"unreadable": 1})


def test_an_archive_without_a_photo_begins_no_run_and_leaves_no_folder(
    client: TestClient, settings: Settings, people: dict[str, int]
) -> None:
    event = client.post("/v1/events", json={"name": "Party"}).json()["id"]
    for place, data in (("runs", {"kind": "identify"}), (f"events/{event}/archive", {})):
        answer = client.post(f"/v1/{place}", files=archive(**{"note.txt": b"x"}), data=data)
        assert answer.status_code == 422, answer.text
    assert not list(uploads_below(settings.home).glob("*"))
    assert client.get("/v1/runs").json()["runs"] == []


def test_photos_of_an_archive_come_into_an_event_with_an_audit_entry_of_the_run(
    client: TestClient, queue: PatientQueue, tasks: RunTasks, people: dict[str, int]
) -> None:
    event = client.post("/v1/events", json={"name": "Party"}).json()["id"]
    sent = archive(**{"1.png": paint(RED), "2.png": paint(GREEN)})
    run = client.post(f"/v1/events/{event}/archive", files=sent).json()["run"]
    entries = client.get("/v1/audit").json()["entries"]
    told = [each["answer"] for each in entries if each["action"] == "add-photos"]
    assert told == [{"event": event, "run": run}]
    wait_for_jobs(queue, 1)
    work(queue, tasks)
    roll = client.get(f"/v1/events/{event}/roll").json()
    assert sorted(line["person"] for line in roll["people"]) == ["Gustav", "Rosa"]


def test_departments_in_an_archive_are_asked_about_and_begin_no_run(
    client: TestClient, queue: PatientQueue, tasks: RunTasks, settings: Settings
) -> None:
    files = {"Sales/Rosa/1.png": paint(RED), "Legal/Gustav/1.png": paint(GREEN)}
    asked = client.post("/v1/runs", files=archive(**files))
    assert (asked.status_code, asked.json()["code"]) == (422, "folders-unclear")
    assert "nested=true" in asked.json()["detail"]
    assert client.get("/v1/runs").json()["runs"] == []
    assert list(uploads_below(settings.home).glob("*")) == []  # nobody would ever read it
    begun = client.post("/v1/runs", files=archive(**files), data={"nested": "true"})
    assert begun.status_code == 202, begun.text
    wait_for_jobs(queue, 1)
    work(queue, tasks)
    assert [p["person"] for p in client.get("/v1/people").json()["people"]] == ["Gustav", "Rosa"]


def test_a_loose_photo_and_an_empty_folder_stand_among_the_rejects(
    client: TestClient, queue: PatientQueue, tasks: RunTasks, tmp_path: Path
) -> None:
    (tmp_path / "in" / "Rosa").mkdir(parents=True)
    (tmp_path / "in" / "Empty").mkdir()
    (tmp_path / "in" / "Rosa" / "1.png").write_bytes(paint(RED))
    (tmp_path / "in" / "loose.png").write_bytes(paint(GREEN))
    run = client.post("/v1/runs", data={"folder": str(tmp_path / "in")}).json()["run"]
    wait_for_jobs(queue, 1)
    work(queue, tasks)
    rejects = client.get(f"/v1/runs/{run}/rejects").json()["rejects"]
    assert [(r["person"], r["reason"]) for r in rejects] == [
        ("", "no-person"),
        ("Empty", "no-photos"),
    ]


def test_a_folder_on_the_allow_list_is_enrolled_and_others_are_refused(
    client: TestClient, queue: PatientQueue, tmp_path: Path
) -> None:
    (tmp_path / "in" / "Rosa").mkdir(parents=True)
    (tmp_path / "in" / "Rosa" / "1.png").write_bytes(paint(RED))
    (tmp_path / "in" / "out").symlink_to(tmp_path)
    assert client.post("/v1/runs", data={"folder": str(tmp_path / "in")}).status_code == 202
    for outside in ("/etc", str(tmp_path), f"{tmp_path}/in/..", str(tmp_path / "in" / "out")):
        answer = client.post("/v1/runs", data={"folder": outside})
        assert (answer.status_code, answer.json()["code"]) == (403, "not-allowed"), outside
    missing = client.post("/v1/runs", data={"folder": str(tmp_path / "in" / "none")})
    assert missing.status_code == 404


def test_events_follow_a_run_to_its_end(
    client: TestClient, queue: PatientQueue, tasks: RunTasks
) -> None:
    run = client.post("/v1/runs", files=archive(**{"Rosa/1.png": paint(RED)})).json()["run"]
    wait_for_jobs(queue, 1)
    work(queue, tasks)
    with client.stream("GET", f"/v1/runs/{run}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = [
            json.loads(line.removeprefix("data: "))
            for line in answer.iter_lines()
            if line.startswith("data: ")
        ]
    assert events[-1]["state"] == "finished"
    assert events[-1]["counts"]["enrolled"] == 1


def test_a_run_is_cancelled_and_goes_on(
    client: TestClient, queue: PatientQueue, tasks: RunTasks
) -> None:
    run = client.post("/v1/runs", files=archive(**{"Rosa/1.png": paint(RED)})).json()["run"]
    wait_for_jobs(queue, 1)
    assert client.post(f"/v1/runs/{run}/cancel").json()["state"] == "cancelled"
    assert queue.jobs == []
    assert client.post(f"/v1/runs/{run}/retry").json()["state"] == "working"
    work(queue, tasks)
    assert client.get(f"/v1/runs/{run}").json()["state"] == "finished"
    assert client.get("/v1/runs").json()["runs"][0]["counts"]["enrolled"] == 1


def test_a_bad_archive_is_refused_and_starts_no_run(client: TestClient, settings: Settings) -> None:
    for name in ("../1.png", "/etc/1.png"):
        answer = client.post("/v1/runs", files=archive(**{name: paint(RED)}))
        assert (answer.status_code, answer.json()["code"]) == (422, "data")
    assert client.get("/v1/runs").json() == {"runs": []}
    assert list(uploads_below(settings.home).glob("*")) == []
    assert client.post("/v1/runs").status_code == 422


def test_another_collections_run_is_not_found(
    client: TestClient, queue: PatientQueue, settings: Settings
) -> None:
    with catalogue_of(settings) as catalogue:
        run = Bulk(catalogue.runs, queue).begin("enrol", "other", "x", {})
    assert client.get(f"/v1/runs/{run.id}").status_code == 404
    assert client.get(f"/v1/runs/{run.id}?collection=other").status_code == 200


def test_a_busy_neighbour_hides_no_run_of_ones_own(client: TestClient, settings: Settings) -> None:
    with catalogue_of(settings) as catalogue:
        runs = catalogue.runs
        mine = runs.create("enrol", "default", "mine", {})
        for number in range(101):
            last = runs.create("enrol", "neighbour", f"theirs {number}", {})
            while now() == last.started_at:  # the next one is newer, as far as moments are kept
                time.sleep(0.001)
    listed = client.get("/v1/runs", params={"limit": 50}).json()["runs"]
    assert [run["run"] for run in listed] == [mine.id]
    assert mine.id in client.get("/runs").text
    theirs = client.get("/v1/runs", params={"collection": "neighbour", "limit": 3}).json()["runs"]
    assert [run["source"] for run in theirs] == ["theirs 100", "theirs 99", "theirs 98"]


def test_links_in_an_ingest_folder_lead_nowhere(
    client: TestClient, queue: PatientQueue, tasks: RunTasks, tmp_path: Path
) -> None:
    inside, outside = tmp_path / "in", tmp_path / "secret"
    for folder in (inside / "Rosa", inside / "Gustav", outside / "Grace"):
        folder.mkdir(parents=True)
    (inside / "Rosa" / "1.png").write_bytes(paint(RED))
    (inside / "Gustav" / "1.png").write_bytes(paint(GREEN))
    (outside / "Grace" / "secret.png").write_bytes(paint(GREEN, seed=5))
    (inside / "Grace").symlink_to(outside / "Grace")
    (inside / "Rosa" / "2.png").symlink_to(outside / "Grace" / "secret.png")
    run = client.post("/v1/runs", data={"folder": str(inside)}).json()["run"]
    wait_for_jobs(queue, 1)
    # Exchanged for a link after it was listed.
    (inside / "Gustav" / "1.png").unlink()
    (inside / "Gustav" / "1.png").symlink_to(outside / "Grace" / "secret.png")
    work(queue, tasks)
    assert [p["person"] for p in client.get("/v1/people").json()["people"]] == ["Rosa"]
    rejects = client.get(f"/v1/runs/{run}/rejects").json()["rejects"]
    assert [(r["person"], r["reason"]) for r in rejects] == [("Gustav", "unreadable")]
    assert "link" in rejects[0]["message"]
    picture = client.get(f"/v1/runs/{run}/rejects/{rejects[0]['id']}/picture")
    assert picture.status_code == 404
    assert "secret" not in json.dumps(client.get(f"/v1/runs/{run}").json())


def test_an_archive_of_an_event_is_decided_by_the_worker_before_anybody_reads_the_roll(
    client: TestClient, queue: PatientQueue, tasks: RunTasks, settings: Settings
) -> None:
    person = {"photos": ("1.png", paint(RED, seed=1))}
    assert client.post("/v1/people", data={"person": "Rosa"}, files=person).status_code == 201
    event = client.post("/v1/events", json={"name": "Party"}).json()["id"]
    packed = archive(**{"a/1.png": paint(RED, seed=2), "2.png": paint(GREEN, seed=3)})
    assert client.post(f"/v1/events/{event}/archive", files=packed).status_code == 202
    wait_for_jobs(queue, 1)
    work(queue, tasks)
    with painted_service(settings, "default") as service:
        (found,) = service.events.all()
        assert found.outdated is None
        assert found.event.decided == found.event.revision  # nobody has read the roll yet
        assert [each.event.name for each in service.events.sightings("Rosa")] == ["Party"]
    (entry, *_) = client.get("/v1/audit", params={"limit": 1}).json()["entries"]
    assert (entry["action"], entry["collection"]) == ("add-photos", "default")


def test_a_rejected_photo_is_fetched_settled_and_opened_again(
    client: TestClient, queue: PatientQueue, tasks: RunTasks
) -> None:
    several = paint(RED, GREEN)
    files = archive(**{"Ada/1.png": paint(RED), "Both/2.png": several})
    run = client.post("/v1/runs", files=files).json()["run"]
    wait_for_jobs(queue, 1)
    work(queue, tasks)
    (reject,) = client.get(f"/v1/runs/{run}/rejects").json()["rejects"]
    assert (reject["person"], reject["reason"], reject["dismissed"]) == (
        "Both",
        "several-faces",
        False,
    )
    where = f"/v1/runs/{run}/rejects/{reject['id']}"
    assert client.get(f"{where}/photo").content == several
    html = {"Accept": "text/html"}
    assert "Both" in client.get("/rejects", headers=html).text
    for what, dismissed, waits in (("dismissed", True, False), ("open", False, True)):
        answer = client.post(f"{where}/settle", json={"now": what})
        assert answer.status_code == 200
        assert answer.json()["dismissed"] is (what == "dismissed")
        assert ("Both" in client.get("/rejects", headers=html).text) is waits, what
        told = client.get(f"/v1/runs/{run}/rejects").json()["rejects"]
        assert [each["dismissed"] for each in told] == [dismissed]
        counts = client.get(f"/v1/runs/{run}").json()["counts"]
        assert counts["rejected"] == {"several-faces": 1}, "it was not taken, whoever says what"
    assert client.post(f"{where}/settle", json={"now": "mended"}).status_code == 200
    counts = client.get(f"/v1/runs/{run}").json()["counts"]
    assert (counts["enrolled"], counts["rejected"]) == (2, {})
    assert client.post(f"{where}/settle", json={"now": "open"}).status_code == 404
    assert client.get(f"{where}/photo", params={"collection": "other"}).status_code == 404
