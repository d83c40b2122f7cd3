"""How the HTTP service does under load, against the same questions asked in this process.

A closed loop: so many clients on loopback, each with one question at a time, one photo a question.
"""

import asyncio
import itertools
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from retrieval.benchmarks.serving import Running, read_answer, served, upload
from retrieval.collection.enrolments import EnrolItem
from retrieval.errors import DataInvalid
from retrieval.photos.folders import people_below
from retrieval.service import Service
from retrieval.values import Source

Say = Callable[[str], None]

IN_PROCESS_BATCH = 16  # photos a call, as `rollcall identify` asks
WANTED_OF_IN_PROCESS, WANTED_AT = 0.8, 8  # the goal for throughput, and at how many clients
FLAT = 0.02  # memory may grow by this share from a load's middle to its end
_WARM = 0.25  # of a load's time: by then every buffer has been as large as this load makes it


@dataclass(frozen=True, slots=True)
class Memory:
    """Of the service, in MB, during a load: when it had warmed up, in the middle, at the end."""

    warm: float
    middle: float
    end: float

    @property
    def growth(self) -> float:
        """From the middle to the end, as a share."""
        return self.end / self.middle - 1


@dataclass(frozen=True, slots=True)
class Load:
    """What so many clients saw.

    Attributes:
        clients: at a time.
        answered: questions with status 200.
        refused: questions with 503 and Retry-After.
        failed: all others, by status; 0 where the connection broke.
        photos_per_s: answered, a second.
        p50_ms, p95_ms, p99_ms: of the answered.
        memory: of the service; None where the system does not say.
    """

    clients: int
    answered: int
    refused: int
    failed: dict[int, int]
    photos_per_s: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    memory: Memory | None


@dataclass(frozen=True, slots=True)
class ServeTimes:
    """What one run measured.

    Attributes:
        photos: different ones that were asked about.
        people: enrolled.
        in_process_per_s: photos per second of `Service.identify`, mean of before and after.
        loads: by clients.
    """

    photos: int
    people: int
    in_process_per_s: float
    loads: tuple[Load, ...]

    def of_in_process(self, load: Load) -> float:
        """A load's throughput, as a share of what this process does."""
        return load.photos_per_s / self.in_process_per_s

    def verdicts(self) -> Iterator[tuple[bool, str]]:
        """Sentences about what was measured, each with whether it is as it should be."""
        for load in self.loads:
            if load.clients == WANTED_AT:
                share = self.of_in_process(load)
                yield (
                    share >= WANTED_OF_IN_PROCESS,
                    f"{WANTED_AT} clients get {share:.2f} of the photos per second that this"
                    f" process does; at least {WANTED_OF_IN_PROCESS} is wanted",
                )
        failed = sum(sum(load.failed.values()) for load in self.loads)
        refused = sum(load.refused for load in self.loads)
        yield failed == 0, f"{failed} errors; {refused} times 503 with Retry-After"
        grown = [load.memory.growth for load in self.loads if load.memory is not None]
        if grown:
            yield (
                max(grown) <= FLAT,
                f"memory grew by {100 * max(grown):.1f} % at most from a load's middle to its end;"
                f" up to {100 * FLAT:.0f} % is called flat",
            )

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "photos": self.photos,
            "people": self.people,
            "in_process_photos_per_s": round(self.in_process_per_s, 2),
            "loads": [
                {
                    "clients": load.clients,
                    "answered": load.answered,
                    "refused_503": load.refused,
                    "failed": load.failed,
                    "photos_per_s": round(load.photos_per_s, 2),
                    "of_in_process": round(self.of_in_process(load), 3),
                    "p50_ms": round(load.p50_ms, 1),
                    "p95_ms": round(load.p95_ms, 1),
                    "p99_ms": round(load.p99_ms, 1),
                    "memory_mb": None if load.memory is None else asdict(load.memory),
                }
                for load in self.loads
            ],
            "verdicts": [{"holds": holds, "text": text} for holds, text in self.verdicts()],
        }


def run(
    service: Service,
    home: Path,
    folder: Path,
    *,
    clients: Sequence[int] = (1, 8, 32),
    seconds: float = 30.0,
    say: Say = lambda text: None,
) -> ServeTimes:
    """Enrol a folder's people, serve them, and ask about all the photos again and again.

    Args:
        service: over an empty collection in `home`.
        home: its home folder; nobody has made keys there.
        folder: a folder per person.
        clients: one load each.
        seconds: of each load, and of asking in this process.
        say: is told what is measured.

    Raises:
        DataInvalid: the folder has no photos of people.
    """
    found = list(people_below(folder))
    if not found:
        raise DataInvalid(f"{folder} has no photos. Give a folder that holds a folder per person.")
    say(f"enrolling {len(found)} photos")
    for _ in service.enrol(EnrolItem(person, str(path), path) for person, path in found):
        pass
    photos = [Source(path.name, path.read_bytes()) for _, path in found]
    say("asking in this process")
    rates = [_in_process(service, photos, seconds / 2)]
    with served(home, service.collection.name) as running:
        loads = []
        for count in clients:
            say(f"asking over HTTP, {count} at a time")
            loads.append(measure_load(running, photos, count, seconds))
    say("asking in this process again")
    rates.append(_in_process(service, photos, seconds / 2))
    people = service.catalogue.counts(service.collection.id).people
    return ServeTimes(len(photos), people, statistics.mean(rates), tuple(loads))


def _in_process(service: Service, photos: Sequence[Source], seconds: float) -> float:
    asked, turn = 0, itertools.cycle(photos)
    service.identify(photos[:IN_PROCESS_BATCH])
    begun = time.perf_counter()
    while time.perf_counter() - begun < seconds:
        service.identify(list(itertools.islice(turn, IN_PROCESS_BATCH)))
        asked += IN_PROCESS_BATCH
    return asked / (time.perf_counter() - begun)


def measure_load(running: Running, photos: Sequence[Source], clients: int, seconds: float) -> Load:
    """Ask about the photos again and again, by so many clients at a time."""
    requests = [_request(photo) for photo in photos]
    statuses, latencies_s, elapsed_s, memory = asyncio.run(
        _ask_all(running, requests, clients, seconds)
    )
    answered, refused = statuses.pop(200, 0), statuses.pop(503, 0)
    cuts = statistics.quantiles(latencies_s or [0.0, 0.0], n=100, method="inclusive")
    return Load(
        clients=clients,
        answered=answered,
        refused=refused,
        failed=dict(statuses),
        photos_per_s=answered / elapsed_s,
        p50_ms=cuts[49] * 1000,
        p95_ms=cuts[94] * 1000,
        p99_ms=cuts[98] * 1000,
        memory=memory,
    )


async def _ask_all(
    running: Running, requests: Sequence[bytes], clients: int, seconds: float
) -> tuple[Counter[int], list[float], float, Memory | None]:
    statuses: Counter[int] = Counter()
    latencies_s: list[float] = []
    begun = time.perf_counter()

    async def client(number: int) -> None:
        turn = itertools.islice(itertools.cycle(requests), number, None)
        reader, writer = await running.connect()
        while time.perf_counter() - begun < seconds:
            asked = time.perf_counter()
            status, pause_s = await _ask(reader, writer, next(turn))
            statuses[status] += 1
            if status == 200:
                latencies_s.append(time.perf_counter() - asked)
            if status == 0:
                reader, writer = await running.connect()
            await asyncio.sleep(pause_s)
        writer.close()

    watched = asyncio.create_task(_watch(running, seconds))
    await asyncio.gather(*(client(number) for number in range(clients)))
    return statuses, latencies_s, time.perf_counter() - begun, await watched


async def _watch(running: Running, seconds: float) -> Memory | None:
    await asyncio.sleep(_WARM * seconds)
    warm = running.memory_mb()
    await asyncio.sleep((0.5 - _WARM) * seconds)
    middle = running.memory_mb()
    await asyncio.sleep(0.5 * seconds)
    end = running.memory_mb()
    return None if warm is None or middle is None or end is None else Memory(warm, middle, end)


async def _ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
) -> tuple[int, float]:
    """Status, and how long to wait before the next question; a 503 must say."""
    try:
        writer.write(request)
        await writer.drain()
    except OSError:
        return 0, 0.0
    answer = await read_answer(reader)
    if answer.status == 503 and "retry-after" not in answer.headers:
        return 0, 0.0
    return answer.status, float(answer.headers.get("retry-after", 0))


def _request(photo: Source) -> bytes:
    if not isinstance(photo.content, bytes):
        raise TypeError("photos are read before they are sent")
    return upload("/v1/identify", "photos", "p.jpg", photo.content)
