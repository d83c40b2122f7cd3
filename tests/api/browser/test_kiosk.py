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


@pytest.fixture(scope="module")
def door(kiosk, chromium, tmp_path_factory):
    """A browser whose camera plays the photos."""
    from playwright.sync_api import sync_playwright

    camera = tmp_path_factory.mktemp("door") / "camera.mjpeg"
    write_camera(camera, kiosk[1])
    fake = (
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={camera}",
    )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=[*FLAGS, *fake])
        yield browser
        browser.close()


def tablet(door, kiosk, **options):
    """A page of a tablet; what it cannot load, its console says."""
    options = {"viewport": {"width": 800, "height": 1100}, **options}
    return watched(door, kiosk[0], allowed="Failed to load", **options)


def events(address):
    with urllib.request.urlopen(f"{address}/v1/events") as answer:
        return json.load(answer)["events"]


def test_the_kiosk_greets_notes_once_and_takes_back(kiosk, door, shots):
    from playwright.sync_api import expect

    with tablet(door, kiosk) as page:
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
        expect(page.locator("#network")).to_contain_text("No connection")
        expect(page.locator("#network")).to_contain_text(": 2")  # no other look of the same
        # Whoever comes next does not see who came before.
        expect(page.locator("#greeting")).to_have_text("Step before the camera")
        expect(page.locator("#hint")).to_contain_text("noted later")
        page.screenshot(path=shots / "kiosk-offline.png")
        page.context.set_offline(False)
        expect(page.locator("#network")).to_be_empty()
        assert page.evaluate(WAITING) == 0
        assert barriers(page) == []
    (event,) = events(kiosk[0])
    assert event["photos"] == 1, "one sighting per person per day"


def test_pictures_of_a_time_without_a_connection_outlive_the_page(kiosk, door):
    from playwright.sync_api import expect

    with tablet(door, kiosk) as page:
        page.route("**/v1/kiosk/frames", lambda route: route.abort())
        page.goto("/kiosk")
        expect(page.locator("#network")).to_contain_text(": 1")
        page.reload()
        assert page.evaluate(WAITING) >= 1
        page.unroute("**/v1/kiosk/frames")
        expect(page.locator("#greeting")).to_have_text(PERSON)
        assert page.evaluate(WAITING) == 0


@pytest.mark.parametrize("status", [503, 429])
def test_a_service_that_is_busy_is_no_answer_and_pictures_are_kept(kiosk, door, status):
    from playwright.sync_api import expect

    with tablet(door, kiosk) as page:
        page.route("**/v1/kiosk/frames", lambda route: route.fulfill(status=status, json={}))
        page.goto("/kiosk")
        expect(page.locator("#network")).to_contain_text(": 1")


def test_a_key_that_is_taken_back_is_said_in_words_and_nobody_is_shown_any_more(kiosk, door, shots):
    from playwright.sync_api import expect

    with tablet(door, kiosk) as page:
        page.add_init_script("sessionStorage.setItem('rollcall-kiosk-key', 'rollcall_once_good')")
        page.route("**/v1/kiosk/frames", lambda route: route.fulfill(json=SOMEBODY_ELSE))
        page.goto("/kiosk")
        expect(page.locator("#greeting")).to_have_text("Somebody Else")
        page.route("**/v1/kiosk/frames", lambda route: route.fulfill(status=401, json={}))
        expect(page.locator("#problem")).to_contain_text("This key is not a kiosk's, or holds no")
        expect(page.locator("#key")).to_be_focused()
        assert "Somebody" not in page.content()
        assert page.evaluate("sessionStorage.getItem('rollcall-kiosk-key')") is None
        page.screenshot(path=shots / "kiosk-key.png")
        assert barriers(page) == []


def test_what_could_not_be_taken_back_is_not_said_to_be(kiosk, door):
    from playwright.sync_api import expect

    with tablet(door, kiosk) as page:
        page.route("**/v1/kiosk/frames", lambda route: route.fulfill(json=SOMEBODY_ELSE))
        page.goto("/kiosk")
        page.get_by_role("button", name="Not me").click()  # of a sighting that there is none of
        expect(page.locator("#greeting")).to_have_text("That did not work")
        expect(page.get_by_role("button", name="It was me after all")).to_be_hidden()


GONE = """() => {
    const [track] = document.getElementById("camera").srcObject.getVideoTracks();
    window.there = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async () => {
        throw new DOMException("", "NotFoundError");
    };
    track.stop();
    track.dispatchEvent(new Event("ended"));
}"""


def test_a_camera_that_is_unplugged_is_taken_again_when_it_is_back(kiosk, door):
    from playwright.sync_api import expect

    with tablet(door, kiosk) as page:
        page.goto("/kiosk")
        expect(page.locator("#greeting")).to_have_text(PERSON)
        page.evaluate(GONE)
        expect(page.locator("#greeting")).to_have_text("There is no camera")
        assert barriers(page) == []
        page.evaluate("() => { navigator.mediaDevices.getUserMedia = window.there; }")
        expect(page.locator("#greeting")).to_have_text(PERSON)


@pytest.mark.parametrize(
    ("script", "hint"),
    [
        (
            "navigator.mediaDevices.getUserMedia ="
            " async () => { throw new DOMException('', 'NotAllowedError'); }",
            "Allow the camera",
        ),
        (
            "Object.defineProperty(navigator, 'mediaDevices', { value: undefined })",
            "begin with https://",
        ),
    ],
)
def test_a_camera_that_the_browser_does_not_give_says_why(kiosk, door, script, hint):
    from playwright.sync_api import expect

    with tablet(door, kiosk) as page:
        page.add_init_script(script)
        page.goto("/kiosk")
        expect(page.locator("#greeting")).to_have_text("The camera cannot be used")
        expect(page.locator("#hint")).to_contain_text(hint)


@pytest.mark.parametrize("size", [(390, 844), (820, 1180), (1180, 820), (320, 568)])
def test_all_that_can_be_pressed_lies_within_the_screen(kiosk, door, size):
    from playwright.sync_api import expect

    long = SOMEBODY_ELSE | {"person": "Wolfeschlegelsteinhausenbergerdorff Maximiliane"}
    look = {"viewport": dict(zip(("width", "height"), size, strict=True)), "locale": "de-DE"}
    with tablet(door, kiosk, **look) as page:
        page.route("**/v1/kiosk/frames", lambda route: route.fulfill(json=long))
        page.goto("/kiosk")
        for name in ("Das bin ich", "Das bin ich nicht"):
            button = page.get_by_role("button", name=name, exact=True)
            expect(button).to_be_visible()
            expect(button).to_be_in_viewport(ratio=1)
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
