"""Videos: their frames, upright, with the second each is shown at.

PyAV reads them (FFmpeg's libraries): unlike OpenCV's reader it gives each frame's own time, which a
variable frame rate needs, tells a file without pictures from a broken one, and takes a list of the
formats that it may open, so that a playlist which names other files or hosts is refused.
"""

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from retrieval.errors import PhotoTooLarge, PhotoUnreadable, SettingInvalid
from retrieval.photos.camera_motion import STANDS, CameraMotion
from retrieval.photos.decode import read
from retrieval.photos.frame_change import STILL, difference
from retrieval.photos.kinds import has_video_ending
from retrieval.photos.scenes import scenes
from retrieval.photos.video_clock import clock_of
from retrieval.photos.video_info import VideoInfo, info_of
from retrieval.photos.video_rules import Pace, VideoLimits
from retrieval.values import Confined, Floats, Pixels, Source, Url

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

# Containers that hold all they show: none that is a list of other files (HLS, DASH, concat).
FORMATS = "mov,matroska,avi,mpegts,mpeg,mpegvideo,asf,flv,ogg,mjpeg,h264,hevc,ivf,yuv4mpegpipe"
_READABLE = "MP4, MOV, MKV, WebM, AVI, MPEG, WMV, FLV, OGG or Y4M"
# Packets that cannot be decoded before the first that can: a recording that was cut out of a stream
# begins between two whole pictures, which encoders make every 250 frames or so.
_BAD_AT_START = 1000
_PROBED = {"probesize": "20000000", "analyzeduration": "20000000"}  # to find the first of these
_TURNS = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_CLOCKWISE}


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One frame that is to be looked at.

    Attributes:
        number: of the frame in the video, from 0.
        second: at which it is shown, from the video's beginning.
        pixels: (h, w, 3) RGB uint8, upright.
        cut_at: the second at which the scene began that it shows, where that is another one than
            that of the frame before; else None.
        moved: (2, 3) float32, by which what stands still came here from where it was in the frame
            that was looked at before, see `camera_motion`; None where that cannot be told.
    """

    number: int
    second: float
    pixels: Pixels
    cut_at: float | None = None
    moved: Floats | None = field(default_factory=lambda: STANDS)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]

    @property
    def cut(self) -> bool:
        """Whether it shows another scene than the frame before it."""
        return self.cut_at is not None


@dataclass(slots=True)
class Video:
    """An open video: its frames can be read once.

    Attributes:
        source: what was opened.
        sha256: of its bytes; empty of a stream.
        info: what it says of itself.
        frames: how many were decoded so far.
        ends_early: why it could not be read to its end, or None.
    """

    source: Source
    sha256: str
    info: VideoInfo
    limits: VideoLimits
    _stream: "VideoStream"
    frames: int = 0
    ends_early: str | None = None
    _last_second: float = 0.0
    _clock: float = 0.0  # what the file's says: of some, their length counts from its 0
    _decoding: "Iterator[VideoFrame]" = field(default_factory=lambda: iter(()))

    def begin(self, container: "InputContainer", lies: int) -> None:
        """Decode the first frame, which says what side is up; `lies`: see `VideoInfo`.

        Raises:
            PhotoUnreadable: not one frame can be decoded.
        """
        decoding = self._decoded(container)
        first = next(decoding)  # or it says why there is none
        self.info = info_of(container, self._stream, first).lying(lies)
        self._decoding = chain([first], decoding)

    @property
    def name(self) -> str:
        """What the user calls it."""
        return self.source.name

    @property
    def seconds(self) -> float:
        """How much of it was seen so far."""
        return self._last_second

    def all(self) -> Iterator[tuple[float, "VideoFrame"]]:
        """Every frame with its second, as FFmpeg decoded it.

        Raises:
            PhotoTooLarge: it has more frames, or lasts longer, than the limits allow.
        """
        seconds = clock_of(self._stream)
        for frame in self._decoding:
            shown = None if frame.time is None else float(frame.time)
            second = seconds(shown)
            self._clock = self._clock if shown is None else shown
            if second > self.limits.max_seconds or self.frames >= self.limits.max_frames:
                raise self._endless()
            self.frames += 1
            self._last_second = second
            yield second, frame

    def sampled(self, pace: Pace) -> Iterator[Frame]:
        """The frames that are worth a look: by time, and where the picture changes.

        A frame is due when a whole step has passed since the last; where the scene changes it is
        due at once (after a quarter of a step, since a picture may flicker), and where nothing
        changes only after `still_seconds`. At flashes it is not looked, see `scenes`.
        """
        due, looked = 0.0, -np.inf
        shown: Pixels | None = None  # the frame that was looked at last, small
        cut_at: float | None = None
        camera = CameraMotion()
        for each in scenes(self.all()):
            second, small = each.second, each.small
            if each.begins:
                cut_at = second
            cut = cut_at is not None
            if second + 1e-6 < (looked + 0.25 / pace.per_second if cut else due):
                continue
            still = shown is not None and difference(small, shown) < STILL
            due = max(due + 1 / pace.per_second, second + 0.5 / pace.per_second)
            if still and second - looked < pace.still_seconds:
                continue
            shown, looked = small, second
            pixels = self.upright(each.frame)
            moved = camera.moved(pixels, cut=cut)
            yield Frame(each.number, second, pixels, cut_at if moved is None else None, moved)
            cut_at = None

    def upright(self, frame: "VideoFrame") -> Pixels:
        """A frame as RGB, turned as the file says."""
        width = round(frame.width * self.info.widened)
        if width * frame.height > self.limits.max_pixels:  # a stream may change its size
            raise _too_many_pixels(self.name, width, frame.height, self.limits.max_pixels)
        pixels = frame.to_ndarray(format="rgb24", width=width, height=frame.height)
        turn = _TURNS.get(self.info.turned)
        return pixels if turn is None else np.ascontiguousarray(cv2.rotate(pixels, turn))

    def _decoded(self, container: "InputContainer") -> Iterator["VideoFrame"]:
        import av

        bad = found = 0
        packets = container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                break
            except av.error.FFmpegError as error:
                self._damaged(found, error.strerror)
                return
            try:
                for frame in packet.decode():
                    found += 1
                    yield frame
            except av.error.FFmpegError as error:
                bad += 1
                if not found and bad > _BAD_AT_START:
                    self._damaged(found, error.strerror)
        if bad or not found or self._is_short():
            self._damaged(found, f"{bad} packets" if bad else "its end is missing")

    def _is_short(self) -> bool:
        wanted = self.info.seconds
        return wanted is not None and max(self._last_second, self._clock) < wanted * 0.9 - 1

    def _damaged(self, found: int, why: str) -> None:
        if not found:
            raise PhotoUnreadable(
                f"{self.name}: the video's pictures are damaged: not one can be decoded. Copy the"
                " video anew from where it came from."
            )
        self.ends_early = f"the file is damaged ({why}); seen until {clock(self._last_second)}"

    def _endless(self) -> PhotoTooLarge:
        limits = self.limits
        return PhotoTooLarge(
            f"{self.name}: the video goes on for more than {clock(limits.max_seconds)} or"
            f" {limits.max_frames:,} frames, the limits. Cut it. The settings"
            " max_video_hours and max_video_frames move them."
        )


def is_video(source: Source) -> bool:
    """Whether a source is to be read as a video: by the ending of its name."""
    return has_video_ending(source.name)


@contextmanager
def opened(source: Source, limits: VideoLimits, lies: int = 0) -> Iterator[Video]:
    """Open a video.

    Args:
        source: a path, a URL (which is read whole first) or the bytes.
        limits: what is refused.
        lies: degrees clockwise by which it must be turned, which its file does not say.

    Raises:
        PhotoUnreadable: missing, broken, without pictures, or of no known format.
        PhotoTooLarge: above one of the limits.
        SettingInvalid: PyAV is not installed.
        StorageUnavailable: a URL's server does not answer.
    """
    av = pyav()
    with _file(source, limits) as (file, sha256):
        try:
            container = av.open(
                file,
                mode="r",
                options={"format_whitelist": FORMATS, **_PROBED},
                metadata_errors="replace",
            )
        except (av.error.FFmpegError, ValueError) as error:
            raise no_video(source.name) from error
        with container:
            stream = _pictures(container, source.name)
            stream.thread_type = "AUTO"
            stream.codec_context.thread_count = 2  # beside the threads that look for faces
            # A stream may change the size of its frames: the decoder itself makes none larger.
            stream.codec_context.options = {"max_pixels": str(limits.max_pixels)}
            _check(source.name, info_of(container, stream, None), limits)
            video = Video(source, sha256, info_of(container, stream, None), limits, stream)
            video.begin(container, lies)
            yield video


def clock(second: float) -> str:
    """A second of a video as people read it: 01:40, or 1:02:03 behind the first hour."""
    whole = int(second + 1e-6)
    hours, minutes, seconds = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes:02}:{seconds:02}"


def pyav() -> Any:
    """PyAV, imported when a video is read.

    Raises:
        SettingInvalid: it is not installed.
    """
    try:
        import av
    except ModuleNotFoundError as error:
        raise SettingInvalid(
            "Videos are read by PyAV, which is not installed. Run: pip install 'rollcall[video]'"
        ) from error
    av.logging.set_level(av.logging.PANIC)  # what is damaged is told once, in our words
    return av


@contextmanager
def _file(source: Source, limits: VideoLimits) -> Iterator[tuple[Any, str]]:
    """The video's file, open, with its SHA-256: bytes are hashed, not held, where it lies here."""
    content = source.content
    if isinstance(content, Path):
        _check_file(content, source.name, limits)
        with content.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            yield file, digest
        return
    data = content if isinstance(content, bytes) else _bytes(content, source.name, limits)
    if not data:
        raise PhotoUnreadable(f"{source.name} is empty. Copy the video anew.")
    yield BytesIO(data), hashlib.sha256(data).hexdigest()


def _bytes(content: Confined | Url, name: str, limits: VideoLimits) -> bytes:
    return read(content, name, limits.max_bytes)


def _check_file(path: Path, name: str, limits: VideoLimits) -> None:
    size = size_of(path, name)
    if size > limits.max_bytes:
        raise PhotoTooLarge(
            f"{name}: {size:,} bytes are more than the limit of {limits.max_bytes:,}. Cut"
            " the video. The setting max_video_bytes moves the limit."
        )


def size_of(path: Path, name: str) -> int:
    """Bytes of a video's file.

    Raises:
        PhotoUnreadable: it is missing, empty, closed to us, or no file.
    """
    try:
        found = path.stat()
    except OSError as error:
        why = "there is no such file" if error.errno == errno.ENOENT else "it cannot be read"
        raise PhotoUnreadable(f"{name}: {why}. Check the path.") from error
    if not path.is_file():
        raise PhotoUnreadable(f"{name} is no file but a folder, a device or a pipe.")
    if not os.access(path, os.R_OK):
        raise PhotoUnreadable(
            f"{name}: there is no permission to read it. Give it to whoever runs Rollcall."
        )
    if not found.st_size:
        raise PhotoUnreadable(f"{name} is empty. Copy the video anew.")
    return found.st_size


def no_video(name: str) -> PhotoUnreadable:
    """That a file is no video that can be read."""
    return PhotoUnreadable(
        f"{name} is no video that can be read ({_READABLE}), or its beginning or its end is"
        " missing. Copy it anew from where it came from, or save it as MP4."
    )


def _pictures(container: "InputContainer", name: str) -> "VideoStream":
    """The stream of pictures; a song's cover is none."""
    from av.stream import Disposition

    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not streams:
        what = "sound only" if container.streams.audio else "no pictures"
        raise PhotoUnreadable(f"{name} holds {what}: there is no face to be found in it.")
    return max(streams, key=lambda s: (s.width or 0) * (s.height or 0))


def _check(name: str, info: VideoInfo, limits: VideoLimits) -> None:
    if not info.width or not info.height:
        raise no_video(name)
    if info.width * info.height > limits.max_pixels:
        raise _too_many_pixels(name, info.width, info.height, limits.max_pixels)
    if info.seconds is not None and info.seconds > limits.max_seconds:
        raise PhotoTooLarge(
            f"{name}: the video lasts {clock(info.seconds)}, more than the limit of"
            f" {clock(limits.max_seconds)}. Cut it. The setting max_video_hours moves it."
        )


def _too_many_pixels(name: str, width: int, height: int, limit: int) -> PhotoTooLarge:
    return PhotoTooLarge(
        f"{name}: frames of {width} x {height} pixels are more than the limit of {limit:,}. Make"
        " the video smaller. The setting max_video_pixels moves the limit."
    )
