"""The kiosk's page in Chromium, with a camera that plays faces of real people."""

import json
import urllib.request
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from retrieval.building import build_models, build_service
from retrieval.collection.enrolments import EnrolItem
from retrieval.settings import Settings
from tests.api.browser.conftest import FLAGS, barriers, watched
from tests.processes import free_port, rollcall, wait_until_ready

PERSON = "Colin_Powell"
SOMEBODY_ELSE = {"state": "seen", "sighting": -1, "person": "Somebody Else"}
WAITING = """JSON.parse(localStorage.getItem("rollcall-kiosk-waiting") ?? "[]").length"""


def write_camera(path: Path, photos: list[Path]) -> None:
    """Motion JPEG of 640 x 480 that Chromium plays as a camera: each photo for a second."""
    with av.open(str(path), "w", format="mjpeg") as file:
        stream = file.add_stream("mjpeg", rate=10)
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuvj420p"
        stream.options = {"qscale": "3"}
        for photo in photos:
            picture = Image.new("RGB", (640, 480), (70, 70, 70))
            picture.paste(Image.open(photo).convert("RGB").resize((400, 400)), (120, 40))
            for _ in range(10):
                frame = av.VideoFrame.from_ndarray(np.asarray(picture), format="rgb24")
                file.mux(stream.encode(frame))
        file.mux(stream.encode())


@pytest.fixture(scope="module")
def kiosk(tmp_path_factory, lfw_dir, yunet_file, mobilefacenet_file):
    """A service with a few people of LFW; its address, and other photos of one of them."""
    home = tmp_path_factory.mktemp("kiosk")
    settings = Settings(home=home, embedder="mobilefacenet", detector="yunet")
    store = build_models(settings)
    store.pull("yunet", source=yunet_file)
    store.pull("mobilefacenet", source=mobilefacenet_file)
    others = sorted(p.name for p in lfw_dir.iterdir() if len(list(p.iterdir())) == 7)[:8]
    names = [PERSON, *others]
    with build_service(settings) as service:
        items = (
            EnrolItem(name, photo.name, photo)
            for name in names
            for photo in sorted((lfw_dir / name).iterdir())[:3]
        )
        list(service.enrol(items))
    port, log = free_port(), home / "serve.log"
    with rollcall("serve", "--port", str(port), "--home", str(home), log=log) as process:
        address = f"http://127.0.0.1:{port}"
        wait_until_ready(address, process, log)
        yield address, sorted((lfw_dir / PERSON).iterdir())[3:6]


def events(address):
    with urllib.request.urlopen(f"{address}/v1/events") as answer:
        return json.load(answer)["events"]


def test_the_kiosk_greets_notes_once_and_takes_back(kiosk, chromium, tmp_path, shots):
    from playwright.sync_api import expect, sync_playwright

    address, photos = kiosk
    write_camera(tmp_path / "camera.mjpeg", photos)
    fake = (
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={tmp_path / 'camera.mjpeg'}",
    )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=[*FLAGS, *fake])
        with watched(
            browser, address, viewport={"width": 800, "height": 1100}, allowed="Failed to load"
        ) as page:
            page.goto("/kiosk")
            expect(page.locator("#greeting")).to_have_text(PERSON)
            expect(page.locator("#time")).not_to_be_empty()
            page.screenshot(path=shots / "kiosk.png")
            # Whoever is seen between press and release is not the one whom the click is about.
            page.get_by_role("button", name="Not me").hover()
            page.mouse.down()
            page.route("**/v1/kiosk/frames", lambda route: route.fulfill(json=SOMEBODY_ELSE))
            with page.expect_response("**/v1/kiosk/frames") as answered:
                pass
            answered.value.finished()
            page.evaluate("new Promise(requestAnimationFrame)")
            with page.expect_request("**/v1/kiosk/sightings/*/refuse") as refused:
                page.mouse.up()
            page.unroute("**/v1/kiosk/frames")
            assert "/-1/" not in refused.value.url
            expect(page.locator("#greeting")).to_have_text("Taken back")
            assert barriers(page) == []
            page.get_by_role("button", name="It was me after all").click()
            expect(page.locator("#greeting")).to_have_text(PERSON)
            expect(page.locator("#hint")).to_have_text("Thank you.")
            page.context.set_offline(True)
            expect(page.locator("#network")).to_contain_text("No network")
            expect(page.locator("#network")).to_contain_text(": 2")  # no other look of the same
            page.screenshot(path=shots / "kiosk-offline.png")
            page.context.set_offline(False)
            expect(page.locator("#network")).to_be_empty()
            assert page.evaluate(WAITING) == 0
            assert barriers(page) == []
        browser.close()
    (event,) = events(address)
    assert event["photos"] == 1, "one sighting per person per day"
