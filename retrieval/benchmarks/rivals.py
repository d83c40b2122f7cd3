"""Enrolling the same photos with Rollcall and with `face_recognition`, in one run.

`face_recognition` (the package face-recognition-ng over dlib-bin) is not a dependency: where it is
not installed, only Rollcall is measured and the table says so.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retrieval.building import build_service
from retrieval.collection.enrolments import EnrolItem
from retrieval.collection.photo_faces import PhotoFaces
from retrieval.settings import Settings
from retrieval.values import Source

RIVAL = "face_recognition"
Taken = tuple[float, float]  # seconds by the clock and of CPU time


@dataclass(frozen=True, slots=True)
class Contender:
    """What one system did with the photos.

    Attributes:
        name: of the system.
        faces: found in all photos together.
        seconds: a photo, the median over the rounds; None where it is not installed.
        cpu_seconds: of all threads of this process, likewise; what else runs changes it little.
    """

    name: str
    faces: int
    seconds: float | None
    cpu_seconds: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """All contenders on the same photos."""

    photos: int
    contenders: tuple[Contender, ...]

    def times_as_fast(self, contender: Contender) -> float | None:
        """How many times as fast as the rival a contender is."""
        rival = next(c for c in self.contenders if c.name == RIVAL)
        if rival.seconds is None or contender.seconds is None:
            return None
        return rival.seconds / contender.seconds

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "photos": self.photos,
            "contenders": [
                {
                    "name": contender.name,
                    "faces": contender.faces,
                    "seconds_a_photo": contender.seconds,
                    "cpu_seconds_a_photo": contender.cpu_seconds,
                    "times_as_fast_as_face_recognition": self.times_as_fast(contender),
                }
                for contender in self.contenders
            ],
        }


def run(
    settings: Settings,
    paths: Sequence[Path],
    detectors: Sequence[str],
    embedders: Sequence[str] = (),
    *,
    rounds: int = 3,
    progress: Callable[[], None] = lambda: None,
) -> Comparison:
    """Enrol the photos in turn with detectors and embedders of ours and with the rival.

    Rollcall's time is that of the whole enrolment: hash, decode, detect, align, embed, and the
    transaction that keeps it. The rival's is that of its load_image_file, face_locations (HOG) and
    face_encodings; it stores nothing.

    Args:
        settings: models are looked for under its home; the galleries are temporary.
        paths: photos, whoever they show.
        detectors: names of ours.
        embedders: each with each detector; the one of the settings if none is given.
        rounds: medians are over so many.
        progress: called after each round of each contender.
    """
    with ExitStack() as stack:
        measured = {
            ", ".join(filter(None, ("rollcall", detector, embedder))): stack.enter_context(
                _Rollcall(settings, detector, paths, embedder)
            )
            for detector in detectors
            for embedder in embedders or ("",)
        }
        return _compare(measured, paths, rounds, progress)


def _compare(
    measured: dict[str, "_Rollcall"],
    paths: Sequence[Path],
    rounds: int,
    progress: Callable[[], None],
) -> Comparison:
    rival = _rival()
    taken: dict[str, list[Taken]] = {name: [] for name in (*measured, RIVAL)}
    faces = {name: ours.count() for name, ours in measured.items()}
    for _ in range(rounds):
        for name, ours in measured.items():
            taken[name].append(ours.enrol())
            progress()
        if rival is not None:
            started = _now()
            faces[RIVAL] = sum(rival(path) for path in paths)
            taken[RIVAL].append(_since(started))
            progress()
    return Comparison(
        len(paths),
        tuple(
            Contender(name, faces.get(name, 0), *_medians(own, len(paths)))
            for name, own in taken.items()
        ),
    )


def _medians(rounds: Sequence[Taken], photos: int) -> tuple[float | None, float | None]:
    """Per photo; None where nothing was measured."""
    if not rounds:
        return None, None
    seconds, cpu_seconds = (statistics.median(own) / photos for own in zip(*rounds, strict=True))
    return seconds, cpu_seconds


def _now() -> Taken:
    return time.perf_counter(), time.process_time()


def _since(started: Taken) -> Taken:
    seconds, cpu_seconds = _now()
    return seconds - started[0], cpu_seconds - started[1]


class _Rollcall:
    """Enrols the photos into a new gallery each time, with models that stay loaded."""

    def __init__(
        self, settings: Settings, detector: str, paths: Sequence[Path], embedder: str = ""
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="rollcall-bench-")
        self._paths = paths
        url = f"sqlite:///{Path(self._folder.name) / 'catalogue.db'}"
        values = {**settings.model_dump(), "detector": detector, "catalogue_url": url}
        values |= {"embedder": embedder} if embedder else {}
        self._service = build_service(Settings(**values))
        self._service.ensure_collection()

    def __enter__(self) -> "_Rollcall":
        return self

    def __exit__(self, *_: object) -> None:
        self._service.close()
        self._folder.cleanup()

    def count(self) -> int:
        """Find all faces once, which warms up as well."""
        found = self._service.pipeline.process([Source(str(p), p) for p in self._paths])
        return sum(len(entry.faces) for entry in found if isinstance(entry, PhotoFaces))

    def enrol(self) -> Taken:
        """Enrol all photos into an empty gallery."""
        catalogue, collection = self._service.catalogue, self._service.collection
        for person in catalogue.people(collection.id):
            catalogue.delete_person(collection.id, person.id)
        items = [EnrolItem(str(n), str(path), path) for n, path in enumerate(self._paths)]
        started = _now()  # whoever was enrolled in the round before is gone by now
        for _ in self._service.enrol(items):
            pass
        return _since(started)


def _rival() -> Callable[[Path], int] | None:
    try:
        import face_recognition
    except ImportError:
        return None

    def find(path: Path) -> int:
        image = face_recognition.load_image_file(str(path))
        locations = face_recognition.face_locations(image)
        return len(face_recognition.face_encodings(image, locations))

    return find
