"""A second person of a taken name over HTTP: 409 with whoever is enrolled."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from retrieval.api.app import create_app
from retrieval.building import build_service, open_catalogue
from retrieval.settings import Settings


@pytest.fixture
def real(home: Path) -> Iterator[TestClient]:
    """The application with networks that tell people apart."""
    settings = Settings(home=home, detector="mtcnn", embedder="dlib-resnet")
    app = create_app(
        settings,
        open_catalogue(settings),
        lambda name: build_service(settings.model_copy(update={"collection": name})),
        loopback=True,
    )
    with TestClient(app, base_url="http://127.0.0.1") as client:
        yield client


def test_who_looks_otherwise_is_refused_with_who_is_enrolled_until_it_is_said(
    real: TestClient, lfw_dir: Path
) -> None:
    people = [sorted(each.glob("*.jpg")) for each in sorted(lfw_dir.iterdir())]
    ann, other = [photos for photos in people if len(photos) >= 5][1:3]

    def enrol(photo: Path, **fields: str) -> Any:
        files = {"photos": (photo.name, photo.read_bytes())}
        return real.post("/v1/people", data={"person": "Anna Schmidt", **fields}, files=files)

    made = enrol(ann[0])
    assert made.status_code == 201, made.text
    assert enrol(ann[1]).status_code == 201
    refused = enrol(other[0])
    assert refused.status_code == 409
    told = refused.json()
    assert told["code"] == "same-name"
    assert told["people"] == [
        {"id": made.json()["id"], "person": "Anna Schmidt", "external_id": None}
    ]
    assert [each["photo"] for each in told["rejected"]] == [other[0].name]
    assert "rollcall" not in told["detail"]
    assert enrol(other[0], same_person="true").status_code == 201
    chosen = real.post(
        f"/v1/people/{made.json()['id']}/photos",
        files={"photos": (other[1].name, other[1].read_bytes())},
    )
    assert chosen.status_code == 201, "whoever chose the person is not asked"
