"""Unknown faces over HTTP: kept for a time, grouped, named, forgotten."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from retrieval.settings import Settings
from tests.api.painted import BLUE, GREEN, PINK, RED, YELLOW, paint
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
    edit = named.json()["edit"]
    assert edit["summary"] == "named 3 unknown faces Blau"
    assert client.post("/v1/undo", json={"edit": edit["entry"]}).status_code == 200
    again = client.get("/v1/unknowns").json()["groups"]
    assert [(each["faces"], each["photos"]) for each in again] == [
        (each["faces"], each["photos"]) for each in groups
    ]
    assert who(client, BLUE) == [None]
    assert "Blau" not in {each["person"] for each in client.get("/v1/people").json()["people"]}


def test_a_group_that_is_not_there_cannot_be_named_or_shown(
    client: TestClient, people: dict[str, int]
) -> None:
    assert client.post("/v1/unknowns/7/name", json={"person": "X"}).status_code == 404
    assert client.get("/v1/unknowns/7/picture").status_code == 404


def test_unknown_faces_are_forgotten_on_demand(client: TestClient, people: dict[str, int]) -> None:
    ask(client, YELLOW, seed=14)
    assert client.delete("/v1/unknowns").json() == {"deleted": 1}
    assert client.get("/v1/unknowns").json() == {"groups": []}


def test_a_group_is_named_as_one_of_two_namesakes_or_as_a_third(client: TestClient) -> None:
    for number, colour in (("1", RED), ("2", GREEN)):
        files = {"photos": (f"{number}.png", paint(colour))}
        data = {"person": "Ann Lee", "external_id": number}
        assert client.post("/v1/people", data=data, files=files).status_code == 201
    for seed, colour in ((11, BLUE), (12, YELLOW), (13, PINK)):
        ask(client, colour, seed=seed)
    groups = [group["group"] for group in client.get("/v1/unknowns").json()["groups"]]
    where = "/v1/unknowns/{}/name"
    called = {"person_id": 2, "called": "Ann"}
    assert client.post(where.format(groups[0]), json=called).status_code == 404, "renamed meanwhile"
    named = client.post(where.format(groups[0]), json={"person_id": 2, "called": "Ann Lee"})
    assert named.status_code == 200, named.text
    client.post(where.format(groups[1]), json={"person": "Ann Lee", "external_id": "3"})
    found = client.get("/v1/people?sort=number").json()["people"]
    assert [(each["external_id"], each["photos"]) for each in found] == [
        ("1", 1),
        ("2", 2),
        ("3", 1),
    ]
    assert client.post(where.format(groups[2]), json={}).status_code == 422
    both = {"person": "Ann Lee", "person_id": 1}
    assert client.post(where.format(groups[2]), json=both).status_code == 422


def test_one_group_is_forgotten_as_it_was_seen_and_the_others_stay(
    client: TestClient, people: dict[str, int]
) -> None:
    ask(client, BLUE, YELLOW, seed=11)
    first, second = client.get("/v1/unknowns").json()["groups"]
    where = f"/v1/unknowns/{first['group']}/forget"
    assert client.post(where, json={"face_ids": [*first["face_ids"], 99]}).status_code == 404
    assert client.post(where, json={"face_ids": first["face_ids"]}).json() == {"deleted": 1}
    assert client.get("/v1/unknowns").json()["groups"] == [second]
