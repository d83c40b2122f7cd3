"""Unknown faces over HTTP: kept for a time, grouped, named, forgotten."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from retrieval.settings import Settings
from tests.api.painted import BLUE, RED, YELLOW, paint
from tests.api.test_people import who


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", unknown_days=1)


def ask(client: TestClient, *colours: tuple[int, int, int], seed: int) -> None:
    files = {"photos": (f"{seed}.png", paint(*colours, seed=seed))}
    assert client.post("/v1/identify", files=files).status_code == 200


def test_a_stranger_who_comes_again_is_one_group_and_is_known_once_named(
    client: TestClient, people: dict[str, int]
) -> None:
    for seed in (11, 12, 13):
        ask(client, RED, BLUE, seed=seed)
    ask(client, YELLOW, seed=14)
    groups = client.get("/v1/unknowns").json()["groups"]
    assert [group["faces"] for group in groups] == [3, 1]
    assert groups[0]["photos"] == ["11.png", "12.png", "13.png"]
    assert client.get("/v1/unknowns?least=2").json()["groups"] == groups[:1]
    named = client.post(f"/v1/unknowns/{groups[0]['group']}/name", json={"person": "Blau"})
    assert named.status_code == 200
    assert len(named.json()["enrolled"]) == 3
    assert who(client, BLUE) == ["Blau"]
    assert len(client.get("/v1/unknowns").json()["groups"]) == 1


def test_a_group_that_is_not_there_cannot_be_named_or_shown(
    client: TestClient, people: dict[str, int]
) -> None:
    assert client.post("/v1/unknowns/7/name", json={"person": "X"}).status_code == 404
    assert client.get("/v1/unknowns/7/picture").status_code == 404


def test_unknown_faces_are_forgotten_on_demand(client: TestClient, people: dict[str, int]) -> None:
    ask(client, YELLOW, seed=14)
    assert client.delete("/v1/unknowns").json() == {"deleted": 1}
    assert client.get("/v1/unknowns").json() == {"groups": []}
