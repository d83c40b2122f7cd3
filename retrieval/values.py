"""The words of Rollcall as values: frozen, slotted, their arrays checked when they are made.

Many faces travel as arrays, one row per face, never as lists of objects. Boxes are `xywh` in
pixels (left, top, width, height); images are upright RGB uint8 (height, width, 3); landmarks are
five (x, y) points: the eye on the left of the picture, the eye on its right, the tip of the nose,
the left and the right corner of the mouth.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePath, PurePosixPath
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from retrieval.errors import InferenceFailed, VectorInvalid

if TYPE_CHECKING:
    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]  # (height, width, 3), RGB
    Floats = npt.NDArray[np.float32]
    Ints = npt.NDArray[np.int64]
    Vectors = npt.NDArray[np.float32]  # (n, d), rows of unit length
else:  # commands that need no arrays then load no numpy, which takes 0.1 s
    Pixels = Floats = Ints = Vectors = Any

Detail = Literal["auto", "normal", "high"]  # how closely photos are looked at for faces


def counted(number: int, one: str, many: str = "") -> str:
    """A number with its noun, for people to read: `1 face`, `2,000 faces`, `2 people`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def check_rows(name: str, array: npt.NDArray[Any], shape: tuple[int | None, ...]) -> None:
    """Check an array's shape; None in `shape` matches any length.

    Raises:
        ValueError: the shape is another one.
    """
    fits = array.ndim == len(shape) and all(
        wanted is None or wanted == found for wanted, found in zip(shape, array.shape, strict=True)
    )
    if not fits:
        wanted = tuple("any" if length is None else length for length in shape)
        raise ValueError(f"{name}: expected shape {wanted}, found {array.shape}")


def check_finite(name: str, array: npt.NDArray[Any]) -> None:
    """Check that an array of geometry holds numbers that can be measured with.

    Raises:
        InferenceFailed: it has NaN or infinities, at which image libraries break off.
    """
    if not np.isfinite(array).all():
        raise InferenceFailed(f"{name} must be finite; found NaN or infinity. Check the detector.")


def check_vectors(vectors: npt.NDArray[Any], dimension: int | None = None) -> Vectors:
    """Return the vectors as (n, d) float32, C-contiguous, after checking them.

    Raises:
        VectorInvalid: not two-dimensional, not of `dimension`, or with NaN or infinities.
    """
    array = np.ascontiguousarray(vectors, dtype=np.float32)
    if array.ndim != 2:
        raise VectorInvalid(f"Vectors must be an (n, d) array; found {array.ndim} axes.")
    if dimension is not None and array.shape[1] != dimension:
        raise VectorInvalid(f"Vectors must have {dimension} numbers; found {array.shape[1]}.")
    if not np.isfinite(array).all():
        raise VectorInvalid("Vectors must be finite; found NaN or infinity. Check the model.")
    return array


def found_ids(ids: Ints) -> list[int]:
    """The ids of a search's answer, each once, without the padding."""
    found: list[int] = np.unique(ids[ids >= 0]).tolist()
    return found


@dataclass(frozen=True, slots=True)
class Url:
    """Where a photo or a folder lies that fsspec reaches, without a password: s3://bucket/ann."""

    text: str

    def __str__(self) -> str:
        return self.text

    def __truediv__(self, name: str) -> Url:
        return Url(f"{self.text.rstrip('/')}/{name}")

    @property
    def protocol(self) -> str:
        """What it is reached by: s3, ftp, ..."""
        return self.text.partition(":")[0].lower()

    @property
    def parent(self) -> Url:
        """The folder that it lies in."""
        return Url(self.text.rstrip("/").rpartition("/")[0])

    @property
    def stem(self) -> str:
        """Its file's name without the ending."""
        return PurePosixPath(self.text).stem


Location = Path | Url


@dataclass(frozen=True, slots=True)
class Confined:
    """A file below a folder that must not be left: no link on the way to it is followed.

    Attributes:
        folder: absolute.
        inside: the file's path from there.
    """

    folder: Path
    inside: PurePath

    def __str__(self) -> str:
        return str(self.folder / self.inside)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a photo comes from.

    Attributes:
        name: what the user calls it.
        content: where it lies, or its bytes.
    """

    name: str
    content: Location | Confined | bytes


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """A decoded photo.

    Attributes:
        name: what the user called it: a path or an upload's file name.
        sha256: hexadecimal digest of the file's bytes: the photo's identity.
        width, height: of the upright original, in pixels.
        pixels: (h, w, 3) RGB uint8, upright; smaller than the original where it was decoded at a
            reduced size.
    """

    name: str
    sha256: str
    width: int
    height: int
    pixels: Pixels

    def __post_init__(self) -> None:
        check_rows("pixels", self.pixels, (None, None, 3))

    @property
    def scale(self) -> float:
        """Original pixels a decoded pixel, 1.0 or more."""
        return self.width / int(self.pixels.shape[1])


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """What a detector found in one image, best score first, in that image's pixels.

    Attributes:
        boxes: (n, 4) float32, xywh; may reach over the image's border.
        landmarks: (n, 5, 2) float32, see the module's docstring for the order.
        scores: (n,) float32 in [0, 1].

    Raises:
        InferenceFailed: a box or a landmark is not finite.
    """

    boxes: Floats
    landmarks: Floats
    scores: Floats

    def __post_init__(self) -> None:
        check_rows("boxes", self.boxes, (len(self.scores), 4))
        check_rows("landmarks", self.landmarks, (len(self.scores), 5, 2))
        check_rows("scores", self.scores, (None,))
        check_finite("Boxes", self.boxes)
        check_finite("Landmarks", self.landmarks)

    def __len__(self) -> int:
        return len(self.scores)

    @classmethod
    def none(cls) -> Detections:
        """No face at all."""
        empty = np.zeros((0, 4), np.float32)
        return cls(empty, np.zeros((0, 5, 2), np.float32), np.zeros(0, np.float32))

    def take(self, rows: npt.NDArray[Any]) -> Detections:
        """Only the given rows (indices or a mask), in their order."""
        return Detections(self.boxes[rows], self.landmarks[rows], self.scores[rows])

    def scaled(self, factor: float) -> Detections:
        """In the pixels of an image `factor` times as large."""
        scale = np.float32(factor)
        return Detections(self.boxes * scale, self.landmarks * scale, self.scores)


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """How an embedder wants a face cut out of a photo.

    Attributes:
        template: (5, 2) float32, where the five landmarks lie in the chip, in pixels.
        chip_px: side of the square chip.
        aspect: pixels of the photo that a chip's pixel is high, by those that it is wide: above 1
            where the network was trained on upright boxes that were stretched to squares.
    """

    template: Floats
    chip_px: int
    aspect: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Quality:
    """How usable each face is.

    Attributes:
        size_px: (n,) float32, the box's shorter side in pixels of the original photo.
        sharpness: (n,) float32, higher is sharper.
        yaw_deg: (n,) float32, absolute angle of the head's turn estimated from landmarks.
        cut_off: (n,) float32 in [0, 1], share of the box outside the photo.
        reasons: n entries, None where the face is usable, else why not ("too small: 18 px, ...").
    """

    size_px: Floats
    sharpness: Floats
    yaw_deg: Floats
    cut_off: Floats
    reasons: tuple[str | None, ...]

    def __len__(self) -> int:
        return len(self.reasons)

    @classmethod
    def none(cls) -> Quality:
        """Of no face at all."""
        empty = np.zeros(0, np.float32)
        return cls(empty, empty, empty, empty, ())

    def take(self, rows: npt.NDArray[np.intp]) -> Quality:
        """Only the given rows, in their order."""
        reasons = tuple(self.reasons[row] for row in rows)
        return Quality(
            self.size_px[rows],
            self.sharpness[rows],
            self.yaw_deg[rows],
            self.cut_off[rows],
            reasons,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """The faces of one photo after all stages, in pixels of the upright original.

    Attributes:
        detections: where they are.
        quality: how usable they are.
        vectors: (n, d) float32, rows of unit length.
    """

    detections: Detections
    quality: Quality
    vectors: Vectors

    def __post_init__(self) -> None:
        check_rows("vectors", self.vectors, (len(self.detections), None))
        if len(self.quality) != len(self.detections):
            raise ValueError("quality and detections differ in length")

    def __len__(self) -> int:
        return len(self.detections)

    def take(self, rows: npt.NDArray[np.intp]) -> Faces:
        """Only the given rows, in their order."""
        return Faces(self.detections.take(rows), self.quality.take(rows), self.vectors[rows])


class Outcome(StrEnum):
    """What an identification says of one face."""

    MATCH = "match"
    AMBIGUOUS = "ambiguous"
    UNKNOWN = "unknown"
    UNUSABLE = "unusable"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person who might be the face's.

    Attributes:
        person_id: the catalogue's id.
        score: fused cosine score.
        face_id: the enrolled face that decided (the nearest).
    """

    person_id: int
    score: float
    face_id: int


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer about one face.

    Attributes:
        outcome: match, ambiguous, unknown or unusable.
        reason: why it is not a plain match, or None.
        person_id: set only when the outcome is a match.
        score: of the best candidate, None where there is none.
        threshold: the score that a match needed, at this face's lead over the second person.
        margin: score minus the second person's score, None where there is no second.
        candidates: the best people, best first.
    """

    outcome: Outcome
    reason: str | None
    person_id: int | None
    score: float | None
    threshold: float
    margin: float | None
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Gate:
    """What a decision asks for: a threshold on the evidence and a margin to the second person.

    Attributes:
        threshold: smallest evidence of a match: fused score plus half the lead over the second
            person, see `retrieval.scoring.rule.evidence`.
        margin: smallest lead over the second person of a match.
        source: where the numbers come from, in words.
        photo_threshold, person_threshold: smallest score of one and the same person when a photo is
            compared with a photo, or with one person; None where only `threshold` is known.
        unlike: cosine below which two photos hardly show one person, where that is known.
    """

    threshold: float
    margin: float
    source: str
    photo_threshold: float | None = None
    person_threshold: float | None = None
    unlike: float | None = None

    @property
    def of_photos(self) -> float:
        """Smallest score of a photo with a photo of the same person."""
        return self.threshold if self.photo_threshold is None else self.photo_threshold

    @property
    def of_person(self) -> float:
        """Smallest score of a photo with the one person whom it may show."""
        return self.threshold if self.person_threshold is None else self.person_threshold
