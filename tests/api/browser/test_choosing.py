"""People who are chosen, where there is much to choose from."""

from pathlib import Path
from typing import TYPE_CHECKING

from fastapi.testclient import TestClient

from retrieval.settings import Settings
from tests.api.browser.conftest import settled, watched
from tests.api.conftest import enrol, painted_app, served
from tests.api.painted import RED, paint

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def test_of_many_events_the_one_where_people_are_expected_is_found_by_name(
    browser: "Browser", tmp_path: Path
) -> None:
    app = painted_app(Settings(home=tmp_path))
    with TestClient(app, base_url="http://127.0.0.1") as client:
        enrol(client, "Rosa", paint(RED, seed=1))
        for number in range(20):
            made = {"name": f"Öffnung {number}", "day": f"2026-07-{number + 1:02}"}
            client.post("/v1/events", json=made)
    app = painted_app(Settings(home=tmp_path))
    with served(app) as port, watched(browser, f"http://127.0.0.1:{port}") as page:
        page.goto("/people")
        settled(page)
        page.locator("#people input[name=person]").check()
        page.get_by_role("button", name="Expected at an event").click()
        search = page.get_by_label("Search events")
        add = page.get_by_role("button", name="Add to the expected")
        search.fill("Weihnachten")
        add.click()
        assert page.locator("#expect-dialog").is_visible()  # nothing is chosen
        search.fill("offnung 7")
        search.press("Enter")
        assert page.locator("#expect-event").evaluate("(list) => list.options.length") == 1
        with page.expect_response("**/v1/events/8/expected?*") as told:
            add.click()
        assert told.value.ok
