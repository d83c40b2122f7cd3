"""Who is let in: keys, roles, collections, sessions, limits."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from sqlalchemy import update

from retrieval.api.app import create_app
from retrieval.api.auth import Buckets
from retrieval.api.context import Context
from retrieval.api.routing import GuardedRoute, role_of
from retrieval.catalogue.http.api_keys import Role
from retrieval.catalogue.http.api_keys import keys as keys_table
from retrieval.settings import Settings
from retrieval.upkeep.backup.making import back_up
from tests.api.conftest import served
from tests.api.painted import BLUE, RED, catalogue_of, paint, painted_service
from tests.upkeep.backup.restored import restore

OPEN = {"/healthz", "/readyz", "/v1/openapi.json"}


def api_routes(app: FastAPI) -> Iterator[tuple[str, str, APIRoute]]:
    """Every operation that is not a page of the web app."""
    for path, operations in app.openapi()["paths"].items():
        for method, operation in operations.items():
            yield method.upper(), path, operation


def test_every_operation_but_the_watchers_asks_for_a_role(app: FastAPI) -> None:
    roles = {(method, path): operation.get("x-role") for method, path, operation in api_routes(app)}
    assert len(roles) > 15
    assert {path for (_, path), role in roles.items() if role is None} <= OPEN
    assert roles["POST", "/v1/identify"] == Role.VIEWER
    assert roles["POST", "/v1/people"] == Role.OPERATOR
    assert {role for (method, _), role in roles.items() if method == "DELETE"} == {
        Role.HR,
        Role.ADMIN,
    }


def test_a_key_of_one_collection_opens_no_other(
    client: TestClient, people: dict[str, int], context: Context
) -> None:
    _, token = context.catalogue.api_keys.create("berlin", Role.ADMIN, "berlin")
    headers = {"Authorization": f"Bearer {token}"}
    own = client.get("/v1/people", headers=headers)
    other = client.get("/v1/people?collection=default", headers=headers)
    assert own.status_code == 404  # its own, which is not there yet
    assert other.status_code == 403
    made = client.post("/v1/keys", headers=headers, json={"name": "all", "role": "admin"})
    assert made.status_code == 403
    assert client.get("/v1/collections", headers=headers).json() == {"collections": []}


def test_a_key_is_shown_once_and_kept_as_a_hash(
    client: TestClient, settings: Settings, context: Context
) -> None:
    new = {"name": "door", "role": "viewer"}
    made = client.post("/v1/keys", json=new, headers={"Idempotency-Key": "once"}).json()
    secret = made["key"].split("_", 2)[2].encode()
    assert context.catalogue.api_keys.check(made["key"]) is not None
    assert context.catalogue.api_keys.check(made["key"][:-1]) is None
    for file in settings.home.glob("catalogue.db*"):
        assert secret not in file.read_bytes()
    headers = {
        "Authorization": f"Bearer {context.catalogue.api_keys.create('boss', Role.ADMIN)[1]}"
    }
    listed = client.get("/v1/keys", headers=headers).json()["keys"]
    assert {key["name"] for key in listed} == {"door", "boss"}
    assert not any("key" in key or "sha256" in key for key in listed)


def test_a_revoked_key_is_refused_at_once(
    client: TestClient, people: dict[str, int], keys: dict[Role, dict[str, str]]
) -> None:
    assert client.get("/v1/people", headers=keys[Role.VIEWER]).status_code == 200
    ended = client.delete("/v1/keys/viewer", headers=keys[Role.ADMIN])
    assert ended.status_code == 200
    assert ended.json()["revoked_at"] is not None
    assert client.get("/v1/people", headers=keys[Role.VIEWER]).status_code == 401


def test_a_key_has_so_many_requests_a_minute(
    client: TestClient, people: dict[str, int], context: Context
) -> None:
    _, token = context.catalogue.api_keys.create("slow", Role.VIEWER, requests_per_minute=3)
    headers = {"Authorization": f"Bearer {token}"}
    statuses = [client.get("/v1/people", headers=headers).status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    refused = client.get("/v1/people", headers=headers)
    assert 1 <= int(refused.headers["retry-after"]) <= 20


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 201),  # no browser
        ({"Origin": "http://127.0.0.1"}, 201),  # the service's own page
        ({"Origin": "https://example.org"}, 400),
        ({"Origin": "null"}, 400),  # a sandboxed frame
        ({"Sec-Fetch-Site": "cross-site"}, 400),
    ],
)
def test_without_keys_another_sites_page_changes_nothing(
    client: TestClient, headers: dict[str, str], status: int
) -> None:
    answer = client.post(
        "/v1/people",
        data={"person": "Rosa"},
        files={"photos": ("a.png", paint(RED))},
        headers=headers,
    )
    assert answer.status_code == (403 if status == 400 else status)


def test_without_keys_only_loopback_names_are_answered(client: TestClient) -> None:
    answer = client.get("/v1/people", headers={"Host": "rebound.example.org"})
    assert answer.status_code == 401


def test_without_keys_a_service_on_the_network_lets_nobody_in(settings: Settings) -> None:
    app = create_app(
        settings,
        catalogue_of(settings),
        lambda name: painted_service(settings, name),
        loopback=False,
    )
    with TestClient(app, base_url="http://127.0.0.1") as client:
        assert client.get("/v1/people").status_code == 401
        assert client.get("/healthz").status_code == 200


@pytest.fixture
def bound(context: Context) -> dict[str, str]:
    """Headers with the key of an admin of the collection "berlin"."""
    _, token = context.catalogue.api_keys.create(
        "boss", Role.ADMIN, "berlin", requests_per_minute=100
    )
    return {"Authorization": f"Bearer {token}"}


def test_an_admin_of_one_collection_cannot_end_another_key_by_a_name_that_is_its_handle(
    client: TestClient, context: Context, bound: dict[str, str]
) -> None:
    boss, token = context.catalogue.api_keys.create("global", Role.ADMIN)
    new = {"name": boss.handle, "role": "viewer", "collection": "berlin"}
    refused = client.post("/v1/keys", headers=bound, json=new)
    assert (refused.status_code, refused.json()["code"]) == (422, "name")
    assert client.delete(f"/v1/keys/{boss.handle}", headers=bound).status_code == 404
    assert client.delete("/v1/keys/global", headers=bound).status_code == 404
    assert context.catalogue.api_keys.check(token) is not None


def test_a_stolen_key_finds_no_shield_in_a_name(client: TestClient, context: Context) -> None:
    """A key that is called as the one to be ended, in a catalogue from before this was refused."""
    stolen, token = context.catalogue.api_keys.create("stolen", Role.ADMIN)
    shield, _ = context.catalogue.api_keys.create("shield", Role.VIEWER)
    with context.catalogue._database.writing() as connection:
        named = update(keys_table).where(keys_table.c.handle == shield.handle)
        connection.execute(named.values(name=stolen.handle))
    boss = {"Authorization": f"Bearer {context.catalogue.api_keys.create('boss', Role.ADMIN)[1]}"}
    ended = client.delete(f"/v1/keys/{stolen.handle}", headers=boss)
    assert (ended.status_code, ended.json()["handle"]) == (200, stolen.handle)
    assert context.catalogue.api_keys.check(token) is None


def test_names_of_keys_tell_nothing_of_other_collections(
    client: TestClient, context: Context, bound: dict[str, str]
) -> None:
    for collection in (None, "paris"):
        context.catalogue.api_keys.create("door", Role.VIEWER, collection)
    new = {"name": "door", "role": "viewer", "collection": "berlin"}
    assert client.post("/v1/keys", headers=bound, json=new).status_code == 201
    assert client.post("/v1/keys", headers=bound, json=new).status_code == 409


@pytest.mark.parametrize(
    ("wanted", "status", "given"), [(50, 201, 50), (None, 201, 100), (101, 403, None)]
)
def test_an_admin_of_one_collection_gives_no_key_more_requests_than_its_own(
    client: TestClient, bound: dict[str, str], wanted: int | None, status: int, given: int | None
) -> None:
    new = {"name": "door", "role": "admin", "collection": "berlin", "requests_per_minute": wanted}
    made = client.post("/v1/keys", headers=bound, json=new)
    assert (made.status_code, made.json().get("requests_per_minute")) == (status, given)


def test_requests_that_are_refused_count_for_the_key_and_for_the_address(
    client: TestClient, people: dict[str, int], context: Context, settings: Settings
) -> None:
    _, token = context.catalogue.api_keys.create("slow", Role.VIEWER, requests_per_minute=3)
    headers = {"Authorization": f"Bearer {token}"}
    statuses = [client.get("/v1/keys", headers=headers).status_code for _ in range(4)]
    assert statuses == [403, 403, 403, 429]
    settings.refusals_per_minute = 3
    for wrong in ({}, {"Authorization": "Bearer rollcall_000000000000_wrong"}):
        context.access._buckets._buckets.clear()
        statuses = [client.get("/v1/people", headers=wrong).status_code for _ in range(4)]
        assert statuses == [401, 401, 401, 429]
    _, good = context.catalogue.api_keys.create("good", Role.VIEWER)
    answer = client.get("/v1/people", headers={"Authorization": f"Bearer {good}"})
    assert answer.status_code == 200, "a good key is never kept out by wrong ones"


def test_a_restore_under_a_running_service_lets_nobody_in_without_a_key(
    client: TestClient, people: dict[str, int], context: Context, settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "before.backup"
    back_up(context.catalogue, settings.home, file)
    _, token = context.catalogue.api_keys.create("boss", Role.ADMIN)
    headers = {"Authorization": f"Bearer {token}"}
    assert client.get("/v1/people").status_code == 401
    for keys_of_backup, status in ((False, 200), (True, 401)):
        restore(context.catalogue, settings.home, file, keys_of_backup=keys_of_backup)
        assert client.delete(f"/v1/people/{people['Rosa']}").status_code == 401
        assert client.get("/v1/people", headers=headers).status_code == status


def test_a_crowd_of_addresses_takes_no_memory() -> None:
    buckets = Buckets()
    for number in range(30_000):
        assert buckets.has(str(number), 5)
    assert len(buckets._buckets) <= 10_000


def test_a_route_without_a_role_cannot_be_made() -> None:
    with pytest.raises(KeyError, match="x-role"):
        GuardedRoute("/v1/forgotten", lambda: None)
    assert (
        role_of(GuardedRoute("/v1/x", lambda: None, openapi_extra={"x-role": "admin"})) == "admin"
    )


@pytest.mark.parametrize("repeatable", [False, True])
@pytest.mark.parametrize("what", ["json", "form"])
def test_a_key_that_is_revoked_while_a_request_arrives_does_nothing(
    client: TestClient,
    people: dict[str, int],
    context: Context,
    settings: Settings,
    what: str,
    repeatable: bool,
) -> None:
    own = settings.model_copy(update={"body_timeout_s": 60.0})
    app = create_app(own, catalogue_of(own), lambda name: painted_service(own, name), loopback=True)
    bodies = app.state.context.bodies
    key, token = context.catalogue.api_keys.create("leaver", Role.OPERATOR)
    if what == "json":
        body, kind = b'{"face_ids": [1], "person": "Ros"}', "application/json"
        path = f"/v1/people/{people['Rosa']}/split"
    else:
        form = httpx.Request(
            "POST", "http://x", data={"person": "Ros"}, files={"photos": ("a.png", paint(BLUE))}
        )
        body, kind, path = form.read(), form.headers["content-type"], "/v1/people"
    head = [
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {token}",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        *(["Idempotency-Key: one"] if repeatable else []),
    ]
    with served(app) as port, socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + body[:20])
        until = time.monotonic() + 120
        while not bodies._held and time.monotonic() < until:
            time.sleep(0.01)  # until the key was let in
        context.catalogue.api_keys.revoke(key)
        connection.sendall(body[20:])
        status = connection.makefile("rb").readline()
    assert b" 401 " in status
    _, boss = context.catalogue.api_keys.create("boss", Role.ADMIN)
    shown = client.get("/v1/people", headers={"Authorization": f"Bearer {boss}"}).json()
    assert [each["person"] for each in shown["people"]] == ["Gustav", "Rosa"]


def test_who_has_another_role_or_collection_by_now_is_not_still_let_in(context: Context) -> None:
    """What streams and requests with long bodies ask while they last."""
    users, access = context.catalogue.users, context.access
    user = users.create("ann@example.org", Role.OPERATOR)
    caller = access.caller_of(user, access.open_session(user))
    assert access.is_still(caller)
    user = users.change(user, Role.VIEWER, None)
    assert not access.is_still(caller)
    user = users.change(user, Role.OPERATOR, "berlin")
    assert not access.is_still(caller)
    users.change(user, Role.OPERATOR, None)
    assert access.is_still(caller)
