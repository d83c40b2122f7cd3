"""A camera that stalls, goes away and sends garbage; sightings as they begin and end."""

import os
import signal
import socket
import threading
import time
from contextlib import suppress
from types import SimpleNamespace

import pytest

from cli.camera import ending
from retrieval.collection.tracks.live import Camera, shown
from retrieval.collection.tracks.watching import Pulse, watch
from retrieval.errors import CatalogueUnavailable, PhotoUnreadable
from tests.api.painted import BLUE, GREEN, RED
from tests.events.conftest import service, settings  # noqa: F401  Red and Green are enrolled
from tests.made_videos import squares, write_video

GARBAGE_S = float(os.environ.get("ROLLCALL_CAMERA_S", "1.5"))  # ten seconds in a soak


class LoopbackCamera:
    """Sends an MPEG stream to whoever connects, as each connection's act says."""

    def __init__(self, stream: bytes, acts: list[str]) -> None:
        self.acts, self.stream = acts, stream
        self.done: list[str] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"tcp://127.0.0.1:{self._server.getsockname()[1]}"
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        self._server.close()
        self._thread.join(5)

    def _serve(self) -> None:
        for act in self.acts:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            with client, suppress(OSError):  # the camera's reader went away
                getattr(self, f"_{act}")(client)
            self.done.append(act)

    def _whole(self, client: socket.socket) -> None:
        """Sends all of it, slowly enough to be live, then closes."""
        step = max(len(self.stream) // 40, 1)
        for start in range(0, len(self.stream), step):
            client.sendall(self.stream[start : start + step])
            if self._closed.wait(0.05):
                return

    def _garbage(self, client: socket.socket) -> None:
        until = time.monotonic() + GARBAGE_S
        while time.monotonic() < until and not self._closed.wait(0.01):
            client.sendall(os.urandom(1880))

    def _hang_up(self, client: socket.socket) -> None:
        """Sends nothing at all."""

    def _freeze(self, client: socket.socket) -> None:
        """Sends all of it, and then nothing, as a camera does whose network is pulled out."""
        client.sendall(self.stream)
        self._closed.wait()

    def _stall(self, client: socket.socket) -> None:
        client.sendall(self.stream[: len(self.stream) // 3])
        self._closed.wait(GARBAGE_S + 1)


@pytest.fixture
def stream(tmp_path):
    frames = [squares((RED, 20 + n, 20), (BLUE, 500 - n, 20)) for n in range(60)]
    return write_video(tmp_path / "door.ts", frames, fps=20).read_bytes()


def test_a_camera_that_stalls_goes_away_and_sends_garbage_is_opened_again(service, stream):  # noqa: F811
    camera = LoopbackCamera(stream, ["garbage", "stall", "whole", "whole"])
    told: list[str] = []
    sightings = []
    try:
        with Camera(camera.url, told.append, stall_s=1.0) as opened:
            watched = service.watch_camera(opened, gap_s=60, pulse_s=0.5, tell=told.append)
            deadline = time.monotonic() + 60 + GARBAGE_S
            for each in watched:
                if not isinstance(each, Pulse):
                    sightings.append(each)
                elif len(camera.done) >= 3 or time.monotonic() > deadline:
                    break
    finally:
        camera.close()
    assert camera.done[:3] == ["garbage", "stall", "whole"]
    assert sum("opening it again" in line for line in told) >= 3
    assert any("pictures come" in line for line in told), told
    assert [s.person for s in sightings if s.person] == ["Red"]  # once, through all of it


def test_a_camera_that_stays_away_is_told_of_until_it_is_tried_as_rarely_as_ever():
    camera, told = LoopbackCamera(b"", ["hang_up"] * 30), []
    try:
        with Camera(camera.url, told.append, pauses_s=(0.01, 0.05)):
            deadline = time.monotonic() + 60
            while len(camera.done) < 20 and time.monotonic() < deadline:
                time.sleep(0.01)
    finally:
        camera.close()
    assert len(camera.done) >= 20
    assert [line.partition("opening it again ")[2] for line in told] == [
        "in 0.02 s",
        "in 0.04 s",
        "every 0.05 s",
    ]


def test_a_camera_that_falls_silent_is_said_to_send_nothing(stream):
    camera, told = LoopbackCamera(stream, ["freeze"]), []
    try:
        with Camera(camera.url, told.append, stall_s=0.5):
            deadline = time.monotonic() + 60
            while len(told) < 2 and time.monotonic() < deadline:
                time.sleep(0.01)
    finally:
        camera.close()
    assert "pictures come" in told[0]
    assert "no picture (it sends nothing)" in told[1]


def test_a_host_that_nobody_knows_is_named():
    told: list[str] = []
    with Camera("rtsp://no-such-door.invalid/live", told.append):
        deadline = time.monotonic() + 60
        while not told and time.monotonic() < deadline:
            time.sleep(0.01)
    assert "no picture (no host is called no-such-door.invalid)" in told[0]


def test_a_sighting_begins_ends_after_the_gap_and_begins_anew(service, tmp_path):  # noqa: F811
    frames = [squares() if 15 <= n < 45 else squares((GREEN, 20 + n, 20)) for n in range(60)]
    video = write_video(tmp_path / "door.mp4", frames, fps=20)
    with Camera(str(video), lambda line: None) as opened:
        found = service.watch_camera(opened, gap_s=0.5, pulse_s=60, tell=lambda line: None)
        states = [(s.person, s.document()["state"]) for s in found if not isinstance(s, Pulse)]
    assert states == [("Green", "began"), ("Green", "ended")] * 2


def test_pictures_are_dropped_and_never_queued(tmp_path):
    frames = [squares((RED, 20 + n, 20)) for n in range(20)]
    video = write_video(tmp_path / "door.mp4", frames, fps=40)
    with Camera(str(video), lambda line: None) as opened:
        while not opened.ended:
            time.sleep(0.01)
        assert opened.newest(0) is not None
        assert opened.newest(0) is None
        assert (opened.received, opened.dropped) == (20, 19)


def test_recordings_that_were_put_together_are_played_as_if_live_to_the_end(tmp_path):
    frames = [squares((RED, 20 + n, 20)) for n in range(30)]
    part = write_video(tmp_path / "part.ts", frames, fps=20).read_bytes()
    whole = tmp_path / "whole.ts"
    whole.write_bytes(2 * part)
    with Camera(str(whole), lambda line: None) as opened:
        while not opened.ended:
            time.sleep(0.01)
        assert opened.received == 60
        assert opened.second > 2.8


def test_a_catalogue_that_is_locked_for_a_while_ends_no_watching(service, tmp_path):  # noqa: F811
    frames = [squares((RED, 20 + n, 20)) for n in range(60)]
    video = write_video(tmp_path / "door.mp4", frames, fps=20)
    asked, told = [], []

    def steadily(work):
        asked.append(work)
        if 1 < len(asked) < 5:  # the first look for thresholds goes well
            raise CatalogueUnavailable("The catalogue is locked.")
        return service.steadily(work)

    with Camera(str(video), lambda line: None) as opened:
        found = watch(steadily, service.catalogue, opened, gap_s=5, pulse_s=60, tell=told.append)
        states = [(each.person, each.document()["state"]) for each in found]
    assert states == [("Red", "began"), ("Red", "ended")]
    assert told == ["The catalogue is locked."]


def test_a_stream_of_sound_alone_says_so(tmp_path):
    sound = write_video(tmp_path / "sound.ts", [], sound=True).read_bytes()
    camera, told = LoopbackCamera(sound, ["whole"]), []
    try:
        with Camera(camera.url, told.append):
            deadline = time.monotonic() + 60
            while not told and time.monotonic() < deadline:
                time.sleep(0.01)
    finally:
        camera.close()
    assert "no picture (it sends no video)" in told[0]


def test_sightings_go_into_an_event_with_their_moments(service, tmp_path):  # noqa: F811
    frames = [squares((RED, 20 + n, 20)) for n in range(30)]
    video = write_video(tmp_path / "door.mp4", frames, fps=20)
    event = service.events.create("Door")
    with Camera(str(video), lambda line: None) as opened:
        for each in service.watch_camera(opened, gap_s=5, pulse_s=60, tell=lambda line: None):
            if not isinstance(each, Pulse) and each.ended:
                service.events.add_sighting(event, opened.name, each)
    roll = service.events.roll(service.events.find(event.id))
    (line,) = roll.present
    assert line.person == "Red"
    assert line.first is not None
    assert line.first <= line.last


def test_a_camera_that_is_stopped_ends_the_sightings_that_go_on(service, tmp_path):  # noqa: F811
    frames = [squares((RED, 20 + n, 20)) for n in range(200)]
    video = write_video(tmp_path / "door.mp4", frames, fps=20)
    states = []
    with Camera(str(video), lambda line: None) as opened:
        for each in service.watch_camera(opened, gap_s=60, pulse_s=60, tell=lambda line: None):
            states.append(each.document()["state"])
            opened.stop()
    assert states == ["began", "ended"]
    assert opened.received < 200


def test_a_file_that_is_no_video_is_refused_not_watched_in_silence(service, tmp_path):  # noqa: F811
    (tmp_path / "notes.mp4").write_text("no video")
    with (
        pytest.raises(PhotoUnreadable, match=r"notes.mp4 is no video"),
        Camera(str(tmp_path / "notes.mp4"), lambda line: None) as opened,
    ):
        list(service.watch_camera(opened, gap_s=5, pulse_s=60, tell=lambda line: None))


@pytest.fixture
def ctrl_c():
    """Ctrl-C as a terminal's processes obey it, also where tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_and_sigterm_let_a_camera_end_and_a_second_one_stops(ctrl_c):
    told, stopped = [], []
    camera = SimpleNamespace(stop=lambda: stopped.append(1))
    with ending(SimpleNamespace(remark=told.append), camera):
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
        assert (len(told), len(stopped)) == (2, 2)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("gone.mp4", "no camera or file gone.mp4"),
        ("/dev", "/dev is no file but a folder"),
        ("99", "no camera 99; this machine has"),
        ("/dev/video99", "no camera /dev/video99"),
        ("ftp://me:secret@host/live", "ftp://host/live is no camera's URL"),
        ("rtsp://", "names a host"),
    ],
)
def test_what_can_be_no_camera_is_refused_at_once(source, told):
    with pytest.raises(PhotoUnreadable, match=told), Camera(source, lambda line: None):
        pass


def test_a_cameras_password_is_not_told():
    assert shown("rtsp://me:secret@host/live?x=1") == "rtsp://host/live?x=1"
