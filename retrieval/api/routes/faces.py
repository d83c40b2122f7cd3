"""/v1/faces: the faces of a photo without names, and their vectors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import Request

from retrieval.api.asked_photos import asked_photos, body
from retrieval.api.auditing import entry_of
from retrieval.api.context import Context
from retrieval.api.problems import without_commands
from retrieval.api.routes.questions import DetailOfPhotos
from retrieval.api.routing import OPERATOR, VIEWER, By, InContext, InLoadedGallery, Once, router
from retrieval.collection.photo_faces import FoundFaces, PhotoFaces, PhotoFailure
from retrieval.service import Service
from retrieval.values import Detections, Faces, Quality, Source

routes = router("faces")
BODY = body(several=True)

Looked = TypeVar("Looked", FoundFaces, PhotoFaces)


@dataclass(frozen=True, slots=True)
class FoundFace:
    """A face of a photo.

    Attributes:
        face: its number: rows from top to bottom, in a row from left to right.
        box: left, top, width, height in pixels of the photo as it lies.
        landmarks: the eye on the left of the picture, the eye on its right, the tip of the nose,
            the left and the right corner of the mouth, x and y each.
        detection_score: of the detector, in [0, 1].
        size_px, sharpness, yaw_deg, cut_off: its quality.
        unusable: why it cannot be named, or null.
        vector: of the collection's model, of unit length; null where none was asked for.
    """

    face: int
    box: tuple[float, float, float, float]
    landmarks: list[tuple[float, float]]
    detection_score: float
    size_px: float
    sharpness: float
    yaw_deg: float
    cut_off: float
    unusable: str | None
    vector: list[float] | None = None


@dataclass(frozen=True, slots=True)
class PhotoOfFaces:
    """The faces of one photo; `error` in their place where it could not be read.

    Attributes:
        photo: what it is called.
        width, height: in pixels.
        turned: degrees clockwise by which it must be turned to stand upright.
        faces: in the order in which they are counted.
        error: why it could not be read, or null.
    """

    photo: str
    width: int | None = None
    height: int | None = None
    turned: int | None = None
    faces: list[FoundFace] | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class DetectedFaces:
    """The faces of photos."""

    photos: list[PhotoOfFaces]


@dataclass(frozen=True, slots=True)
class EmbeddedFaces:
    """The faces of photos with their vectors, and the model that made them.

    Vectors of two fingerprints cannot be compared.
    """

    photos: list[PhotoOfFaces]
    model: str
    fingerprint: str
    dimension: int


@routes.post(
    "/faces/detect",
    response_model=DetectedFaces,
    openapi_extra={**VIEWER, **BODY},
    dependencies=[Once],
)
async def detect_faces(
    context: InContext,
    caller: By,
    service: InLoadedGallery,
    request: Request,
    detail: DetailOfPhotos = None,
) -> Any:
    """Find the faces of photos, and say whether they are good enough to be named."""
    sources, _ = await asked_photos(request, context.settings)

    def work() -> DetectedFaces:
        found = service.pipeline.find(sources, detail)
        photos = _photos(sources, found, lambda entry: _faces(entry.detections, entry.quality))
        _note(context, caller, service, "detect", photos)
        return DetectedFaces(photos)

    return await context.pool.run(work, len(sources))


@routes.post(
    "/faces/embed",
    response_model=EmbeddedFaces,
    openapi_extra={**OPERATOR, **BODY},
    dependencies=[Once],
)
async def embed_faces(
    context: InContext,
    caller: By,
    service: InLoadedGallery,
    request: Request,
    detail: DetailOfPhotos = None,
) -> Any:
    """Find the faces of photos, and say what the collection's model makes of each.

    Vectors are biometric data: keep them as carefully as photos.
    """
    sources, _ = await asked_photos(request, context.settings)

    def work() -> EmbeddedFaces:
        found, collection = service.embed_faces(sources, detail)
        photos = _photos(sources, found, lambda entry: _embedded(entry.faces))
        _note(context, caller, service, "embed", photos)
        return EmbeddedFaces(
            photos, collection.embedder, collection.fingerprint, collection.dimension
        )

    return await context.pool.run(work, len(sources))


def _faces(
    found: Detections, quality: Quality, vectors: list[list[float]] | None = None
) -> list[FoundFace]:
    return [
        FoundFace(
            face=row + 1,
            box=tuple(round(side, 1) for side in found.boxes[row].tolist()),
            landmarks=[(round(x, 1), round(y, 1)) for x, y in found.landmarks[row].tolist()],
            detection_score=round(float(found.scores[row]), 4),
            size_px=round(float(quality.size_px[row]), 1),
            sharpness=round(float(quality.sharpness[row]), 2),
            yaw_deg=round(float(quality.yaw_deg[row]), 1),
            cut_off=round(float(quality.cut_off[row]), 3),
            unusable=quality.reasons[row],
            vector=None if vectors is None else vectors[row],
        )
        for row in range(len(found))
    ]


def _embedded(faces: Faces) -> list[FoundFace]:
    return _faces(faces.detections, faces.quality, faces.vectors.tolist())


def _photos(
    sources: Sequence[Source],
    found: Sequence[Looked | PhotoFailure],
    faces: Callable[[Looked], list[FoundFace]],
) -> list[PhotoOfFaces]:
    """What was found in each photo; raises the first one's error where none could be read."""
    failures = [entry for entry in found if isinstance(entry, PhotoFailure)]
    if len(failures) == len(found):
        raise failures[0].error
    return [
        PhotoOfFaces(source.name, error=without_commands(str(entry.error)))
        if isinstance(entry, PhotoFailure)
        else PhotoOfFaces(source.name, entry.width, entry.height, entry.turned, faces(entry))
        for source, entry in zip(sources, found, strict=True)
    ]


def _note(
    context: Context, caller: By, service: Service, action: str, photos: list[PhotoOfFaces]
) -> None:
    """Write down that somebody asked, and how many faces there were; never what they are."""
    told = {"photos": len(photos), "faces": sum(len(each.faces or ()) for each in photos)}
    entry = entry_of(caller, action, service.collection.name, answer=told)
    context.catalogue.audit.record([entry])
