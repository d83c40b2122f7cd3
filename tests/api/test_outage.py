"""The catalogue's server goes away and comes back: a clear answer meanwhile, then the right one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from retrieval.api.context import Context
from retrieval.catalogue.http.api_keys import Role
from retrieval.settings import Settings
from tests.api.conftest import enrol
from tests.api.painted import RED, paint
from tests.catalogue.postgres import Postgres


@pytest.fixture
def settings(tmp_path: Path, postgres: Postgres) -> Settings:
    return Settings(home=tmp_path / "home", catalogue_url=postgres.empty_database())


@pytest.fixture
def crashed(postgres: Postgres) -> Iterator[Postgres]:
    """The server, which runs again after the test in any case."""
    yield postgres
    if not postgres.runs():
        postgres.start()


@pytest.mark.parametrize("with_key", [False, True])
def test_an_outage_of_postgresql_is_told_and_passes(
    client: TestClient, context: Context, crashed: Postgres, with_key: bool
) -> None:
    headers = {}
    enrol(client, "Rosa", paint(RED, seed=1), paint(RED, seed=2))
    if with_key:
        key = context.catalogue.api_keys.create("operator", Role.OPERATOR)[1]
        headers = {"Authorization": f"Bearer {key}"}
    question = {"files": [("photos", ("party.png", paint(RED, seed=9)))], "headers": headers}

    before = client.post("/v1/identify", **question)
    assert before.status_code == 200, before.text
    crashed.stop()
    for _ in range(2):
        during = client.post("/v1/identify", **question)
        assert during.status_code == 503, during.text
        assert during.headers["content-type"] == "application/problem+json"
        assert int(during.headers["Retry-After"]) > 0
        assert during.json()["code"] == "catalogue-unavailable"
        assert "does not answer" in during.json()["detail"]
    assert client.get("/readyz").status_code == 503
    assert client.get("/healthz").status_code == 200
    crashed.start()
    after = client.post("/v1/identify", **question)
    assert after.status_code == 200, after.text
    assert after.json()["photos"] == before.json()["photos"]
    assert client.get("/readyz").status_code == 200
