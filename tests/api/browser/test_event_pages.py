"""The weekly work in the web app: an album becomes a roll that is corrected and sent on."""

import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import openpyxl
import pillow_heif
import pytest
from PIL import Image

from tests.api.browser.conftest import LOOKS, settled, watched
from tests.processes import free_port, rollcall, wait_until_ready

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PHOTOS = 120
ENROLLED, STRANGERS = 8, 3


@pytest.fixture(scope="module")
def faces_by_person(lfw_dir: Path) -> dict[str, list[Path]]:
    """People with ten photos and more."""
    found = {folder.name: sorted(folder.glob("*.jpg")) for folder in sorted(lfw_dir.iterdir())}
    many = [name for name, photos in found.items() if len(photos) >= 10]
    drawn = random.Random(4).sample(many, ENROLLED + STRANGERS)
    return {name: found[name] for name in drawn}


@pytest.fixture(scope="module")
def album(
    faces_by_person: dict[str, list[Path]],
    people_dir: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A folder of 120 photos, of one to three faces each; one of them is HEIC, one is damaged."""
    folder = tmp_path_factory.mktemp("albums") / "Summer party"
    folder.mkdir()
    chance = random.Random(1)
    queries = sorted((people_dir / "queries").glob("*.jpg"))
    for photo in queries:
        (folder / photo.name).write_bytes(photo.read_bytes())
    (folder / "damaged.jpg").write_bytes(queries[0].read_bytes()[:3000])
    for number in range(PHOTOS - len(queries) - 1):
        who = chance.sample(list(faces_by_person), chance.choice([1, 1, 2, 3]))
        wide = Image.new("RGB", (250 * len(who), 250))
        for place, name in enumerate(who):
            photo = chance.choice(faces_by_person[name][2:])
            wide.paste(Image.open(photo), (250 * place, 0))
        exif = Image.Exif()
        exif[0x8769] = {0x9003: f"2026:07:04 {15 + number // 60:02d}:{number % 60:02d}:00"}
        if number == 0:
            pillow_heif.from_pillow(wide).save(folder / "IMG_0000.heic", exif=exif.tobytes())
        else:
            wide.save(folder / f"IMG_{number:04d}.jpg", quality=92, exif=exif)
    return folder


@pytest.fixture(params=LOOKS)
def look(request: pytest.FixtureRequest) -> str:
    """How the page is looked at."""
    found: str = request.param
    return found


@pytest.fixture(scope="module")
def service(
    models_home: Path,
    faces_by_person: dict[str, list[Path]],
    people_dir: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[str, str]]:
    """Where a service of its own listens, and an operator's key."""
    home, folder = tmp_path_factory.mktemp("weekly"), tmp_path_factory.mktemp("people")
    (home / "models").symlink_to(models_home / "models", target_is_directory=True)
    for name in list(faces_by_person)[:ENROLLED]:
        (folder / name).mkdir()
        for photo in faces_by_person[name][:2]:
            (folder / name / photo.name).write_bytes(photo.read_bytes())
    for person in (people_dir / "employees").iterdir():
        shutil.copytree(person, folder / person.name)
    logs, own = tmp_path_factory.mktemp("logs"), ("--home", str(home))
    with rollcall("enroll", str(folder), *own, log=logs / "enroll") as enrolling:
        enrolling.wait(180)
    with rollcall("keys", "create", "Olga", "--role", "operator", *own, log=logs / "key") as made:
        assert made.wait(60) == 0, (logs / "key").read_text()
    key = next(word for word in (logs / "key").read_text().split() if word.startswith("rollcall_"))
    port = free_port()
    with rollcall("serve", "--port", str(port), *own, log=logs / "serve") as process:
        wait_until_ready(f"http://127.0.0.1:{port}", process, logs / "serve")
        yield f"http://127.0.0.1:{port}", key


def log_in(page: "Page", key: str) -> None:
    page.get_by_label("Your key").fill(key)
    page.get_by_role("button", name="Log in").click()


def count(page: "Page", tab: str) -> int:
    return int(page.locator(f"#tab-{tab} .count").inner_text())


def turn_to(page: "Page", side: str) -> None:
    """Show the roll or the album, of which a phone has room for one."""
    button = page.locator(f"[data-side={side}]")
    if button.is_visible():
        button.click()


def wait_for_count(page: "Page", tab: str, number: int) -> None:
    page.locator(f"#tab-{tab} .count", has_text=str(number)).wait_for()


def test_an_album_becomes_a_roll_that_is_corrected_and_exported(
    browser: "Browser", service: tuple[str, str], album: Path, tmp_path: Path, look: str
) -> None:
    address, key = service
    event, somebody, number = f"Summer party, {look}", f"Zoe New, {look}", f"E-{look}"
    taken = shutil.copytree(album, tmp_path / event)
    # An expired session is a refusal, which browsers write to the console.
    with watched(browser, address, allowed="401 (Unauthorized)", **LOOKS[look]) as page:
        page.goto("/")
        log_in(page, key)
        page.get_by_role("heading", name="Who was there?").wait_for()
        settled(page)
        page.set_input_files("#take-folder", taken)
        page.wait_for_url("**/events/*")
        page.get_by_role("heading", name=event).wait_for()

        # The session ends while photos are sent; the page keeps them, and goes on.
        page.context.clear_cookies()
        dialog = page.get_by_role("dialog", name="Your session has ended")
        dialog.wait_for()
        with page.expect_popup() as opened:
            dialog.get_by_role("link", name="Log in again").click()
        with opened.value.expect_event("close"):
            log_in(opened.value, key)
        dialog.wait_for(state="hidden")
        page.get_by_text(f"{PHOTOS} of {PHOTOS} photos").wait_for(timeout=300_000)
        page.get_by_text("1 photo was not taken").click()
        page.locator("#upload .rejects li", has_text="damaged.jpg the photo").wait_for()
        page.locator("#told", has_text="119 photos").wait_for()
        assert (
            "2026" in page.locator("#told").inner_text()
            or "2015" in page.locator("#told").inner_text()
        )

        # The HEIC is shown as any other photo.
        turn_to(page, "album")
        heic = page.locator("#album").get_by_role("button", name="IMG_0000.heic")
        heic.scroll_into_view_if_needed()
        page.wait_for_function(
            "() => [...document.querySelectorAll('[title=\"IMG_0000.heic\"] img')]"
            ".some((image) => image.naturalWidth > 0)"
        )

        # First: strangers are somebody new.
        turn_to(page, "roll")
        page.locator("#tab-unknown").click()
        unknown, present = count(page, "unknown"), count(page, "present")
        page.locator("#lists .line").first.click()
        page.get_by_role("button", name="Name …").first.click()
        page.get_by_role("combobox", name="Name or number").fill(somebody)
        page.get_by_label("Employee number of the new person optional").fill(number)
        page.get_by_role("button", name="That is who it is").click()
        wait_for_count(page, "present", present + 1)
        # Second: nobody of ours, taken back and said again.
        page.locator("#lists .line").first.click()
        page.get_by_role("button", name="Nobody of ours").first.click()
        page.locator("#lists", has_text="said so").wait_for()
        page.keyboard.press("z")
        page.locator("#lists .badge", has_text="said so").wait_for(state="detached")
        assert count(page, "unknown") <= unknown
        page.get_by_role("button", name="Nobody of ours").first.click()
        page.locator("#lists .badge", has_text="said so").wait_for()
        # Third: a person is right.
        page.locator("#tab-present").click()
        page.locator("#lists .line", has_text="family1-mom").click()
        page.get_by_role("button", name="Right: this is family1-mom").click()
        page.locator("#lists .line", has_text="family1-mom").locator(".firm").wait_for()
        # Fourth: a person is not who the roll says.
        page.locator("#lists .line", has_text="family1-dad").click()
        page.get_by_role("button", name="Not family1-dad").first.click()
        page.locator("#lists .line", has_text="family1-dad").wait_for(state="detached")
        # Fifth: on the photo itself, a face is somebody of ours after all.
        turn_to(page, "album")
        page.locator("#album").get_by_role("button", name="family1-at-the-beach.jpg").click()
        page.locator("#viewer .box.unknown").first.click()
        page.locator("#viewer .choice", has_text="family1-dad").or_(
            page.locator("#viewer .choice").first
        ).first.click()
        page.locator("#viewer .box.match").nth(3).wait_for()
        page.keyboard.press("Escape")

        page.get_by_text("Export", exact=True).click()
        with page.expect_download() as saved:
            page.get_by_role("link", name="Excel, with faces").click()
        saved.value.save_as(tmp_path / "roll.xlsx")
        page.reload()
        page.get_by_role("heading", name=event).wait_for()

        page.goto(f"{page.url.split('?')[0]}/history")
        acts = page.locator("#acts > li")
        acts.nth(5).wait_for()
        assert acts.count() == 6
        assert page.locator("#acts > .undone").count() == 1
    rows = list(openpyxl.load_workbook(tmp_path / "roll.xlsx")["roll"].values)
    cells = [str(cell) for row in rows for cell in row]
    assert somebody in cells
    assert number in cells
