"""Who may do what: every route of the application by every role, bound to a collection and not.

The table is made of the application's own routes, so that no new route can be forgotten.
"""

import re
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response
from starlette.routing import BaseRoute, Mount, Route

from retrieval.api.auth import csrf_token
from retrieval.api.context import Context
from retrieval.api.routing import GuardedRoute, role_of
from retrieval.catalogue.http.api_keys import Role

# What anybody may ask for, with or without a key; nothing of it tells of people.
OPEN = {
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/v1/openapi.json"),
    ("GET", "/kiosk"),  # the page asks for its key itself
    ("GET", "/login"),
    ("POST", "/login"),
    ("GET", "/login/done"),
    ("GET", "/static"),
    ("GET", "/docs"),
    ("GET", "/docs/files"),
    ("GET", "/openapi.json"),
    ("GET", "/login/link/{token}"),
    ("POST", "/login/link"),
    ("GET", "/login/sso"),
    ("GET", "/login/sso/back"),
}
# No collection is meant: a key of one opens them, and sees its own.
OF_NO_COLLECTION = {
    ("GET", "/metrics"),
    ("GET", "/v1/collections"),
    ("GET", "/v1/keys"),
    ("POST", "/v1/keys"),
    ("DELETE", "/v1/keys/{handle}"),
    ("GET", "/v1/me"),
    ("GET", "/v1/version"),
    ("POST", "/v1/previews"),
    ("PUT", "/v1/me/password"),
    ("GET", "/v1/users"),
    ("POST", "/v1/users"),
    ("POST", "/v1/users/{handle}/link"),
    ("PATCH", "/v1/users/{handle}"),
    ("DELETE", "/v1/users/{handle}"),
    ("POST", "/logout"),
    ("GET", "/session"),
    ("DELETE", "/v1/collections/{collection_id}"),
}


def operations(routes: list[BaseRoute]) -> Iterator[tuple[str, str, BaseRoute]]:
    """Every method and path that is answered, routers that are included among them."""
    for route in routes:
        inner = getattr(route, "routes", None) if not isinstance(route, Mount) else None
        original = getattr(route, "original_router", None)
        if isinstance(route, Mount):
            yield "GET", route.path, route
        elif isinstance(route, Route):
            for method in sorted((route.methods or {"GET"}) - {"HEAD"}):
                yield method, route.path.replace(":path", ""), route
        elif original is not None:
            yield from operations(original.routes)
        elif inner:
            yield from operations(inner)
        else:
            pytest.fail(f"nobody knows what {route!r} answers")


@pytest.fixture
def table(app: FastAPI) -> dict[tuple[str, str], Role | None]:
    """The role that each operation asks for."""
    return {
        (method, path): role_of(route) if isinstance(route, GuardedRoute) else None
        for method, path, route in operations(app.routes)
    }


def answer_to(client: TestClient, method: str, path: str, **more: object) -> Response:
    """That to a request that changes nothing whoever sends it: its ids mean nobody."""
    place = re.sub(r"\{\w+\}", "999999", path)
    return client.request(method, place, follow_redirects=False, **more)  # type: ignore[arg-type]


def asked(client: TestClient, method: str, path: str, **more: object) -> int:
    """The status of such an answer."""
    return answer_to(client, method, path, **more).status_code


def session_of(
    context: Context, name: str, role: Role, collection: str | None = None, *, ended: bool = False
) -> dict[str, str]:
    """What a browser sends in which a user of this role is logged in."""
    user = context.catalogue.users.create(name, role, collection)
    session = context.access.open_session(user)
    if ended:
        context.catalogue.users.end(user)
    return {"Cookie": f"rollcall_session={session}", "X-CSRF-Token": csrf_token(session)}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_the_table_holds_every_operation_of_the_documentation(
    app: FastAPI, table: dict[tuple[str, str], Role | None]
) -> None:
    documented = {
        (method.upper(), path)
        for path, operations_ in app.openapi()["paths"].items()
        for method in operations_
    }
    assert documented <= table.keys()
    assert len(table) > 40


def test_only_what_tells_nothing_of_people_is_open_to_anybody(
    table: dict[tuple[str, str], Role | None],
) -> None:
    assert {operation for operation, role in table.items() if role is None} == OPEN


def test_what_a_role_may_do() -> None:
    covered = {role: {other for other in Role if role.covers(other)} for role in Role}
    kiosk, viewer, operator = Role.KIOSK, Role.VIEWER, Role.OPERATOR
    assert covered == {
        kiosk: {kiosk},
        viewer: {viewer},
        operator: {kiosk, viewer, operator},
        Role.HR: {kiosk, viewer, operator, Role.HR},
        Role.ADMIN: set(Role),
    }


def test_what_deletes_for_good_or_is_about_keys_is_for_few(
    table: dict[tuple[str, str], Role | None],
) -> None:
    strict = {
        (method, path)
        for method, path in table
        if method == "DELETE" or path.startswith(("/v1/keys", "/v1/users", "/v1/audit"))
    }
    people = {operation for operation in strict if operation[1].startswith("/v1/people")}
    assert {table[operation] for operation in people} == {Role.HR}
    assert {table[operation] for operation in strict - people} == {Role.ADMIN}
    changing = {op for op in table if op[0] in ("POST", "PATCH", "PUT")} - OPEN
    asking = {op for op in changing if table[op] is Role.VIEWER}
    assert asking == {
        ("POST", "/v1/identify"),
        ("POST", "/v1/faces/detect"),
        ("POST", "/v1/identify/video"),
        ("POST", "/v1/search"),
        ("POST", "/v1/verify"),
        ("POST", "/v1/calibration/measure"),
        ("POST", "/v1/previews"),
        ("POST", "/logout"),
        ("PUT", "/v1/me/password"),
    }


def test_every_operation_by_every_key(
    client: TestClient,
    people: dict[str, int],
    context: Context,
    table: dict[tuple[str, str], Role | None],
) -> None:
    gone, revoked = context.catalogue.api_keys.create("gone", Role.ADMIN)
    context.catalogue.api_keys.revoke(gone)
    nobody: list[dict[str, str]] = [
        {},
        bearer("nonsense"),
        bearer("rollcall_000000000000_wrong"),
        bearer(revoked),
        bearer(context.catalogue.api_keys.create("cut", Role.ADMIN)[1][:-1]),
        {"Authorization": "Basic Zm9vOmJhcg=="},
        {"Cookie": f"rollcall_session={gone.handle}.99999999999.{'0' * 64}"},
        session_of(context, "leaver", Role.ADMIN, ended=True),
    ]
    everywhere = {role: bearer(context.catalogue.api_keys.create(role, role)[1]) for role in Role}
    bound = {
        role: bearer(context.catalogue.api_keys.create(role, role, "default")[1]) for role in Role
    }
    users = {role: session_of(context, f"{role}.everywhere", role) for role in Role}
    few = {role: session_of(context, f"{role}.default", role, "default") for role in Role}
    foreign = {
        role: bearer(context.catalogue.api_keys.create(role, role, "berlin")[1]) for role in Role
    }
    guests = {role: session_of(context, f"{role}.berlin", role, "berlin") for role in Role}
    for operation, needed in table.items():
        if needed is None:
            continue
        for headers in nobody:
            refused = answer_to(client, *operation, headers=headers)
            assert refused.status_code == 401, (operation, headers)
            assert refused.headers["www-authenticate"].startswith("Bearer"), operation
        for role in Role:
            may = role.covers(needed)
            for keys in (everywhere, bound, users, few):
                if operation == ("POST", "/logout") and keys in (users, few):
                    continue  # it would end the very session
                status = asked(client, *operation, headers=keys[role])
                assert (status == 403) is not may, (operation, role, status)
                assert (status < 500 and status != 401) or status == 503, (operation, role, status)
            page = not operation[1].startswith("/v1/")
            for keys in (foreign, guests):
                if not may or (operation not in OF_NO_COLLECTION and not page):
                    other = {"params": {"collection": "default"}, "headers": keys[role]}
                    status = asked(client, *operation, **other)
                    assert status == 403, (operation, role, status)


def test_a_page_shows_nothing_of_a_collection_that_the_key_does_not_open(
    client: TestClient,
    people: dict[str, int],
    context: Context,
    table: dict[tuple[str, str], Role | None],
) -> None:
    headers = bearer(context.catalogue.api_keys.create("stranger", Role.ADMIN, "berlin")[1])
    pages = [path for method, path in table if method == "GET" and "/v1/" not in path]
    for path in pages:
        place = re.sub(r"\{\w+\}", str(people["Rosa"]), path)
        answer = client.get(
            place,
            params={"collection": "default"},
            headers={**headers, "Accept": "text/html", "Cookie": "rollcall_collection=default"},
        )
        assert "Rosa" not in answer.text, path


ODD = ["0", "-1", "99999999999999999999999", "9" * 4400, "1e9", "٣٣", "%00", "x%00", "..", "'"]


def test_odd_numbers_in_paths_and_queries_are_the_callers_mistake(
    client: TestClient, app: FastAPI, people: dict[str, int]
) -> None:
    for method, path, route in operations(app.routes):
        if not isinstance(route, GuardedRoute):
            continue
        names = [each.name for each in route.dependant.query_params] + ["limit", "days", "cursor"]
        for odd in ODD:
            place = re.sub(r"\{\w+\}", odd, path)
            if place != path:
                status = client.request(method, place, follow_redirects=False).status_code
                assert status < 500 or status == 503, (method, path, odd, status)
            query = "&".join(f"{name}={odd}" for name in names)
            place = re.sub(r"\{\w+\}", "1", path)
            status = client.request(method, f"{place}?{query}").status_code
            assert status < 500 or status == 503, (method, path, query, status)
