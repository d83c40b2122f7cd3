"""What the command line prints as JSON is what HTTP answers: one document per noun."""

import json
from typing import Any

from fastapi.testclient import TestClient
from typer.testing import CliRunner

from cli.app import app
from retrieval.settings import Settings
from tests.api.painted import RED, paint


def _printed(settings: Settings, *words: str) -> dict[str, Any]:
    """The document that a command prints, over the home that the service has."""
    where = {"ROLLCALL_HOME": str(settings.home), "ROLLCALL_COLLECTION": settings.collection}
    result = CliRunner(env=where).invoke(app, [*words, "--json"])
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def _as_seconds(document: Any) -> Any:
    """The document with moments to the second: JSON over HTTP has their fractions as well."""
    if isinstance(document, dict):
        return {key: _as_seconds(value) for key, value in document.items()}
    if isinstance(document, list):
        return [_as_seconds(value) for value in document]
    if isinstance(document, str) and document.endswith("Z") and "." in document:
        return document.partition(".")[0] + "Z"
    return document


def test_people_photos_edits_and_collections_are_the_same_documents(
    client: TestClient, settings: Settings, people: dict[str, int]
) -> None:
    name, person = next(iter(people.items()))
    renamed = client.patch(f"/v1/people/{person}", json={"person": f"{name} Junior"})
    assert renamed.status_code == 200, renamed.text

    def answered(path: str) -> Any:
        return _as_seconds(client.get(path).json())

    assert _printed(settings, "people", "list")["people"] == answered("/v1/people")["people"]
    shown = _printed(settings, "people", "show", f"{name} Junior")
    assert shown == answered(f"/v1/people/{person}")
    assert _printed(settings, "people", "history") == answered("/v1/edits")
    assert _printed(settings, "collections", "list") == answered("/v1/collections")


def test_events_and_what_was_said_of_them_are_the_same_documents(
    client: TestClient, settings: Settings, people: dict[str, int]
) -> None:
    event = client.post("/v1/events", json={"name": "Party", "day": "2026-06-20"}).json()["id"]
    photos = [("photos", (f"{n}.png", paint(RED, seed=n), "image/png")) for n in range(2)]
    assert client.post(f"/v1/events/{event}/photos", files=photos).status_code == 200
    (face, *_) = client.get(f"/v1/events/{event}/appearances").json()["faces"]
    said = {"verdict": "nobody", "faces": [face["id"]]}
    assert client.post(f"/v1/events/{event}/verdicts", json=said).status_code == 200

    assert _printed(settings, "events", "list") == client.get("/v1/events").json()
    history = client.get(f"/v1/events/{event}/verdicts").json()
    assert _printed(settings, "events", "history", "Party") == history
    undone = client.post(f"/v1/events/{event}/verdicts/undo", json={}).json()
    assert undone == {"undone": history["verdicts"][0]["act"], "faces": [face["id"]]}


def test_what_stands_below_a_field_of_a_document_is_told_of_it(client: TestClient) -> None:
    shapes = client.get("/v1/openapi.json").json()["components"]["schemas"]
    receipt = shapes["ReceiptDocument"]
    assert receipt["properties"]["not_searched"]["description"] == "Where nobody looked."
    assert receipt["examples"][0]["kind"] == "person"


def test_a_key_is_the_same_document(client: TestClient, settings: Settings) -> None:
    made = client.post("/v1/keys", json={"name": "door", "role": "viewer"}).json()
    del made["key"]
    assert _printed(settings, "keys", "list")["keys"] == [_as_seconds(made)]
