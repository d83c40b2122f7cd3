"""How the HTTP service does under load, against the same questions asked in this process.

A closed loop: so many clients on loopback, each with one question at a time, one photo a question.
"""

import asyncio
import itertools
import os
import socket
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retrieval.answers import EnrolItem
from retrieval.errors import DataInvalid, ServiceBusy
from retrieval.photos.folders import people_below
from retrieval.service import Service
from retrieval.values import Source

Say = Callable[[str], None]

IN_PROCESS_BATCH = 16  # photos a call, as `rollcall identify` asks
_START_S = 60.0
_BOUNDARY = "rollcall-bench"


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
        memory_mb: of the service at the end; None where the system does not say.
    """

    clients: int
    answered: int
    refused: int
    failed: dict[int, int]
    photos_per_s: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    memory_mb: float | None


@dataclass(frozen=True, slots=True)
class ServeTimes:
    """What one run measured.

    Attributes:
        photos: different ones that were asked about.
        people: enrolled.
        in_process_per_s: photos a second of `Service.identify`, mean of before and after.
        loads: by clients.
    """

    photos: int
    people: int
    in_process_per_s: float
    loads: tuple[Load, ...]

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
                    "of_in_process": round(load.photos_per_s / self.in_process_per_s, 3),
                    "p50_ms": round(load.p50_ms, 1),
                    "p95_ms": round(load.p95_ms, 1),
                    "p99_ms": round(load.p99_ms, 1),
                    "memory_mb": load.memory_mb,
                }
                for load in self.loads
            ],
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
        folder: a folder a person.
        clients: one load each.
        seconds: of each load, and of asking in this process.
        say: is told what is measured.

    Raises:
        DataInvalid: the folder has no photos of people.
    """
    found = list(people_below(folder))
    if not found:
        raise DataInvalid(f"{folder} has no photos. Give a folder that holds a folder a person.")
    say(f"enrolling {len(found)} photos")
    for _ in service.enrol(EnrolItem(person, str(path), path) for person, path in found):
        pass
    photos = [Source(path.name, path.read_bytes()) for _, path in found]
    say("asking in this process")
    rates = [_in_process(service, photos, seconds / 2)]
    with _served(home, service.collection.name) as (process, port):
        loads = []
        for count in clients:
            say(f"asking over HTTP, {count} at a time")
            loads.append(_load(port, process.pid, photos, count, seconds))
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


@contextmanager
def _served(home: Path, collection: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """`rollcall serve` in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    options = ["--home", str(home), "--collection", collection, "--quiet"]
    command = [sys.executable, "-m", "cli", "serve", "--port", str(port), *options]
    process = subprocess.Popen(command, env={**os.environ})
    try:
        _wait(port, process)
        yield process, port
    finally:
        process.terminate()
        process.wait(_START_S)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise ServiceBusy("`rollcall serve` did not start. Start it by hand to see why.")


def _load(port: int, pid: int, photos: Sequence[Source], clients: int, seconds: float) -> Load:
    requests = [_request(photo) for photo in photos]
    statuses, latencies_s, elapsed_s = asyncio.run(_ask_all(port, requests, clients, seconds))
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
        memory_mb=_memory_mb(pid),
    )


async def _ask_all(
    port: int, requests: Sequence[bytes], clients: int, seconds: float
) -> tuple[Counter[int], list[float], float]:
    statuses: Counter[int] = Counter()
    latencies_s: list[float] = []
    begun = time.perf_counter()

    async def client(number: int) -> None:
        turn = itertools.islice(itertools.cycle(requests), number, None)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() - begun < seconds:
            asked = time.perf_counter()
            status, pause_s = await _ask(reader, writer, next(turn))
            statuses[status] += 1
            if status == 200:
                latencies_s.append(time.perf_counter() - asked)
            if status == 0:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.sleep(pause_s)
        writer.close()

    await asyncio.gather(*(client(number) for number in range(clients)))
    return statuses, latencies_s, time.perf_counter() - begun


async def _ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
) -> tuple[int, float]:
    """Status, and how long to wait before the next question; a 503 must say."""
    try:
        writer.write(request)
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
        headers = dict(line.split(": ", 1) for line in head[1:] if ": " in line)
        await reader.readexactly(int(headers["content-length"]))
    except (OSError, EOFError, KeyError):
        return 0, 0.0
    status = int(head[0].split()[1])
    if status == 503 and "retry-after" not in headers:
        return 0, 0.0
    return status, float(headers.get("retry-after", 0))


def _request(photo: Source) -> bytes:
    """A whole POST /v1/identify; the connection is kept."""
    if not isinstance(photo.content, bytes):
        raise TypeError("photos are read before they are sent")
    part = (
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="photos"; filename="p.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    ).encode()
    body = part + photo.content + f"\r\n--{_BOUNDARY}--\r\n".encode()
    head = (
        "POST /v1/identify HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Content-Type: multipart/form-data; boundary={_BOUNDARY}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _memory_mb(pid: int) -> float | None:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return None
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)
