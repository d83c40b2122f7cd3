"""The audit log names the threshold and the model that answered, not those of afterwards."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from retrieval.api.app import create_app
from retrieval.api.context import Context
from retrieval.catalogue.catalogue import Catalogue
from retrieval.settings import Settings
from tests.api.painted import RED, catalogue_of, paint, painted_service
from tests.api.test_who_is_meant import WAIT_S, HeldDatabase


@pytest.fixture
def held(settings: Settings) -> HeldDatabase:
    """The database of the audit log: what is written there is held."""
    settings.home.mkdir(parents=True)
    return HeldDatabase(f"sqlite:///{settings.home / 'catalogue.db'}")


@pytest.fixture
def app(settings: Settings, held: HeldDatabase) -> FastAPI:
    with catalogue_of(settings):  # made
        pass
    return create_app(
        settings,
        Catalogue(held),
        lambda name: painted_service(settings, name),
        loopback=True,
    )


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/v1/search", {"files": {"photo": ("q.png", paint(RED, seed=9))}}),
        (
            "/v1/verify",
            {"files": {"photo": ("q.png", paint(RED, seed=9))}, "data": {"person": "Rosa"}},
        ),
        (  # a photo that is known: one that is taken is written down with its vector
            "/v1/people",
            {"files": {"photos": ("q.png", paint(RED, seed=1))}, "data": {"person": "Rosa"}},
        ),
    ],
)
def test_a_change_of_model_after_the_answer_is_not_written_down_as_the_one_that_answered(
    client: TestClient,
    people: dict[str, int],
    context: Context,
    settings: Settings,
    held: HeldDatabase,
    path: str,
    content: dict[str, Any],
) -> None:
    with ThreadPoolExecutor(1) as threads, catalogue_of(settings) as another:
        held.stop = True
        answering = threads.submit(lambda: client.post(path, **content))
        assert held.stopped.wait(WAIT_S)
        models = another.other_models
        models.begin(
            1,
            embedder="others",
            precision="fp32",
            mirror=False,
            fingerprint="others:1",
            dimension=3,
        )
        models.exchange(1, "others:1", may_lack=99)
        assert another.collection("default").fingerprint == "others:1"
        held.on.set()
        assert answering.result(WAIT_S).status_code in (200, 201)
    (newest, *_) = context.catalogue.audit.entries()
    assert newest.entry.model == "colours"
    assert newest.entry.threshold == (None if path == "/v1/people" else 0.9)
