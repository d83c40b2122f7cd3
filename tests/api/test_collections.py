"""Collections over HTTP: made by a photo that was taken, and deleted by who may."""

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from retrieval.api.context import Context
from retrieval.catalogue.http.api_keys import Role
from retrieval.errors import NotFound
from retrieval.settings import Settings
from tests.api.conftest import receipt_of
from tests.api.painted import RED, paint


def names(client: TestClient, headers: dict[str, str] | None = None) -> dict[str, int]:
    found = client.get("/v1/collections", headers=headers).json()["collections"]
    return {each["collection"]: each["id"] for each in found}


@pytest.mark.parametrize(
    ("data", "files"),
    [
        ({"person": "Rosa"}, None),
        ({}, {"photos": ("a.png", paint(RED))}),
        ({"person": "Rosa"}, {"photos": ("a.png", b"no photo")}),
        ({"person": "Ro\u200bsa"}, {"photos": ("a.png", paint(RED))}),
        ({"person": "Rosa", "face": "9"}, {"photos": ("a.png", paint(RED))}),
    ],
)
def test_only_a_photo_that_was_taken_makes_a_collection(
    client: TestClient,
    settings: Settings,
    data: dict[str, str],
    files: dict[str, tuple[str, bytes]] | None,
) -> None:
    for number in range(3):
        path = f"/v1/people?collection=new{number}"
        assert client.post(path, data=data, files=files).status_code == 422
    assert names(client) == {}
    assert list((settings.home / "index").glob("*")) == []
    photo = {"photos": ("a.png", paint(RED))}
    made = client.post("/v1/people?collection=new0", data={"person": "Rosa"}, files=photo)
    assert made.status_code == 201
    assert list(names(client)) == ["new0"]


def test_a_collection_that_somebody_made_empty_stays(client: TestClient, context: Context) -> None:
    with context.services.lease("made", create=True):
        pass
    photo = {"photos": ("a.png", b"no photo")}
    client.post("/v1/people?collection=made", data={"person": "Rosa"}, files=photo)
    assert list(names(client)) == ["made"]


def test_an_admin_deletes_a_collection_by_its_id_and_its_name(
    client: TestClient, app: FastAPI, people: dict[str, int], context: Context
) -> None:
    _, token = context.catalogue.api_keys.create("boss", Role.ADMIN)
    _, bound = context.catalogue.api_keys.create("berlin", Role.ADMIN, "berlin")
    boss = {"Authorization": f"Bearer {token}"}
    berlin = {"Authorization": f"Bearer {bound}"}
    number = names(client, boss)["default"]
    path = f"/v1/collections/{number}"
    assert client.delete(path, headers=boss).status_code == 422
    assert client.delete(f"{path}?called=other", headers=boss).status_code == 404
    foreign = client.delete(f"{path}?called=default", headers=berlin)
    nobodys = client.delete("/v1/collections/999?called=default", headers=berlin)
    assert (foreign.status_code, nobodys.status_code) == (404, 404)
    assert foreign.json()["detail"] == nobodys.json()["detail"].replace("999", str(number))
    gone = client.delete(f"{path}?called=default", headers=boss)
    assert gone.status_code == 202, gone.text
    assert gone.json()["counts"] == {"people": 2, "photos": 4, "faces": 4}
    receipt = receipt_of(client, gone, boss)
    assert (receipt["kind"], receipt["deleted_id"], receipt["open"]) == ("collection", number, [])
    assert names(client, boss) == {}
    assert client.get("/v1/people", headers=boss).status_code == 404
    with pytest.raises(NotFound):
        context.catalogue.collection("default")
    newest = client.get("/v1/audit?everywhere=true", headers=boss).json()["entries"]
    told = next(each for each in newest if each["action"] == "delete-collection")
    assert told["answer"] == {"id": number, "people": 2, "faces": 4}
