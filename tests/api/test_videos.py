"""Videos over HTTP."""

import pytest
from fastapi.testclient import TestClient

from retrieval.settings import Settings
from tests.api.conftest import enrol, painted_app
from tests.api.painted import GREEN, RED, paint, painted_service
from tests.api.test_runs import PatientQueue
from tests.made_videos import squares, write_video
from worker.tasks import RunTasks


@pytest.fixture
def video(tmp_path):
    frames = [squares((RED, 20 + n, 20)) for n in range(20)]
    return write_video(tmp_path / "door.mp4", frames, fps=10).read_bytes()


@pytest.fixture
def served(tmp_path):
    """A client whose service has a queue, and what works that off."""
    settings, queue = Settings(home=tmp_path / "home"), PatientQueue()
    app = painted_app(settings, queue)
    tasks = RunTasks(settings, queue, lambda own: painted_service(own, own.collection))

    def work():
        while queue.jobs:
            kind, payload, _ = queue.jobs.pop(0)
            tasks.run(kind, payload)

    with TestClient(app, base_url="http://127.0.0.1") as client:
        enrol(client, "Rosa", paint(RED, seed=1), paint(RED, seed=2))
        enrol(client, "Gustav", paint(GREEN, seed=1), paint(GREEN, seed=2))
        yield client, work
    tasks.close()


def test_a_short_video_is_answered_at_once(served, video):
    client, _ = served
    answer = client.post("/v1/identify/video", files={"video": ("door.mp4", video)})
    assert answer.status_code == 200
    (seen,) = answer.json()["videos"]
    assert [(p["person"], p["from"], p["to"]) for p in seen["people"]] == [
        ("Rosa", "00:00", "00:01")
    ]
    assert seen["tracks"][0]["candidates"][0]["person"] == "Rosa"


def test_what_is_no_video_is_refused_in_words_of_the_page(served):
    client, _ = served
    for name, data, code in (("door.mp4", b"none", "unreadable"), ("door.txt", b"x", "setting")):
        answer = client.post("/v1/identify/video", files={"video": (name, data)})
        assert answer.status_code == 422
        assert answer.json()["code"] == code
        assert "--" not in answer.json()["detail"]


def test_a_video_goes_into_an_event_through_the_queue(served, video):
    client, work = served
    event = client.post("/v1/events", json={"name": "Door"}).json()["id"]
    run = client.post(f"/v1/events/{event}/videos", files={"video": ("door.mp4", video)})
    assert run.status_code == 202
    until(client, run.json()["run"], work)
    (face,) = client.get(f"/v1/events/{event}/appearances").json()["faces"]
    assert (face["person"], face["from"], face["to"]) == ("Rosa", "00:00", "00:01")


def test_a_run_that_identifies_answers_about_videos_as_well(served, video, tmp_path):
    import io
    import zipfile

    client, work = served
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a/1.png", paint(RED, seed=5))
        archive.writestr("a/door.mp4", video)
    sent = {"archive": ("a.zip", packed.getvalue(), "application/zip")}
    run = client.post("/v1/runs", data={"kind": "identify"}, files=sent)
    assert run.status_code == 202, run.text
    until(client, run.json()["run"], work)
    answers = client.get(f"/v1/runs/{run.json()['run']}/answers").json()["photos"]
    assert [face["person"] for answer in answers for face in answer["faces"]] == ["Rosa", "Rosa"]


def until(client, run, work):
    """Work until a run is finished; its photos are listed by a thread."""
    for _ in range(200):
        work()
        shown = client.get(f"/v1/runs/{run}").json()
        if shown["state"] == "finished":
            return
    raise AssertionError(shown)
