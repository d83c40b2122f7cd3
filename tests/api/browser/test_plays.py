"""What HR does with people in the web app, each played once: with real photos, in each look.

A play is one errand from the first click to what is there afterwards; each look has a cast of its
own in the one service. The weekly album is in test_event_pages.py.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from retrieval.building import build_models, build_service
from retrieval.collection.enrolments import EnrolItem
from retrieval.settings import Settings
from tests.api.browser.conftest import FLAGS, LOOKS, settled, watched
from tests.api.browser.test_kiosk import write_camera
from tests.processes import free_port, rollcall, wait_until_ready

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@dataclass(frozen=True)
class Cast:
    """Folders of seven photos of one person each: of who is enrolled by three, and who is not.

    Attributes:
        namesake, twice, leaver: are enrolled.
        other, hire: are not.
    """

    namesake: Path
    twice: Path
    leaver: Path
    other: Path
    hire: Path

    @property
    def enrolled(self) -> tuple[Path, ...]:
        return self.namesake, self.twice, self.leaver


@pytest.fixture(scope="module")
def casts(lfw_dir: Path) -> dict[str, Cast]:
    """People of their own for each look."""
    found = sorted(p for p in lfw_dir.iterdir() if len(list(p.iterdir())) == 7)
    size = len(fields(Cast))
    return {look: Cast(*found[n * size : (n + 1) * size]) for n, look in enumerate(LOOKS)}


@pytest.fixture(params=LOOKS)
def look(request: pytest.FixtureRequest) -> str:
    """How the page is looked at."""
    return str(request.param)


@pytest.fixture
def cast(casts: dict[str, Cast], look: str) -> Cast:
    """Who is concerned."""
    return casts[look]


@pytest.fixture(scope="module")
def address(
    casts: dict[str, Cast],
    yunet_file: Path,
    mobilefacenet_file: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """A service of its own in which some people are enrolled."""
    home = tmp_path_factory.mktemp("plays")
    settings = Settings(home=home, embedder="mobilefacenet", detector="yunet")
    store = build_models(settings)
    store.pull("yunet", source=yunet_file)
    store.pull("mobilefacenet", source=mobilefacenet_file)
    with build_service(settings) as service:
        items = (
            EnrolItem(named(folder), photo.name, photo)
            for cast in casts.values()
            for folder in cast.enrolled
            for photo in sorted(folder.iterdir())[:3]
        )
        assert {result.outcome for result in service.enrol(items)} == {"enrolled"}
    port, log = free_port(), home / "serve.log"
    with rollcall("serve", "--port", str(port), "--home", str(home), log=log) as process:
        wait_until_ready(f"http://127.0.0.1:{port}", process, log)
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def camera(browser: "Browser", chromium: str, cast: Cast, tmp_path: Path) -> Iterator["Browser"]:
    """A browser before whose camera somebody stands."""
    film = tmp_path / "camera.mjpeg"
    write_camera(film, sorted(cast.hire.iterdir())[:4])
    fake = (
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    )
    seeing = browser.browser_type.launch(executable_path=chromium, args=[*FLAGS, *fake])
    yield seeing
    seeing.close()


def named(folder: Path) -> str:
    return folder.name.replace("_", " ")


def add(page: "Page", name: str, number: str = "") -> None:
    """Open the dialog, and say who it is."""
    page.goto("/people")
    settled(page)
    page.get_by_role("button", name="Add person").first.click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Employee number").fill(number)


def added(page: "Page", name: str) -> None:
    """Send the dialog off, and wait until somebody's page is there."""
    page.get_by_role("dialog").get_by_role("button", name="Add person").click()
    page.wait_for_url("**/people/*")
    page.get_by_role("heading", name=name).wait_for()
    settled(page)


def test_a_new_hire_is_enrolled_by_camera_and_known_afterwards(
    camera: "Browser", address: str, look: str, cast: Cast
) -> None:
    name = named(cast.hire)
    with watched(camera, address, **LOOKS[look]) as page:
        add(page, name)
        page.get_by_text("Take a photo", exact=True).click()
        taking = page.get_by_role("dialog", name="Take photos")
        for number in (1, 2):
            taking.get_by_role("button", name="Take photo").click()
            taking.get_by_text(f"{number} photo").wait_for()
        taking.get_by_role("button", name="Done").click()
        page.locator("#add-thumbs img").nth(1).wait_for()
        added(page, name)
        page.locator("#faces li").first.wait_for()
        page.goto("/identify")
        settled(page)
        page.set_input_files("#files", sorted(cast.hire.iterdir())[6])
        page.locator(".box .tag", has_text=name).wait_for()


def test_a_camera_that_may_not_be_used_says_so_and_photos_are_chosen(
    browser: "Browser", address: str, look: str
) -> None:
    with watched(browser, address, **LOOKS[look]) as page:
        add(page, "Nobody Yet")
        page.locator("#add-camera").press("Enter")
        taking = page.get_by_role("dialog", name="Take photos")
        taking.get_by_text("The camera cannot be used").wait_for()
        page.keyboard.press("Escape")
        taking.wait_for(state="detached")
        assert page.get_by_label("Name", exact=True).input_value() == "Nobody Yet"


def test_somebody_with_the_name_of_another_is_a_person_of_their_own(
    browser: "Browser", address: str, look: str, cast: Cast
) -> None:
    name, first, second = named(cast.namesake), f"E-{look}-1", f"E-{look}-2"
    with watched(browser, address, **LOOKS[look]) as page:
        page.goto("/people")
        page.get_by_role("link", name=name).first.click()
        page.get_by_role("button", name="Name and number").click()
        page.get_by_role("dialog").get_by_label("Employee number").fill(first)
        page.get_by_role("dialog").get_by_role("button", name="Save").click()
        page.get_by_text(first).first.wait_for()
        add(page, name)
        page.get_by_text("these photos go to the same person. Is it somebody else?").wait_for()
        page.get_by_label("Employee number").fill(second)
        page.get_by_text("This becomes a second person of that name.").wait_for()
        page.set_input_files("#add-files", sorted(cast.other.iterdir())[:2])
        added(page, name)
        page.get_by_text(second).first.wait_for()
        page.goto(f"/people?search={name}")
        page.locator("#people li", has_text=first).wait_for()
        page.locator("#people li", has_text=second).wait_for()
        # Each is named by the own number where they are seen.
        for folder, number in ((cast.namesake, first), (cast.other, second)):
            page.goto("/identify")
            settled(page)
            page.set_input_files("#files", sorted(folder.iterdir())[5])
            page.locator("#faces .face-row", has_text=name).get_by_text(number).wait_for()


def test_two_entries_of_one_person_become_one_and_part_again(
    browser: "Browser", address: str, look: str, cast: Cast
) -> None:
    kept, again = named(cast.twice), f"Entered Twice, {look}"
    with watched(browser, address, **LOOKS[look]) as page:
        add(page, again)
        page.set_input_files("#add-files", sorted(cast.twice.iterdir())[4:6])
        added(page, again)
        page.get_by_role("button", name="Merge", exact=True).click()
        page.get_by_role("combobox", name="Name or number").fill(kept)
        page.get_by_role("option", name=kept).click()
        preview = page.locator("#merge-preview")
        preview.wait_for()
        assert "do not look like" not in preview.inner_text()
        page.get_by_role("dialog").get_by_role("button", name="Merge", exact=True).click()
        page.get_by_role("heading", name=kept).wait_for()
        page.locator("#faces li").nth(4).wait_for()
        page.get_by_role("button", name="Undo", exact=True).click()
        page.locator("#undo-bar").wait_for(state="hidden")
        page.goto("/people?search=Entered")
        page.locator("#people li", has_text=again).wait_for()


def test_a_leaver_is_erased_with_a_receipt_and_found_nowhere(
    browser: "Browser", address: str, look: str, cast: Cast, tmp_path: Path
) -> None:
    name = named(cast.leaver)
    with watched(browser, address, **LOOKS[look]) as page:
        page.goto("/people")
        settled(page)
        page.get_by_role("link", name=name).click()
        page.wait_for_url("**/people/*")
        settled(page)
        page.get_by_role("button", name="Delete", exact=True).click()
        page.get_by_role("button", name="Delete for good").click()
        receipt = page.locator("#receipt-dialog")
        receipt.get_by_text("3 faces are gone").wait_for()
        with page.expect_download() as saved:
            page.get_by_role("link", name="Save the receipt").click()
        saved.value.save_as(tmp_path / "receipt.json")
        page.get_by_role("link", name="To the people").click()
        page.wait_for_url("**/people?*")
        assert page.get_by_role("link", name=name).count() == 0
        page.goto("/identify")
        settled(page)
        page.set_input_files("#files", sorted(cast.leaver.iterdir())[5])
        page.locator(".box .tag", has_text="Unknown").wait_for()
    assert json.loads((tmp_path / "receipt.json").read_text())["traces"] == []
