"""The HTTP service under everything at once: clients ask and edit, models change, nobody may err.

Each client has people of its own and does one thing after another, so that it knows at every moment
who is enrolled and under which name: what the service answers is right or wrong by construction.
"""

import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retrieval.benchmarks.mixed_client import Client, Seen
from retrieval.benchmarks.serving import Running, served
from retrieval.errors import DataInvalid
from retrieval.photos.folders import people_below
from retrieval.settings import Settings

Say = Callable[[str], None]

CLIENTS = 8
COLLECTIONS = ("first", "second")
PHOTOS = 3  # a person
FLAT = 0.1  # memory may grow by this share from the first minute to the last
_MINUTE_S = 60.0


@dataclass(frozen=True, slots=True)
class Soak:
    """What a run saw.

    Attributes:
        seconds: that clients worked.
        seen: by all clients.
        swapped: how the change of model ended, in words.
        first_mb, last_mb: medians of the memory that the service's own process holds in the first
            and the last minute, or quarter; None where the system does not say. Clients keep as
            many people enrolled as there were, so the catalogue does not grow.
        minutes_mb: the median of each minute, the last one perhaps shorter.
    """

    seconds: float
    seen: Seen
    swapped: str
    first_mb: float | None
    last_mb: float | None
    minutes_mb: tuple[float, ...] = ()

    def verdicts(self) -> Iterator[tuple[bool, str]]:
        """Sentences about what was seen, each with whether it is as it should be."""
        seen = self.seen
        yield seen.errors == 0, f"{seen.errors} answers of 5xx or broken connections"
        yield not seen.wrong, f"{len(seen.wrong)} wrong people among {seen.named} rightly named"
        yield self.swapped == "switched", f"change of model: {self.swapped}"
        if self.first_mb is not None and self.last_mb is not None:
            grown = self.last_mb / self.first_mb - 1
            yield (
                grown <= FLAT,
                f"memory went from {self.first_mb:.0f} to {self.last_mb:.0f} MB,"
                f" {100 * grown:+.1f} %; up to {100 * FLAT:.0f} % is called flat",
            )

    def document(self) -> dict[str, Any]:
        """As JSON."""
        seen = self.seen
        return {
            "seconds": round(self.seconds, 1),
            "clients": CLIENTS,
            "answers": {kind: dict(found) for kind, found in sorted(seen.statuses.items())},
            "errors": seen.errors,
            "faults": seen.faults[:20],
            "named": seen.named,
            "missed": seen.missed,
            "wrong": seen.wrong,
            "strangers_named": seen.strangers,
            "model": self.swapped,
            "memory_mb": {
                "first": self.first_mb,
                "last": self.last_mb,
                "minutes": self.minutes_mb,
            },
            "verdicts": [{"holds": holds, "text": text} for holds, text in self.verdicts()],
        }


def run(
    settings: Settings,
    folder: Path,
    *,
    other: str,
    seconds: float = 300.0,
    say: Say = lambda text: None,
) -> Soak:
    """Serve two collections, and let clients ask and edit while one of them changes its model.

    Args:
        settings: of an empty home folder where nobody has made keys.
        folder: a folder per person; at least two people for each client are wanted.
        other: the embedder that the first collection goes over to.
        seconds: that clients work.
        say: is told what happens.

    Raises:
        DataInvalid: the folder has too few people.
    """
    people = _people(folder)
    with served(settings.home, COLLECTIONS[0], ROLLCALL_KEEP_PHOTOS="true") as running:
        clients = [
            Client(running.port, COLLECTIONS[each % len(COLLECTIONS)], each, people[each::CLIENTS])
            for each in range(CLIENTS)
        ]
        say(f"enrolling {len(people)} people in {len(COLLECTIONS)} collections over HTTP")
        for client in clients:
            client.enrol_all()
        for client in clients:
            client.warm_up()
        say(f"{CLIENTS} clients for {seconds:.0f} s")
        return _soak(running, clients, settings.home, other, seconds)


def _soak(
    running: Running,
    clients: Sequence[Client],
    home: Path,
    other: str,
    seconds: float,
) -> Soak:
    begun = time.monotonic()
    threads = [threading.Thread(target=client.work, args=(begun + seconds,)) for client in clients]
    for thread in threads:
        thread.start()
    memory: list[float] = []
    enough = threading.Event()
    watcher = threading.Thread(target=_watch, args=(running, memory, enough))
    watcher.start()
    try:
        enough.wait(seconds / 3)
        swapped = _swapped(home, other)
    finally:
        for thread in threads:
            thread.join()
        enough.set()
        watcher.join()
    seen = Seen()
    for client in clients:
        seen.add(client.seen)
    window = max(1, round(len(memory) * min(0.25, _MINUTE_S / seconds)))
    first = statistics.median(memory[:window]) if memory else None
    last = statistics.median(memory[-window:]) if memory else None
    took = time.monotonic() - begun
    return Soak(took, seen, swapped, first, last, per_minute(memory, took))


def per_minute(samples: Sequence[float], seconds: float) -> tuple[float, ...]:
    """The median of each minute of samples that were taken evenly over so many seconds."""
    each = max(1, round(len(samples) * min(1.0, _MINUTE_S / seconds)))
    starts = range(0, len(samples), each)
    return tuple(statistics.median(samples[start : start + each]) for start in starts)


def _watch(running: Running, memory: list[float], enough: threading.Event) -> None:
    while not enough.wait(1.0):
        held = running.memory_mb()
        if held is not None:
            memory.append(held)


def _swapped(home: Path, name: str) -> str:
    """Change the first collection's model from another process; how that ended."""
    rollcall = [sys.executable, "-m", "cli", "models", "swap"]
    where = ["--home", str(home), "--collection", COLLECTIONS[0]]
    for step in (
        ["begin", name, "--yes"],
        ["switch", "--without-missing"],
    ):
        done = subprocess.run([*rollcall, *step, *where], capture_output=True, text=True)
        if done.returncode not in (0, 1):  # 1: some photos could not be embedded
            return f"{step[0]} ended with {done.returncode}: {done.stderr.strip()[-400:]}"
    return "switched"


def _people(folder: Path) -> list[list[tuple[str, bytes]]]:
    """Each person's first photos, as (name, content)."""
    found: dict[str, list[tuple[str, bytes]]] = {}
    for person, path in people_below(folder):
        photos = found.setdefault(person, [])
        if isinstance(path, Path) and len(photos) < PHOTOS:
            photos.append((f"{len(found)}-{path.name}", path.read_bytes()))
    if len(found) < 2 * CLIENTS:
        raise DataInvalid(
            f"{folder} has photos of {len(found)} people; {CLIENTS} clients need two each."
        )
    return list(found.values())
