"""What a page offers to copy as curl or Python answers as the page does, word for word."""

import ast
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from retrieval.catalogue.http.api_keys import Role
from retrieval.settings import Settings
from tests.api.browser.conftest import settled, watched
from tests.api.conftest import painted_app, served
from tests.api.painted import RED, enrol_crowd, paint, painted_service

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture
def service(tmp_path: Path) -> Iterator[tuple[str, str, int]]:
    """Where it is, a viewer's key, and an event."""
    settings = Settings(home=tmp_path / "home")
    enrol_crowd(settings, "default")
    with painted_service(settings, "default") as own:
        event = own.events.create("It's a party")
    app = painted_app(settings)
    _, key = app.state.context.catalogue.api_keys.create("Vera", Role.VIEWER)
    with served(app) as port:
        yield f"http://127.0.0.1:{port}", key, event.id


def codes(page: "Page", key: str) -> dict[str, str]:
    """The offered code by its name, with a key filled in as it says."""
    shown = page.get_by_role("dialog", name="The same by program")
    shown.wait_for()
    texts = shown.locator("pre").all_inner_texts()
    names = shown.locator("h3").all_inner_texts()
    return {name: text.replace("your key", key) for name, text in zip(names, texts, strict=True)}


def answer(code: dict[str, str], name: str, folder: Path) -> dict[str, object]:
    """What a program answers that is run in the folder of the photos."""
    if name == "curl" and shutil.which("curl") is None:
        pytest.skip("needs curl")
    command = ["bash", "-c", code[name]] if name == "curl" else [sys.executable, "-c", code[name]]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    read = json.loads if name == "curl" else ast.literal_eval
    found: dict[str, object] = read(done.stdout)
    return found


def test_copied_code_answers_as_it_stands(
    browser: "Browser", service: tuple[str, str, int], tmp_path: Path
) -> None:
    address, key, event = service
    photo = tmp_path / "it's me; or not.png"
    photo.write_bytes(paint(RED, seed=3))
    with watched(browser, address) as page:
        page.goto(f"/events/{event}")
        page.get_by_label("Your key").fill(key)
        page.get_by_role("button", name="Log in").click()
        page.get_by_role("heading", name="It's a party").wait_for()
        settled(page)
        page.get_by_text("Export", exact=True).click()
        page.get_by_role("button", name="Copy as curl or Python").click()
        roll = codes(page, key)
        page.goto("/identify")
        settled(page)
        page.set_input_files("#files", photo)
        page.locator(".box").first.wait_for()
        page.get_by_role("button", name="Copy as curl or Python").click()
        asked = codes(page, key)
    for name in ("curl", "Python"):
        assert answer(roll, name, tmp_path)["event"]["name"] == "It's a party"  # type: ignore[index]
        (seen,) = answer(asked, name, tmp_path)["photos"]  # type: ignore[misc]
        assert (seen["photo"], len(seen["faces"])) == (photo.name, 1)
