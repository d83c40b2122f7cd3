"""Calibration over HTTP."""

import numpy as np
import pytest
from fastapi.testclient import TestClient

from retrieval.settings import Settings
from tests.api.painted import enrol_crowd, painted_service


@pytest.fixture
def crowd(client: TestClient, settings: Settings) -> None:
    """A collection that can be calibrated."""
    enrol_crowd(settings, "default")


def test_a_collection_that_nobody_calibrated_says_so(
    client: TestClient, people: dict[str, int]
) -> None:
    shown = client.get("/v1/calibration").json()
    assert (shown["threshold"], shown["source"]) == (0.9, "painted")
    assert shown["calibration"] is None
    refused = client.post("/v1/calibration", json={"fpir": 0.01})
    assert (refused.status_code, refused.json()["code"]) == (422, "data")
    assert "10 people" in refused.json()["detail"]


def test_measuring_changes_nothing_and_gives_falling_fpir_and_rising_fnir(
    client: TestClient, crowd: None
) -> None:
    before = client.get("/v1/calibration").json()
    answer = client.post("/v1/calibration/measure", json={"fpir": 0.05})
    assert answer.status_code == 200, answer.text
    curves = answer.json()["curves"]
    assert len(curves["thresholds"]) == len(curves["fpir"]) == len(curves["fnir"])
    assert np.all(np.diff(curves["fpir"]) <= 1e-9)
    assert np.all(np.diff(curves["fnir"]) >= -1e-9)
    assert len(curves["edges"]) == len(curves["genuine"]) + 1
    assert client.get("/v1/calibration").json() == before


def test_calibrating_changes_the_threshold_until_it_is_forgotten(
    client: TestClient, crowd: None
) -> None:
    found = client.post("/v1/calibration", json={"fpir": 0.05})
    assert found.status_code == 200, found.text
    shown = client.get("/v1/calibration").json()
    assert shown["threshold"] == found.json()["calibration"]["threshold"]
    assert shown["measured_at"] is not None
    assert found.json()["before"]["source"] == "painted"
    gone = client.delete("/v1/calibration").json()
    assert (gone["source"], gone["calibration"]) == ("painted", None)


def test_the_health_report_names_what_can_be_acted_on(
    client: TestClient, crowd: None, settings: Settings
) -> None:
    clean = client.get("/v1/health").json()
    assert (clean["people"], clean["faces"], clean["sound"]) == (12, 48, False)
    assert {each["kind"] for each in clean["findings"]} == {"copies"}
    with painted_service(settings, "default") as service:
        catalogue, collection = service.catalogue, service.collection.id
        people = catalogue.people(collection)
        face = catalogue.faces_of(people[0].id)[0]
        catalogue.move_faces(collection, [face.id], people[5].id)
    found = client.get("/v1/health").json()["findings"][0]
    assert found["kind"] == "looks-like-another"
    ((wrong,), (other,)) = found["sides"]
    assert (wrong["face_id"], wrong["person"]) == (face.id, people[5].name)
    assert other["person_id"] == people[0].id
