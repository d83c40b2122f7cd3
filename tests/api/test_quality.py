"""Calibration over HTTP."""

from collections.abc import Sequence

import numpy as np
import pytest
from fastapi.testclient import TestClient

from retrieval.settings import Settings
from tests.api.painted import painted_service
from tests.catalogue.made import new_face


@pytest.fixture
def crowd(client: TestClient, settings: Settings) -> Sequence[str]:
    """Twelve people with four faces each, near to a direction of their own."""
    rng = np.random.default_rng(5)
    names = [f"person {number}" for number in range(12)]
    with painted_service(settings, "default") as service:
        service.ensure_collection()
        faces = []
        for person, name in enumerate(names):
            centre = rng.normal(size=3)
            for row in range(4):
                face = new_face(name, person * 10 + row, dimension=3)
                vector = centre / np.linalg.norm(centre) + rng.normal(scale=0.05, size=3)
                face.vector[:] = vector / np.linalg.norm(vector)
                faces.append(face)
        service.catalogue.enrol(service.collection.id, faces)
    return names


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
    client: TestClient, crowd: Sequence[str]
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
    client: TestClient, crowd: Sequence[str]
) -> None:
    found = client.post("/v1/calibration", json={"fpir": 0.05})
    assert found.status_code == 200, found.text
    shown = client.get("/v1/calibration").json()
    assert shown["threshold"] == found.json()["calibration"]["threshold"]
    assert shown["measured_at"] is not None
    assert found.json()["before"]["source"] == "painted"
    gone = client.delete("/v1/calibration").json()
    assert (gone["source"], gone["calibration"]) == ("painted", None)
