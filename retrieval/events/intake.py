"""Photos into an event: each once, faces embedded, rejects with their reason."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

import numpy as np

from retrieval.catalogue.events.cameras import sighting_name
from retrieval.catalogue.events.records import Event, NewPhoto, Reject, Seconds
from retrieval.collection.active_model import ActiveModel
from retrieval.collection.photo_faces import PhotoFaces, PhotoFailure
from retrieval.collection.thumbnails import cut
from retrieval.collection.tracks.following import joined
from retrieval.collection.tracks.identifying import Advance, see
from retrieval.collection.tracks.sightings import Sighting
from retrieval.collection.tracks.track import Track
from retrieval.errors import FaceUnusable, InferenceFailed, PhotoError
from retrieval.events.documents import TakenPhoto
from retrieval.events.host import Host
from retrieval.faces.quality import dominant
from retrieval.photos.moments import taken_at, wall_clock
from retrieval.photos.video_info import VideoInfo
from retrieval.photos.videos import is_video, opened
from retrieval.values import Faces, Source

BATCH_PHOTOS = 16  # photos per transaction; bounds the memory of a batch as well


@dataclass(frozen=True, slots=True)
class PhotoTaken:
    """What became of one photo of an event.

    Attributes:
        photo: as asked.
        outcome: added, known (the event has the same photo) or rejected.
        faces: how many it shows, of a photo that was added.
        code, message: why it was rejected (an error's code of `retrieval.errors`); the message of a
            video that was added says why it could not be read to its end.
    """

    photo: str
    outcome: Literal["added", "known", "rejected"]
    faces: int = 0
    code: str | None = None
    message: str | None = None

    def document(self) -> TakenPhoto:
        """As JSON."""
        return {
            "photo": self.photo,
            "outcome": self.outcome,
            "faces": self.faces,
            "reason": self.code,
            "message": self.message,
        }


def take(
    host: Host, event: Event, sources: Iterator[Source], advance: Advance | None = None
) -> Iterator[PhotoTaken]:
    """Add photos; a result is given out when its photo is safely in the catalogue.

    Killed anywhere, the same call goes on: photos that the event has are not decoded again. A video
    is one photo: killed in its midst, it begins anew. `advance` is told how far a video is.
    """
    for batch in _batches(sources):

        def work(active_model: ActiveModel, batch: list[Source] = batch) -> list[PhotoTaken]:
            if is_video(batch[0]):
                return [take_video(host, active_model, event, batch[0], advance)]
            return _take(host, active_model, event, batch)

        yield from host.steadily(work)


def _batches(sources: Iterator[Source]) -> Iterator[list[Source]]:
    """Photos together, each video by itself."""
    batch: list[Source] = []
    for source in sources:
        if is_video(source):
            if batch:
                yield batch
            batch = []
            yield [source]
            continue
        batch.append(source)
        if len(batch) == BATCH_PHOTOS:
            yield batch
            batch = []
    if batch:
        yield batch


def _take(
    host: Host, active_model: ActiveModel, event: Event, batch: Sequence[Source]
) -> list[PhotoTaken]:
    albums = host.catalogue.albums
    read = active_model.pipeline.read(batch)
    hashes = {row: entry[1] for row, entry in enumerate(read) if isinstance(entry, tuple)}
    known = albums.known(event.id, hashes.values())
    results: dict[int, PhotoTaken] = {}
    todo: dict[int, Source] = {}
    waiting: set[str] = set()
    for row, (source, entry) in enumerate(zip(batch, read, strict=True)):
        if isinstance(entry, PhotoFailure):
            results[row] = _rejected(source, entry)
        elif entry[1] in known | waiting:
            results[row] = PhotoTaken(source.name, "known")
        else:
            waiting.add(entry[1])
            todo[row] = entry[0]
    pictures = cut if host.keeping.thumbnails else None
    new: list[NewPhoto] = []
    for row, found in zip(
        todo, active_model.pipeline.process(list(todo.values()), cut=pictures), strict=True
    ):
        if isinstance(found, PhotoFailure):
            results[row] = _rejected(batch[row], found)
            continue
        new.append(_new_photo(batch[row], todo[row], found))
        results[row] = PhotoTaken(batch[row].name, "added", len(found.faces))
        data = todo[row].content
        if event.keep_photos and isinstance(data, bytes):
            host.photos.keep(found.sha256, data)
    rejects = [
        Reject(one.photo, one.code or "", one.message or "", hashes.get(row))
        for row, one in sorted(results.items())
        if one.outcome == "rejected"
    ]
    collection = active_model.collection
    added = albums.add(collection.id, event.id, new, rejects, collection.fingerprint).photos
    for row in todo:
        if results[row].outcome == "added" and hashes[row] not in added:  # another was faster
            results[row] = PhotoTaken(batch[row].name, "known")
    return [results[row] for row in range(len(batch))]


def _new_photo(source: Source, read: Source, found: PhotoFaces) -> NewPhoto:
    data = read.content if isinstance(read.content, bytes) else b""
    location = None if isinstance(source.content, bytes) else str(source.content)
    return NewPhoto(
        sha256=found.sha256,
        photo=source.name,
        location=location,
        width=found.width,
        height=found.height,
        taken_at=taken_at(data),
        faces=found.faces,
        pictures=found.pictures,
    )


def take_video(
    host: Host,
    active_model: ActiveModel,
    event: Event,
    source: Source,
    advance: Advance | None = None,
) -> PhotoTaken:
    """Add a video: an appearance per track."""
    albums, collection = host.catalogue.albums, active_model.collection
    sha256 = None
    try:
        with opened(source, host.video_rules.limits) as video:
            sha256 = video.sha256
            if albums.known(event.id, [sha256]):
                return PhotoTaken(source.name, "known")
            seen = see(
                active_model,
                video,
                host.video_rules,
                pictures=host.keeping.thumbnails,
                advance=advance,
            )
    except (PhotoError, InferenceFailed) as error:
        reject = Reject(source.name, error.code, str(error), sha256)
        albums.add(collection.id, event.id, [], [reject], collection.fingerprint)
        return PhotoTaken(source.name, "rejected", 0, error.code, str(error))
    new = new_video(
        seen.tracks,
        collection.dimension,
        seen.sha256,
        source.name,
        seen.info,
        seen.seconds,
        location=None if isinstance(source.content, bytes) else str(source.content),
        pictures=host.keeping.thumbnails,
        message=seen.remark,
    )
    if not albums.add(collection.id, event.id, [new], [], collection.fingerprint).photos:
        return PhotoTaken(source.name, "known")
    return PhotoTaken(source.name, "added", len(seen.tracks), message=seen.remark)


def new_video(
    tracks: Sequence[Track],
    dimension: int,
    sha256: str,
    name: str,
    info: VideoInfo,
    seconds: float,
    *,
    location: str | None = None,
    pictures: bool = False,
    message: str | None = None,
) -> NewPhoto:
    """A video as an event has it: a photo, with a face per track.

    Args:
        tracks: that count.
        dimension: of the collection's vectors.
        sha256, name, info, location: of its file.
        seconds: how much of it was seen.
        pictures: whether the tracks' pictures are kept.
        message: that it breaks off, or was turned.
    """
    return NewPhoto(
        sha256=sha256,
        photo=name,
        location=location,
        width=info.width,
        height=info.height,
        taken_at=info.taken_at,
        faces=joined(tracks, dimension),
        pictures=[track.best[0].picture for track in tracks] if pictures else (),
        seconds=seconds,
        times=[Seconds(track.first, track.last, track.best[0].second) for track in tracks],
        agreement=[track.agreement for track in tracks],
        message=message,
    )


def take_sighting(host: Host, event: Event, camera: str, sighting: Sighting) -> None:
    """Add a camera's sighting: one appearance, with when it began and how long it was.

    Raises:
        FaceUnusable: the collection changed its model meanwhile, and the new one finds no face in
            the sighting's picture.
    """
    track = sighting.track
    box = track.best[0].faces.detections.boxes[0]
    length = max(sighting.last - sighting.first, 0.0)
    began = wall_clock(sighting.began)
    key = hashlib.sha256(f"{camera} {sighting.began.isoformat()} {sighting.number}".encode())
    best = min(max(track.best[0].second - sighting.first, 0.0), length)

    def work(active_model: ActiveModel) -> None:
        collection = active_model.collection
        picture = track.best[0].picture
        new = NewPhoto(
            sha256=key.hexdigest(),
            photo=sighting_name(camera, began),
            location=None,
            width=int(box[0] + box[2]),
            height=int(box[1] + box[3]),
            taken_at=began,
            faces=_faces_of(active_model, sighting),
            pictures=[picture] if host.keeping.thumbnails and picture else (),
            seconds=length,
            times=[Seconds(0.0, length, best)],
            agreement=[track.agreement],
        )
        host.catalogue.albums.add(collection.id, event.id, [new], [], collection.fingerprint)

    host.steadily(work)


def take_face(
    host: Host, event: Event, source: Source, face: int, moment: datetime, key: str
) -> None:
    """Add one face of a photo, and nothing else of it: whoever stands behind is left out.

    Args:
        host: whose event it is.
        event: which.
        source: the photo; its name is the appearance's.
        face: its number, as answers count.
        moment: when it was taken.
        key: of what is noted; what is noted already, also by another process, is passed over.

    Raises:
        PhotoError: the photo cannot be read.
        NotFound: it has no such face (any more: the collection changed its model meanwhile).
    """

    def work(active_model: ActiveModel) -> None:
        pictures = cut if host.keeping.thumbnails else None
        (found,) = active_model.pipeline.process(
            [source],
            lambda seen: dominant(seen.detections.boxes, name=seen.name, chosen=face),
            cut=pictures,
        )
        if isinstance(found, PhotoFailure):
            raise found.error
        new = replace(
            _new_photo(source, source, found),
            sha256=hashlib.sha256(key.encode()).hexdigest(),
            location=None,
            taken_at=wall_clock(moment),
        )
        collection = active_model.collection
        host.catalogue.albums.add(collection.id, event.id, [new], [], collection.fingerprint)

    host.steadily(work)


def _faces_of(active_model: ActiveModel, sighting: Sighting) -> Faces:
    """The sighting's face with a vector of the collection's model: where it was changed, anew."""
    faces, collection = sighting.track.faces(), active_model.collection
    if sighting.fingerprint == collection.fingerprint:
        return faces
    picture = Source("sighting.jpg", sighting.track.best[0].picture)
    (found,) = active_model.pipeline.process([picture])
    if isinstance(found, PhotoFailure) or not len(found.faces):
        who, at = sighting.person or "Somebody unknown", sighting.began.astimezone()
        raise FaceUnusable(
            f"{who}, seen from {at:%H:%M:%S}, is left out: the collection's"
            " model was changed meanwhile, and the new one finds no face in the picture."
        )
    boxes = found.faces.detections.boxes
    largest = int(np.argmax(boxes[:, 2] * boxes[:, 3]))
    return replace(faces, vectors=found.faces.vectors[largest : largest + 1])


def _rejected(source: Source, failure: PhotoFailure) -> PhotoTaken:
    return PhotoTaken(source.name, "rejected", 0, failure.error.code, str(failure.error))
