"""Composed videos of known people and strangers: tracks against the same frames one by one.

Faces of a folder of people walk through a picture of 1280 x 720: they cross, turn small and large
again, and show another photo of theirs every second, some of them blurred or dark. Who is where is
known, so each face that is found has an owner.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from retrieval.benchmarks.face_folder import photos_of_people
from retrieval.benchmarks.progress import Advance, silent
from retrieval.collection.active_model import CANDIDATES, ActiveModel
from retrieval.collection.enrolments import EnrolItem
from retrieval.collection.tracks.following import BATCH, Follower, kept
from retrieval.collection.tracks.identifying import answers
from retrieval.collection.tracks.track import Track
from retrieval.collection.tracks.tracker import TrackRule
from retrieval.errors import DataInvalid
from retrieval.events.intake import new_video
from retrieval.identities.decide import decide
from retrieval.photos.camera_motion import CameraMotion
from retrieval.photos.decode import decode
from retrieval.photos.video_info import VideoInfo
from retrieval.photos.videos import Frame
from retrieval.service import Service
from retrieval.values import Faces, Pixels, found_ids

WIDTH, HEIGHT, FPS = 1280, 720, 5.0
SECONDS = 16.0
KNOWN, STRANGERS = 8, 3  # who walk through one video
ENROLLED = 3  # photos per person
_LARGE, _SMALL = (130, 210), (45, 75)  # pixels of the photo's side, of which a face fills half
_LEAST_PHOTOS = 6
_HEAD = 0.62  # share of an LFW photo's side that is cut out: the head

Names = dict[int, str | None]  # of tracks, by their numbers


@dataclass(frozen=True, slots=True, eq=False)
class Walker:
    """Somebody who walks through a video.

    Attributes:
        name: who; `known` says whether they are enrolled.
        photos: (k) heads (s, s, 3) RGB uint8.
        start, end: where from and where to, in pixels of the middle.
        begin, last: seconds.
        sizes: side in pixels at the beginning, in the middle and at the end.
    """

    name: str
    known: bool
    photos: Sequence[Pixels]
    start: tuple[float, float]
    end: tuple[float, float]
    begin: float
    last: float
    sizes: tuple[float, float, float]

    def at(self, second: float) -> tuple[Pixels, float, float, float] | None:
        """The head, its middle and its side at a moment; None where they are not there."""
        if not self.begin <= second <= self.last:
            return None
        share = (second - self.begin) / (self.last - self.begin)
        x = self.start[0] + (self.end[0] - self.start[0]) * share
        y = self.start[1] + (self.end[1] - self.start[1]) * share + 8 * np.sin(second * 5)
        side = float(np.interp(share, [0, 0.5, 1], self.sizes))
        return self.photos[int(second - self.begin) % len(self.photos)], x, y, side


@dataclass(frozen=True, slots=True)
class VideoFigures:
    """What tracks and single frames make of the same faces.

    Attributes:
        videos, frames, faces: how much was seen; faces of whom the owner is known.
        tracks: how many there were, and `owners` how many people walked.
        purity: share of faces whose track is mostly their owner's.
        per_owner: tracks of one person, on average.
        faces_missed: share of the known people's faces that are not named rightly: by tracks, one
            by one, and by the video as an event, which names those to be checked as well.
        people_missed: known people who are never named rightly.
        wrongly_named: wrong names per video.
        strangers_tagged: share of strangers' faces that are given a name.
    """

    videos: int
    frames: int
    faces: int
    tracks: int
    owners: int
    purity: float
    per_owner: float
    faces_missed: tuple[float, float, float]
    people_missed: tuple[int, int, int]
    wrongly_named: tuple[float, float, float]
    strangers_tagged: tuple[float, float, float]

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def enrol(service: Service, folder: Path, advance: Advance = silent) -> dict[str, list[Path]]:
    """Enrol the first photos of people with enough; return the others', by name.

    Raises:
        DataInvalid: too few people have enough photos.
    """
    by_person: dict[str, list[Path]] = {}
    for name, photo in photos_of_people(folder):
        by_person.setdefault(name, []).append(photo)
    rich = {name: own for name, own in by_person.items() if len(own) >= _LEAST_PHOTOS}
    if len(rich) < KNOWN + STRANGERS + 2:
        raise DataInvalid(
            f"{folder}: {len(rich)} people have {_LEAST_PHOTOS} photos or more; at least"
            f" {KNOWN + STRANGERS + 2} are needed."
        )
    names = sorted(rich)
    known = [name for number, name in enumerate(names) if number % 4]  # a quarter stays strangers
    items = (EnrolItem(n, p.name, p) for n in known for p in sorted(rich[n])[:ENROLLED])
    for _ in service.enrol(items):
        advance(1)
    return {name: sorted(rich[name])[ENROLLED if name in known else 0 :] for name in names}


def compose(
    others: dict[str, list[Path]], known: set[str], rng: np.random.Generator
) -> list[Walker]:
    """Choose who walks where; those farther back come first."""
    ours = rng.choice(sorted(known), KNOWN, replace=False).tolist()
    strangers = rng.choice(sorted(others.keys() - known), STRANGERS, replace=False).tolist()
    walkers = []
    for number, name in enumerate(rng.permutation(ours + strangers).tolist()):
        photos = [_head(path, rng) for path in others[name][:4]]
        y = float(rng.uniform(150, HEIGHT - 150))
        ends = [(-40.0, y), (WIDTH + 40.0, y + float(rng.uniform(-120, 120)))]
        start, end = ends if number % 2 else ends[::-1]
        begin = float(rng.uniform(0, SECONDS * 0.4))
        large, small = rng.uniform(*_LARGE), rng.uniform(*_SMALL)
        sizes = (small, large, small) if rng.integers(2) else (large, small, large)
        last = begin + float(rng.uniform(6, SECONDS - begin))
        walkers.append(Walker(name, name in known, photos, start, end, begin, last, sizes))
    return walkers


def _head(path: Path, rng: np.random.Generator) -> Pixels:
    photo = decode(path, working_px=None, max_pixels=10**8, max_bytes=10**8).pixels
    height, width = photo.shape[:2]
    side = int(min(height, width) * _HEAD)
    top, left = (height - side) // 2, (width - side) // 2
    head = photo[top : top + side, left : left + side]
    worse = rng.uniform()
    if worse < 1 / 6:
        head = np.asarray(cv2.GaussianBlur(head, (0, 0), rng.uniform(1.5, 2.5)), np.uint8)
    elif worse < 1 / 3:
        head = (head * rng.uniform(0.25, 0.5)).astype(np.uint8)
    return np.ascontiguousarray(head)


def draw(walkers: Sequence[Walker], second: float) -> tuple[Pixels, list[tuple[int, Any]]]:
    """One frame (720, 1280, 3), and who is where in it, from the back to the front."""
    down = np.linspace(70, 120, HEIGHT)[:, None] + 12 * np.sin(np.arange(WIDTH) / 40)[None]
    picture = np.repeat(down[..., None], 3, axis=2).astype(np.uint8)
    placed = []
    for number, walker in enumerate(walkers):
        found = walker.at(second)
        if found is None:
            continue
        head, x, y, side = found
        size = max(round(side), 8)
        shrunk = cv2.resize(head, (size, size), interpolation=cv2.INTER_AREA)
        left, top = round(x - size / 2), round(y - size / 2)
        x0, y0 = max(left, 0), max(top, 0)
        x1, y1 = min(left + size, WIDTH), min(top + size, HEIGHT)
        if x1 - x0 < 4 or y1 - y0 < 4:
            continue
        picture[y0:y1, x0:x1] = shrunk[y0 - top : y1 - top, x0 - left : x1 - left]
        placed.append((number, (left, top, size)))
    return picture, placed


def frames(walkers: Sequence[Walker]) -> Iterator[tuple[Frame, list[tuple[int, Any]]]]:
    """The frames that are looked at."""
    camera = CameraMotion()
    for number in range(int(SECONDS * FPS)):
        second = number / FPS
        picture, placed = draw(walkers, second)
        yield Frame(number, second, picture, moved=camera.moved(picture)), placed


def owners(faces: Faces, placed: Sequence[tuple[int, Any]]) -> list[int]:
    """Whose each face is: of who is in front there; -1 of others that their photos show."""
    found = []
    for left, top, width, height in faces.detections.boxes.tolist():
        x, y = left + width / 2, top + height / 2
        own = [
            number
            for number, (x0, y0, size) in placed
            if abs(x - x0 - size / 2) < size / 4 and abs(y - y0 - size / 2) < size / 4
        ]
        found.append(own[-1] if own else -1)
    return found


class Seen(NamedTuple):
    """A face of one frame.

    Attributes:
        owner: row of its walker, or -1.
        track: number of its track, or -1 where that does not count.
        alone: whom this frame alone names, or None.
        usable: whether it can be compared in this frame.
    """

    owner: int
    track: int
    alone: str | None
    usable: bool


@dataclass(slots=True)
class Tally:
    """What is counted over videos; triples are by tracks, one by one, and as events."""

    frames: int = 0
    tracks: int = 0
    owners: int = 0
    pure: int = 0
    faces: int = 0
    known: int = 0
    strangers: int = 0
    missed: tuple[int, int, int] = (0, 0, 0)
    tagged: tuple[int, int, int] = (0, 0, 0)
    people_missed: tuple[int, int, int] = (0, 0, 0)
    wrong: tuple[int, int, int] = (0, 0, 0)

    def count(
        self,
        walkers: Sequence[Walker],
        seen: Sequence[Seen],
        names: Names,
        in_event: Names,
    ) -> None:
        """Add the faces of one video, whose tracks have these names, alone and in an event."""
        on_tracks = [each for each in seen if each.owner >= 0 and each.track in names]
        majority: dict[int, Counter[int]] = {}
        for each in on_tracks:
            majority.setdefault(each.track, Counter())[each.owner] += 1
        self.pure += sum(count.most_common(1)[0][1] for count in majority.values())
        self.faces += len(on_tracks)
        self.tracks += len(majority)
        self.owners += len({each.owner for each in on_tracks})
        usable = [each for each in seen if each.owner >= 0 and each.usable]
        self.known += sum(walkers[each.owner].known for each in usable)
        self.strangers += sum(not walkers[each.owner].known for each in usable)
        ways = [
            _counted([(walkers[each.owner], names.get(each.track)) for each in usable]),
            _counted([(walkers[each.owner], each.alone) for each in usable]),
            _counted([(walkers[each.owner], in_event.get(each.track)) for each in usable]),
        ]
        for field, counts in zip(_COUNTED, zip(*ways, strict=True), strict=True):
            before = getattr(self, field)
            setattr(self, field, tuple(a + b for a, b in zip(before, counts, strict=True)))

    def figures(self, videos: int) -> VideoFigures:
        """What that makes, over so many videos."""
        return VideoFigures(
            videos=videos,
            frames=self.frames,
            faces=self.faces,
            tracks=self.tracks,
            owners=self.owners,
            purity=self.pure / max(self.faces, 1),
            per_owner=self.tracks / max(self.owners, 1),
            faces_missed=_share(self.missed, self.known),
            people_missed=self.people_missed,
            wrongly_named=_share(self.wrong, videos),
            strangers_tagged=_share(self.tagged, self.strangers),
        )


_COUNTED = ("missed", "tagged", "people_missed", "wrong")


def _counted(told: Sequence[tuple[Walker, str | None]]) -> tuple[int, int, int, int]:
    """Of faces and the names they were given: see `_COUNTED`."""
    ours = [(walker, name) for walker, name in told if walker.known]
    right = {walker.name for walker, name in ours if name == walker.name}
    wrong = {(walker.name, name) for walker, name in told if name not in (None, walker.name)}
    return (
        sum(name != walker.name for walker, name in ours),
        sum(name is not None for walker, name in told if not walker.known),
        len({walker.name for walker, _ in ours} - right),
        len(wrong),
    )


def measure(
    service: Service, others: dict[str, list[Path]], videos: int, seed: int, advance: Advance
) -> VideoFigures:
    """Compose videos, follow their faces, and decide tracks and single frames."""
    active_model = service.active_model
    known = {person.name for person in service.catalogue.people(service.collection.id)}
    known &= others.keys()
    rng = np.random.default_rng(seed)
    tally = Tally()
    for _ in range(videos):
        walkers = compose({n: own for n, own in others.items() if own}, known, rng)
        seen, tracks = _followed(tally, service, active_model, walkers)
        named = answers(active_model, service.catalogue, tracks)
        names = {t.number: a.face.person for t, a in zip(tracks, named, strict=True)}
        tally.count(walkers, seen, names, _in_event(service, active_model, tracks))
        advance(1)
    return tally.figures(videos)


def _share(counts: tuple[int, int, int], of: int) -> tuple[float, float, float]:
    tracks, alone, event = counts
    return tracks / max(of, 1), alone / max(of, 1), event / max(of, 1)


def _in_event(service: Service, active_model: ActiveModel, tracks: Sequence[Track]) -> Names:
    """The names that tracks have where they are an event's only video."""
    collection = active_model.collection
    event = service.events.create("composed")
    info = VideoInfo(WIDTH, HEIGHT, SECONDS, 0, None)
    video = new_video(tracks, collection.dimension, "0" * 64, "composed.mp4", info, SECONDS)
    service.catalogue.albums.add(collection.id, event.id, [video], [], collection.fingerprint)
    service.events.settle(event)
    shown = service.events.appearances(service.events.find(event.id))
    service.events.delete(event)
    by_face = {each.appearance.face: each.person for each in shown}
    return {track.number: by_face.get(n) for n, track in enumerate(tracks, 1)}


def _followed(
    tally: Tally, service: Service, active_model: ActiveModel, walkers: Sequence[Walker]
) -> tuple[list[Seen], list[Track]]:
    """Each face of each frame, and the tracks that count."""
    follower = Follower(TrackRule.of(active_model.calibrated.gate()), pictures=False)
    seen: list[Seen] = []
    shown = list(frames(walkers))
    for start in range(0, len(shown), BATCH):
        batch = shown[start : start + BATCH]
        found, looked = active_model.pipeline.look([frame.pixels for frame, _ in batch])
        needed = follower.needed([frame for frame, _ in batch], found)
        for (frame, placed), rows, faces in zip(batch, needed, looked, strict=True):
            tracks = follower.step(frame, faces.detections, rows, faces.take(rows))
            singles = _one_by_one(service, active_model, faces)
            for row, owner in enumerate(owners(faces, placed)):
                usable = faces.quality.reasons[row] is None
                seen.append(Seen(owner, tracks[row].number, singles[row], usable))
        tally.frames += len(batch)
    before = dict(follower.tracks)
    final = kept(list(before.values()), follower.rule)
    track_of = {number: _into(track, final) for number, track in before.items()}
    return [each._replace(track=track_of[each.track]) for each in seen], final


def _into(track: Track, final: Sequence[Track]) -> int:
    """The number of the track that a track became a part of."""
    for other in final:
        if other is track or track.number in other.taken:
            return other.number
    return -1


def _one_by_one(service: Service, active_model: ActiveModel, faces: Faces) -> list[str | None]:
    if not len(faces):
        return []
    calibrated = active_model.calibrated
    hits = calibrated.gallery.search(faces.vectors, CANDIDATES)
    names = service.catalogue.names(found_ids(hits.people))
    decisions = decide(hits, faces.quality.reasons, calibrated.gate())
    return [None if d.person_id is None else names.get(d.person_id) for d in decisions]
