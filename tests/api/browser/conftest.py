"""The service as users run it, with a worker, and a real browser: Chromium by Playwright."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from retrieval.errors import QueueUnavailable
from tests.processes import ROOT, free_port, rollcall, wait_until_ready
from worker.redis_program import redis_server_program

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# Headless as root, and no connection to any other host.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# How pages are looked at: each play is played in each, and must be the same errand.
LOOKS: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 860}},
    "dark": {"viewport": {"width": 1280, "height": 860}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}},  # one that is touched has its own camera
}

LONGEST_MS = 180_000  # that a page is waited for: a loaded machine is no failure


@pytest.fixture(scope="session")
def chromium() -> str:
    """Chromium's program, where it can be had without what draws windows: a fifth less work."""
    found = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if found is None:
        pytest.skip("needs a browser: apt-get install chromium-headless-shell")
    pytest.importorskip("playwright", reason="needs Playwright: pip install playwright")
    return found


@pytest.fixture(scope="session")
def service_home(tmp_path_factory: pytest.TempPathFactory, models_home: Path) -> Path:
    """A home folder of its own with models ready."""
    home = tmp_path_factory.mktemp("served")
    (home / "models").symlink_to(models_home / "models", target_is_directory=True)
    return home


@pytest.fixture(scope="session")
def address(service_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where `rollcall serve` listens; a worker runs beside it."""
    logs = tmp_path_factory.mktemp("logs")
    port = free_port()
    home = ("--home", str(service_home))
    kept = {"ROLLCALL_KEEP_PHOTOS": "true", "ROLLCALL_UNKNOWN_DAYS": "1"}
    with rollcall("serve", "--port", str(port), *home, log=logs / "serve", **kept) as process:
        wait_until_ready(f"http://127.0.0.1:{port}", process, logs / "serve")
        try:
            redis_server_program()
        except QueueUnavailable:
            yield f"http://127.0.0.1:{port}"
            return
        with rollcall("worker", "--processes", "1", *home, log=logs / "worker"):
            yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="session")
def shots() -> Path:
    """Where screenshots are written: build/screenshots, or ROLLCALL_SCREENSHOTS."""
    folder = Path(os.environ.get("ROLLCALL_SCREENSHOTS", ROOT / "build" / "screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator["Browser"]:
    """Chromium, without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield browser
        browser.close()


@contextmanager
def watched(
    browser: "Browser", address: str, *, allowed: str | None = None, **options: Any
) -> Iterator["Page"]:
    """A page that must write no error to the console and ask no other host for anything.

    Args:
        browser, address: where the service is.
        allowed: part of console messages that are expected.
        options: of the browser's context.
    """
    from playwright.sync_api import expect

    options.setdefault("viewport", {"width": 1280, "height": 860})
    context = browser.new_context(base_url=address, **options)
    context.set_default_timeout(LONGEST_MS)
    expect.set_options(timeout=LONGEST_MS)  # has five seconds of its own
    troubles: list[str] = []

    def hear(text: str) -> None:
        if allowed is None or allowed not in text:
            troubles.append(text)

    def watch(page: "Page") -> None:
        page.on("console", lambda m: hear(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: hear(str(error)))
        page.on("request", lambda r: None if _own(r.url, address) else hear(f"asked {r.url}"))

    context.on("page", watch)
    yield context.new_page()
    context.close()
    assert troubles == []


def _own(url: str, address: str) -> bool:
    return urlsplit(url).netloc == urlsplit(address).netloc or url.startswith(("blob:", "data:"))


def barriers(page: "Page", rules: dict[str, Any] | None = None, *excluded: str) -> list[str]:
    """What axe-core finds on a page as it is now, each with where; its script is loaded once.

    Args:
        page: to be asked about.
        rules: axe's options, which rules it runs; None for those it runs by itself.
        excluded: selectors of what is not ours.
    """
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe
    loaded = page.evaluate("'axe' in window")
    found = (axe("0") if loaded else axe()).run(
        page,
        context={"exclude": [[each] for each in excluded]} if excluded else None,
        options={**(rules or {}), "resultTypes": ["violations"]},
    )
    return [
        f"{each['id']} {[node['target'] for node in each['nodes'][:3]]}"
        for each in found.response["violations"]
    ]


def settled(page: "Page") -> None:
    """Wait until all scripts of a page have run."""
    page.locator('html[data-awaits=""]').wait_for(state="attached")
