"""What people drop: many files at once, what is no photo, and an upload that is stopped."""

import contextlib
import re
import socket
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fastapi import FastAPI

from retrieval.settings import Settings
from tests.api.browser.conftest import LOOKS, settled, watched
from tests.api.conftest import painted_app, served
from tests.api.painted import BLUE, GREEN, RED, paint, painted_service
from tests.api.test_runs import PatientQueue

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

COLOURS = (RED, GREEN, BLUE)


@pytest.fixture
def app(tmp_path: Path) -> FastAPI:
    settings = Settings(home=tmp_path / "home", max_request_photos=20)
    with painted_service(settings, "default") as service:
        service.ensure_collection()
    return painted_app(settings)


@pytest.fixture
def home(request: pytest.FixtureRequest, browser: "Browser", app: FastAPI) -> Iterator["Page"]:
    """The home of a service over painted people."""
    look = LOOKS[getattr(request, "param", "desktop")]
    with served(app) as port, watched(browser, f"http://127.0.0.1:{port}", **look) as page:
        page.goto("/")
        settled(page)
        yield page


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """200 photos."""
    found = []
    for number in range(200):
        path = tmp_path / f"IMG_{number:03d}.png"
        path.write_bytes(paint(COLOURS[number % 3], seed=number))
        found.append(path)
    return found


class Line:
    """A line to a service that can be cut, as networks are: whoever is on it is thrown off."""

    def __init__(self, port: int) -> None:
        self._to = ("127.0.0.1", port)
        self._open: set[socket.socket] = set()
        self._is_cut = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if self._is_cut:
                    near.close()
                    continue
                far = socket.create_connection(self._to)
                self._open |= {near, far}
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=pair, daemon=True).start()

    @staticmethod
    def _carry(near: socket.socket, far: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := near.recv(65_536):
                far.sendall(piece)
            far.shutdown(socket.SHUT_WR)

    def cut(self) -> None:
        """Throw off whoever is on it, and whoever comes, until it is mended."""
        self._is_cut = True
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        self._is_cut = False

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self.cut()
        for each in (self._listener, *self._open):
            each.close()


@pytest.mark.parametrize("home", ["desktop", "phone"], indirect=True)  # in colours as others
def test_200_files_at_once_are_taken_and_the_same_again_are_known(
    home: "Page", files: list[Path]
) -> None:
    home.set_input_files("#take-files", files)
    home.wait_for_url("**/events/*")
    home.get_by_text("200 of 200 photos").wait_for()
    home.locator("#told", has_text="200 photos · 200 faces").wait_for()
    home.locator("#tab-unknown .count", has_text="3").wait_for()
    home.set_input_files("#take-files", files[:3])
    home.get_by_text("3 were here before").wait_for()


def test_a_folder_is_dragged_in_with_the_folders_in_it(home: "Page", tmp_path: Path) -> None:
    album = tmp_path / "Summer party"
    (album / "second day").mkdir(parents=True)
    (album / ".thumbnails").mkdir()
    for number, colour in enumerate(COLOURS):
        folder = album / "second day" if number == 2 else album
        (folder / f"IMG_{number}.png").write_bytes(paint(colour, seed=number))
    (album / ".thumbnails" / "IMG_0.png").write_bytes(paint(RED, seed=9))
    # As the desktop does it: the page gets entries of the file system, which no script can make.
    session = home.context.new_cdp_session(home)
    dragged = {"items": [], "files": [str(album)], "dragOperationsMask": 1}
    for event in ("dragEnter", "dragOver", "drop"):
        session.send(
            "Input.dispatchDragEvent", {"type": event, "x": 300, "y": 300, "data": dragged}
        )
    home.wait_for_url("**/events/*")
    home.get_by_role("heading", name="Summer party").wait_for()
    home.locator("#told", has_text="3 photos · 3 faces").wait_for()


def test_an_upload_is_stopped_and_gone_on_with(home: "Page", files: list[Path]) -> None:
    waiting: list[Route] = []

    def hold(route: "Route") -> None:
        if len(waiting) < 2:
            waiting.append(route)  # the first two requests stand still
        else:
            route.continue_()

    home.route("**/photos?*more=true*", hold)
    home.set_input_files("#take-files", files[:30])
    home.get_by_role("button", name="Stop").click()
    home.get_by_role("button", name="Go on").click()
    home.get_by_text("30 of 30 photos").wait_for()
    home.locator("#told", has_text="30 photos").wait_for()


def test_an_undone_name_tells_of_the_photos_that_stay_enrolled(
    home: "Page", files: list[Path]
) -> None:
    home.set_input_files("#take-files", files[0])
    home.wait_for_url("**/events/*")
    home.locator("#told", has_text="1 photo · 1 face").wait_for()
    home.locator("#tab-unknown").click()
    home.locator("#lists .line").click()
    home.get_by_role("button", name="Name …").click()
    home.get_by_role("combobox", name="Name or number").fill("Zoe")
    home.get_by_role("option", name="New person “Zoe”").wait_for()
    home.keyboard.press("Enter")
    home.locator("#tab-present .count", has_text="1").wait_for()
    home.keyboard.press("z")
    home.locator("#passed", has_text="the photos stay enrolled: Zoe").wait_for()
    home.get_by_role("link", name="Zoe").click()
    home.get_by_role("heading", name="Zoe", exact=True).wait_for()


def test_what_is_no_photo_is_passed_over_with_the_reason(home: "Page", tmp_path: Path) -> None:
    for name in ("minutes.pdf", "list.txt", "album.zip", "clip.mp4"):
        (tmp_path / name).write_bytes(b"nothing")
    home.set_input_files("#take-files", [tmp_path / n for n in ("minutes.pdf", "list.txt")])
    told = home.locator("#passed")
    told.wait_for()
    assert "minutes.pdf is a PDF, not a photo. Save its pages" in told.inner_text()
    assert "1 file is no photo" in told.inner_text()
    home.set_input_files("#take-files", [tmp_path / "album.zip"])
    told.get_by_text("unpack the archive, and drop the folder").wait_for()
    assert home.url.endswith("/")


def test_an_archive_tells_how_far_it_is_and_goes_on_where_the_line_breaks(
    browser: "Browser", tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(home=tmp_path / "home", max_body_bytes=2_000_000)
    with painted_service(settings, "default") as service:
        service.ensure_collection()
    small, album = tmp_path / "small.png", tmp_path / "Summer party.zip"
    small.write_bytes(paint(RED))
    for name in ("huge.png", "huge.mp4"):
        (tmp_path / name).write_bytes(bytes(2_100_000))
    with zipfile.ZipFile(album, "w") as packed:
        packed.write(small, "small.png")
        packed.writestr("minutes.txt", bytes(1_500_000))
    with (
        served(painted_app(settings, PatientQueue())) as port,
        contextlib.closing(Line(port)) as line,
        watched(browser, f"http://127.0.0.1:{line.port}", allowed="Failed to load") as page,
    ):
        page.goto("/")
        settled(page)
        browsers = page.context.new_cdp_session(page)
        slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 9e4}
        browsers.send("Network.enable")
        browsers.send("Network.emulateNetworkConditions", slow)
        page.set_input_files("#take-files", album)
        page.get_by_role("heading", name="Summer party").wait_for()
        page.locator("#sending").get_by_text(re.compile(r"0\.[1-9] of 1\.5 MB")).wait_for()
        line.cut()
        page.get_by_text("The connection broke after").wait_for()
        line.mend()
        browsers.send("Network.emulateNetworkConditions", {**slow, "uploadThroughput": -1})
        page.get_by_role("button", name="Send it again").press("Enter")
        page.locator("#following").wait_for()
        page.locator("#sending").wait_for(state="hidden")
        # What no request may carry stops nothing that comes with it.
        page.set_input_files("#take-files", [tmp_path / "huge.png", tmp_path / "huge.mp4", small])
        page.get_by_text("huge.mp4 is too large to be sent: it may have 2 MB.").wait_for()
        page.get_by_text("2 of 2 photos").wait_for()
        page.get_by_text("1 photo was not taken").click()
        page.locator(".rejects", has_text="huge.png is too large").wait_for()
    assert "crashed" not in caplog.text, "whoever leaves is no fault of the service"


def test_a_script_that_does_not_load_is_told(browser: "Browser", app: FastAPI) -> None:
    allowed = "Failed to load resource"
    with (
        served(app) as port,
        watched(browser, f"http://127.0.0.1:{port}", allowed=allowed) as page,
    ):
        page.route("**/drop.js", lambda route: route.abort())
        page.goto("/")
        told = page.get_by_text("A part of this page could not be loaded")
        told.wait_for(state="attached")
        assert not told.is_visible(), "the script may still come"
        # As after the seconds that a script is given.
        told.evaluate("(told) => told.getAnimations().forEach((each) => each.finish())")
        told.wait_for()
