"""No page of the app is a barrier: axe-core over every page and state, light, dark and phone.

The pages are drawn from the application's own routes, so that no new one can be forgotten. States
that a page comes to by work (cards, a photo, an answer) are looked at where that work is tested.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from retrieval.api.app import create_app
from retrieval.api.auth import COOKIE
from retrieval.catalogue.http.api_keys import Role
from retrieval.settings import Settings
from tests.api.browser.conftest import watched
from tests.api.conftest import enrol, receipt_of, served
from tests.api.painted import BLUE, GREEN, PINK, RED, catalogue_of, paint, painted_service
from tests.api.test_authorisation import operations
from tests.api.test_runs import PatientQueue, archive

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# Swagger's own page, which is given out as it came: what it shows is not ours to mend.
NOT_OURS = ["#documentation"]
EVERYTHING = {"rules": {"target-size": {"enabled": True}}}
# A dialog that is opened here has not been filled by its script yet.
OF_DIALOGS = {"rules": {"target-size": {"enabled": True}, "empty-heading": {"enabled": False}}}
COLOURS = {"runOnly": ["color-contrast"]}
SIZES = {"runOnly": ["target-size", "color-contrast"]}
LONGEST_MS = 60_000  # that a page may wait for an answer, on a loaded machine
WIDE, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 844}


@dataclass
class Service:
    """A service that runs: where, the cookie of an admin's session, and what its paths name."""

    address: str
    session: str
    ids: dict[str, str]
    pages: list[str]


@pytest.fixture(scope="module", params=["filled", "empty"])
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    filled = request.param == "filled"
    home = tmp_path_factory.mktemp(request.param)
    settings = Settings(home=home, unknown_days=1, keep_photos=True)
    ids = _filled(_app(settings)) if filled else {}
    app = _app(settings)
    context = app.state.context
    admin = context.catalogue.users.create("Ada", Role.ADMIN)
    session = context.access.open_session(admin)
    ids["token"] = "nobody.nothing"
    with served(app) as port:
        address = f"http://127.0.0.1:{port}"
        found = [path for path in _addresses(app, ids) if _is_page(address, session, path)]
        yield Service(address, session, ids, found)


def _app(settings: Settings) -> FastAPI:
    return create_app(
        settings,
        catalogue_of(settings),
        lambda name: painted_service(settings, name),
        loopback=True,
        queue=PatientQueue(),
    )


def _filled(app: FastAPI) -> dict[str, str]:
    """People, an event, an unknown, a run, a receipt; return an id of each."""
    with TestClient(app, base_url="http://127.0.0.1") as client:
        rosa = enrol(client, "Rosa", paint(RED, seed=1), paint(RED, seed=2))
        enrol(client, "Gustav", paint(GREEN, seed=1), paint(GREEN, seed=2))
        enrol(client, "His Double", paint(GREEN, seed=3))
        event = client.post("/v1/events", json={"name": "Summer party", "day": "2026-07-04"}).json()
        photos = [paint(RED, BLUE, seed=5), paint(GREEN, seed=6), b"no photo"]
        files = [("photos", (f"IMG_{n}.png", data)) for n, data in enumerate(photos)]
        client.post(f"/v1/events/{event['id']}/photos", files=files)
        client.post("/v1/identify", files={"photos": ("blue.png", paint(BLUE, seed=9))})
        people = archive(**{"Rosa/3.png": paint(RED, seed=3)})
        run = client.post("/v1/runs", files=people).json()
        leaver = enrol(client, "Leaver", paint(PINK, seed=4))
        deleted = client.delete(f"/v1/people/{leaver}")
        receipt_of(client, deleted)
        return {
            "event_id": str(event["id"]),
            "person_id": str(rosa),
            "run_id": run["run"],
            "receipt_id": deleted.json()["id"],
        }


def _addresses(app: FastAPI, ids: dict[str, str]) -> list[str]:
    """What is got beside the API; with data, a route that names what `ids` lacks fails."""
    found = []
    for method, path, _ in operations(app.routes):
        if method != "GET" or path.startswith(("/v1/", "/static")):
            continue
        names = re.findall(r"\{(\w+)\}", path)
        if "person_id" in ids or set(names) <= ids.keys():
            found.append(path.format(**ids))
    return found


def _is_page(address: str, session: str, path: str) -> bool:
    answer = httpx.get(
        address + path, cookies={COOKIE: session}, headers={"Accept": "text/html"}, timeout=60
    )
    assert answer.status_code < 500, f"{path}: {answer.text}"
    return answer.status_code == 200 and answer.headers["content-type"].startswith("text/html")


def test_nothing_on_any_page_is_a_barrier(browser: "Browser", service: Service) -> None:
    assert len(service.pages) >= 17 if service.ids.get("run_id") else 14
    found: list[str] = []
    # A network that fails is part of it, and browsers write it to the console.
    allowed = "Failed to load resource"
    # Colours that change by and by would be looked at half-way.
    with watched(browser, service.address, allowed=allowed, reduced_motion="reduce") as page:
        page.context.add_cookies(
            [{"name": COOKIE, "value": service.session, "url": service.address}]
        )
        for path in service.pages:
            _look(page, path, found)
    assert not found, "\n".join(found)


def _look(page: "Page", path: str, found: list[str]) -> None:
    """A page as it comes, with each of its menus and dialogs open, and without an answer."""
    page.goto(path)
    _await(page, path, found)
    _check(page, path, found, looks=True)
    for menu in page.locator("main details:not([open]) > summary").all():
        if menu.is_visible():
            menu.click()
    _check(page, f"{path}, unfolded", found)
    names = page.evaluate("[...document.querySelectorAll('dialog[id]')].map((each) => each.id)")
    for name in names:
        dialog = page.locator(f"dialog[id={name}]")
        dialog.evaluate("(dialog) => dialog.open || dialog.showModal()")
        _check(page, f"{path}, {name}", found, OF_DIALOGS, looks=True)
        dialog.evaluate("(dialog) => dialog.close()")
    if page.locator("main [id=problem]").count():
        page.route("**/v1/**", lambda route: route.fulfill(status=503, json={"detail": "Not now."}))
        page.reload()
        state = f"{path}, without an answer"
        _await(page, state, found)
        _check(page, state, found)
        page.unroute("**/v1/**")


def _await(page: "Page", state: str, found: list[str]) -> None:
    """Wait until a page has run its scripts and shows what it asked for, or says that it cannot."""
    page.locator('html:not([data-awaits]), html[data-awaits=""]').wait_for(state="attached")
    from playwright.sync_api import TimeoutError as PlaywrightTimeout

    try:
        page.wait_for_function(
            "() => ![...document.querySelectorAll('.busy')].some((each) => each.checkVisibility())",
            timeout=LONGEST_MS,
        )
    except PlaywrightTimeout:
        found.append(f"{state}: is busy for good")


def _check(
    page: "Page",
    state: str,
    found: list[str],
    rules: dict[str, Any] = EVERYTHING,
    *,
    looks: bool = False,
) -> None:
    """Ask axe about a state; of other looks what they change: colours and sizes."""
    _ask_axe(page, f"{state}, light", rules, found)
    if not looks:
        return
    page.emulate_media(color_scheme="dark")
    _ask_axe(page, f"{state}, dark", COLOURS, found)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(PHONE)
    _ask_axe(page, f"{state}, phone", SIZES, found)
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        found.append(f"{state}, phone: scrolls sideways")
    page.set_viewport_size(WIDE)


def _ask_axe(page: "Page", state: str, rules: dict[str, Any], found: list[str]) -> None:
    axe_module = pytest.importorskip("axe_playwright_python.sync_playwright")
    context = {"exclude": [NOT_OURS]}
    answer = axe_module.Axe().run(page, context=context, options=rules)
    found += [
        f"{state}: {each['id']} {[node['target'] for node in each['nodes'][:3]]}"
        for each in answer.response["violations"]
    ]
