"""Pictures of a video's answer: an annotated copy, and a timeline of people and time."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from operator import attrgetter, itemgetter
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from retrieval.collection.answers import PhotoAnswer
from retrieval.collection.drawing import COLOURS, FONT, annotate, fitting, label
from retrieval.collection.tracks.answers import Look, TrackAnswer, VideoAnswer
from retrieval.photos.video_rules import VideoLimits
from retrieval.photos.videos import clock, opened
from retrieval.values import Source

_LONGEST_PX = 1280  # of the annotated copy
_MISSED_S = 0.6  # for so long a face may be missed without its box going away
_Box = tuple[float, float, float, float]
_second_of = attrgetter("second")

_ROW_PX, _PAD_PX, _NAMES_PX, _BARS_PX = 34, 24, 260, 1000
_MOST_ROWS = 60  # of a timeline; the rest is counted


def annotate_video(
    source: Source,
    answer: VideoAnswer,
    limits: VideoLimits,
    path: Path,
    advance: Callable[[], object],
) -> None:
    """Write an MP4 (H.264) copy with the tracks' boxes and names; without sound.

    Args:
        source: the video.
        answer: about it, with paths.
        limits: as it was opened with.
        path: of the copy.
        advance: is told of each frame.
    """
    import av

    with (
        opened(source, limits, answer.turned) as video,
        av.open(str(path), "w", format="mp4") as copy,
    ):
        scale = min(_LONGEST_PX / max(video.info.width, video.info.height), 1.0)
        size = [
            max(int(side * scale) // 2 * 2, 2) for side in (video.info.width, video.info.height)
        ]
        stream = copy.add_stream("libx264", rate=25, options={"crf": "23", "preset": "veryfast"})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 90_000)
        before = -1
        for second, frame in video.all():
            picture = Image.fromarray(video.upright(frame)).resize((size[0], size[1]))
            shown = annotate(np.asarray(picture), *_at(answer, second))
            new = av.VideoFrame.from_image(shown)
            before = new.pts = max(round(second * 90_000), before + 1)
            new.time_base = stream.time_base
            copy.mux(stream.encode(new))
            advance()
        copy.mux(stream.encode())


def _at(answer: VideoAnswer, second: float) -> tuple[PhotoAnswer, list[int]]:
    """What the answer says of one moment, and the numbers of these tracks."""
    faces, numbers = [], []
    for number, track in enumerate(answer.tracks, 1):
        box = box_at(track, answer.looks, second)
        if box is not None:
            numbers.append(number)
            faces.append(replace(track.face, box=box))
    return PhotoAnswer("", "", answer.width, answer.height, tuple(faces)), numbers


def box_at(track: TrackAnswer, looks: Sequence[Look], second: float) -> _Box | None:
    """Where a track's face is: between two looks that found it, and until one that does not.

    Args:
        track: with its path.
        looks: all of the video, in order.
        second: of the frame that is drawn.

    Returns:
        xywh; None where the face is not seen, or the scene was cut since it was.
    """
    after = bisect_right(track.path, second, key=itemgetter(0))
    then = track.path[after] if after < len(track.path) else None
    until = len(looks) if then is None else bisect_left(looks, then[0], key=_second_of)
    if then is not None and (begins := looks[until].cut_at) is not None and begins <= second:
        return then[1]
    if after == 0:
        return None
    start, box = track.path[after - 1]
    missing = bisect_left(looks, start, key=_second_of) + 1
    if then is not None and all(look.cut_at is None for look in looks[missing : until + 1]):
        end, last = then
        if until == missing or end - start <= _MISSED_S:
            return _between(box, last, (second - start) / max(end - start, 1e-6))
    if missing >= len(looks):
        return box
    ends, cut_at = looks[missing]
    return box if second < (ends if cut_at is None else cut_at) else None


def _between(first: _Box, last: _Box, share: float) -> _Box:
    left, top, width, height = (a + (b - a) * share for a, b in zip(first, last, strict=True))
    return left, top, width, height


def timeline(answer: VideoAnswer) -> Image.Image:
    """A row per person, then a row per track that is nobody's; bars show when they were seen."""
    rows = _rows(answer)
    hidden = max(len(rows) - _MOST_ROWS, 0)
    rows = rows[:_MOST_ROWS]
    width = _NAMES_PX + _BARS_PX + 2 * _PAD_PX
    height = _ROW_PX * (len(rows) + 2 + bool(hidden)) + 2 * _PAD_PX
    picture = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(picture)
    font = ImageFont.truetype(str(FONT), 15)
    length = max(answer.seconds, 0.1)
    left = _PAD_PX + _NAMES_PX
    bottom = _PAD_PX + _ROW_PX * (len(rows) + 1)
    title = f"{Path(answer.video).name}, {clock(answer.seconds)}"
    draw.text((_PAD_PX, _PAD_PX), title, font=font, fill="black")
    for second in _ticks(length):
        x = left + second / length * _BARS_PX
        draw.line((x, _PAD_PX + _ROW_PX, x, bottom), fill=(225, 225, 225))
        said = clock(second)
        draw.text(
            (x - draw.textlength(said, font=font) / 2, bottom + 6), said, font=font, fill="black"
        )
    for number, (name, tracks) in enumerate(rows, 1):
        top = _PAD_PX + _ROW_PX * number
        draw.text(
            (_PAD_PX, top + 8), fitting(draw, name, font, _NAMES_PX - 10), font=font, fill="black"
        )
        for track in tracks:
            for start, end in track.spans:
                bar = (
                    left + start / length * _BARS_PX,
                    top + 6,
                    max(left + end / length * _BARS_PX, left + start / length * _BARS_PX + 3),
                    top + _ROW_PX - 6,
                )
                draw.rectangle(bar, fill=COLOURS[track.face.decision])
    if hidden:
        draw.text((_PAD_PX, bottom + 30), f"and {hidden} more", font=font, fill="black")
    return picture


def _rows(answer: VideoAnswer) -> list[tuple[str, list[TrackAnswer]]]:
    named: dict[str, list[TrackAnswer]] = {}
    others = []
    for number, track in enumerate(answer.tracks, 1):
        if track.face.person is not None:
            named.setdefault(track.face.person, []).append(track)
        else:
            others.append((f"{label(track.face)} (track {number})", [track]))
    return [*named.items(), *others]


def _ticks(length: float) -> list[float]:
    """Seconds that are written below, ten at most."""
    steps = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
    step = next((each for each in steps if length / each <= 10), 3600)
    return [float(second) for second in range(0, int(length) + 1, step)]
