"""Two who act at once over HTTP: nothing is done to somebody who was not meant.

Each request is held where it has read whom it is about and is about to write; meanwhile person 1 is
renamed by somebody else, and another person is enrolled under the old name.
"""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Connection

from retrieval.api.app import create_app
from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.database import Database
from retrieval.collection.enrolments import EnrolItem
from retrieval.people.strangers import name_group
from retrieval.service import Service
from retrieval.settings import Settings
from tests.api.painted import BLUE, PINK, PaintedParts, catalogue_of, paint, painted_service
from tests.catalogue.made import state

WAIT_S = 120


class HeldDatabase(Database):
    """Stops once, before a transaction that writes, and waits to be let on."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.stop = False
        self.stopped, self.on = threading.Event(), threading.Event()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        if self.stop:
            self.stop = False
            self.stopped.set()
            assert self.on.wait(WAIT_S)
        with super().writing() as connection:
            yield connection


@pytest.fixture
def held(settings: Settings) -> HeldDatabase:
    settings.home.mkdir(parents=True)
    return HeldDatabase(f"sqlite:///{settings.home / 'catalogue.db'}")


@pytest.fixture
def app(settings: Settings, held: HeldDatabase) -> FastAPI:
    with catalogue_of(settings):  # made
        pass

    def opened(name: str) -> Service:
        return Service(Catalogue(held), PaintedParts(settings), name)

    return create_app(settings, catalogue_of(settings), opened, loopback=True)


REQUESTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "delete": ("DELETE", "/v1/people/1", {}),
    "remove a photo": ("DELETE", "/v1/people/1/photos/1", {}),
    "rename": ("PATCH", "/v1/people/1", {"json": {"person": "Rosamunde"}}),
    "merge": ("POST", "/v1/people/merge", {"json": {"person_id": 1, "into_id": 2}}),
    "merge into": ("POST", "/v1/people/merge", {"json": {"person_id": 2, "into_id": 1}}),
    "move": (
        "POST",
        "/v1/people/move",
        {"json": {"face_ids": [1], "person_id": 1, "to_id": 2}},
    ),
    "move to": ("POST", "/v1/people/move", {"json": {"face_ids": [3], "to_id": 1}}),
    "split": ("POST", "/v1/people/1/split", {"json": {"face_ids": [1], "person": "Pia"}}),
}


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_a_request_about_a_person_who_is_renamed_while_it_waits_does_nothing(
    client: TestClient,
    people: dict[str, int],
    settings: Settings,
    held: HeldDatabase,
    request_: tuple[str, str, dict[str, Any]],
) -> None:
    assert people == {"Rosa": 1, "Gustav": 2}
    method, path, content = request_
    with ThreadPoolExecutor(1) as threads, painted_service(settings, "default") as another:
        held.stop = True
        answering = threads.submit(lambda: client.request(method, path, **content))
        assert held.stopped.wait(WAIT_S)
        another.rename("Rosa", "Rosa Rot")
        made = _enrolled(another, "Rosa")
        before = state(another.catalogue, 1)
        held.on.set()
        answer = answering.result(WAIT_S)
        assert state(another.catalogue, 1) == before
    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
    assert "Person 1 is called otherwise now: 'Rosa Rot', not 'Rosa'" in answer.json()["detail"]
    assert client.get(f"/v1/people/{made}").json()["person"] == "Rosa"


def _enrolled(service: Service, name: str) -> int:
    (result,) = service.enrol([EnrolItem(name, "new.png", paint(PINK, seed=7))])
    assert result.outcome == "enrolled"
    return service.person(name).id


@pytest.mark.parametrize(
    ("method", "path", "content"),
    [
        ("DELETE", "/v1/people/1?called=Rosa", {}),
        ("DELETE", "/v1/people/1/photos/1?called=Rosa", {}),
        ("PATCH", "/v1/people/1?called=Rosa", {"json": {"person": "Rosamunde"}}),
        (
            "POST",
            "/v1/people/merge",
            {"json": {"person_id": 1, "called": "Rosa", "into_id": 2}},
        ),
        (
            "POST",
            "/v1/people/merge",
            {"json": {"person_id": 2, "into_id": 1, "into_called": "Rosa"}},
        ),
        (
            "POST",
            "/v1/people/move",
            {"json": {"face_ids": [3], "to_id": 1, "to_called": "Rosa"}},
        ),
        (
            "POST",
            "/v1/people/1/split",
            {"json": {"face_ids": [1], "person": "Pia", "called": "Rosa"}},
        ),
    ],
)
def test_a_page_that_shows_an_old_name_does_nothing_to_who_is_called_otherwise_now(
    client: TestClient, people: dict[str, int], method: str, path: str, content: dict[str, Any]
) -> None:
    client.patch("/v1/people/1", json={"person": "Rosa Rot"})
    shown = client.get("/v1/people").json()
    answer = client.request(method, path, **content)
    assert answer.status_code == 404
    assert "'Rosa Rot', not 'Rosa'" in answer.json()["detail"]
    assert client.get("/v1/people").json() == shown


def test_a_photo_that_is_anothers_by_then_is_not_removed(
    client: TestClient, people: dict[str, int], settings: Settings, held: HeldDatabase
) -> None:
    with ThreadPoolExecutor(1) as threads, painted_service(settings, "default") as another:
        held.stop = True
        answering = threads.submit(lambda: client.delete("/v1/people/1/photos/1"))
        assert held.stopped.wait(WAIT_S)
        another.catalogue.move_faces(1, [1], 2)
        held.on.set()
        answer = answering.result(WAIT_S)
    assert answer.status_code == 404
    assert "'Gustav''s now, not 'Rosa''s" in answer.json()["detail"]
    assert len(client.get("/v1/people/2").json()["photos"]) == 3


def test_a_group_that_two_name_at_once_is_enrolled_once(
    client: TestClient, people: dict[str, int], settings: Settings, held: HeldDatabase
) -> None:
    settings.unknown_days = 1
    client.post("/v1/identify", files={"photos": ("b.png", paint(BLUE, seed=5))})
    (group,) = client.get("/v1/unknowns").json()["groups"]
    path = f"/v1/unknowns/{group['group']}/name"
    with ThreadPoolExecutor(1) as threads, painted_service(settings, "default") as another:
        held.stop = True
        answering = threads.submit(lambda: client.post(path, json={"person": "Blau"}))
        assert held.stopped.wait(WAIT_S)
        name_group(another, group["group"], "Azur")
        held.on.set()
        answer = answering.result(WAIT_S)
    assert answer.status_code == 404
    names = [person["person"] for person in client.get("/v1/people").json()["people"]]
    assert names == ["Azur", "Gustav", "Rosa"]


def test_only_the_faces_of_a_group_that_were_seen_are_named(
    client: TestClient, people: dict[str, int], settings: Settings
) -> None:
    settings.unknown_days = 1
    for seed in (5, 6):
        client.post("/v1/identify", files={"photos": (f"{seed}.png", paint(BLUE, seed=seed))})
    (group,) = client.get("/v1/unknowns").json()["groups"]
    path = f"/v1/unknowns/{group['group']}/name"
    gone = client.post(path, json={"person": "Blau", "face_ids": [*group["face_ids"], 99]})
    assert gone.status_code == 404
    assert "has changed meanwhile" in gone.json()["detail"]
    named = client.post(path, json={"person": "Blau", "face_ids": group["face_ids"][:1]})
    assert len(named.json()["enrolled"]) == 1
