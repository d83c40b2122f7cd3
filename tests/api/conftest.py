"""The application over painted people, and clients with keys of each role."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response

from retrieval.api.app import create_app
from retrieval.api.connections import connection_of
from retrieval.api.context import Context
from retrieval.catalogue.http.api_keys import Role
from retrieval.protocols import JobQueue
from retrieval.settings import Settings
from tests.api.painted import GREEN, RED, catalogue_of, paint, painted_service
from tests.cli.running import strict_json


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        home=tmp_path / "home",
        max_body_bytes=2_000_000,
        body_timeout_s=1,
        refusals_per_minute=10_000,
    )


@pytest.fixture
def app(settings: Settings) -> FastAPI:
    return painted_app(settings)


def painted_app(settings: Settings, queue: JobQueue | None = None) -> FastAPI:
    """An application over painted people, on loopback."""
    return create_app(
        settings,
        catalogue_of(settings),
        lambda name: painted_service(settings, name),
        loopback=True,
        queue=queue,
    )


@pytest.fixture
def context(app: FastAPI) -> Context:
    found: Context = app.state.context
    return found


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """A client on loopback, without keys: it may do everything. It takes JSON only, no NaN."""
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        client.event_hooks["response"].append(_check_json)
        yield client


def _check_json(answer: Response) -> None:
    if "json" in answer.headers.get("content-type", ""):
        answer.read()
        if answer.text:
            strict_json(answer.text)


@pytest.fixture
def keys(client: TestClient, context: Context) -> dict[Role, dict[str, str]]:
    """Headers with a key of each role; from now on nobody is let in without one."""
    return {
        role: {"Authorization": f"Bearer {context.catalogue.api_keys.create(role.value, role)[1]}"}
        for role in Role
    }


@pytest.fixture
def people(client: TestClient) -> dict[str, int]:
    """Two people with two photos each: their ids by name."""
    return {
        name: enrol(client, name, paint(colour, seed=1), paint(colour, seed=2))
        for name, colour in (("Rosa", RED), ("Gustav", GREEN))
    }


def enrol(client: TestClient, name: str, *photos: bytes) -> int:
    """Enrol a person; return the id."""
    files = [("photos", (f"{number}.png", data)) for number, data in enumerate(photos)]
    answer = client.post("/v1/people", data={"person": name}, files=files)
    assert answer.status_code == 201, answer.text
    person: int = answer.json()["id"]
    return person


def receipt_of(
    client: TestClient, deleted: Response, headers: dict[str, str] | None = None
) -> dict[str, Any]:
    """The receipt of a deletion, when it is done."""
    until = time.monotonic() + 120
    place = deleted.headers["location"]
    while (answer := client.get(place, headers=headers)).json()["state"] == "working":
        assert time.monotonic() < until
        time.sleep(0.01)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@contextmanager
def served(app: FastAPI) -> Iterator[int]:
    """The application on a port of loopback."""
    http = connection_of(app.state.context.settings)
    server = uvicorn.Server(uvicorn.Config(app, port=0, http=http, log_config=None))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield int(listening.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join()
