"""The API as developers meet it: its document, its page, and what every answer carries."""

import re
from importlib.metadata import version
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from retrieval.api.app import create_app
from retrieval.api.context import Context
from retrieval.catalogue.http.api_keys import Role
from retrieval.settings import Settings
from tests.api.painted import RED, catalogue_of, paint, painted_service

IDS = Path(__file__).with_name("operation_ids.txt")


def operations(app: FastAPI) -> list[tuple[str, dict[str, object]]]:
    return [
        (f"{method.upper()} {path}", operation)
        for path, found in app.openapi()["paths"].items()
        for method, operation in found.items()
    ]


def test_operation_ids_are_those_that_clients_were_generated_with(app: FastAPI) -> None:
    """A client's functions are called by these: whoever renames one breaks it, and says so here."""
    ids = {operation["operationId"]: place for place, operation in operations(app)}
    assert len(ids) == len(operations(app)), "each once"
    kept = dict(line.split(" ", 1) for line in IDS.read_text().splitlines())
    gone = {name: place for name, place in kept.items() if ids.get(name) != place}
    assert not gone
    assert not ids.keys() - kept.keys(), f"add them to {IDS.name}"


def test_every_operation_says_what_it_does_and_whom_it_is_for(app: FastAPI) -> None:
    for place, operation in operations(app):
        assert operation["summary"], place
        assert operation["description"], place
        assert place in ("GET /healthz", "GET /readyz") or operation["x-role"] in set(Role), place


def test_the_document_lies_at_both_addresses(client: TestClient) -> None:
    assert client.get("/openapi.json").json() == client.get("/v1/openapi.json").json()


def test_the_page_asks_no_other_host_for_anything(client: TestClient) -> None:
    page = client.get("/docs")
    assert page.status_code == 200
    places = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(places) >= 5
    for place in places:
        assert place.startswith("/"), place
        assert client.get(place).status_code == 200, place
    assert "script-src 'self'" in page.headers["content-security-policy"]


@pytest.mark.parametrize(
    "path", ["/v1/people", "/healthz", "/", "/v1/collections", "/openapi.json"]
)
def test_head_answers_as_get_does_without_a_body(
    client: TestClient, people: dict[str, int], path: str
) -> None:
    got, head = client.get(path), client.head(path)
    assert (head.status_code, head.content) == (got.status_code, b"")
    assert head.headers["content-type"] == got.headers["content-type"]
    assert client.head("/v1/nothing").status_code == 404


def test_head_of_a_stream_ends(client: TestClient) -> None:
    event = client.post("/v1/events", json={"name": "Party"}).json()["id"]
    assert client.head(f"/v1/events/{event}/progress").status_code == 200


def test_json_is_compressed_and_pages_are_not(client: TestClient, people: dict[str, int]) -> None:
    headers = {"Accept-Encoding": "gzip"}
    assert client.get("/openapi.json", headers=headers).headers["content-encoding"] == "gzip"
    assert "content-encoding" not in client.get("/", headers=headers).headers
    face = client.get(f"/v1/people/{people['Rosa']}").json()["photos"][0]["face_id"]
    picture = client.get(f"/v1/faces/{face}/picture?optional=1", headers=headers)
    assert "content-encoding" not in picture.headers


def test_answers_say_how_often_one_may_ask(client: TestClient, context: Context) -> None:
    _, token = context.catalogue.api_keys.create("few", Role.VIEWER, requests_per_minute=3)
    headers = {"Authorization": f"Bearer {token}"}
    left = []
    for _ in range(4):
        answer = client.get("/v1/collections", headers=headers)
        left.append(answer.headers.get("ratelimit-remaining"))
        assert answer.headers.get("ratelimit-limit", "3") == "3"
    assert left == ["2", "1", "0", None]
    assert (answer.status_code, int(answer.headers["retry-after"]) > 0) == (429, True)


def test_a_misspelt_query_parameter_is_refused_and_the_right_ones_are_named(
    client: TestClient, people: dict[str, int]
) -> None:
    answer = client.get("/v1/people?limits=5")
    assert (answer.status_code, answer.json()["code"]) == (422, "setting")
    assert "'limits'" in answer.json()["detail"]
    assert "limit" in answer.json()["detail"].partition("those that there are:")[2]
    assert client.get("/people?utm_source=mail").status_code == 200, "pages take what they get"


def test_pages_of_named_origins_alone_may_ask_and_never_with_a_session(tmp_path: Path) -> None:
    own = Settings(home=tmp_path, cors_origins=("https://intranet.example.org",))
    app = create_app(own, catalogue_of(own), lambda name: painted_service(own, name), loopback=True)
    with TestClient(app, base_url="http://127.0.0.1") as client:
        asked = {
            "Origin": "https://intranet.example.org",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type",
        }
        said = client.options("/v1/identify", headers=asked)
        assert said.status_code == 200
        assert said.headers["access-control-allow-origin"] == asked["Origin"]
        assert "access-control-allow-credentials" not in said.headers
        foreign = client.options("/v1/identify", headers={**asked, "Origin": "https://evil.test"})
        assert "access-control-allow-origin" not in foreign.headers


def test_without_the_setting_no_other_origin_is_answered(client: TestClient) -> None:
    answer = client.get("/v1/collections", headers={"Origin": "https://intranet.example.org"})
    assert "access-control-allow-origin" not in answer.headers


def test_no_text_of_the_document_is_a_command_line(app: FastAPI) -> None:
    assert not re.findall(r"`rollcall \w+|`--?\w+", str(app.openapi()))


def test_no_error_of_the_api_is_a_command_line(client: TestClient, people: dict[str, int]) -> None:
    photo = {"photos": ("x.png", paint(RED))}
    answers = [
        client.get("/v1/people?collection=elsewhere"),
        client.post("/v1/identify?collection=elsewhere", files=photo),
        client.post("/v1/calibration"),
        client.post("/v1/runs", data={"folder": "/etc"}),
        client.delete("/v1/people/999"),
        client.get("/v1/collections", headers={"Host": "evil.test"}),
    ]
    for answer in answers:
        assert answer.status_code >= 400, answer.url
        assert not re.search(r"`?rollcall [a-z]+|(?<!\w)--\w+", answer.json()["detail"]), (
            answer.text
        )


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/v1/people", "person, photos, "),
        ("/v1/identify/video", "video, "),
        ("/v1/runs", "kind, folder, archive, "),  # where no field is needed, none is missing
    ],
)
def test_json_sent_to_a_form_is_told_what_to_send(
    client: TestClient, path: str, fields: str
) -> None:
    answer = client.post(path, json={"photo": "aGVsbG8="})
    assert answer.status_code == 422
    told = answer.json()["detail"]
    assert f"Send a form, multipart/form-data, with the fields {fields}" in told
    assert "found application/json" in told
    assert "no base64, no JSON" in told


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_head_answers_as_get_does_on_health_routes(client: TestClient, path: str) -> None:
    got, head = client.get(path), client.head(path)
    assert head.status_code == got.status_code
    assert head.content == b""


def test_a_program_learns_what_answers_and_who_it_is(
    client: TestClient, keys: dict[Role, dict[str, str]]
) -> None:
    told = client.get("/v1/version", headers=keys[Role.VIEWER]).json()
    assert told == {"version": version("rollcall"), "api": "1"}
    me = client.get("/v1/me", headers=keys[Role.OPERATOR]).json()
    assert (me["name"], me["role"], me["collection"]) == ("operator", "operator", None)
