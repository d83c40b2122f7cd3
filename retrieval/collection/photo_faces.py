"""The faces of a photo on the way from photo to vectors, or why there are none."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from retrieval.errors import InferenceFailed, InputError
from retrieval.protocols import PhotoSizes
from retrieval.values import (
    Detections,
    Faces,
    Floats,
    Pixels,
    Quality,
    Source,
)

if TYPE_CHECKING:
    from retrieval.faces.given import Box

Cut = Callable[[Pixels, Floats], tuple[bytes, ...]]  # of an image and boxes: a picture a face
Choose = Callable[["FoundFaces"], int]  # which face of a photo is meant; raises an InputError
Fault = InputError | InferenceFailed  # what one photo can have: it never stops the others


@dataclass(frozen=True, slots=True)
class InBox:
    """The face in a box that somebody gave, instead of those that a detector finds.

    Attributes:
        box: xywh in pixels of the upright original.
        choose: asked whether that face will do.
    """

    box: "Box"
    choose: Choose


Choice = Choose | InBox


@dataclass(frozen=True, slots=True, eq=False)
class FoundFaces:
    """A photo's faces before they are embedded, in pixels of the upright original.

    Attributes:
        name, sha256, width, height: of the photo.
        detections, quality: one row per face, in the order in which faces are counted.
        chips: (n, ...) uint8, cut as the embedder wants them.
        pictures: JPEG files to show, one per face, or none at all.
        turned: degrees clockwise by which the photo must be turned to stand upright.
    """

    name: str
    sha256: str
    width: int
    height: int
    detections: Detections
    quality: Quality
    chips: Pixels
    pictures: tuple[bytes, ...] = ()
    turned: int = 0

    def only(self, row: int) -> "FoundFaces":
        """With one of the faces."""
        rows = np.array([row], np.intp)
        kept = self.detections.take(rows), self.quality.take(rows), self.chips[rows]
        return replace(self, detections=kept[0], quality=kept[1], chips=kept[2])

    def pictured(self, photo: PhotoSizes, cut: Cut | None) -> "FoundFaces":
        """With a picture of each, if there is what cuts them, from the photo as it was decoded."""
        if cut is None:
            return self
        decoded = photo.at_least(1)
        boxes = self.detections.boxes / np.float32(decoded.scale)
        return replace(self, pictures=cut(decoded.pixels, boxes))


@dataclass(frozen=True, slots=True, eq=False)
class PhotoFaces:
    """A photo and its embedded faces, in the order in which faces are counted.

    `pictures` shows each, where that was asked for; `turned` says by how many degrees clockwise the
    photo must be turned to stand upright.
    """

    source: Source
    sha256: str
    width: int
    height: int
    faces: Faces
    pictures: tuple[bytes, ...] = ()
    turned: int = 0


@dataclass(frozen=True, slots=True)
class PhotoFailure:
    """A photo that could not be taken, and why.

    Attributes:
        source, error: which, and what is wrong with it.
        unclear: its faces, where it has several and none is plainly meant.
    """

    source: Source
    error: Fault
    unclear: FoundFaces | None = None
