"""What commands say and draw of videos."""

import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from cli.auditing import asked, note
from cli.face_words import words_of
from cli.options import Run
from cli.pictures import free_name
from cli.progress import Advance
from retrieval.photos.kinds import has_video_ending
from retrieval.values import Location, Source

if TYPE_CHECKING:
    from retrieval.collection.answers import GalleryState
    from retrieval.collection.tracks.answers import VideoAnswer
    from retrieval.service import Service


def name_of(place: Location) -> str:
    """The last part of a path or of a URL."""
    return PurePosixPath(str(place)).name


def parted(places: Sequence[Location]) -> tuple[list[Location], list[Location]]:
    """Photos and videos, by their endings."""
    videos = [place for place in places if has_video_ending(str(place))]
    return [place for place in places if not has_video_ending(str(place))], videos


def identify_videos(
    run: Run,
    service: "Service",
    videos: Sequence[Location],
    threshold: float | None,
    state: "GalleryState",
    *,
    paths: bool,
) -> "Iterator[VideoAnswer]":
    """Look at videos one after the other, show how far each is, and write down what was asked."""
    for video in videos:
        with run.progress(f"watching {name_of(video)}, seconds", None) as advance:
            source, told = Source(str(video), video), _Seconds(advance)
            answer = service.identify_video(source, threshold, paths=paths, advance=told)
        note(service.catalogue, asked(run.action, [answer], state, threshold))
        yield answer


class _Seconds:
    """Tells a progress bar which second of a video is reached."""

    def __init__(self, advance: Advance) -> None:
        self._advance, self._told = advance, 0

    def __call__(self, second: float, length: float | None) -> None:
        done, self._told = int(second) - self._told, int(second)
        self._advance(done, None if length is None else max(int(length), 1))


class Within:
    """Tells how far the video is that is looked at among photos: beside their bar, or in lines."""

    def __init__(self, run: Run, advance: Advance | None) -> None:
        self._run, self._advance = run, advance
        self._name, self._told = "", 0

    def passing(self, sources: "Iterator[Source]") -> "Iterator[Source]":
        """The same sources, while it is noted which one is looked at."""
        for source in sources:
            self._name, self._told = PurePosixPath(source.name).name, 0
            yield source

    def __call__(self, second: float, length: float | None) -> None:
        from retrieval.photos.videos import clock

        of = "" if length is None or second > length else f" of {clock(length)}"
        if self._advance is not None and sys.stderr.isatty():
            self._advance(0, **{self._name: f"{clock(second)}{of}"})
            return
        tenth = int(second / max((length or 600) / 10, 1))
        if tenth > self._told:
            self._told = tenth
            self._run.remark(f"{self._name}: seen until {clock(second)}{of}")


def show_videos(run: Run, answers: "Sequence[VideoAnswer]") -> None:
    """Print who was seen, then a row per track."""
    from retrieval.photos.videos import clock

    rows: list[tuple[object, ...]] = []
    for answer in answers:
        name = Path(answer.video).name
        if answer.error is not None:
            rows.append((name, "", "", "", "error", "", "", "", answer.error))
            continue
        for stay in answer.people():
            run.print(
                f"{stay.person}, {clock(stay.first)} to {clock(stay.last)} ({name})", markup=False
            )
        if not answer.tracks:
            rows.append((name, "", "", "", "no face", "", "", "", "no face was followed"))
        for number, track in enumerate(answer.tracks, 1):
            shown = (clock(track.first), clock(track.last))
            rows.append((name, number, *shown, track.face.decision.value, *words_of(track.face)))
        if answer.remark:
            rows.append((name, "", "", "", "", "", "", "", answer.remark))
    columns = ("video", "track", "from", "to", "decision", "person", "score", "margin", "why")
    run.table(columns, rows)


def draw_videos(
    run: Run, answers: "Sequence[VideoAnswer]", videos: Sequence[Location], folder: Path
) -> Iterator[Path]:
    """Write an annotated copy and a timeline of each video that could be read."""
    from retrieval.building import video_rules
    from retrieval.collection.tracks.drawing import annotate_video, timeline
    from retrieval.files.output import replacing

    taken: set[str] = set()
    limits = video_rules(run.settings).limits
    for answer, video in zip(answers, videos, strict=True):
        if answer.error is not None:
            continue
        stem = free_name(video.stem, taken)
        copy, picture = folder / f"{stem}.mp4", folder / f"{stem}-timeline.png"
        with (
            replacing(copy) as part,
            run.progress(f"drawing {name_of(video)}", answer.frames) as more,
        ):
            annotate_video(Source(str(video), video), answer, limits, part, partial(more, 1))
        yield copy
        with replacing(picture) as part:
            timeline(answer).save(part, "PNG")
        yield picture
