"""Videos made for tests: any pictures, at any times, turned, with sound, or cut off."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from retrieval.values import Pixels

SIDE = 96
GREY = 128
Colour = tuple[int, int, int]
_CLOCK = 90_000


def write_video(
    path: Path,
    frames: Iterable[Pixels],
    *,
    fps: float = 10,
    seconds: Sequence[float] | None = None,
    rotation: int = 0,
    sound: bool = False,
    wide: Fraction | None = None,
) -> Path:
    """Write frames (h, w, 3) RGB uint8 as H.264.

    Args:
        path: of the file; its ending says the format.
        frames: the pictures as the camera's chip saw them.
        fps: of them, unless `seconds` says when each is shown.
        seconds: when each is shown.
        rotation: degrees counterclockwise by which a player turns them.
        sound: whether silence goes with them.
        wide: width of a pixel to its height, where they are no squares.
    """
    with av.open(str(path), "w") as file:
        stream = None
        heard = file.add_stream("aac", rate=8000, layout="mono") if sound else None
        for number, pixels in enumerate(frames):
            if stream is None:
                stream = file.add_stream("libx264", rate=25, options={"crf": "8"})
                stream.height, stream.width = pixels.shape[:2]
                stream.pix_fmt = "yuv420p"
                stream.codec_context.time_base = Fraction(1, _CLOCK)
                if wide is not None:
                    stream.codec_context.sample_aspect_ratio = wide
                if rotation:
                    stream.set_display_rotation(rotation)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            at = number / fps if seconds is None else seconds[number]
            frame.pts, frame.time_base = round(at * _CLOCK), Fraction(1, _CLOCK)
            file.mux(stream.encode(frame))
        if stream is not None:
            file.mux(stream.encode())
        if heard is not None:
            for part in range(8):
                silence = av.AudioFrame.from_ndarray(
                    np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
                )
                silence.sample_rate, silence.pts = 8000, part * 1024
                file.mux(heard.encode(silence))
            file.mux(heard.encode())
    return path


def squares(
    *placed: tuple[Colour, float, float], width: int = 640, height: int = 240, side: int = SIDE
) -> Pixels:
    """A frame with a textured square of each colour, by its left upper corner."""
    picture = np.full((height, width, 3), GREY, np.int16)
    texture = np.random.default_rng(0).integers(-20, 21, (side, side, 1))
    for colour, left, top in placed:
        x, y = round(left), round(top)
        shown = picture[max(y, 0) : y + side, max(x, 0) : x + side]
        begin_y, begin_x = max(-y, 0), max(-x, 0)
        own = np.array(colour) + texture
        shown[:] = own[begin_y : begin_y + shown.shape[0], begin_x : begin_x + shown.shape[1]]
    return picture.clip(0, 255).astype(np.uint8)
