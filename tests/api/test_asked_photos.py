"""Photos of questions in three shapes, what is asked of them, and faces without names."""

import base64

import numpy as np
import pytest
from fastapi.testclient import TestClient

from retrieval.catalogue.http.api_keys import Role
from tests.api.painted import BLUE, GREEN, RED, paint

BOTH = paint(RED, GREEN, seed=7)


def as_form(data: bytes) -> dict[str, object]:
    return {"files": [("photos", ("photo", data))]}


def as_it_is(data: bytes) -> dict[str, object]:
    return {"content": data, "headers": {"Content-Type": "image/png"}}


def as_json(data: bytes) -> dict[str, object]:
    return {"json": {"photos": [{"base64": base64.b64encode(data).decode()}]}}


SHAPES = pytest.mark.parametrize("shape", [as_form, as_it_is, as_json])


@SHAPES
def test_the_same_photo_gets_the_same_answer_however_it_is_sent(
    client: TestClient, people: dict[str, int], shape: object
) -> None:
    answer = client.post("/v1/identify", **shape(BOTH))  # type: ignore[operator]
    assert answer.status_code == 200, answer.text
    (photo,) = answer.json()["photos"]
    assert photo["photo"] == "photo"
    assert [(face["face"], face["person"]) for face in photo["faces"]] == [
        (1, "Rosa"),
        (2, "Gustav"),
    ]


@SHAPES
def test_searching_and_finding_faces_take_all_shapes(
    client: TestClient, people: dict[str, int], shape: object
) -> None:
    for path in ("faces/detect", "faces/embed"):
        answer = client.post(f"/v1/{path}", **shape(BOTH))  # type: ignore[operator]
        assert len(answer.json()["photos"][0]["faces"]) == 2, answer.text
    asked = shape(paint(RED, seed=7))  # type: ignore[operator]
    if "files" in asked:
        asked = {"files": {"photo": asked["files"][0][1]}, "data": {"limit": "1"}}
    hits = client.post("/v1/search?limit=1", **asked).json()["hits"]
    assert [hit["person"] for hit in hits] == ["Rosa"]


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        ({"content": b"x", "headers": {"Content-Type": "text/plain"}}, 415, "body-unknown"),
        ({"content": b"x"}, 415, "body-unknown"),
        ({"content": b"no photo", "headers": {"Content-Type": "image/png"}}, 422, "unreadable"),
        ({"content": b"", "headers": {"Content-Type": "image/png"}}, 422, "unreadable"),
        ({"json": {}}, 422, "invalid"),
        ({"json": []}, 422, "invalid"),
        ({"json": {"photos": []}}, 422, "invalid"),
        ({"json": {"photos": [{"base64": "???"}]}}, 422, "setting"),
        ({"json": {"photos": [{"base64": "é"}]}}, 422, "setting"),
        ({"content": b"{", "headers": {"Content-Type": "application/json"}}, 422, "invalid"),
        ({"data": {"threshold": "0.5"}, "files": {"other": b"x"}}, 422, "unreadable"),
        ({"data": {"threshold": "nan"}, "files": {"photos": BOTH}}, 422, "setting"),
        ({"data": {"threshold": "much"}, "files": {"photos": BOTH}}, 422, "setting"),
    ],
)
def test_what_holds_no_photo_is_refused_with_its_reason(
    client: TestClient, people: dict[str, int], sent: dict[str, object], status: int, code: str
) -> None:
    answer = client.post("/v1/identify", **sent)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


def test_a_photo_as_it_is_may_be_as_large_as_a_photo_and_json_as_json(
    client: TestClient, people: dict[str, int]
) -> None:
    large = b"\x89PNG" + bytes(1_500_000)
    raw = client.post("/v1/identify", **as_it_is(large))
    assert raw.json()["code"] == "unreadable", "it was read"
    assert client.post("/v1/identify", **as_json(large)).status_code == 413


def test_a_threshold_is_taken_literally_in_the_query_and_in_the_form(
    client: TestClient, people: dict[str, int]
) -> None:
    form = as_form(paint(RED, seed=9))
    for threshold, decision in ((0.999999, "unknown"), (0.1, "match")):
        asked = client.post("/v1/identify", params={"threshold": threshold}, **form)
        inside = client.post("/v1/identify", data={"threshold": str(threshold)}, **form)
        for answer in (asked, inside):
            (face,) = answer.json()["photos"][0]["faces"]
            assert face["threshold"] == round(threshold, 4)
            assert face["decision"] == decision
    assert client.post("/v1/identify?threshold=2", **form).status_code == 422


def test_candidates_are_as_many_as_were_asked_for_and_change_no_decision(
    client: TestClient, people: dict[str, int]
) -> None:
    decisions = set()
    for most, found in ((0, 0), (1, 1), (2, 2), (50, 2)):
        answer = client.post(f"/v1/identify?max_candidates={most}", **as_form(paint(RED, seed=9)))
        (face,) = answer.json()["photos"][0]["faces"]
        assert len(face["candidates"]) == found
        decisions.add((face["decision"], face["person"], face["margin"]))
    assert len(decisions) == 1
    assert client.post("/v1/identify?max_candidates=51", **as_form(BOTH)).status_code == 422


@pytest.mark.parametrize("detail", ["auto", "normal", "high"])
def test_every_detail_is_taken_and_no_other_word(
    client: TestClient, people: dict[str, int], detail: str
) -> None:
    for path in ("identify", "faces/detect", "faces/embed"):
        answer = client.post(f"/v1/{path}?detail={detail}", **as_form(BOTH))
        assert len(answer.json()["photos"][0]["faces"]) == 2
        assert client.post(f"/v1/{path}?detail=best", **as_form(BOTH)).status_code == 422


def test_a_match_carries_the_id_and_the_number_of_the_person(client: TestClient) -> None:
    files = [("photos", ("1.png", paint(RED)))]
    made = client.post("/v1/people", data={"person": "Ann", "external_id": "E/7 ä"}, files=files)
    number = made.json()["id"]
    answer = client.post("/v1/identify", **as_form(paint(RED, BLUE, seed=9)))
    ann, stranger = answer.json()["photos"][0]["faces"]
    for found in (ann, ann["candidates"][0]):
        assert (found["person_id"], found["external_id"]) == (number, "E/7 ä")
    assert (stranger["person_id"], stranger["external_id"]) == (None, None)
    by_number = client.get("/v1/people/by-external-id/E/7 ä")
    assert by_number.json()["id"] == number
    listed = client.get("/v1/people", params={"external_id": "E/7 ä"}).json()
    assert ([each["id"] for each in listed["people"]], listed["total"]) == ([number], 1)
    assert client.get("/v1/people/by-external-id/E").status_code == 404
    assert client.get("/v1/people?external_id=E").json()["people"] == []


def test_totals_count_all_pages(client: TestClient, people: dict[str, int]) -> None:
    page = client.get("/v1/people?limit=1").json()
    assert (len(page["people"]), page["total"]) == (1, 2)
    assert client.get("/v1/people?search=ros&limit=1").json()["total"] == 1


def test_faces_are_found_and_embedded_without_names(
    client: TestClient, people: dict[str, int]
) -> None:
    photos = [("photos", ("both.png", BOTH)), ("photos", ("bad.png", b"no"))]
    found = client.post("/v1/faces/detect", files=photos).json()["photos"]
    assert [each["photo"] for each in found] == ["both.png", "bad.png"]
    assert (found[1]["faces"], found[1]["error"] is None) == (None, False)
    first = found[0]["faces"][0]
    assert (len(first["box"]), len(first["landmarks"]), first["vector"]) == (4, 5, None)
    assert "Rosa" not in str(found)
    embedded = client.post("/v1/faces/embed", files=photos).json()
    assert (embedded["dimension"], embedded["fingerprint"]) == (3, "colours")
    vectors = np.array([face["vector"] for face in embedded["photos"][0]["faces"]])
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] < 0.5
    nothing = client.post("/v1/faces/detect", files=photos[1:])
    assert (nothing.status_code, nothing.json()["code"]) == (422, "unreadable")


def test_vectors_are_for_operators_and_never_in_the_audit_log(
    client: TestClient, people: dict[str, int], keys: dict[Role, dict[str, str]]
) -> None:
    for role, path, status in (
        (Role.VIEWER, "detect", 200),
        (Role.VIEWER, "embed", 403),
        (Role.OPERATOR, "embed", 200),
    ):
        sent = client.post(f"/v1/faces/{path}", headers=keys[role], **as_form(BOTH))
        assert sent.status_code == status
    entries = client.get("/v1/audit", headers=keys[Role.ADMIN]).json()["entries"]
    told = [each["answer"] for each in entries if each["action"] in ("detect", "embed")]
    assert told == [{"photos": 1, "faces": 2}] * 2
