"""The web app's doors: logging in, what a session may do, what a page shows to whom."""

import re
from dataclasses import replace
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import SecretStr

from retrieval.api.app import create_app
from retrieval.api.auth import COOKIE
from retrieval.api.context import Context
from retrieval.catalogue.http.api_keys import Role, meant
from retrieval.catalogue.http.audit import AuditEntry
from retrieval.catalogue.records import Collection
from retrieval.index.gallery import Gallery
from retrieval.index.status import IndexStatus
from retrieval.protocols import ChangeFeed
from retrieval.service import Service
from retrieval.settings import Settings
from tests.api.conftest import enrol, receipt_of
from tests.api.painted import RED, PaintedParts, catalogue_of, paint

HTML = {"Accept": "text/html"}


@pytest.fixture
def tokens(client: TestClient, people: dict[str, int], context: Context) -> dict[Role, str]:
    """A key of each role."""
    return {role: context.catalogue.api_keys.create(role.value, role)[1] for role in Role}


@pytest.fixture
def visitor(app: FastAPI, tokens: dict[Role, str]) -> TestClient:
    """A browser without a session."""
    return TestClient(app, base_url="http://127.0.0.1", follow_redirects=False)


def log_in(visitor: TestClient, key: str, then: str = "/people") -> str:
    """Log in; return the token that the page carries."""
    answer = visitor.post("/login", data={"key": key, "next": then})
    assert (answer.status_code, answer.headers["location"]) == (303, then)
    page = visitor.get(then, headers=HTML).text
    found = re.search(r'name="csrf" content="(\w+)"', page)
    assert found is not None
    return found[1]


def test_a_page_sends_a_stranger_to_the_login_and_back(
    visitor: TestClient, tokens: dict[Role, str]
) -> None:
    sent = visitor.get("/people?search=ro", headers=HTML)
    assert (sent.status_code, sent.headers["location"]) == (
        303,
        "/login?next=/people%3Fsearch%3Dro",
    )
    assert 'value="/people?search=ro"' in visitor.get(sent.headers["location"]).text
    log_in(visitor, tokens[Role.VIEWER])
    assert visitor.get("/people", headers=HTML).status_code == 200


def test_the_sessions_cookie_is_out_of_reach_for_scripts_and_other_sites(
    visitor: TestClient, tokens: dict[Role, str]
) -> None:
    answer = visitor.post("/login", data={"key": tokens[Role.ADMIN]})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert tokens[Role.ADMIN].lower() not in cookie


def test_a_wrong_key_opens_nothing_and_says_so(visitor: TestClient) -> None:
    answer = visitor.post("/login", data={"key": "rollcall_x_y"})
    assert answer.status_code == 401
    assert "unknown or revoked" in answer.text
    assert COOKIE not in visitor.cookies


@pytest.mark.parametrize("path", ["https://example.org/", "//example.org", "/\\example.org", "x"])
def test_the_login_leads_to_no_other_site(
    visitor: TestClient, tokens: dict[Role, str], path: str
) -> None:
    answer = visitor.post("/login", data={"key": tokens[Role.VIEWER], "next": path})
    assert answer.headers["location"] == "/"


def test_a_session_changes_things_only_with_its_pages_token(
    visitor: TestClient, tokens: dict[Role, str], people: dict[str, int]
) -> None:
    token = log_in(visitor, tokens[Role.OPERATOR])
    path, new = f"/v1/people/{people['Rosa']}", {"person": "Rosa Rot"}
    for headers in ({}, {"X-CSRF-Token": "guessed"}):
        refused = visitor.patch(path, json=new, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (403, "forged")
    foreign = {"X-CSRF-Token": token, "Origin": "https://example.org"}
    assert visitor.patch(path, json=new, headers=foreign).status_code == 403
    assert visitor.patch(path, json=new, headers={"X-CSRF-Token": token}).status_code == 200
    assert visitor.delete(path, headers={"X-CSRF-Token": token}).status_code == 403  # no admin


def test_a_session_ends_with_its_key_with_its_time_and_by_logging_out(
    visitor: TestClient, tokens: dict[Role, str], context: Context, settings: Settings
) -> None:
    token = log_in(visitor, tokens[Role.OPERATOR])
    stolen = visitor.cookies[COOKIE]
    assert visitor.post("/logout", headers={"X-CSRF-Token": token}).status_code == 204
    assert visitor.get("/v1/people").status_code == 401
    visitor.cookies.set(COOKIE, stolen)
    assert visitor.get("/v1/people").status_code == 401, "it ended on the server"
    visitor.cookies.clear()
    log_in(visitor, tokens[Role.OPERATOR])
    context.catalogue.api_keys.revoke(meant(context.catalogue.api_keys.all(), "operator"))
    assert visitor.get("/v1/people").status_code == 401
    settings.session_hours = -1
    visitor.post("/login", data={"key": tokens[Role.ADMIN]})
    assert visitor.get("/v1/people").status_code == 401


def test_a_cookie_that_is_none_of_ours_is_no_session(visitor: TestClient) -> None:
    for cookie in ("", ".", "a.b.c", "00.99999999999." + "0" * 64, "é"):
        headers = [(b"cookie", f"{COOKIE}={cookie}".encode("latin-1"))]
        answer = visitor.get("/v1/people", headers=headers)
        assert answer.status_code == 401


def test_a_page_offers_what_the_role_may_do(
    app: FastAPI, visitor: TestClient, tokens: dict[Role, str], people: dict[str, int]
) -> None:
    shown = {}
    for role, key in tokens.items():
        browser = TestClient(app, base_url="http://127.0.0.1", follow_redirects=False)
        log_in(browser, key)
        shown[role] = browser.get(f"/people/{people['Rosa']}", headers=HTML).text
        if role is Role.ADMIN:  # a page's own filter stands in nobody's place
            log = browser.get("/audit?who=somebody", headers=HTML).text
            assert f'title="{role.value}, {role.value}"' in log
    assert "Name and number" not in shown[Role.VIEWER]
    assert "Name and number" in shown[Role.OPERATOR]
    assert "Delete for good" not in shown[Role.OPERATOR]
    assert "Delete for good" in shown[Role.ADMIN]


def test_names_are_shown_as_text_whatever_they_are(client: TestClient) -> None:
    name = '<script>alert("x")</script>'
    files = {"photos": ("<b>.png", paint(RED))}
    person = client.post("/v1/people", data={"person": name}, files=files).json()["id"]
    for path in ("/people", f"/people/{person}"):
        page = client.get(path, headers=HTML).text
        assert "<script>alert" not in page
        assert "&lt;script&gt;" in page


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/people",
        "/unknowns",
        "/findings",
        "/runs",
        "/quality",
        "/index",
        "/access",
        "/audit",
        "/settings",
    ],
)
def test_every_page_works_before_anybody_is_enrolled(client: TestClient, path: str) -> None:
    assert client.get(path, headers=HTML).status_code == 200


def test_what_is_not_there_is_a_page_for_people_and_a_problem_for_programs(
    client: TestClient, people: dict[str, int]
) -> None:
    page = client.get("/people/77", headers=HTML)
    assert page.status_code == 404
    assert "There is no person with id 77" in page.text
    assert client.get("/v1/people/77", headers=HTML).headers["content-type"].endswith("json")


@pytest.mark.parametrize(("path", "status"), [("/nothing", 404), ("/people/x", 422)])
def test_what_the_framework_refuses_is_a_page_for_people_too(
    client: TestClient, path: str, status: int
) -> None:
    page = client.get(path, headers=HTML)
    assert (page.status_code, page.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert "Back to the start" in page.text
    assert client.get(path).headers["content-type"] == "application/problem+json"


class OnAServer(Gallery):
    """A gallery that says of itself what one on an index server can say."""

    def status(self) -> IndexStatus:
        return replace(
            super().status(),
            kind="milvus-ivf-flat",
            bytes_a_face=0.0,
            mapped_bytes_a_face=0.0,
            nlist=64,
            nprobe=8,
        )


class PartsOnAServer(PaintedParts):
    def gallery(self, collection: Collection, feed: ChangeFeed) -> Gallery:
        return OnAServer(feed, None, collection=collection.name, fingerprint="colours")


def test_the_index_page_shows_what_an_index_server_can_say(settings: Settings) -> None:
    def open_service(name: str) -> Service:
        return Service(catalogue_of(settings), PartsOnAServer(settings), name)

    with open_service("default") as service:
        service.ensure_collection()
    app = create_app(settings, catalogue_of(settings), open_service, loopback=True)
    with TestClient(app, base_url="http://127.0.0.1") as client:
        page = client.get("/index", headers=HTML).text
        assert client.get("/v1/index").json()["kind"] == "milvus-ivf-flat"
    assert "milvus-ivf-flat" in page
    assert "64, 8 of them visited for faces" in page
    assert "Memory per face" not in page


def test_the_audit_page_shows_filters_and_exports_what_was_done(
    client: TestClient, context: Context, people: dict[str, int]
) -> None:
    client.patch(f"/v1/people/{people['Rosa']}", json={"person": "=Rosa|cmd"})
    page = client.get("/audit", params={"action": "rename"}, headers=HTML).text
    assert "=Rosa|cmd" in page
    assert "<td>enrolled a photo</td>" not in page
    assert "<td>enrolled a photo</td>" in client.get("/audit", headers=HTML).text
    lines = client.get("/audit/export", params={"action": "rename"}).text.splitlines()
    assert len(lines) == 2
    assert "rename" in lines[1]
    context.catalogue.audit.record([AuditEntry("Anna.Lee@example.org", "verify", "default")])
    for part, count in (("anna.lee", 1), (" LEE@", 1), ("anna_lee", 0)):
        page = client.get("/audit", params={"who": part}, headers=HTML).text
        assert page.count("<td>Anna.Lee@example.org</td>") == count
        found = client.get("/audit/export", params={"who": part}).text.splitlines()
        assert len(found) == 1 + count


def test_an_audit_of_several_pages_is_exported_whole(
    client: TestClient, context: Context, people: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retrieval.api.routes.pages.access._EXPORTED_AT_ONCE", 2)
    monkeypatch.setattr("retrieval.api.routes.pages.access.PAGE_ENTRIES", 2)
    assert len(client.get("/audit/export").text.splitlines()) == 5  # four photos were enrolled
    first = client.get("/audit", headers=HTML).text
    older = re.search(r'href="(/audit\?before=[^"]+)"', first)
    assert older is not None
    second = client.get(older[1].replace("&amp;", "&"), headers=HTML).text
    told = "<td>enrolled a photo</td>"
    assert (first.count(told), second.count(told)) == (2, 2)


def test_the_settings_page_shows_no_secret(client: TestClient, context: Context) -> None:
    secret = SecretStr("a secret of webhooks")
    of_urls = {
        "catalogue_url": "postgresql://anna:sesame@open@db.example.org/faces?password=tulip",
        "index_url": "http://root:milvus@index.example.org:19530",
        "ingest_urls": ("s3://bucket/party", "https://reader:poppy@photos.example.org/party"),
    }
    settings = context.settings.model_copy(update={"webhook_secret": secret, **of_urls})
    client.app.state.context = replace(context, settings=settings)  # type: ignore[attr-defined]
    page = client.get("/settings", headers=HTML).text
    assert "ROLLCALL_WEBHOOK_SECRET" in page
    assert "postgresql://…@db.example.org/faces?…" in page
    assert "http://…@index.example.org:19530" in page
    words = ("anna", "sesame", "open@", "tulip", "milvus@", "poppy")
    for hidden in (secret.get_secret_value(), *words):
        assert hidden not in page


@pytest.mark.parametrize(
    ("setting", "english", "german"),
    [
        ({"keep_photos": True}, "yes", "ja"),
        ({"event_days": None}, "not set", "nicht gesetzt"),
        ({"webhook_secret": SecretStr("")}, "not set", "nicht gesetzt"),
        ({"event_days": 30}, "30 days", "30 Tage"),
        ({"max_photo_bytes": 1_500_000}, "1.5 MB", "1,5 MB"),
        ({"max_pixels": 200_000_000}, "200 million pixels", "200 Millionen Pixel"),
        ({"min_face_px": 24}, "24 pixels", "24 Pixel"),
        ({"session_hours": 1.5}, "1.5 h", "1,5 h"),
        ({"requests_per_minute": 1200}, "1,200 per minute", "1.200 pro Minute"),
        ({"index_agreement": 0.995}, "99.5 %", "99,5 %"),
        ({"memory_budget": "1G"}, "1.1 GB", "1,1 GB"),
        ({"detail": "auto"}, "chosen by Rollcall", "von Rollcall gewählt"),
        ({"public_url": "https://faces.example.org"}, "https://faces.example.org", None),
    ],
)
def test_the_settings_page_speaks_of_values_as_people_do(
    client: TestClient, context: Context, setting: dict[str, Any], english: str, german: str | None
) -> None:
    settings = context.settings.model_copy(update=setting)
    client.app.state.context = replace(context, settings=settings)  # type: ignore[attr-defined]
    (name,) = setting
    for language, value in (("en", english), ("de", german or english)):
        page = client.get("/settings", headers={**HTML, "Accept-Language": language}).text
        (row,) = re.findall(rf"ROLLCALL_{name.upper()}</code></span></td><td[^>]*>(.*?)</td>", page)
        assert re.sub("<[^>]*>", "", row) == value


def test_an_admin_of_one_collection_sees_its_users_and_keys_alone(
    client: TestClient, context: Context, people: dict[str, int]
) -> None:
    context.catalogue.api_keys.create("door of Rome", Role.VIEWER, "rome")
    context.catalogue.api_keys.create("door of all", Role.VIEWER)
    _, bound = context.catalogue.api_keys.create("keeper", Role.ADMIN, "default")
    headers = {**HTML, "Authorization": f"Bearer {bound}"}
    page = client.get("/access", headers=headers).text
    assert "keeper" in page
    assert "door of" not in page


def test_every_page_says_what_it_needs_where_javascript_is_off(client: TestClient) -> None:
    for path in ("/", "/people", "/quality"):
        page = client.get(path, headers=HTML).text
        assert re.search(r"<noscript>.*These pages need JavaScript.*</noscript>", page, re.DOTALL)


def test_a_persons_page_says_where_they_were_seen(
    client: TestClient, people: dict[str, int]
) -> None:
    event = client.post("/v1/events", json={"name": "Summer party"}).json()["id"]
    files = [("photos", ("party.png", paint(RED, seed=9)))]
    assert client.post(f"/v1/events/{event}/photos", files=files).status_code < 300
    assert "Summer party" in client.get(f"/people/{people['Rosa']}", headers=HTML).text
    assert "Summer party" not in client.get(f"/people/{people['Gustav']}", headers=HTML).text


def test_people_of_few_photos_are_listed_alone(client: TestClient, people: dict[str, int]) -> None:
    enrol(client, "Rosa", *(paint(RED, seed=seed) for seed in range(20, 22)))
    page = client.get("/people", params={"photos": "few"}, headers=HTML).text
    assert "Gustav" in page
    assert "Rosa" not in page


def test_the_audit_page_tells_an_admin_of_one_collection_nothing_of_others(
    client: TestClient, context: Context, people: dict[str, int]
) -> None:
    context.catalogue.audit.record([AuditEntry("eve", "delete-collection", "rome")])
    _, bound = context.catalogue.api_keys.create("keeper", Role.ADMIN, "default")
    headers = {**HTML, "Authorization": f"Bearer {bound}"}
    page = client.get("/audit", headers=headers).text
    assert ">enrolled a photo</option>" in page
    assert "delete-collection" not in page


def test_the_audit_page_and_its_export_tell_of_edits_and_deletions_as_well(
    client: TestClient, people: dict[str, int]
) -> None:
    client.post("/v1/people/merge", json={"person_id": people["Rosa"], "into_id": people["Gustav"]})
    receipt_of(client, client.delete(f"/v1/people/{people['Gustav']}"))
    page = client.get("/audit", headers=HTML)
    assert page.status_code == 200
    assert "merged two people" in page.text
    assert "deleted a person" in page.text
    assert f"person_id {people['Gustav']}" in client.get("/audit/export").text


def test_numbers_of_things_are_written_as_the_language_does(
    client: TestClient, context: Context
) -> None:
    settings = context.settings.model_copy(update={"receipt_days": 36_500})
    client.app.state.context = replace(context, settings=settings)  # type: ignore[attr-defined]
    for language, told in (("en", "36,500 days"), ("de", "36.500 Tage")):
        assert told in client.get("/settings", headers={**HTML, "Accept-Language": language}).text


def test_of_many_events_the_latest_are_shown_and_others_are_searched(
    client: TestClient, people: dict[str, int]
) -> None:
    def shown(**asked: str | int) -> list[str]:
        page = client.get("/", params=asked, headers=HTML).text
        return re.findall(
            r'class="tile event-tile".*?<strong class="clip">(.*?)</strong>', page, re.S
        )

    for number in range(70):
        day = f"2026-{number // 28 + 1:02}-{number % 28 + 1:02}"
        client.post("/v1/events", json={"name": f"Öffnung {number}", "day": day})
    assert shown() == [f"Öffnung {number}" for number in range(69, 9, -1)]
    assert len(shown(every="true")) == 70
    assert shown(search="offnung 7") == ["Öffnung 7"]
    assert shown(search="2026-03-1") == [f"Öffnung {number}" for number in range(69, 64, -1)]
    assert shown(search="14 march 2026") == ["Öffnung 69"]
    assert not shown(search="Weihnachten")
    assert "No event is like it." in client.get("/?search=Weihnachten", headers=HTML).text
