"""The audit log: nothing is edited that is not written down, and whoever is refused is."""

import base64
import re
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import SecretStr
from sqlalchemy import text

from retrieval.api.context import Context
from retrieval.api.routing import GuardedRoute
from retrieval.catalogue.http.api_keys import Role
from retrieval.catalogue.http.audit import AuditEntry
from tests.api.conftest import enrol
from tests.api.painted import BLUE, RED, paint
from tests.api.test_authorisation import operations
from tests.processes import free_port


@pytest.fixture
def boss(client: TestClient, people: dict[str, int], context: Context) -> dict[str, str]:
    """Headers with the key of an admin of all collections."""
    return {"Authorization": f"Bearer {context.catalogue.api_keys.create('boss', Role.ADMIN)[1]}"}


def entries(client: TestClient, headers: dict[str, str], **query: object) -> list[dict[str, Any]]:
    answer = client.get("/v1/audit", headers=headers, params=query)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["entries"]
    return found


def edits(
    people: dict[str, int],
    face: int,
    key: str,
    user: str,
    event: int,
    seen: int,
    staff: dict[str, Any],
) -> list[tuple[str, str, dict[str, Any]]]:
    """Every request that edits something, in an order in which each works."""
    rosa, gustav, double = people["Rosa"], people["Gustav"], people["Double"]
    photo = {"photos": ("new.png", paint(RED, seed=9))}
    other = {"photos": ("other.png", paint(RED, seed=10))}
    inline = [{"name": "new.png", "base64": base64.b64encode(paint(RED, seed=8)).decode()}]
    party = f"/v1/events/{event}"
    return [
        ("POST", f"/v1/staff-lists/{staff['id']}/apply", {"json": {"digest": staff["digest"]}}),
        ("POST", f"{party}/expected", {"json": {"people": [{"id": rosa, "called": "Rosa"}]}}),
        ("POST", "/v1/webhooks", {"json": {"url": "https://new.example.com"}}),
        ("POST", "/v1/webhooks/1/test", {}),
        ("DELETE", "/v1/webhooks/1", {}),
        ("POST", "/v1/events", {"json": {"name": "Winter"}}),
        ("PATCH", party, {"json": {"name": "Summer"}}),
        ("POST", f"{party}/photos", {"files": photo}),
        ("POST", f"{party}/photos/inline", {"json": {"photos": inline}}),
        ("POST", f"{party}/verdicts", {"json": {"faces": [seen], "verdict": "nobody"}}),
        (
            "POST",
            f"{party}/verdicts",
            {"json": {"faces": [seen], "verdict": "is", "person": "New", "teach": True}},
        ),
        ("POST", f"{party}/verdicts/undo", {"json": {}}),
        ("POST", f"{party}/photos/1/faces", {"json": {"box": [110, 60, 60, 60]}}),
        ("POST", f"{party}/update", {}),
        ("DELETE", party, {}),
        ("PATCH", f"/v1/people/{rosa}", {"json": {"person": "Rosalind"}}),
        ("POST", "/v1/people/move", {"json": {"face_ids": [face], "to_id": gustav}}),
        ("POST", "/v1/undo", {"json": {}}),
        ("POST", f"/v1/people/{rosa}/split", {"json": {"face_ids": [face], "person": "Ros"}}),
        ("POST", "/v1/people/merge", {"json": {"person_id": double, "into_id": gustav}}),
        ("POST", "/v1/people", {"data": {"person": "Ros"}, "files": photo}),
        ("POST", f"/v1/people/{rosa}/photos", {"files": other}),
        ("DELETE", f"/v1/people/{rosa}/photos/{face + 1}", {}),
        ("DELETE", f"/v1/people/{rosa}", {}),
        ("DELETE", "/v1/calibration", {}),
        ("DELETE", "/v1/unknowns", {}),
        ("POST", "/v1/keys", {"json": {"name": "door", "role": "viewer"}}),
        ("DELETE", f"/v1/keys/{key}", {}),
        ("POST", "/v1/users", {"json": {"name": "Eve", "role": "viewer"}}),
        ("PATCH", f"/v1/users/{user}", {"json": {"role": "operator"}}),
        ("POST", f"/v1/users/{user}/link", {}),
        ("DELETE", f"/v1/users/{user}", {}),
        ("DELETE", "/v1/collections/1?called=default", {}),
    ]


STATE = (
    *("people", "photos", "faces", "journal", "keys", "collections"),
    *("events", "event_photos", "appearances", "verdicts", "receipts", "users", "webhooks"),
)
# What changes nothing, or needs more than is here: a queue, a browser, a crowd, a stranger.
ELSEWHERE = {
    *(("POST", f"/v1/{what}") for what in ("identify", "search", "verify", "calibration/measure")),
    *(("POST", f"/v1/{what}") for what in ("runs", "runs/archive", "events/N/archive")),
    ("POST", "/v1/staff-lists"),
    ("POST", "/v1/runs/N/rejects/N/settle"),
    *(("POST", f"/v1/runs/N/{what}") for what in ("cancel", "retry")),
    *(("POST", f"/v1/unknowns/N/{what}") for what in ("name", "forget")),
    ("POST", "/v1/calibration"),
    ("POST", "/v1/previews"),
    *(("POST", f"/v1/{what}") for what in ("identify/video", "faces/detect", "faces/embed")),
    *(("POST", f"/v1/events/N/{what}") for what in ("videos", "people")),
    *(("POST", f"/v1/health/findings/N/{what}") for what in ("accept", "dismiss")),
    ("POST", "/v1/kiosk/frames"),
    *(("POST", f"/v1/kiosk/sightings/N/{what}") for what in ("confirm", "refuse", "undo")),
    ("PUT", "/v1/me/password"),
    ("POST", "/logout"),
}


def test_an_edit_that_cannot_be_written_down_is_not_made(
    app: FastAPI, client: TestClient, people: dict[str, int], context: Context
) -> None:
    people["Double"] = enrol(client, "Double", paint(BLUE))
    _, token = context.catalogue.api_keys.create("boss", Role.ADMIN)
    boss = {"Authorization": f"Bearer {token}"}
    other, _ = context.catalogue.api_keys.create("other", Role.VIEWER)
    shown = client.get(f"/v1/people/{people['Rosa']}", headers=boss).json()
    face = shown["photos"][0]["face_id"]
    database = context.catalogue._database
    client.patch(f"/v1/people/{people['Rosa']}", headers=boss, json={"person": "Rosa L."})
    client.patch(f"/v1/people/{people['Rosa']}", headers=boss, json={"person": "Rosa"})

    def state() -> list[Any]:
        with database.reading() as connection:
            return [
                connection.execute(text(f"SELECT * FROM {table} ORDER BY id")).all()
                for table in STATE
            ]

    made = {"name": "Adam", "role": "viewer"}
    user = client.post("/v1/users", headers=boss, json=made).json()["user"]["handle"]
    new = {"name": "Party", "keep_photos": True}
    party = client.post("/v1/events", headers=boss, json=new).json()["id"]
    files = {"photos": ("seen.png", paint(RED, seed=7))}
    client.post(f"/v1/events/{party}/photos", headers=boss, files=files)
    (seen,) = client.get(f"/v1/events/{party}/appearances", headers=boss).json()["faces"]
    said = {"faces": [seen["id"]], "verdict": "right"}
    client.post(f"/v1/events/{party}/verdicts", headers=boss, json=said)
    context.settings.webhook_secret = SecretStr("a secret")
    hook = {"url": f"http://127.0.0.1:{free_port()}"}
    assert client.post("/v1/webhooks", headers=boss, json=hook).json()["id"] == 1
    listed = {"file": ("staff.csv", b"person,external_id\nRosa,E-9\n")}
    staff = client.post("/v1/staff-lists", headers=boss, files=listed).json()
    tried = edits(people, face, other.handle, user, party, seen["id"], staff)
    before = state()
    with database.writing() as connection:
        connection.execute(text("ALTER TABLE audit RENAME TO gone"))
    for method, path, more in tried:
        answer = client.request(method, path, headers=boss, **more)
        assert answer.status_code == 503, (method, path, answer.text)
        assert state() == before, (method, path)
    with database.writing() as connection:
        connection.execute(text("ALTER TABLE gone RENAME TO audit"))
    done: set[tuple[str, str]] = set()
    told: set[str] = set()
    for method, path, more in tried:
        answer = client.request(method, path, headers=boss, **more)
        assert answer.status_code < 300, (method, path, answer.text)
        done.add(
            (
                method,
                re.sub(
                    r"(?<=/)\d+(?=/|$)",
                    "N",
                    path.partition("?")[0]
                    .replace(other.handle, "N")
                    .replace(user, "N")
                    .replace(staff["id"], "N"),
                ),
            )
        )
        newest = entries(client, boss, everywhere=True)[0]
        assert (newest["who"], newest["key"]) == (
            "boss",
            context.catalogue.api_keys.all()[0].handle,
        )
        told.add(newest["action"])
    same = "two ways to add photos are one act, as are two of enrolling and of changing an event"
    assert len(told) >= len(done) - 3, same
    changing = {
        (method, re.sub(r"\{\w+\}", "N", path))
        for method, path, route in operations(app.routes)
        if isinstance(route, GuardedRoute) and method != "GET"
    }
    assert changing - done - ELSEWHERE == set(), "edits of which nobody knows whether they tell"


def test_what_was_enrolled_and_what_was_not_are_both_written_down(
    client: TestClient, people: dict[str, int], boss: dict[str, str]
) -> None:
    files = [("photos", ("a.png", paint(RED, seed=9))), ("photos", ("b.png", b"no photo"))]
    client.post("/v1/people", headers=boss, data={"person": "Rosa"}, files=files)
    told = [entry["answer"] for entry in entries(client, boss)[:2]]
    assert sorted((each["outcome"], each["reason"]) for each in told) == [
        ("enrolled", None),
        ("rejected", "unreadable"),
    ]


def test_logins_failed_logins_and_refusals_are_written_down(
    app: FastAPI, client: TestClient, people: dict[str, int], context: Context
) -> None:
    _, token = context.catalogue.api_keys.create("boss", Role.ADMIN)
    _, weak = context.catalogue.api_keys.create("berlin", Role.VIEWER, "berlin")
    browser = TestClient(app, base_url="http://127.0.0.1", follow_redirects=False)
    browser.post("/login", data={"key": "rollcall_000000000000_wrong"})
    browser.post("/login", data={"key": token})
    page = browser.get("/", headers={"Accept": "text/html"}).text
    csrf = page.partition('name="csrf" content="')[2].partition('"')[0]
    browser.post("/logout", headers={"X-CSRF-Token": "guessed"})
    browser.post("/logout", headers={"X-CSRF-Token": csrf})
    headers = {"Authorization": f"Bearer {weak}"}
    client.get("/v1/people?collection=default", headers=headers)
    client.delete(f"/v1/people/{people['Rosa']}", headers=headers)
    boss = {"Authorization": f"Bearer {token}"}
    found = [
        (each["who"], each["action"], (each["answer"] or {}).get("code"))
        for each in entries(client, boss, everywhere=True)
        if each["action"] != "enrol"
    ]
    assert found == [
        ("berlin", "refused", "not-allowed"),
        ("berlin", "refused", "not-allowed"),
        ("boss", "logout", None),
        ("nobody", "refused", "forged"),
        ("boss", "login", None),
        ("nobody", "refused", "key-refused"),
    ]
    paths = {
        each["answer"]["path"] for each in entries(client, boss, who="berlin", everywhere=True)
    }
    assert paths == {"/v1/people", "/v1/people/{person_id}"}, "of routes: no ids, no names"


def test_whoever_reads_for_all_collections_sees_keys_for_all_and_others_do_not(
    client: TestClient, context: Context, boss: dict[str, str]
) -> None:
    _, bound = context.catalogue.api_keys.create("bound", Role.ADMIN, "default")
    new = {"name": "door", "role": "viewer"}
    client.post("/v1/keys", headers=boss, json=new)
    client.post("/v1/keys", headers=boss, json={**new, "collection": "berlin"})
    assert [each["collection"] for each in entries(client, boss)][:1] == [None]
    seen = entries(client, boss, everywhere=True)
    assert [each["collection"] for each in seen[:2]] == ["berlin", None]
    headers = {"Authorization": f"Bearer {bound}"}
    assert {each["collection"] for each in entries(client, headers)} == {"default"}
    refused = client.get("/v1/audit?everywhere=true", headers=headers)
    assert refused.status_code == 403


def test_a_flood_of_refusals_does_not_fill_the_log(
    client: TestClient, boss: dict[str, str]
) -> None:
    for _ in range(100):
        assert client.get("/v1/people").status_code == 401
    noted = [each for each in entries(client, boss, limit=1000) if each["action"] == "refused"]
    assert 50 <= len(noted) <= 65


def test_enrolling_a_second_time_is_no_edit(client: TestClient, people: dict[str, int]) -> None:
    assert enrol(client, "Rosa", paint(RED, seed=1)) == people["Rosa"]
    assert entries(client, {})[0]["answer"]["outcome"] == "known"


def test_the_page_of_the_log_speaks_german_and_its_export_english(
    client: TestClient, people: dict[str, int]
) -> None:
    event = client.post("/v1/events", json={"name": "Fest"}).json()["id"]
    client.post(f"/v1/events/{event}/photos", files={"photos": ("1.png", paint(BLUE, seed=4))})
    (face,) = client.get(f"/v1/events/{event}/appearances").json()["faces"]
    said = {"faces": [face["id"]], "verdict": "nobody"}
    assert client.post(f"/v1/events/{event}/verdicts", json=said).status_code == 200
    german = {"Accept-Language": "de", "Accept": "text/html"}
    page = client.get("/audit", headers=german).text
    assert f">Anlass {event}</a>, Urteil niemand von uns" in page
    assert f"event {event}, verdict nobody" in client.get("/audit/export", headers=german).text


def test_the_page_of_the_log_tells_people_and_leaves_fingerprints_to_its_export(
    client: TestClient, people: dict[str, int], context: Context
) -> None:
    strict = {"threshold": 0.87515247}
    context.catalogue.audit.record([AuditEntry("Ada", "calibrate", "default", answer=strict)])
    made = client.post("/v1/keys", json={"name": "Payroll", "role": "kiosk"}).json()
    german = {"Accept-Language": "de", "Accept": "text/html"}
    _, token = context.catalogue.api_keys.create("Ada", Role.ADMIN)
    german["Authorization"] = f"Bearer {token}"
    client.post("/v1/identify", files={"photos": ("1.png", paint(RED, seed=3))}, headers=german)
    page = client.get("/audit", headers=german).text
    assert "Schwelle 0,875" in page
    assert "Schlüssel Payroll, Rolle Kiosk" in page
    assert made["handle"] not in page
    fingerprint = next(each["photo"] for each in entries(client, german) if each["photo"])
    assert fingerprint[:8] not in page
    assert fingerprint in client.get("/audit/export", headers=german).text


def test_the_audit_page_speaks_of_the_command_line_in_words_and_tells_scripts_its_commands(
    client: TestClient, context: Context, people: dict[str, int]
) -> None:
    context.catalogue.audit.record([AuditEntry("a (command line)", "people rename", "default")])
    page = client.get("/audit", headers={"Accept": "text/html"}).text
    assert "<td>renamed somebody</td>" in page
    assert '<option value="people rename" >renamed somebody (command line)</option>' in page
    told = [
        re.findall('data-commands="[^"]*"', client.get(each, headers={"Accept": "text/html"}).text)
        for each in ("/", "/audit")
    ]
    assert told[0] == told[1]
