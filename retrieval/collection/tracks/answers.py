"""What is answered about a video, and its JSON: who was seen, from when to when."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from retrieval.collection.answers import FaceAnswer
from retrieval.collection.documents import StayDocument, TrackDocument, VideoDocument
from retrieval.errors import PhotoError, PhotoTooLarge, PhotoUnreadable
from retrieval.photos.videos import clock


class Look(NamedTuple):
    """A frame that was looked at.

    Attributes:
        second: of the frame.
        cut_at: see `videos.Frame`.
    """

    second: float
    cut_at: float | None


@dataclass(frozen=True, slots=True)
class TrackAnswer:
    """The answer about one track of a video.

    Attributes:
        spans: from and to which second the face was seen, in order.
        frames: in how many of the frames that were looked at.
        best_second: of the frame that shows the face best; `face` has its box there.
        face: whose it is, decided from the whole track.
        picture: JPEG of 112 px of that frame, or empty.
        path: (second, box xywh) of each frame, where that was asked for.
    """

    spans: tuple[tuple[float, float], ...]
    frames: int
    best_second: float
    face: FaceAnswer
    picture: bytes = field(default=b"", repr=False)
    path: tuple[tuple[float, tuple[float, float, float, float]], ...] = field(
        default=(), repr=False
    )

    @property
    def first(self) -> float:
        """Second at which it was seen first."""
        return self.spans[0][0]

    @property
    def last(self) -> float:
        """Second at which it was seen last."""
        return self.spans[-1][1]

    def document(self) -> TrackDocument:
        """As JSON."""
        return {
            "from": clock(self.first),
            "to": clock(self.last),
            "from_s": round(self.first, 2),
            "to_s": round(self.last, 2),
            "spans_s": [[round(a, 2), round(b, 2)] for a, b in self.spans],
            "frames": self.frames,
            "best_s": round(self.best_second, 2),
            **self.face.document(),
        }


@dataclass(frozen=True, slots=True)
class Stay:
    """How long somebody was seen in a video.

    Attributes:
        person: who.
        tracks: numbers of their tracks, from 1.
        first, last: seconds.
        spans: from and to which second, in order.
    """

    person: str
    tracks: tuple[int, ...]
    first: float
    last: float
    spans: tuple[tuple[float, float], ...]

    def document(self) -> StayDocument:
        """As JSON."""
        return {
            "person": self.person,
            "from": clock(self.first),
            "to": clock(self.last),
            "spans_s": [[round(a, 2), round(b, 2)] for a, b in self.spans],
            "tracks": list(self.tracks),
        }


@dataclass(frozen=True, slots=True)
class VideoAnswer:
    """Who is in one video; `error`, and its code, in place of tracks where it cannot be read.

    Attributes:
        video: as asked.
        sha256: of its bytes.
        width, height: of the upright picture.
        seconds: how much of it was seen.
        frames: how many frames it has, and `looked` at how many faces were looked for.
        tracks: in the order in which they begin.
        remark: why it could not be read to its end, and whether it was turned, or None.
        looks: when was looked, where paths were asked for.
        turned: degrees clockwise by which it was turned, beyond what its file says.
    """

    video: str
    sha256: str = ""
    width: int = 0
    height: int = 0
    seconds: float = 0.0
    frames: int = 0
    looked: int = 0
    tracks: tuple[TrackAnswer, ...] = ()
    remark: str | None = None
    error: str | None = None
    error_code: str | None = None
    looks: tuple[Look, ...] = field(default=(), repr=False)
    turned: int = 0

    @property
    def faces(self) -> tuple[FaceAnswer, ...]:
        """Whose each track is."""
        return tuple(track.face for track in self.tracks)

    def people(self) -> list[Stay]:
        """Everybody who was named, with from when to when, in the order in which they came."""
        numbers: dict[str, list[int]] = {}
        for number, track in enumerate(self.tracks, 1):
            if track.face.person is not None:
                numbers.setdefault(track.face.person, []).append(number)
        return [_stay(person, own, self.tracks) for person, own in numbers.items()]

    def failure(self) -> PhotoError:
        """Its error, to be raised."""
        kinds = {kind.code: kind for kind in (PhotoUnreadable, PhotoTooLarge)}
        return kinds.get(self.error_code or "", PhotoError)(self.error or "")

    def document(self) -> VideoDocument:
        """As JSON."""
        if self.error is not None:
            return {"video": self.video, "error": self.error}
        return {
            "video": self.video,
            "width": self.width,
            "height": self.height,
            "seconds": round(self.seconds, 2),
            "frames": self.frames,
            "frames_looked_at": self.looked,
            "turned": self.turned,
            "remark": self.remark,
            "people": [stay.document() for stay in self.people()],
            "tracks": [
                {"track": number, **track.document()} for number, track in enumerate(self.tracks, 1)
            ],
        }


def as_photo(answer: VideoAnswer) -> dict[str, Any]:
    """The answer in the form of a photo's, a face per track: for lists with photos and videos."""
    if answer.error is not None:
        return {"photo": answer.video, "error": answer.error}
    document: dict[str, Any] = {**answer.document()}
    return {
        "photo": answer.video,
        "width": answer.width,
        "height": answer.height,
        "turned": document["turned"],
        "too_small": 0,
        "seconds": document["seconds"],
        "remark": document["remark"],
        "faces": [{"face": each.pop("track"), **each} for each in document["tracks"]],
    }


def _stay(person: str, numbers: Sequence[int], tracks: Sequence[TrackAnswer]) -> Stay:
    own = [tracks[number - 1] for number in numbers]
    spans = tuple(sorted(span for track in own for span in track.spans))
    return Stay(
        person,
        tuple(numbers),
        min(track.first for track in own),
        max(track.last for track in own),
        spans,
    )
