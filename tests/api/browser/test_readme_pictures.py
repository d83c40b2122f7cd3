"""The README's pictures of the web app, of portraits that may be shown: NASA's and the US Navy's.

`ROLLCALL_README_PICTURES=1` draws them anew into docs/pictures.
"""

import os
import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from retrieval.photos.samples import write_samples
from tests.api.browser.conftest import settled, watched
from tests.processes import ROOT, free_port, rollcall, wait_until_ready

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PICTURES = ROOT / "docs" / "pictures"
WANTED = ("events", "event", "photo")
SIZE = {"width": 1200, "height": 750}


def test_the_readme_shows_pictures_that_are_there_and_small() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in WANTED:
        assert f"docs/pictures/{name}.png" in readme
        assert (PICTURES / f"{name}.png").stat().st_size < 300_000


@pytest.mark.skipif(
    os.environ.get("ROLLCALL_README_PICTURES") != "1",
    reason="draws with ROLLCALL_README_PICTURES=1",
)
def test_the_pictures_of_the_readme_are_drawn(
    browser: "Browser", models_home: Path, tmp_path: Path
) -> None:
    samples = tmp_path / "samples"
    write_samples(samples)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "models").symlink_to(models_home / "models", target_is_directory=True)
    own = ("--home", str(tmp_path / "home"))
    with rollcall("enroll", str(samples / "employees"), *own, log=tmp_path / "enroll") as enrolling:
        enrolling.wait(180)
    album = album_of(samples, tmp_path / "Space day")
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with rollcall("serve", "--port", str(port), *own, log=tmp_path / "serve") as process:
        wait_until_ready(address, process, tmp_path / "serve")
        with watched(browser, address, viewport=SIZE) as page:
            draw(page, album)


def draw(page: "Page", album: Path) -> None:
    page.goto("/")
    settled(page)
    shoot(page, "events")
    page.set_input_files("#take-folder", album)
    page.get_by_text("14 of 14 photos").wait_for(timeout=120_000)
    page.locator("#told", has_text="14 photos").wait_for()
    page.locator(".upload").get_by_role("button", name="Close").click()
    page.wait_for_load_state("networkidle")
    page.locator("#tab-present").click()
    page.locator("#lists .line").first.click()
    page.locator(".line-faces .face-button").first.wait_for()
    page.wait_for_load_state("networkidle")
    shoot(page, "event")
    page.locator(".tile-photo").nth(3).click()
    page.locator("#viewer .box").nth(1).click()
    page.wait_for_load_state("networkidle")
    shoot(page, "photo")


def shoot(page: "Page", name: str) -> None:
    page.wait_for_function(
        """() => [...document.images]
            .filter((image) => image.offsetParent)
            .filter((image) => image.getBoundingClientRect().top < innerHeight)
            .every((image) => image.complete && image.naturalWidth > 0)"""
    )
    PICTURES.mkdir(exist_ok=True)
    target = PICTURES / f"{name}.png"
    page.screenshot(path=target)
    Image.open(target).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(
        target, optimize=True
    )


def album_of(samples: Path, folder: Path) -> Path:
    """Photos of one or both, as several cameras and hours would have taken them."""
    folder.mkdir()
    found = sorted(samples.rglob("*.jpg"))
    portraits = [Image.open(path).convert("RGB") for path in found if "group" not in path.name]
    portraits.append(Image.open(next(p for p in found if "group" in p.name)).convert("RGB"))
    chance = random.Random(2)
    for number in range(14):
        picture = portraits[-1] if number % 3 == 0 else portraits[number % (len(portraits) - 1)]
        picture = ImageOps.mirror(picture) if chance.random() < 0.4 else picture
        picture = ImageEnhance.Brightness(picture).enhance(chance.uniform(0.75, 1.2))
        picture = ImageEnhance.Color(picture).enhance(chance.uniform(0.5, 1.2))
        picture = picture.filter(ImageFilter.GaussianBlur(chance.uniform(0, 1)))
        exif = Image.Exif()
        exif[0x8769] = {0x9003: f"2026:07:04 {15 + number // 6:02d}:{number * 7 % 60:02d}:00"}
        picture.save(folder / f"IMG_{number:04d}.jpg", quality=90, exif=exif)
    return folder
