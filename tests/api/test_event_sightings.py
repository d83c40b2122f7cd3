"""An event's sightings as they are added, as server-sent events."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from retrieval.api.context import Context
from retrieval.catalogue.http.api_keys import Role
from retrieval.collection.enrolments import EnrolItem
from retrieval.collection.tracks.live import Shot
from retrieval.collection.tracks.sightings import Watcher
from retrieval.settings import Settings
from tests.api.conftest import served
from tests.api.painted import BLUE, RED, paint, painted_service
from tests.made_videos import squares

WAIT_S = 60


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def camera(settings: Settings):
    """Another process's service with Red enrolled: it puts a sighting of a colour into an event."""
    with painted_service(settings, "default") as service:
        items = [EnrolItem("Red", f"{n}.png", paint(RED, seed=n)) for n in range(2)]
        assert {result.outcome for result in service.enrol(items)} == {"enrolled"}
        event = service.events.create("Front door")

        def see(colour):
            watcher, found, begun = Watcher(service.catalogue, 1.0), [], datetime.now(UTC)
            for n in range(12):
                shot = Shot(
                    squares((colour, 20 + n, 20)), n / 5, 0.0, begun + timedelta(seconds=n / 5)
                )
                found += service.steadily(lambda model, s=shot: list(watcher.see(model, s)))
            found += list(watcher.ended(np.inf))
            sighting = found[-1]
            service.events.add_sighting(event, "door", sighting)

        yield event, see


@contextmanager
def following(address: str, headers: dict[str, str]) -> Iterator[Iterator[tuple[int, dict]]]:
    """Sightings with the ids of their messages, once the stream is open."""
    with httpx.stream("GET", address, headers=headers, timeout=WAIT_S) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        assert next(lines).startswith(":")

        def told() -> Iterator[tuple[int, dict]]:
            number = 0
            for line in lines:
                if line.startswith("id: "):
                    number = int(line.removeprefix("id: "))
                elif line.startswith("data: "):
                    yield number, json.loads(line.removeprefix("data: "))

        yield told()


def test_each_sighting_is_told_when_it_is_added_and_those_before_on_request(app, camera):
    event, see = camera
    see(BLUE)
    with served(app) as port:
        address = f"http://127.0.0.1:{port}/v1/events/{event.id}/sightings"
        with following(address, {}) as told:
            threading.Timer(0.1, see, [RED]).start()
            number, seen = next(told)
        assert (seen["person"], seen["decision"], seen["id"]) == ("Red", "match", number)
        assert seen["photo"].startswith("door ")
        assert (seen["from"], seen["to"]) == ("00:00", "00:02")
        with following(f"{address}?after=0", {}) as told:
            assert [each["person"] for _, each in (next(told), next(told))] == [None, "Red"]
        with following(address, {"Last-Event-ID": str(number - 1)}) as told:
            assert next(told)[0] == number


def test_viewers_may_follow_and_kiosks_may_not(app: FastAPI, camera):
    context: Context = app.state.context
    event, see = camera
    see(RED)
    with served(app) as port:
        address = f"http://127.0.0.1:{port}/v1/events/{event.id}/sightings?after=0"
        viewer, kiosk = (
            {"Authorization": f"Bearer {context.catalogue.api_keys.create(role.value, role)[1]}"}
            for role in (Role.VIEWER, Role.KIOSK)
        )
        for headers, status in ((viewer, 200), (kiosk, 403)):
            with httpx.stream("GET", address, headers=headers, timeout=WAIT_S) as answer:
                assert answer.status_code == status
        gone = httpx.get(address.replace(f"/{event.id}/", "/99/"), headers=viewer)
        assert gone.status_code == 404
