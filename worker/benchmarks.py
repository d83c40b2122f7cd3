"""How fast bulk ingestion is: in-process, through the queue, with more workers, and the rivals.

All of it in one run on the same photos, one after the other, so that the ratios can be compared.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from retrieval.building import build_service, open_catalogue
from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.runs.run_records import ListedPhoto, RunCounts
from retrieval.collection.bulk import Bulk
from retrieval.collection.enrolments import EnrolItem
from retrieval.errors import NotFound
from retrieval.settings import Settings
from worker.jobs import RqJobQueue
from worker.process import WorkerPlan
from worker.redis_server import EmbeddedRedis, connect
from worker.supervisor import Supervisor, workers

Progress = Callable[[], None]

_WARM_S = 120.0
_POLL_S = 0.1  # each look costs this process some milliseconds of a core
_SMALL_PX = 32

# Each rival in a process of its own: what it loads and how many threads it takes is its own affair.
_RIVAL_PHOTOS = 20  # of the photos: rivals are slower
_MEMORY_RUNS = 1_000, 20_000  # photos of the runs, one after the other
_RIVALS = {
    "face_recognition": """
import json, sys, time
import face_recognition
def faces(path):
    image = face_recognition.load_image_file(path)
    return face_recognition.face_encodings(image, face_recognition.face_locations(image))
""",
    "deepface": """
import json, sys, time
from deepface import DeepFace
def faces(path):
    return DeepFace.represent(
        path, model_name="Dlib", detector_backend="yunet", enforce_detection=False
    )
""",
}
_MEASURE = """
paths = json.load(sys.stdin)
faces(paths[0])
begun = time.perf_counter()
for path in paths:
    faces(path)
print(json.dumps((time.perf_counter() - begun) / len(paths)))
"""


@dataclass(frozen=True, slots=True)
class IngestTimes:
    """Seconds per photo, medians over the rounds.

    Attributes:
        photos: how many each contender enrolled.
        in_process: one process, one thread, no queue.
        one_worker: one worker process of one thread, through the queue.
        workers: as many as `processes`, through the queue.
        processes: one per core.
        rivals: those that are installed, by name.
    """

    photos: int
    in_process: float
    one_worker: float
    workers: float
    processes: int
    rivals: dict[str, float]

    @property
    def queue_overhead(self) -> float:
        """What the queue costs with one worker, as a share of the time in-process."""
        return self.one_worker / self.in_process - 1

    @property
    def speed_up(self) -> float:
        """How many times as fast all workers are as one."""
        return self.one_worker / self.workers

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "photos": self.photos,
            "seconds_a_photo": {
                "in_process": self.in_process,
                "one_worker": self.one_worker,
                f"{self.processes}_workers": self.workers,
                **self.rivals,
            },
            "queue_overhead": self.queue_overhead,
            "speed_up": self.speed_up,
            "times_as_fast_as": {
                name: seconds / self.workers for name, seconds in self.rivals.items()
            },
        }


@dataclass(frozen=True, slots=True)
class IngestMemory:
    """Resident memory in bytes after so many photos."""

    photos: int
    producer: int
    worker: int

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {"photos": self.photos, "producer": self.producer, "worker": self.worker}


class _Ingest:
    """A catalogue, a queue and workers of their own, warm, to enrol photos into again and again."""

    def __init__(
        self, catalogue: Catalogue, queue: RqJobQueue, supervisor: Supervisor, settings: Settings
    ) -> None:
        self._catalogue = catalogue
        self._bulk = Bulk(catalogue.runs, queue)
        self._collection = settings.collection
        self.supervisor = supervisor

    def enrol(self, paths: Sequence[Path]) -> float:
        """Enrol all photos into an empty gallery; return seconds."""
        _empty(self._catalogue, self._collection)
        begun = time.perf_counter()
        photos = (ListedPhoto(str(path), str(number)) for number, path in enumerate(paths))
        self.run(str(begun), photos)
        return time.perf_counter() - begun

    def run(self, source: str, photos: Iterator[ListedPhoto]) -> RunCounts:
        """Queue photos and wait until they are done."""
        run = self._bulk.begin("enrol", self._collection, source, {})
        for _ in self._bulk.fill(run, photos):
            pass
        for _ in self._bulk.follow(run.id, poll_s=_POLL_S):
            pass
        return self._bulk.runs.counts(run.id)


def measure_times(
    settings: Settings,
    paths: Sequence[Path],
    *,
    rounds: int = 3,
    progress: Progress = lambda: None,
) -> IngestTimes:
    """Enrol the photos in-process, through one worker, through one per core, and with the rivals.

    Args:
        settings: models are looked for under its home; galleries and Redis are temporary.
        paths: photos, whoever they show; different files.
        rounds: of ours; medians are over so many.
        progress: called after each contender's turn.
    """
    processes = len(os.sched_getaffinity(0))
    turns: dict[str, Callable[[Sequence[Path]], float]] = {}
    seconds: dict[str, list[float]] = {"here": [], "one": [], "all": []}
    with ExitStack() as stack:
        turns["here"] = stack.enter_context(_in_process(settings))
        turns["one"] = stack.enter_context(_ingest(settings, 1)).enrol
        turns["all"] = stack.enter_context(_ingest(settings, processes)).enrol
        for enrol in turns.values():
            enrol(paths)  # loads models and files
        for _ in range(rounds):
            for name, enrol in turns.items():
                seconds[name].append(enrol(paths) / len(paths))
                progress()
    rivals = {
        name: _rival(script, paths[:_RIVAL_PHOTOS])
        for name, script in _RIVALS.items()
        if find_spec(name) is not None
    }
    medians = {name: statistics.median(own) for name, own in seconds.items()}
    return IngestTimes(
        len(paths), medians["here"], medians["one"], medians["all"], processes, rivals
    )


def measure_memory(settings: Settings, progress: Progress = lambda: None) -> list[IngestMemory]:
    """Resident memory of the producer (this process) and of a worker after runs of small photos.

    Args:
        settings: as for `measure_times`.
        progress: called after each run.
    """
    with (
        tempfile.TemporaryDirectory(prefix="rollcall-bench-") as folder,
        _ingest(settings, 1) as ingest,
    ):
        figures = []
        for count in _MEMORY_RUNS:
            photos = _small_photos(Path(folder) / str(count), count)
            ingest.run(str(count), photos)
            (pid,) = ingest.supervisor.pids
            figures.append(IngestMemory(count, _resident(os.getpid()), _resident(pid)))
            progress()
        return figures


@contextmanager
def _in_process(settings: Settings) -> Iterator[Callable[[Sequence[Path]], float]]:
    with (
        tempfile.TemporaryDirectory(prefix="rollcall-bench-") as folder,
        build_service(_own(settings, Path(folder))) as service,
    ):
        service.ensure_collection()

        def enrol(paths: Sequence[Path]) -> float:
            _empty(service.catalogue, service.collection_name)
            items = [EnrolItem(str(n), str(path), path) for n, path in enumerate(paths)]
            begun = time.perf_counter()
            for _ in service.enrol(items):
                pass
            return time.perf_counter() - begun

        yield enrol


@contextmanager
def _ingest(settings: Settings, processes: int) -> Iterator[_Ingest]:
    with ExitStack() as stack:
        made = tempfile.TemporaryDirectory(prefix="rollcall-bench-")
        folder = Path(stack.enter_context(made))
        own = _own(settings, folder)
        server = stack.enter_context(EmbeddedRedis(folder))
        catalogue = stack.enter_context(open_catalogue(own))
        queue = RqJobQueue(stack.enter_context(connect(server.url)))
        supervisor = stack.enter_context(
            workers(WorkerPlan(own, server.url, "rollcall"), processes)
        )
        supervisor.wait_until_warm(_WARM_S)
        yield _Ingest(catalogue, queue, supervisor, own)


def _own(settings: Settings, folder: Path) -> Settings:
    """Settings with a catalogue of their own and one thread."""
    url = f"sqlite:///{folder / 'catalogue.db'}"
    return settings.model_copy(update={"catalogue_url": url, "threads": 1})


def _empty(catalogue: Catalogue, name: str) -> None:
    try:
        collection = catalogue.collection(name)
    except NotFound:
        return
    for person in catalogue.people(collection.id):
        catalogue.delete_person(collection.id, person.id)


def _rival(script: str, paths: Sequence[Path]) -> float:
    """Seconds per photo of a rival, in a process of its own, after one photo to warm up."""
    done = subprocess.run(
        [sys.executable, "-c", script + _MEASURE],
        input=json.dumps([str(path) for path in paths]),
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout.strip().splitlines()[-1])


def _small_photos(folder: Path, count: int) -> Iterator[ListedPhoto]:
    """Little squares of noise, written as they are listed."""
    folder.mkdir()
    random = np.random.default_rng(count)
    for number in range(count):
        path = folder / f"{number}.png"
        noise = random.integers(0, 255, (_SMALL_PX, _SMALL_PX, 3), np.uint8)
        Image.fromarray(noise).save(path, compress_level=0)
        yield ListedPhoto(str(path), str(number % 100))


def _resident(pid: int) -> int:
    """Bytes of memory that a process holds now (Linux)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0
