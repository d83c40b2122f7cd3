"""Review: what bulk work leaves to a human is settled by a click."""

from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from fastapi.testclient import TestClient

from retrieval.settings import Settings
from tests.api.browser.conftest import LOOKS, settled, watched
from tests.api.browser.every_page import check
from tests.api.conftest import enrol, painted_app, served
from tests.api.painted import BLUE, RED, paint, painted_service
from tests.api.test_runs import PatientQueue, archive, wait_for_jobs, work
from worker.tasks import RunTasks

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.mark.parametrize("look", LOOKS)
def test_a_folder_of_a_name_that_another_has_is_said_to_be_the_same_person(
    browser: "Browser", tmp_path: Path, shots: Path, look: str
) -> None:
    settings, queue = Settings(home=tmp_path), PatientQueue()
    app = painted_app(settings, queue)
    with TestClient(app, base_url="http://127.0.0.1") as client:
        rosa = enrol(client, "Rosa", paint(RED, seed=1), paint(RED, seed=2))
        two = {"Sales/Rosa/5.png": paint(RED, seed=5), "Works/Rosa/6.png": paint(BLUE, seed=6)}
        client.post("/v1/runs", files=archive(**two), data={"nested": "true"})
        wait_for_jobs(queue, 1)
        tasks = RunTasks(settings, queue, lambda own: painted_service(own, own.collection))
        work(queue, tasks)
        tasks.close()
    with served(painted_app(settings, queue)) as port:
        address = f"http://127.0.0.1:{port}"
        with watched(browser, address, **LOOKS[look]) as page:
            page.goto("/rejects")
            settled(page)
            found: list[str] = []
            check(page, "/rejects, the same name", found, looks=look == "desktop")
            assert found == []
            page.get_by_text("'Sales/Rosa' has the same name").wait_for()
            page.screenshot(path=shots / f"rejects-same-name-{look}.png")
            page.get_by_role("button", name="The same person").click()
            page.get_by_role("heading", name="Nothing waits").wait_for()
        person = httpx.get(f"{address}/v1/people/{rosa}", timeout=60).json()
        assert len(person["photos"]) == 4


def test_of_many_findings_some_are_shown_and_the_next_come_in(
    browser: "Browser", tmp_path: Path
) -> None:
    app = painted_app(Settings(home=tmp_path))
    with TestClient(app, base_url="http://127.0.0.1") as client:
        enrol(client, "Rosa", paint(RED, seed=1))
    sides = [[{"person": "Rosa", "person_id": 1, "external_id": None, "face_id": 1}]]
    common = {"kind": "resembles-nobody", "sides": sides, "accepting": None, "final": False}
    findings = [{"id": f"{number}", "doubtful": False, **common} for number in range(32)]
    done = {"entries": [{"entry": 1, "summary": "dismissed a finding"}]}
    with (
        served(painted_app(Settings(home=tmp_path))) as port,
        watched(browser, f"http://127.0.0.1:{port}") as page,
    ):
        page.route("**/v1/health?*", lambda route: route.fulfill(json={"findings": findings}))
        page.route("**/dismiss?*", lambda route: route.fulfill(json=done))
        page.goto("/findings")
        page.get_by_text("32 findings wait for a decision").wait_for()
        cards = page.locator(".finding-card")
        assert cards.count() == 30
        page.keyboard.press("d")
        page.get_by_text("31 findings wait for a decision").wait_for()
        assert cards.count() == 30
        page.keyboard.press("d")
        page.locator("#left").wait_for(state="hidden")
        assert cards.count() == 30
        page.keyboard.press("d")
        page.wait_for_function("document.querySelectorAll('.finding-card').length === 29")
