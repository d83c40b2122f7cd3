"""The page of an event with a video: who was seen from when to when."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from retrieval.collection.enrolments import EnrolItem
from retrieval.settings import Settings
from retrieval.values import Source
from tests.api.browser.conftest import settled, watched
from tests.api.conftest import painted_app, served
from tests.api.painted import RED, paint, painted_service
from tests.made_videos import squares, write_video

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture
def event(tmp_path: Path) -> Iterator[str]:
    """The address of the page: Rosa, who is enrolled, in a video and on a photo."""
    settings = Settings(home=tmp_path / "home")
    seen = [squares((RED, 20 + n, 20)) for n in range(30)]
    nobody = [squares() for _ in range(20)]
    video = write_video(tmp_path / "door.mp4", nobody + seen, fps=10)
    with painted_service(settings, "default") as service:
        list(service.enrol([EnrolItem("Rosa", "1.png", paint(RED, seed=1))]))
        made = service.events.create("Open day", keep_photos=True)
        photo = Source("door.png", paint(RED, seed=9))
        taken = list(service.events.add(made, [Source("door.mp4", video), photo]))
        assert [each.outcome for each in taken] == ["added", "added"]
    app = painted_app(settings)
    with served(app) as port:
        yield f"http://127.0.0.1:{port}/events/{made.id}"


def test_a_video_shows_who_was_seen_from_when_to_when(
    browser: "Browser", event: str, shots: Path
) -> None:
    with watched(browser, event) as page:
        page.goto(event)
        settled(page)
        tile = page.get_by_role("button", name="door.mp4: Rosa 00:02 to 00:04")
        tile.get_by_text("door.mp4 · 00:04").wait_for()
        line = page.locator("#lists .line", has_text="Rosa")
        line.get_by_text("in 2 photos · door.mp4 00:02 to 00:04").wait_for()
        line.click()
        page.locator(".line-faces").get_by_text("00:02 to 00:04").wait_for()
        tile.click()
        face = page.locator("#viewer").get_by_role("button", name="Face 1: Rosa, sure, 00:02 to")
        face.wait_for()
        assert face.locator("img").evaluate("(image) => image.naturalWidth") == 112
        page.get_by_role("heading", name="door.mp4 (00:04), 1 of 2").wait_for()
        assert not page.locator('[data-part="draw"]').is_visible(), "no frame is kept to draw on"
        page.screenshot(path=shots / "event-video.png")
        page.locator("#viewer").get_by_text("Face 1 · sure · 00:02 to 00:04").wait_for()
        page.keyboard.press("PageDown")
        page.locator("#viewer").get_by_role("button", name="Face 1: Rosa, sure").wait_for()
        assert page.locator('[data-part="draw"]').is_visible()


def test_a_video_that_breaks_off_says_until_when_it_was_seen(
    browser: "Browser", tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path / "home")
    frames = (squares((RED, 20 + n, 20)) for n in range(400))
    video = write_video(tmp_path / "hall.mkv", frames, fps=10)
    video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    with painted_service(settings, "default") as service:
        made = service.events.create("Open day")
        (taken,) = service.events.add(made, [Source("hall.mkv", video)])
        assert (taken.outcome, taken.faces) == ("added", 1)
    with (
        served(painted_app(settings)) as port,
        watched(browser, f"http://127.0.0.1:{port}", locale="de") as page,
    ):
        page.goto(f"http://127.0.0.1:{port}/events/{made.id}#photo-1")
        told = page.locator("#viewer .notice", has_text="hall.mkv: Die Datei ist beschädigt")
        told.get_by_text("; gesehen bis 00:").wait_for()
