"""Detection on photos whose faces are known: found and invented faces by size, and milliseconds.

A face counts as found where a box has at least half of the common area (intersection over union)
with its own, each box once; a box with less than 0.3 to every face that is known was invented.
YuNet as OpenCV runs it is measured beside ours, and `face_recognition` (HOG) where it is installed.
Photos whose faces nobody listed are measured by what OpenCV's YuNet finds in them.
"""

import csv
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from retrieval.benchmarks import opencv_yunet, plots
from retrieval.boxes import overlaps
from retrieval.building import build_finder
from retrieval.errors import DataInvalid
from retrieval.photos.decode import StoredPhoto
from retrieval.photos.folders import photos_at
from retrieval.settings import Settings
from retrieval.values import Floats

RIVAL = "face_recognition, HOG"
BOXES = "boxes.csv"
DETAILS = ("normal", "auto", "high")
SIZES_PX = (0, 16, 24, 40, 80, 100_000)  # edges of the classes, by a face's shorter side
_FOUND, _INVENTED = 0.5, 0.3

Finds = Callable[[StoredPhoto], Floats]  # boxes (n, 4) in pixels of the upright original


@dataclass(frozen=True, slots=True)
class Detected:
    """What one detector did with the photos.

    Attributes:
        name: of the detector, with its detail.
        found, invented: by class of size; an invented face's size is its box's.
        ms: CPU milliseconds per photo, once it is decoded.
    """

    name: str
    found: tuple[int, ...]
    invented: tuple[int, ...]
    ms: float


@dataclass(frozen=True, slots=True)
class DetectionTimes:
    """All detectors on the same photos; `faces` by class of size."""

    photos: int
    faces: tuple[int, ...]
    detectors: tuple[Detected, ...]
    rival: bool

    def recall(self, detected: Detected) -> list[float | None]:
        """Share of the faces that were found, by class of size; None where there is no face."""
        return [
            found / faces if faces else None
            for found, faces in zip(detected.found, self.faces, strict=True)
        ]

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "photos": self.photos,
            "sizes": sizes(),
            "faces": list(self.faces),
            "detectors": [
                {
                    "name": each.name,
                    "recall": self.recall(each),
                    "found": list(each.found),
                    "invented": list(each.invented),
                    "cpu_ms_per_photo": round(each.ms, 2),
                }
                for each in self.detectors
            ],
            "face_recognition_installed": self.rival,
        }


def sizes() -> list[str]:
    """The classes of size in words."""
    edges = list(pairwise(SIZES_PX))
    return [f"{low}-{high} px" for low, high in edges[:-1]] + [f"{edges[-1][0]}+ px"]


def read_boxes(folder: Path) -> dict[Path, Floats]:
    """The faces of each photo of a folder, (n, 4) xywh, from its boxes.csv.

    Raises:
        DataInvalid: there is no such list, or a row of it cannot be read.
    """
    path = folder / BOXES
    boxes: dict[Path, list[list[float]]] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            for number, row in enumerate(csv.DictReader(file), 2):
                try:
                    sides = [float(row[side]) for side in "xywh"]
                    boxes.setdefault(folder / row["photo"], []).append(sides)
                except (KeyError, TypeError, ValueError) as error:
                    raise DataInvalid(
                        f"{path}, line {number}: expected photo, x, y, w, h; found {dict(row)}."
                    ) from error
    except OSError as error:
        raise DataInvalid(
            f"{path} cannot be read: {error.strerror}. It lists the faces of the photos beside it,"
            " a row per face: photo, x, y, w, h. Without such a list, --like-opencv takes what"
            " YuNet finds as OpenCV runs it."
        ) from error
    if not boxes:
        raise DataInvalid(f"{path} lists no face.")
    return {photo: np.array(found, np.float32) for photo, found in sorted(boxes.items())}


def photos_without_boxes(folder: Path) -> list[Path]:
    """All photos below a folder.

    Raises:
        DataInvalid: there is none.
    """
    found = sorted(photos_at(folder))
    if not found:
        raise DataInvalid(f"{folder} holds no photos.")
    return found


def evenly(photos: Sequence[Path], most: int | None) -> list[Path]:
    """At most so many of the photos, evenly spread."""
    if most is None or most >= len(photos):
        return list(photos)
    return [photos[row] for row in np.linspace(0, len(photos) - 1, most).round().astype(int)]


def run(
    settings: Settings,
    photos: Mapping[Path, Floats | None],
    detectors: Sequence[str],
    *,
    details: Sequence[str] = DETAILS,
    progress: Callable[[], None] = lambda: None,
) -> DetectionTimes:
    """Find the faces of photos with each detector and detail, and with the rivals.

    Args:
        settings: models are looked for under its home.
        photos: with their faces, (n, 4) xywh; None stands for those that YuNet finds as OpenCV
            runs it.
        detectors, details: of ours.
        progress: called after each photo.

    Raises:
        PhotoError: a photo cannot be read.
        ModelError: a network is not there.
    """
    contenders = _contenders(settings, detectors, details)
    opencv: opencv_yunet.OpenCvYuNet | None = None
    truth: list[Floats] = []
    tally = {name: _Tally() for name in contenders}
    for path, faces in photos.items():
        photo = StoredPhoto(path.read_bytes(), path.name, max_pixels=settings.max_pixels)
        photo.at_least(None)
        if faces is None:
            opencv = opencv or opencv_yunet.OpenCvYuNet(settings)
            faces = opencv(photo)
        truth.append(faces)
        for name, find in contenders.items():
            tally[name].add(truth[-1], photo, find)
        progress()
    return DetectionTimes(
        len(truth),
        tuple(_by_size(np.concatenate(truth)).tolist()),
        tuple(each.sum(name, len(truth)) for name, each in tally.items()),
        RIVAL in contenders,
    )


def _contenders(
    settings: Settings, detectors: Sequence[str], details: Sequence[str]
) -> dict[str, Finds]:
    contenders: dict[str, Finds] = {}
    for name in detectors:
        for detail in details:
            values = {**settings.model_dump(), "detail": detail}
            contenders[f"{name}, {detail}"] = _ours(Settings(**values), name)
    if "yunet" in detectors:
        contenders[opencv_yunet.NAME] = opencv_yunet.OpenCvYuNet(settings)
    if (rival := _rival()) is not None:
        contenders[RIVAL] = rival
    return contenders


class _Tally:
    """Counts what one contender finds."""

    def __init__(self) -> None:
        self.found = np.zeros(len(SIZES_PX) - 1, np.int64)
        self.invented = self.found.copy()
        self.seconds = 0.0

    def add(self, faces: Floats, photo: StoredPhoto, find: Finds) -> None:
        """Look for the faces of one photo."""
        begun = time.process_time()
        boxes = find(photo)
        self.seconds += time.process_time() - begun
        overlap = overlaps(faces, boxes)
        best = overlap.argmax(axis=1) if len(boxes) else np.zeros(len(faces), np.int64)
        hit = overlap.max(axis=1, initial=0) >= _FOUND
        first = np.zeros(len(faces), np.bool_)
        first[np.unique(np.where(hit, best, -1), return_index=True)[1]] = True
        self.found += _by_size(faces[hit & first])
        self.invented += _by_size(boxes[overlap.max(axis=0, initial=0) < _INVENTED])

    def sum(self, name: str, photos: int) -> Detected:
        """The counts under a name."""
        found, invented = tuple(self.found.tolist()), tuple(self.invented.tolist())
        return Detected(name, found, invented, 1000 * self.seconds / photos)


def _by_size(boxes: Floats) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    shorter = boxes[:, 2:].min(axis=1) if len(boxes) else np.zeros(0)
    return np.histogram(shorter, SIZES_PX)[0].astype(np.int64)


def _ours(settings: Settings, name: str) -> Finds:
    finder = build_finder(settings, name)
    return lambda photo: finder.find(photo).detections.boxes


def _rival() -> Finds | None:
    try:
        import face_recognition
    except ImportError:
        return None

    def find(photo: StoredPhoto) -> Floats:
        found = face_recognition.face_locations(photo.at_least(None).pixels)
        sides = [(left, top, right - left, low - top) for top, right, low, left in found]
        return np.array(sides, np.float32).reshape(-1, 4)

    return find


def plot(times: DetectionTimes) -> Mapping[str, bytes]:
    """Recall by size and cost, as PNG on light and on dark paper."""
    figure, (ax, cost) = plots.canvas(9.6, 4.2, columns=2)
    there = [row for row, faces in enumerate(times.faces) if faces]
    names = [sizes()[row] for row in there]
    for each in times.detectors:
        recall = times.recall(each)
        ax.plot(names, [100 * (recall[row] or 0) for row in there], marker="o", label=each.name)
        cost.bar_label(cost.barh(each.name, each.ms), fmt="%.3g", padding=3)
    plots.label(ax, title="Faces found", x="shorter side of a face", y="%", legend=True)
    ax.set_ylim(0, 101)
    cost.set_xlim(0, 1.15 * max(each.ms for each in times.detectors))  # room for the numbers
    cost.invert_yaxis()
    plots.label(cost, title="CPU time", x="ms per photo")
    return {"light": plots.png(figure), "dark": plots.png(figure, dark=True)}
