"""Users over HTTP: they log in by link, password or issuer, and may do what their role says."""

import base64
import hashlib
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from retrieval.api.app import create_app
from retrieval.api.auth import COOKIE, csrf_token
from retrieval.api.context import Context
from retrieval.api.single_sign_on import _derived
from retrieval.catalogue.http.api_keys import Role
from retrieval.settings import Settings
from tests.api.issuer import CLIENT, SECRET, Issuer, listening
from tests.api.painted import catalogue_of, painted_service

PASSWORD = "correct horse battery"


@pytest.fixture
def browser(app: FastAPI) -> TestClient:
    return TestClient(app, base_url="http://127.0.0.1", follow_redirects=False)


def made(client: TestClient, admin: dict[str, str], **user: object) -> dict[str, str]:
    """A user, with the path of the link."""
    answer = client.post("/v1/users", json={"name": "eve", **user}, headers=admin)
    assert answer.status_code == 201, answer.text
    link = answer.json()["link"]
    return {**answer.json()["user"], "path": link.removeprefix("http://127.0.0.1")}


def token_of(user: dict[str, str]) -> str:
    return user["path"].rpartition("/")[2]


def change(browser: TestClient, method: str, path: str, **more: object) -> httpx.Response:
    """A change that a page of the browser's session sends."""
    headers = {"X-CSRF-Token": csrf_token(browser.cookies[COOKIE])}
    return browser.request(method, path, headers=headers, **more)  # type: ignore[return-value,arg-type]


def test_a_link_lets_in_once_and_the_chosen_password_afterwards(
    client: TestClient, keys: dict[Role, dict[str, str]], browser: TestClient
) -> None:
    eve = made(client, keys[Role.ADMIN], role="hr")
    for _ in range(2):  # what a mail scanner does uses nothing up
        assert browser.get(eve["path"]).status_code == 200
    poor = browser.post("/login/link", data={"token": token_of(eve), "password": "short"})
    assert poor.status_code == 422
    let_in = browser.post("/login/link", data={"token": token_of(eve), "password": PASSWORD})
    assert (let_in.status_code, COOKIE in browser.cookies) == (303, True)
    me = browser.get("/v1/me").json()
    assert (me["kind"], me["name"], me["role"]) == ("user", "eve", "hr")
    browser.cookies.clear()
    again = browser.post("/login/link", data={"token": token_of(eve)})
    assert again.status_code == 401
    assert browser.post("/login", data={"name": "EVE", "password": PASSWORD}).status_code == 303
    assert browser.get("/v1/me").json()["handle"] == eve["handle"]


def test_a_wrong_password_does_not_say_what_is_wrong_and_is_not_tried_for_ever(
    client: TestClient, keys: dict[Role, dict[str, str]], browser: TestClient
) -> None:
    made(client, keys[Role.ADMIN])
    texts = set()
    for name in ("eve", "nobody"):
        answer = browser.post("/login", data={"name": name, "password": PASSWORD})
        assert answer.status_code == 401
        texts.add(answer.text)
    assert len(texts) == 1
    tried = {
        browser.post("/login", data={"name": "eve", "password": "x"}).status_code for _ in range(12)
    }
    assert tried == {401, 429}
    entries = client.get("/v1/audit", headers=keys[Role.ADMIN]).json()["entries"]
    assert PASSWORD not in str(entries)
    assert "refused" in {each["action"] for each in entries}


def test_roles_and_collections_hold_for_users_as_for_keys_and_change_at_once(
    client: TestClient, people: object, keys: dict[Role, dict[str, str]], browser: TestClient
) -> None:
    eve = made(client, keys[Role.ADMIN], role="operator", collection="default")
    browser.post("/login/link", data={"token": token_of(eve)})
    assert browser.get("/v1/people").status_code == 200
    assert browser.get("/v1/people?collection=berlin").status_code == 403
    assert change(browser, "DELETE", "/v1/people/999").status_code == 403
    admin = keys[Role.ADMIN]
    for role, status in (("hr", 404), ("viewer", 403)):
        client.patch(f"/v1/users/{eve['handle']}", json={"role": role}, headers=admin)
        assert change(browser, "DELETE", "/v1/people/999").status_code == status, role
    client.patch("/v1/users/eve", json={"collection": "berlin"}, headers=admin)
    assert browser.get("/v1/people?collection=default").status_code == 403
    assert client.delete("/v1/users/eve", headers=admin).status_code == 200
    assert browser.get("/v1/people").status_code == 401


def test_a_new_password_needs_the_present_one_and_ends_all_sessions(
    client: TestClient, keys: dict[Role, dict[str, str]], browser: TestClient
) -> None:
    eve = made(client, keys[Role.ADMIN])
    browser.post("/login/link", data={"token": token_of(eve), "password": PASSWORD})
    wrong = {"password": "another good one", "current": "not this one"}
    assert change(browser, "PUT", "/v1/me/password", json=wrong).status_code == 401
    right = {**wrong, "current": PASSWORD}
    assert change(browser, "PUT", "/v1/me/password", json=right).status_code == 200
    assert browser.get("/v1/me").status_code == 401
    with_key = client.put("/v1/me/password", json=right, headers=keys[Role.ADMIN])
    assert with_key.status_code == 403


def test_an_admin_of_one_collection_manages_users_of_that_one_alone(
    client: TestClient, keys: dict[Role, dict[str, str]], context: Context
) -> None:
    bound = {
        "Authorization": f"Bearer {context.catalogue.api_keys.create('b', Role.ADMIN, 'berlin')[1]}"
    }
    made(client, keys[Role.ADMIN], name="all")
    own = made(client, bound, name="own", collection="berlin")
    assert [u["name"] for u in client.get("/v1/users", headers=bound).json()["users"]] == ["own"]
    for name, body in (("own", {"collection": None}), ("own", {"collection": "paris"})):
        assert client.patch(f"/v1/users/{name}", json=body, headers=bound).status_code == 403
    assert client.delete("/v1/users/all", headers=bound).status_code == 404
    refused = client.post("/v1/users", json={"name": "x"}, headers=bound)
    assert refused.status_code == 403
    assert client.delete(f"/v1/users/{own['handle']}", headers=bound).status_code == 200


def test_users_stand_in_the_audit_log_without_their_secrets(
    client: TestClient, keys: dict[Role, dict[str, str]]
) -> None:
    admin = keys[Role.ADMIN]
    eve = made(client, admin)
    client.post("/v1/users/eve/link", headers=admin)
    client.delete("/v1/users/eve", headers=admin)
    entries = client.get("/v1/audit", headers=admin).json()["entries"]
    told = [each["answer"] for each in entries if "user" in (each["answer"] or {})]
    assert told == [{"user": "eve", "handle": eve["handle"], "role": "viewer"}] * 3
    assert token_of(eve) not in str(entries)


# Single sign-on


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with listening() as found:
        found.claims = {"sub": "s-1", "email": "eve@example.org", "email_verified": True}
        yield found


def signing_on(settings: Settings, issuer: Issuer, **more: object) -> FastAPI:
    given = {"sso_issuer": issuer.address, "sso_client_id": CLIENT, "sso_client_secret": SECRET}
    own = Settings(**{**settings.model_dump(), **given, **more})
    return create_app(
        own, catalogue_of(own), lambda name: painted_service(own, name), loopback=True
    )


def sign_on(browser: TestClient, next: str = "/people") -> httpx.Response:
    """Go to the issuer as a browser does, and come back."""
    sent = browser.get(f"/login/sso?next={next}")
    assert sent.status_code == 303, sent.text
    at_issuer = httpx.get(sent.headers["location"])
    return browser.get(at_issuer.headers["location"].removeprefix("http://127.0.0.1"))


def browsing(app: FastAPI) -> TestClient:
    return TestClient(
        app, base_url="http://127.0.0.1", follow_redirects=False, raise_server_exceptions=False
    )


def test_the_issuer_lets_in_whoever_is_a_user_and_nobody_else(
    settings: Settings, issuer: Issuer
) -> None:
    app = signing_on(settings, issuer)
    context: Context = app.state.context
    with browsing(app) as browser:
        assert sign_on(browser).status_code == 401, "nobody has made a user of her"
        context.catalogue.users.create("eve@example.org", Role.HR)
        back = sign_on(browser)
        assert (back.status_code, back.headers["location"]) == (303, "/people")
        assert browser.get("/v1/me").json()["role"] == "hr"
        issuer.claims = {"sub": "s-1", "email": "eve@new.example.org", "email_verified": True}
        assert sign_on(browser).status_code == 303, "known by her subject"
        issuer.claims = {"sub": "s-2", "email": "eve@example.org", "email_verified": True}
        assert sign_on(browser).status_code == 401, "another subject with her address"
        context.catalogue.users.end(context.catalogue.users.find("eve@example.org"))
        assert browser.get("/v1/me").status_code == 401


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"email_verified": False}, "an address that nobody has verified"),
        ({"email_verified": "yes"}, "a word in place of true"),
        ({"aud": "another"}, "a token for another client"),
        ({"iss": "http://elsewhere"}, "another issuer's token"),
        ({"exp": 1}, "a token of long ago"),
        ({"nonce": "x"}, "a token of another login"),
        ({"sub": None}, "nobody in particular"),
    ],
)
def test_what_the_issuer_does_not_vouch_for_lets_nobody_in(
    settings: Settings, issuer: Issuer, claims: dict[str, object], why: str
) -> None:
    app = signing_on(settings, issuer)
    app.state.context.catalogue.users.create("eve@example.org", Role.ADMIN)
    issuer.claims |= claims
    with browsing(app) as browser:
        assert sign_on(browser).status_code == 401, why
        assert COOKIE not in browser.cookies


def test_a_forged_token_a_foreign_login_and_a_used_code_let_nobody_in(
    settings: Settings, issuer: Issuer
) -> None:
    app = signing_on(settings, issuer)
    app.state.context.catalogue.users.create("eve@example.org", Role.ADMIN)
    with browsing(app) as browser, browsing(app) as other:
        issuer.forged = True
        assert sign_on(browser).status_code == 401
        issuer.forged = False
        sent = browser.get("/login/sso")
        back = httpx.get(sent.headers["location"]).headers["location"]
        path = back.removeprefix("http://127.0.0.1")
        assert other.get(path).status_code == 401, "it was begun in another browser"
        assert browser.get(path).status_code == 303
        browser.cookies.clear()
        assert browser.get(path).status_code == 401, "the code was used"


def test_a_login_that_was_begun_nowhere_lets_nobody_in(settings: Settings, issuer: Issuer) -> None:
    app = signing_on(settings, issuer, sso_role="viewer")
    with browsing(app) as browser:
        # What a site that brings its own login to a visitor would make, who has no cookie.
        guessed = {what: _derived("", what) for what in ("state", "nonce", "verifier")}
        issuer.codes["theirs"] = guessed["nonce"], _challenge(guessed["verifier"])
        for state in (guessed["state"], "", "é"):
            back = browser.get("/login/sso/back", params={"code": "theirs", "state": state})
            assert back.status_code == 401, state
        assert COOKIE not in browser.cookies


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def test_with_a_role_in_the_settings_whoever_the_issuer_knows_is_let_in(
    settings: Settings, issuer: Issuer
) -> None:
    app = signing_on(settings, issuer, sso_role="viewer")
    users = app.state.context.catalogue.users
    with browsing(app) as browser:
        assert sign_on(browser).status_code == 303
        assert [(user.name, user.role) for user in users.all()] == [
            ("eve@example.org", Role.VIEWER)
        ]
        users.end(users.find("eve@example.org"))
        assert sign_on(browser).status_code == 401, "she was ended, and stays out"


def test_an_issuer_that_does_not_answer_is_said_to_be_so(settings: Settings) -> None:
    with listening() as gone:
        pass
    with browsing(signing_on(settings, gone)) as browser:
        answer = browser.get("/login/sso")
        assert (answer.status_code, answer.json()["code"]) == (503, "issuer-unavailable")


def test_without_an_issuer_there_is_no_sign_on(client: TestClient) -> None:
    assert client.get("/login/sso", follow_redirects=False).status_code == 422
    assert "sso" not in client.get("/login").text
