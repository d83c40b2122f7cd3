"""A camera's newest picture: read in a thread, dropped where nobody takes it, and opened again.

A camera is a device, a stream by URL, or a file that is played as if it were live. Whatever goes
wrong with it (it cannot be reached, it stalls, it sends garbage, it goes away) is told, and it is
opened anew, after pauses that grow to `MOST_PAUSE_S`.
"""

import errno
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import cv2
import numpy as np

from retrieval.errors import PhotoUnreadable
from retrieval.photos.video_clock import clock_of
from retrieval.photos.videos import FORMATS, no_video, pyav, size_of
from retrieval.values import Pixels

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame

Told = Callable[[str], None]

FIRST_PAUSE_S, MOST_PAUSE_S = 0.5, 10.0
_OPENING_S = 10.0  # that a camera may take until its first picture
_LIVE_FORMATS = f"{FORMATS},rtsp,mpjpeg,v4l2,video4linux2,live_flv,rtp,sdp"
_SCHEMES = ("rtsp", "rtsps", "http", "https", "rtp", "tcp", "udp")
_PROTOCOLS = "tcp,udp,tls,http,https,rtp,rtsp,httpproxy,crypto"
_TURNS = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_CLOCKWISE}


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """A camera's newest picture.

    Attributes:
        pixels: (h, w, 3) RGB uint8, upright.
        second: since the camera was first opened, by this machine's clock.
        arrived: when it came, by `time.monotonic`.
        at: the same in UTC: a clock that is set meanwhile is right from the next picture on.
    """

    pixels: Pixels
    second: float
    arrived: float
    at: datetime


class Camera:
    """Reads a camera in a thread of its own; `newest` gives the latest picture, once.

    Args:
        source: a device (`/dev/video0` or its number), a URL, or a file.
        tell: is told what goes wrong, and what goes again.
        stall_s: without a picture for so long, it is opened again.
        pauses_s: the shortest and the longest before it is opened again.
    """

    def __init__(
        self,
        source: str,
        tell: Told,
        *,
        stall_s: float = 5.0,
        pauses_s: tuple[float, float] = (FIRST_PAUSE_S, MOST_PAUSE_S),
    ) -> None:
        self.name = shown(source)
        self._source, self._tell, self._stall_s = source, tell, stall_s
        self._pauses_s = pauses_s
        self._is_file = is_file(source)
        self._begun = time.monotonic()
        self._changed = threading.Condition()
        self._frame: tuple[VideoFrame, float, datetime] | None = None
        self._stopped = threading.Event()
        self.ended = False  # a file was played to its end, or it was stopped
        self.unreadable: PhotoUnreadable | None = None  # why a file showed nothing
        self.received = self.dropped = 0
        self._thread = threading.Thread(target=self._read, name="camera", daemon=True)

    def __enter__(self) -> "Camera":
        pyav()  # says at once where it is missing
        _check(self._source, self.name)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Take no more pictures: whoever watches it comes to an end, as behind a file's last."""
        self._stopped.set()
        self.ended = True

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join(self._stall_s + 1)

    @property
    def second(self) -> float:
        """Now, in seconds since it was first opened."""
        return time.monotonic() - self._begun

    def newest(self, wait_s: float) -> Shot | None:
        """The newest picture that nobody has taken; None where none comes in that time."""
        with self._changed:
            if self._frame is None and not self.ended:
                self._changed.wait(wait_s)
            taken, self._frame = self._frame, None
        if taken is None:
            return None
        frame, arrived, at = taken
        pixels = frame.to_ndarray(format="rgb24")
        turn = _TURNS.get(round(frame.rotation / 90) * 90 % 360)
        upright = pixels if turn is None else np.ascontiguousarray(cv2.rotate(pixels, turn))
        return Shot(upright, arrived - self._begun, arrived, at)

    def _read(self) -> None:
        av = pyav()
        shortest, longest = self._pauses_s
        pause, told = shortest, ("", 0.0)
        while not self._stopped.is_set():
            before = self.received
            try:
                with self._opened(av) as container:
                    self._play(container)
                why = "it ended"
            except (av.error.FFmpegError, OSError, ValueError) as error:
                why = self._why(error)
            if self._is_file:
                if not self.received:
                    self.unreadable = no_video(self.name)
                self._finish()
                return
            if self._stopped.is_set():
                return
            well = self.received > before
            pause = shortest if well else min(pause * 2, longest)
            if well or (why, pause) != told:  # not each ten seconds of a night without a network
                often = "every" if pause == longest else "in"
                self._tell(f"{self.name}: no picture ({why}); opening it again {often} {pause:g} s")
            told = why, pause
            self._stopped.wait(pause)

    def _why(self, error: Exception) -> str:
        """Why there is no picture, in words of people who set cameras up."""
        if isinstance(error, pyav().error.ExitError):
            return "it sends nothing"
        if getattr(error, "errno", None) == errno.EIO and not self._is_file:
            host = urlsplit(self._source).hostname
            try:
                if host is not None:  # a device has none
                    socket.getaddrinfo(host, None)
            except OSError:
                return f"no host is called {host}"
        return getattr(error, "strerror", None) or str(error) or type(error).__name__

    def _opened(self, av: Any) -> "InputContainer":
        source, form = self._source, None
        options = {"format_whitelist": _LIVE_FORMATS, "flags": "low_delay"}
        if source.isdecimal() or source.startswith("/dev/video"):
            source, form = _device(source), "v4l2"
        elif not self._is_file:
            options |= {"protocol_whitelist": _PROTOCOLS, "rtsp_transport": "tcp"}
            options |= {"probesize": "200000", "analyzeduration": "500000"}
        opened: InputContainer = av.open(
            source,
            format=form,
            options=options,
            timeout=(max(self._stall_s, _OPENING_S), self._stall_s),
            metadata_errors="replace",
        )
        return opened

    def _play(self, container: "InputContainer") -> None:
        if not container.streams.video:
            raise ValueError("it sends no video")
        stream = container.streams.video[0]
        stream.thread_type = "NONE"  # threads of a decoder hold pictures back
        began, seconds, well = time.monotonic(), clock_of(stream), False
        for packet in container.demux(stream):
            if self._stopped.is_set():
                return
            for frame in self._decoded(packet):
                if self._is_file:
                    late = began + seconds(frame.time) - time.monotonic()
                    if late > 0 and self._stopped.wait(late):
                        return
                if not well:
                    well = True
                    self._tell(f"{self.name}: pictures come, {frame.width} x {frame.height}")
                self._put(frame)

    def _decoded(self, packet: Any) -> "list[VideoFrame]":
        try:
            frames: list[VideoFrame] = packet.decode()
        except pyav().error.InvalidDataError:  # a damaged picture; the next may be whole
            return []
        return frames

    def _put(self, frame: "VideoFrame") -> None:
        with self._changed:
            self.received += 1
            self.dropped += self._frame is not None
            self._frame = (frame, time.monotonic(), datetime.now(UTC))
            self._changed.notify()

    def _finish(self) -> None:
        with self._changed:
            self.ended = True
            self._changed.notify()


def _check(source: str, name: str) -> None:
    """See that a source can be a camera: that a URL's host is away, or a device busy, may end."""
    if is_file(source):
        if not Path(source).exists():
            raise PhotoUnreadable(f"There is no camera or file {name}.")
        size_of(Path(source), name)
    elif "://" not in source:
        if not Path(_device(source)).exists():
            there = ", ".join(sorted(map(str, Path("/dev").glob("video*")))) or "none"
            raise PhotoUnreadable(
                f"There is no camera {name}; this machine has {there}. Plug it in, or give its URL."
            )
    elif urlsplit(source).scheme.lower() not in _SCHEMES or not urlsplit(source).netloc:
        raise PhotoUnreadable(
            f"{name} is no camera's URL. It begins with {', '.join(_SCHEMES)}, and names a host:"
            " rtsp://door/live."
        )


def _device(source: str) -> str:
    return f"/dev/video{source}" if source.isdecimal() else source


def is_file(source: str) -> bool:
    """Whether a source is a file, to be played as if it were live."""
    return "://" not in source and not source.isdecimal() and not source.startswith("/dev/video")


def shown(source: str) -> str:
    """A source as it may be printed: without the password of a URL."""
    parts = urlsplit(source)
    if "://" not in source or "@" not in parts.netloc:
        return source
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
