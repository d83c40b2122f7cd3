"""Work on the CPU, off the event loop: bounded, and identify requests share embedding batches."""

import asyncio
import queue
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from retrieval.errors import RollcallError, ServiceBusy

T = TypeVar("T")
Ask = TypeVar("Ask")
Answer = TypeVar("Answer")

# For a request that is to share a batch; others are worked on meanwhile, so no core is idle.
GATHER_S = 0.01


class Desk:
    """Counts the photos that are being worked on or wait, and refuses more at once."""

    def __init__(self, places: int) -> None:
        self.places = places
        self.taken = 0
        self._lock = threading.Lock()

    def take(self, n: int) -> None:
        """Take n places, or raise ServiceBusy; an empty desk takes any request."""
        with self._lock:
            if self.taken and self.taken + n > self.places:
                raise ServiceBusy(
                    f"{self.taken} photos are being worked on or wait, at most {self.places} may."
                    " Try again in a moment."
                )
            self.taken += n

    def give_back(self, n: int) -> None:
        """Give n places back."""
        with self._lock:
            self.taken -= n


class Bodies:
    """Counts the bytes of requests that are read and worked on, before they are read."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()

    @contextmanager
    def admitted(self, whose: str, size: int) -> Iterator[None]:
        """Hold so many bytes for somebody; who holds none is let in while there is room at all.

        Raises:
            ServiceBusy: others hold too many, or this one holds half of all.
        """
        with self._lock:
            everybodys = self._held.total()
            full = everybodys and everybodys + size > self._most
            if full or (self._held[whose] and self._held[whose] + size > self._most // 2):
                raise ServiceBusy(
                    f"Requests of {everybodys:,} bytes are being read and worked on, at most"
                    f" {self._most:,} may, half of them of one key. Try again in a moment."
                )
            self._held[whose] += size
        try:
            yield
        finally:
            with self._lock:
                self._held[whose] -= size
                if not self._held[whose]:
                    del self._held[whose]


class Pool:
    """Runs functions in a few threads; what finds no place at the desk is refused at once."""

    def __init__(self, desk: Desk, threads: int, timeout_s: float) -> None:
        self.desk = desk
        self._timeout_s = timeout_s
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="work")

    def close(self) -> None:
        """End the threads; what waits is dropped."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def run(self, work: Callable[[], T], places: int = 1) -> T:
        """Run a function that needs so many places.

        Raises:
            ServiceBusy: no place is free, or it took too long.
        """
        return await in_time(self._begun(work, places), self._timeout_s)

    async def run_to_the_end(self, work: Callable[[], T]) -> T:
        """Run a function whose answer may not be given up, however long it takes.

        Raises:
            ServiceBusy: no place is free; it was not begun.
        """
        return await self._begun(work, 1)

    def _begun(self, work: Callable[[], T], places: int) -> "asyncio.Future[T]":
        self.desk.take(places)
        done = self._threads.submit(work)
        done.add_done_callback(lambda _: self.desk.give_back(places))
        return asyncio.wrap_future(done)


async def in_time(answer: Awaitable[T], timeout_s: float) -> T:
    """Wait for an answer, but not for ever; ServiceBusy after the time."""
    try:
        return await asyncio.wait_for(answer, timeout_s)
    except TimeoutError:
        raise ServiceBusy(f"There was no answer within {timeout_s:g} s.") from None


@dataclass(slots=True)
class _Waiting(Generic[Ask, Answer]):
    ask: Ask
    places: int
    done: "Future[Answer]" = field(default_factory=Future)


class Batcher(Generic[Ask, Answer]):
    """Answers requests that arrive at about the same time together.

    Args:
        work: answers several requests at once, an answer or an error each, in order.
        desk: where each request takes its places.
        threads: batches that are worked on at a time: with two, one decodes while one embeds.
        largest: places of the largest batch.
        timeout_s: after which a request is given up.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Ask]], Sequence[Answer | RollcallError]],
        desk: Desk,
        *,
        threads: int,
        largest: int,
        timeout_s: float,
    ) -> None:
        self._work = work
        self._desk = desk
        self._largest = largest
        self._timeout_s = timeout_s
        self._queue: queue.SimpleQueue[_Waiting[Ask, Answer] | None] = queue.SimpleQueue()
        self._gathering = threading.Lock()
        self._threads = [
            threading.Thread(target=self._serve, name=f"batch-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Answer what waits, then end the threads."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()

    async def ask(self, ask: Ask, places: int) -> Answer:
        """Have a request answered.

        Raises:
            ServiceBusy: no place is free, or it took too long.
            RollcallError: what the work says of it.
        """
        self._desk.take(places)
        waiting: _Waiting[Ask, Answer] = _Waiting(ask, places)
        waiting.done.add_done_callback(lambda _: self._desk.give_back(places))
        self._queue.put(waiting)
        return await in_time(asyncio.wrap_future(waiting.done), self._timeout_s)

    def _serve(self) -> None:
        while batch := self._gather():
            self._answer([each for each in batch if each.done.set_running_or_notify_cancel()])
            del batch  # the photos of this one are not to be held until the next one comes

    def _gather(self) -> list[_Waiting[Ask, Answer]]:
        """The next batch; empty when the batcher is closed."""
        with self._gathering:
            first = self._queue.get()
            if first is None:
                return []
            batch, places = [first], first.places
            while places < min(self._largest, self._share()):
                try:
                    following = self._queue.get(timeout=GATHER_S)
                except queue.Empty:
                    break
                if following is None:
                    self._queue.put(None)  # this thread's turn to end comes with the next call
                    break
                batch.append(following)
                places += following.places
            return batch

    def _share(self) -> int:
        """A thread's part of the photos that are here, rounded up.

        Were a batch to take all that wait, one thread would come to do nearly everything, and the
        other photos one by one: each batch is answered at once, so its clients ask together again.
        """
        return -(-self._desk.taken // len(self._threads))

    def _answer(self, batch: Sequence[_Waiting[Ask, Answer]]) -> None:
        if not batch:
            return
        try:
            answers = self._work([each.ask for each in batch])
        except Exception as error:  # noqa: BLE001  whoever waits must hear of it, whatever it is
            for each in batch:
                each.done.set_exception(error)
            return
        for each, answer in zip(batch, answers, strict=True):
            if isinstance(answer, RollcallError):
                each.done.set_exception(answer)
            else:
                each.done.set_result(answer)
