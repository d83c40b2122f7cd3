"""Webhooks over HTTP: an admin names addresses, tests them, and each run's end is told there."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from retrieval.api.context import Context
from retrieval.catalogue.http.api_keys import Role
from retrieval.collection.bulk import Bulk
from retrieval.settings import Settings
from tests.api.conftest import enrol
from tests.api.painted import RED, paint
from tests.api.test_runs import PatientQueue


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"webhook_secret": SecretStr("a secret for tests")})


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[bytes], list[int]]]:
    """Where a program listens, what it was told, and what it answers from now on."""
    told: list[bytes] = []
    answers: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the name that http.server calls
            told.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(answers.pop() if answers else 204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/hook", told, answers
        server.shutdown()
        thread.join()


def test_an_address_is_added_tested_and_removed(
    client: TestClient,
    people: dict[str, int],
    receiver: tuple[str, list[bytes], list[int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url, told, answers = receiver
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")  # whoever is told is told directly
    made = client.post("/v1/webhooks", json={"url": url})
    assert made.status_code == 201
    assert made.json()["tried_at"] is None
    assert client.post("/v1/webhooks", json={"url": url}).status_code == 409
    where = f"/v1/webhooks/{made.json()['id']}"
    tested = client.post(f"{where}/test").json()
    assert tested["tried_at"] is not None
    assert tested["problem"] is None
    assert told == [b'{"test": true, "collection": "default"}']
    answers.append(410)
    assert "410" in client.post(f"{where}/test").json()["problem"]
    assert "410" in client.get("/v1/webhooks").json()["webhooks"][0]["problem"]
    assert client.delete(where).status_code == 200
    assert client.get("/v1/webhooks").json() == {"webhooks": []}
    assert client.post(f"{where}/test").status_code == 404


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com", "file:///etc/passwd", "nowhere", "http://", "http://[::1", "http://a:x/",
        "http://a:99999/", "http://a/\0", "http://a b/", "http://a/\n", "http://\u202ea/",
        "https://user:password@a.example.com/", "http://169.254.169.254/latest", "http://[fe80::1]/",
    ],
)  # fmt: skip
def test_only_http_and_https_are_told(client: TestClient, people: dict[str, int], url: str) -> None:
    assert client.post("/v1/webhooks", json={"url": url}).status_code == 422


def test_a_run_that_ends_has_each_address_of_its_collection_told(
    client: TestClient, people: dict[str, int], context: Context
) -> None:
    for place in ("one", "two"):
        client.post("/v1/webhooks", json={"url": f"https://{place}.example.com/"})
    queue, runs = PatientQueue(), context.catalogue.runs
    bulk = Bulk(runs, queue)
    run = bulk.begin("enrol", "default", "here", {"webhook": "https://own.example.com/"})
    assert list(bulk.fill(run, iter(()))) == []
    kinds = [(kind, payload["to"]) for kind, payload, _ in queue.jobs]
    assert kinds == [
        ("webhook", "https://own.example.com/"),
        ("webhook", "https://one.example.com/"),
        ("webhook", "https://two.example.com/"),
    ]
    queue.jobs.clear()
    other = bulk.begin("enrol", "elsewhere", "here", {})
    assert list(bulk.fill(other, iter(()))) == []
    assert queue.jobs == []


def test_webhooks_are_an_admins_and_go_with_their_collection(
    client: TestClient, people: dict[str, int], context: Context
) -> None:
    client.post("/v1/webhooks", json={"url": "https://one.example.com/"})
    keys = {role: context.catalogue.api_keys.create(role.value, role)[1] for role in Role}
    operator = {"Authorization": f"Bearer {keys[Role.HR]}"}
    assert client.get("/v1/webhooks", headers=operator).status_code == 403
    context.catalogue.delete_collection("default")
    admin = {"Authorization": f"Bearer {keys[Role.ADMIN]}"}
    enrol_again = {"photos": ("1.png", paint(RED))}
    client.post("/v1/people", data={"person": "Rosa"}, files=enrol_again, headers=admin)
    assert client.get("/v1/webhooks", headers=admin).json() == {"webhooks": []}


def test_without_a_secret_nothing_is_added(app: Any, context: Context) -> None:
    context.settings.webhook_secret = None
    with TestClient(app, base_url="http://127.0.0.1") as client:
        enrol(client, "Rosa", paint(RED))
        refused = client.post("/v1/webhooks", json={"url": "https://one.example.com/"})
    assert refused.status_code == 422
    assert "secret" not in refused.json()["detail"].lower() or "ROLLCALL" in refused.text
