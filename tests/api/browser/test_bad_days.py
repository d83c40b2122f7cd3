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

# As a browser tells a page that its tab is left or looked at again.
TURN = """(state) => {
    Object.defineProperty(document, "hidden", { value: state === "hidden", configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


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


def test_a_photo_that_is_open_is_one_step_back_and_forward(
    page: "Page", colleague: httpx.Client
) -> None:
    event = event_of(colleague, paint(RED, seed=8), paint(BLUE), paint(YELLOW))
    open_page(page, "/")
    page.get_by_role("link", name="Party").click()
    settled(page)
    viewer = page.locator("#viewer")
    page.locator(".tile-photo").first.click()
    viewer.locator(".box").first.wait_for()
    viewer.press("PageDown")
    viewer.get_by_text("2 of 3").wait_for()
    page.go_back()
    viewer.wait_for(state="hidden")
    assert page.url.partition("#")[0].endswith(f"/events/{event}?collection=default")
    page.go_forward()
    viewer.get_by_text("2 of 3").wait_for()
    page.keyboard.press("Escape")
    viewer.wait_for(state="hidden")
    page.wait_for_function("() => !location.hash")
    page.go_back()
    page.get_by_role("heading", name="Who was there?").wait_for()
    # An address that was sent to somebody opens the photo, and lets them out again.
    with page.expect_navigation():
        page.goto(f"/events/{event}?collection=default#photo-2")
    viewer.get_by_text("2 of 3").wait_for()
    page.keyboard.press("Escape")
    viewer.wait_for(state="hidden")
    page.wait_for_function("() => !location.hash")


def test_what_is_opened_as_a_photo_closes_stays_open(page: "Page", colleague: httpx.Client) -> None:
    event = event_of(colleague, paint(RED, seed=8), paint(BLUE))
    open_page(page, f"/events/{event}")
    viewer = page.locator("#viewer")
    page.locator(".tile-photo").first.click()
    viewer.locator(".box").first.wait_for()
    # The browser's step back is still under way when the next photo is opened.
    page.evaluate(
        """() => new Promise((done) => {
            const viewer = document.querySelector("#viewer");
            viewer.addEventListener("close", () => {
                document.querySelectorAll(".tile-photo")[1].click();
                setTimeout(done, 500);
            }, { once: true });
            viewer.close();
        })"""
    )
    viewer.get_by_text("2 of 2").wait_for(timeout=3000)
    page.keyboard.press("Escape")
    viewer.wait_for(state="hidden")
    page.wait_for_function("() => !location.hash")
    page.locator(".tile-photo").first.click()
    viewer.locator(".box").first.wait_for()
    page.evaluate(
        """() => {
            const viewer = document.querySelector("#viewer");
            viewer.addEventListener("close", () => {
                document.querySelector(".brand, header a").click();
            }, { once: true });
            viewer.close();
        }"""
    )
    page.get_by_role("heading", name="Who was there?").wait_for()


def test_a_tab_that_is_out_of_date_says_so_and_shows_what_there_is(
    page: "Page", colleague: httpx.Client
) -> None:
    event = event_of(colleague, paint(RED, seed=8), paint(GREEN, seed=9))
    open_page(page, f"/events/{event}")
    page.locator("#tab-present").click()
    page.locator("#lists .line", has_text="Rosa").click()
    right = page.get_by_role("button", name="Right: this is Rosa")
    right.wait_for()
    people = asked(colleague, "GET", "/v1/people?search=Rosa")["people"]
    asked(colleague, "DELETE", f"/v1/people/{people[0]['id']}?called=Rosa")
    right.click()
    page.locator("#problem", has_text="any more").wait_for()
    page.locator("#lists .line", has_text="Rosa").wait_for(state="detached")
    page.locator("#lists .line", has_text="Gustav").click()
    right = page.get_by_role("button", name="Right: this is Gustav")
    right.wait_for()
    colleague.delete(f"/v1/events/{event}").raise_for_status()
    right.click()
    page.locator("#problem", has_text="There is no such event any more.").wait_for()


def test_whoever_comes_back_to_a_tab_finds_what_others_did(
    page: "Page", colleague: httpx.Client
) -> None:
    event = event_of(colleague, paint(BLUE, seed=1))
    page.clock.install()
    open_page(page, f"/events/{event}")
    page.locator("#tab-unknown .count", has_text="1").wait_for()
    page.evaluate(TURN, "hidden")
    photo = ("photos", ("more.png", paint(RED, seed=8)))
    asked(colleague, "POST", f"/v1/events/{event}/photos", files=[photo])
    page.clock.fast_forward(60_000)
    page.evaluate(TURN, "visible")
    page.locator("#tab-present .count", has_text="1").wait_for()
    page.locator("#told", has_text="2 photos").wait_for()


def test_judging_goes_on_after_the_line_was_gone(page: "Page", colleague: httpx.Client) -> None:
    event = event_of(colleague, paint(BLUE, seed=1))
    open_page(page, f"/events/{event}")
    page.locator("#tab-unknown").click()
    page.locator("#lists .line").click()
    nobody = page.get_by_role("button", name="Nobody of ours").first
    nobody.wait_for()
    page.context.set_offline(True)
    nobody.click()
    page.locator("#problem", has_text="The service cannot be reached").wait_for()
    page.context.set_offline(False)
    nobody.click()
    page.locator("#lists .line", has_text="Nobody of ours").wait_for()
    page.locator("#problem").wait_for(state="hidden")
    page.context.set_offline(True)
    page.keyboard.press("z")
    page.locator("#problem", has_text="The service cannot be reached").wait_for()
    page.context.set_offline(False)
    page.keyboard.press("z")
    page.locator("#lists .line", has_text="Seen in").wait_for()
    assert standing(colleague, event) == []


def test_who_was_expected_stays_where_the_list_is_looked_at_and_saved(
    page: "Page", colleague: httpx.Client
) -> None:
    event = event_of(colleague, paint(RED, seed=8))
    listed = {"expects": "listed", "expected": ["Rosa", "Gustav"]}
    asked(colleague, "PATCH", f"/v1/events/{event}", json=listed)
    open_page(page, f"/events/{event}")
    page.locator("#tab-absent .count", has_text="1").wait_for()
    page.locator("summary[title=More]").click()
    page.get_by_role("button", name="Expected").click()
    page.wait_for_function("() => document.getElementById('expected').value")
    dialog = page.get_by_role("dialog", name="Who was expected?")
    assert sorted(dialog.get_by_role("textbox").input_value().split()) == ["Gustav", "Rosa"]
    dialog.get_by_role("button", name="Save").click()
    dialog.wait_for(state="hidden")
    assert asked(colleague, "GET", f"/v1/events/{event}")["expected"] == 2


def test_a_text_is_copied_where_the_page_has_no_https(
    page: "Page", colleague: httpx.Client
) -> None:
    page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    open_page(page, "/access")
    page.get_by_role("button", name="Make a key").click()
    page.get_by_label("Which program is it for?").fill("door")
    page.get_by_role("button", name="Make the key").click()
    page.locator("#secret-copy").click()
    page.locator("#secret-copy", has_text="Copied").wait_for()
    secret = page.locator("#secret")
    shown = secret.input_value()
    page.evaluate("document.getElementById('secret').readOnly = false")
    secret.fill("")
    secret.press("Control+v")
    assert secret.input_value() == shown != ""
