"""An attack on the HTTP service, beside somebody who asks who is in a good photo all the while."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from retrieval.benchmarks.serving import Running, read_answer, upload

Statuses = Counter[int]

MOST_MB = 1000.0  # of the service's memory at the settings' defaults
SLOWEST_MS = 2000.0
_PATIENCE_S = 120.0


@dataclass(frozen=True, slots=True)
class Attack:
    """One way to ask for trouble.

    Attributes:
        name: in words.
        wanted: statuses that are right; 0 is a connection that is closed without an answer.
        launch: sends it; gives the statuses.
    """

    name: str
    wanted: frozenset[int]
    launch: Callable[[Running], Awaitable[Statuses]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attack.

    Attributes:
        attack: which.
        statuses: how often each was the answer.
        bystander: statuses of the good questions meanwhile.
        slowest_ms: of the good questions' answers.
        memory_mb: of the service afterwards.
        peak_mb: the most that it held meanwhile; None where the system does not say.
    """

    attack: Attack
    statuses: Statuses
    bystander: Statuses
    slowest_ms: float
    memory_mb: float | None
    peak_mb: float | None = None

    @property
    def modest(self) -> bool:
        """Whether the service held less than 1 GB all the time, as far as is known."""
        return self.peak_mb is None or self.peak_mb < MOST_MB

    @property
    def prompt(self) -> bool:
        """Whether the bystander never waited longer than 2 s."""
        return self.slowest_ms <= SLOWEST_MS

    @property
    def held(self) -> bool:
        """Whether the attack got what it should, and the bystander an answer every time."""
        right = self.statuses.keys() <= self.attack.wanted and self.statuses.total() > 0
        return right and self.bystander.keys() == {200}

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "attack": self.attack.name,
            "wanted": sorted(self.attack.wanted),
            "statuses": dict(self.statuses),
            "bystander": dict(self.bystander),
            "bystander_slowest_ms": round(self.slowest_ms, 1),
            "memory_mb": self.memory_mb,
            "peak_memory_mb": self.peak_mb,
            "held": self.held,
            "modest": self.modest,
            "prompt": self.prompt,
        }


async def beside_a_bystander(running: Running, attack: Attack, photo: bytes) -> Outcome:
    """Attack while somebody else asks about a good photo."""
    over = asyncio.Event()
    running.forget_peak()
    asking = asyncio.create_task(_bystander(running, photo, over))
    await asyncio.sleep(0)
    try:
        statuses = await attack.launch(running)
    finally:
        over.set()
    bystander, slowest_s = await asking
    return Outcome(
        attack, statuses, bystander, slowest_s * 1000, running.memory_mb(), running.peak_mb()
    )


async def _bystander(running: Running, photo: bytes, over: asyncio.Event) -> tuple[Statuses, float]:
    statuses, slowest_s = Statuses(), 0.0
    request = upload("/v1/identify", "photos", "good.jpg", photo)
    while True:
        begun = time.perf_counter()
        statuses[await ask(running, request)] += 1
        slowest_s = max(slowest_s, time.perf_counter() - begun)
        with suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), 0.2)
            return statuses, slowest_s


async def ask(running: Running, *pieces: bytes) -> int:
    """The status of a request on a connection of its own."""
    reader, writer = await running.connect()
    try:
        with suppress(OSError):  # it may have been answered before all was sent
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
        async with asyncio.timeout(_PATIENCE_S):
            return (await read_answer(reader)).status
    finally:
        writer.transport.abort()
