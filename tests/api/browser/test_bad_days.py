"""The pages on bad days: colleagues who edit meanwhile, keys pressed in haste, lines that break."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from retrieval.settings import Settings
from tests.api.browser.conftest import settled, watched
from tests.api.conftest import painted_app, served
from tests.api.painted import BLUE, GREEN, RED, YELLOW, paint, painted_service

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route


@pytest.fixture
def colleague(tmp_path: Path) -> Iterator[httpx.Client]:
    """Somebody else at the same service, where Rosa and Gustav are enrolled."""
    settings = Settings(home=tmp_path / "home")
    with painted_service(settings, "default") as service:
        service.ensure_collection()
    with (
        served(painted_app(settings)) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=180) as client,
    ):
        for name, colour in (("Rosa", RED), ("Gustav", GREEN)):
            photos = [("photos", (f"{n}.png", paint(colour, seed=n))) for n in (1, 2)]
            asked(client, "POST", "/v1/people", data={"person": name}, files=photos)
        yield client


@pytest.fixture
def page(browser: "Browser", colleague: httpx.Client) -> Iterator["Page"]:
    with watched(browser, str(colleague.base_url), allowed="Failed to load resource") as page:
        yield page


def asked(client: httpx.Client, method: str, path: str, **more: Any) -> Any:
    answer = client.request(method, path, **more)
    assert answer.is_success, answer.text
    return answer.json()


def called(client: httpx.Client) -> dict[str, str | None]:
    """The number of each person, by name."""
    people = asked(client, "GET", "/v1/people")["people"]
    return {each["person"]: each["external_id"] for each in people}


def event_of(client: httpx.Client, *photos: bytes) -> int:
    """An event with these photos; its id."""
    event = int(asked(client, "POST", "/v1/events", json={"name": "Party"})["id"])
    files = [("photos", (f"IMG_{n}.png", photo)) for n, photo in enumerate(photos)]
    asked(client, "POST", f"/v1/events/{event}/photos", files=files)
    return event


def standing(client: httpx.Client, event: int) -> list[str]:
    """What was said in an event and stands."""
    said = asked(client, "GET", f"/v1/events/{event}/verdicts")["verdicts"]
    return [each["verdict"] for each in said if each["undone_at"] is None]


def open_page(page: "Page", path: str) -> None:
    page.goto(path)
    settled(page)


def test_undo_takes_back_ones_own_edit_and_no_colleagues(
    page: "Page", colleague: httpx.Client
) -> None:
    rosa, gustav = (
        each["id"]
        for name in ("Rosa", "Gustav")
        for each in asked(colleague, "GET", f"/v1/people?search={name}")["people"]
    )

    def meanwhile(route: "Route") -> None:
        answer = route.fetch()
        asked(colleague, "PATCH", f"/v1/people/{gustav}", json={"person": "Gus"})
        route.fulfill(response=answer)

    page.route(f"**/v1/people/{rosa}?*", meanwhile)
    open_page(page, f"/people/{rosa}")
    page.get_by_role("button", name="Name and number").click()
    page.get_by_role("dialog").get_by_label("Name", exact=True).fill("Rosalind")
    page.get_by_role("dialog").get_by_label("Employee number").fill("E-1")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    page.get_by_role("heading", name="Rosalind", exact=True).wait_for()
    page.get_by_role("button", name="Undo", exact=True).click()
    page.get_by_role("heading", name="Rosa", exact=True).wait_for()
    assert called(colleague) == {"Rosa": None, "Gus": None}


def test_two_quick_undos_take_back_two_acts(page: "Page", colleague: httpx.Client) -> None:
    event = event_of(colleague, paint(BLUE, seed=1), paint(YELLOW, seed=2))
    open_page(page, f"/events/{event}")
    page.locator("#tab-unknown").click()
    for number in (1, 2):
        page.locator("#lists .line", has_text="Seen in").first.click()
        page.get_by_role("button", name="Nobody of ours").first.click()
        page.locator("#lists .line", has_text="Nobody of ours").nth(number - 1).wait_for()
    assert standing(colleague, event) == ["nobody", "nobody"]
    page.evaluate(
        """() => {
            for (const press of [1, 2])
                document.body.dispatchEvent(
                    new KeyboardEvent("keydown", { key: "z", bubbles: true }));
        }"""
    )
    page.locator("#lists .line", has_text="Seen in").nth(1).wait_for()
    assert standing(colleague, event) == []


def test_undo_takes_back_a_verdict_that_is_still_on_its_way(
    page: "Page", colleague: httpx.Client
) -> None:
    event = event_of(colleague, paint(BLUE, seed=1), paint(YELLOW, seed=2))
    waiting: list[Route] = []
    open_page(page, f"/events/{event}")
    page.locator("#tab-unknown").click()
    page.locator("#lists .line").first.click()
    page.get_by_role("button", name="Nobody of ours").first.click()
    page.locator("#lists .line", has_text="Nobody of ours").wait_for()
    page.route("**/verdicts?*", lambda route: waiting.append(route))
    page.locator("#lists .line", has_text="Seen in").click()
    with page.expect_request("**/verdicts?*"):
        page.get_by_role("button", name="Nobody of ours").first.click()
    page.keyboard.press("z")
    with page.expect_response("**/verdicts/undo?*"):
        waiting[0].continue_()
    page.locator("#lists .line", has_text="Nobody of ours").wait_for()
    assert standing(colleague, event) == ["nobody"]
    said = asked(colleague, "GET", f"/v1/events/{event}/verdicts")["verdicts"]
    assert [each["undone_at"] is None for each in said] == [True, False]


def test_no_page_speaks_of_commands_settings_or_a_librarys_words(
    page: "Page", colleague: httpx.Client
) -> None:
    event = event_of(colleague, paint(BLUE))
    open_page(page, f"/events/{event}")
    answer = {
        "added": 0,
        "known": 0,
        "photos": [
            {
                "photo": "large.png",
                "outcome": "rejected",
                "reason": "other",
                "message": "large.png: too many pixels. Shrink the photo. The setting max_pixels"
                " moves the limit. See rollcall settings.",
            }
        ],
    }
    page.route("**/photos?*more=true*", lambda route: route.fulfill(json=answer))
    photo = {"name": "large.png", "mimeType": "image/png", "buffer": paint(RED)}
    page.set_input_files("#take-files", files=[photo])
    page.get_by_text("1 photo was not taken").wait_for()
    told = page.locator(".rejects li").text_content()
    assert told == "large.png too many pixels. Shrink the photo."
    page.locator("summary[title=More]").click()
    page.get_by_role("button", name="Name and day").click()
    page.get_by_label("Name", exact=True).fill("  ")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Something here is empty").wait_for()


def test_what_was_not_taken_is_listed_with_the_reason(
    page: "Page", colleague: httpx.Client
) -> None:
    whole = paint(BLUE)
    event_of(colleague, whole, whole[: len(whole) // 2])
    open_page(page, "/")
    page.get_by_role("link", name="1 not taken").click()
    page.get_by_text("1 photo was not taken", exact=True).wait_for()
    told = page.locator("#rejected li", has_text="IMG_1.png")
    told.get_by_text("the photo is damaged or incomplete. Copy the photo anew").wait_for()
    # While photos are added, those that are not taken stand once, on the upload's own card.
    settled(page)
    photo = {"name": "text.png", "mimeType": "image/png", "buffer": b"no photo"}
    page.set_input_files("#take-files", files=[photo])
    page.locator("#upload .rejects").get_by_text("text.png").wait_for(state="attached")
    page.locator("#rejected").wait_for(state="hidden")
    page.get_by_role("button", name="Close").click()
    page.get_by_text("2 photos were not taken", exact=True).wait_for()
    page.locator("#rejected li", has_text="text.png").wait_for()
