"""Every page of the app, state by state, in each look: what axe-core finds is a barrier.

The pages are drawn from the application's own routes, so that no new one can be forgotten. States
that a page comes to by work (cards, a photo, an answer) are looked at where that work is tested.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import SecretStr

from retrieval.api.auth import COOKIE
from retrieval.catalogue.http.api_keys import Role
from retrieval.settings import Settings
from tests.api.browser.conftest import LONGEST_MS, barriers, watched
from tests.api.conftest import enrol, painted_app, receipt_of, served
from tests.api.painted import BLUE, GREEN, PINK, RED, paint
from tests.api.test_authorisation import operations
from tests.api.test_runs import PatientQueue, archive

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

# Swagger's own page, which is given out as it came: what it shows is not ours to mend.
NOT_OURS = "#documentation"
EVERYTHING = {"rules": {"target-size": {"enabled": True}}}
# A dialog that is opened here has not been filled by its script yet.
OF_DIALOGS = {"rules": {"target-size": {"enabled": True}, "empty-heading": {"enabled": False}}}
COLOURS = {"runOnly": ["color-contrast"]}
SIZES = {"runOnly": ["target-size", "color-contrast"]}
WIDE = {"width": 1280, "height": 860}
PHONE = {"width": 320, "height": 844}  # the narrowest, as WCAG 1.4.10 asks; text of 200 % on others
# A network that fails is part of it, and browsers write it to the console.
CALM = {"allowed": "Failed to load resource", "reduced_motion": "reduce"}
# What people call things, long enough to leave any screen.
LONG = "Betriebsversammlung der Donaudampfschifffahrtselektrizitätenhauptbetriebswerke"
# What its script fills, or a button of another name opens.
OPENERS = {"add-dialog": "#add"}


@dataclass
class Service:
    """A service that runs, without users yet: where, and what its paths name."""

    address: str
    app: FastAPI
    ids: dict[str, str]

    def log_in(self) -> str:
        """Make an admin; return the cookie of a session."""
        context = self.app.state.context
        session: str = context.access.open_session(
            context.catalogue.users.create("Ada", Role.ADMIN)
        )
        return session

    def pages(self, session: str | None) -> list[str]:
        """The paths of its pages, for a session, or for whoever needs none."""
        cookies = {} if session is None else {COOKIE: session}
        found = []
        for path in _addresses(self.app, self.ids):
            answer = httpx.get(
                self.address + path, cookies=cookies, headers={"Accept": "text/html"}, timeout=60
            )
            assert answer.status_code < 500, f"{path}: {answer.text}"
            if answer.status_code == 200 and answer.headers["content-type"].startswith("text/html"):
                found.append(path)
        return found


@contextmanager
def every_page(home: Path, *, filled: bool) -> Iterator[Service]:
    """A service over painted people, or over nobody.

    Args:
        home: its folder.
        filled: whether it has something of each kind that its pages show.
    """
    secret = SecretStr("a secret for tests") if filled else None
    settings = Settings(home=home, unknown_days=1, keep_photos=True, webhook_secret=secret)
    ids = _filled(_app(settings)) if filled else {}
    app = _app(settings)
    ids["token"] = "nobody.nothing"
    with served(app) as port:
        yield Service(f"http://127.0.0.1:{port}", app, ids)


def _app(settings: Settings) -> FastAPI:
    return painted_app(settings, PatientQueue())


def _filled(app: FastAPI) -> dict[str, str]:
    """People, an event, an unknown, a run, a receipt; return an id of each."""
    with TestClient(app, base_url="http://127.0.0.1") as client:
        rosa = enrol(client, "Rosa", paint(RED, seed=1), paint(RED, seed=2))
        enrol(client, "Gustav", paint(GREEN, seed=1), paint(GREEN, seed=2))
        enrol(client, f"His Double, {LONG}", paint(GREEN, seed=3))
        event = client.post("/v1/events", json={"name": LONG, "day": "2026-07-04"}).json()
        photos = [paint(RED, BLUE, seed=5), paint(GREEN, seed=6), b"no photo"]
        files = [("photos", (f"IMG_{n}.png", data)) for n, data in enumerate(photos)]
        client.post(f"/v1/events/{event['id']}/photos", files=files)
        client.post("/v1/identify", files={"photos": ("blue.png", paint(BLUE, seed=9))})
        people = archive(**{"Rosa/3.png": paint(RED, seed=3)})
        people["archive"] = (f"{LONG}.zip", people["archive"][1])
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
    if "person_id" in ids:
        found.append("/people?sort=seen&search=rosa")
    return found


def look_at_all(
    browser: "Browser", service: Service, found: list[str], seen: set[str], *, at_least: int
) -> None:
    """Every page of a service, to an admin, in each state; at least so many pages."""
    session = service.log_in()
    pages = service.pages(session)
    assert len(pages) >= at_least
    with watched(browser, service.address, **CALM) as page:
        page.context.add_cookies([{"name": COOKIE, "value": session, "url": service.address}])
        for path in pages:
            look(page, path, found, seen)


def look(page: "Page", path: str, found: list[str], seen: set[str]) -> None:
    """A page as it comes, with each of its menus and dialogs open, and without an answer.

    Args:
        page, path: which.
        found: what is added to.
        seen: the states that were looked at, which are not looked at again: no menu unfolded, or a
            dialog that is the same on every page.
    """
    open_page(page, path, found)
    whole = page.locator("html")
    if _is_new(whole, seen):
        check(page, path, found, looks=True)
    if _choose(page):
        check(page, f"{path}, chosen", found, looks=True)
        page.locator("#choose-none").click()
    for menu in page.locator("main details:not([open]) > summary").all():
        if menu.is_visible():
            menu.click()
    if _is_new(whole, seen):
        check(page, f"{path}, unfolded", found)
    for name in _dialogs(page):
        dialog = page.locator(f"dialog[id={name}]")
        is_filled = _press(page, name)
        if not is_filled:
            dialog.evaluate("(dialog) => dialog.open || dialog.showModal()")
        rules = EVERYTHING if is_filled else OF_DIALOGS
        if _is_new(dialog, seen):
            check(page, f"{path}, {name}", found, rules, looks=True)
        dialog.evaluate("(dialog) => dialog.close()")
    if page.locator("main [id=problem]").count():
        page.route("**/v1/**", lambda route: route.fulfill(status=503, json={"detail": "Not now."}))
        page.reload()
        state = f"{path}, without an answer"
        wait_until_shown(page, state, found)
        if _is_new(whole, seen):
            check(page, state, found)
        page.unroute("**/v1/**")


def _is_new(shown: "Locator", seen: set[str]) -> bool:
    """Whether nothing has been seen that was just so; what is shown has been seen from now on."""
    state: str = shown.evaluate("(element) => element.outerHTML")
    is_new = state not in seen
    seen.add(state)
    return is_new


def look_in_german(page: "Page", path: str, found: list[str]) -> None:
    """A page, with its first box chosen, and each dialog that a button opens: colours and sizes."""
    open_page(page, path, found)
    _choose(page)
    _check_german(page, path, found)
    _unfold_menus(page, path, found)
    for name in _dialogs(page):
        if _press(page, name):
            _check_german(page, f"{path}, {name}", found)
            page.locator(f"dialog[id={name}]").evaluate("(dialog) => dialog.close()")


def _check_german(page: "Page", state: str, found: list[str]) -> None:
    for look, size in (("phone", PHONE), ("wide", WIDE)):
        page.set_viewport_size(size)
        _ask_axe(page, f"{state}, German, dark, {look}", SIZES, found)


def _unfold_menus(page: "Page", path: str, found: list[str]) -> None:
    """Each menu, on a phone: what leaves the screen at its left cannot be scrolled to."""
    page.set_viewport_size(PHONE)
    for menu in page.locator("main .menu:visible").all():
        menu.locator("summary").click()
        room = menu.locator(".menu-list").bounding_box()
        if room is None or room["x"] < 0 or room["x"] + room["width"] > PHONE["width"]:
            found.append(f"{path}: a menu leaves the screen: {room}")
        menu.locator("summary").click()
    page.set_viewport_size(WIDE)


def open_page(page: "Page", path: str, found: list[str]) -> None:
    page.goto(path)
    wait_until_shown(page, path, found)


def _choose(page: "Page") -> bool:
    """Choose the first of the people on a page, if it lists any."""
    boxes = page.locator("#people input[name=person]")
    if not boxes.count():
        return False
    boxes.first.check()
    return True


def _dialogs(page: "Page") -> list[str]:
    found: list[str] = page.evaluate(
        "[...document.querySelectorAll('dialog[id]')].map((each) => each.id)"
    )
    return found


def _press(page: "Page", name: str) -> bool:
    """Open a dialog by its button, if it has one that can be seen."""
    button = page.locator(OPENERS.get(name, f"[data-open={name}]")).first
    if not button.is_visible():
        return False
    button.click()
    return True


def wait_until_shown(page: "Page", state: str, found: list[str]) -> None:
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


def check(
    page: "Page",
    state: str,
    found: list[str],
    rules: dict[str, Any] = EVERYTHING,
    *,
    looks: bool = False,
) -> None:
    """Ask axe about a state; of other looks what they change: colours and sizes."""
    # Colours that change by and by would be looked at half-way.
    page.emulate_media(reduced_motion="reduce")
    _ask_axe(page, f"{state}, light", rules, found)
    if not looks:
        return
    page.emulate_media(color_scheme="dark")
    _ask_axe(page, f"{state}, dark", COLOURS, found)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(PHONE)
    _ask_axe(page, f"{state}, phone", SIZES, found)
    page.set_viewport_size(WIDE)


def _ask_axe(page: "Page", state: str, rules: dict[str, Any], found: list[str]) -> None:
    found += [f"{state}: {each}" for each in barriers(page, rules, NOT_OURS)]
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        found.append(f"{state}: scrolls sideways")
