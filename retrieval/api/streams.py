"""Event streams: so many per key and in all, each for a while, and only while its key is good."""

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from retrieval.errors import NotFound, ServiceBusy, TooManyRequests

LOOK_S = 0.5
_OPEN_S = 900.0  # browsers open another
_ASK_S = 2.0  # so often it is asked whether the caller would still be let in
_HEARTBEAT_S = 15.0  # a comment so often keeps proxies from closing a quiet stream
_HEARTBEAT = ": still there\n\n"
_RETRY_S = 10.0
_MOST_HELD = 200  # documents

Document = dict[str, Any]


class Streams:
    """Counts streams, and reads what several of them follow once for all. Safe to share.

    Args:
        most: streams in all.
        most_per_key: of one key.
    """

    def __init__(self, most: int, most_per_key: int) -> None:
        self._most = most
        self._most_per_key = most_per_key
        self._lock = threading.Lock()
        self._open: Counter[str] = Counter()
        self._looks: dict[str, tuple[float, asyncio.Task[Document]]] = {}

    def open(self, whose: str) -> Callable[[], None]:
        """Take a place for a stream; return what gives it back, once however often it is called.

        Raises:
            TooManyRequests: the key has as many as it may.
            ServiceBusy: there are as many as there may be.
        """
        with self._lock:
            if self._open[whose] >= self._most_per_key:
                raise TooManyRequests(
                    f"The key has {self._most_per_key} event streams open, and may have no more.",
                    _RETRY_S,
                )
            if self._open.total() >= self._most:
                raise ServiceBusy(
                    f"{self._most} event streams are open, and no more may be. Ask for the run"
                    " itself now and then, or try again in a moment."
                )
            self._open[whose] += 1
        left = [whose]

        def give_back() -> None:
            with self._lock:
                if left:
                    self._open[left.pop()] -= 1
                    self._open += Counter()  # forgets who has none

        return give_back

    async def look(self, followed: str, read: Callable[[], Document]) -> Document:
        """What `read` answers, or answered for another stream a moment ago."""
        now = time.monotonic()
        at, task = self._looks.get(followed, (0.0, None))
        if task is None or now - at >= LOOK_S or task.cancelled():
            if len(self._looks) >= _MOST_HELD:
                self._looks = {f: each for f, each in self._looks.items() if now - each[0] < LOOK_S}
            task = asyncio.ensure_future(run_in_threadpool(read))
            self._looks[followed] = (now, task)
        return await asyncio.shield(task)


class EventStream(StreamingResponse):
    """A response of server-sent events that gives its place back when it ends, however it ends."""

    def __init__(self, events: AsyncIterator[str], give_back: Callable[[], None]) -> None:
        super().__init__(events, media_type="text/event-stream")
        self._give_back = give_back

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._give_back()


async def changes(
    look: Callable[[], Awaitable[Document]],
    is_done: Callable[[Document], bool],
    is_welcome: Callable[[], bool],
    *,
    seconds: float = _OPEN_S,
) -> AsyncIterator[str]:
    """A document as an event whenever it has changed, until it is done.

    Args:
        look: gives the document as it is; NotFound ends the stream.
        is_done: whether nothing will change any more.
        is_welcome: whether whoever asked would still be let in; asked now and then, and
            before anything new is told.
        seconds: after which the stream ends anyway.
    """
    last: Document | None = None
    quiet = time.monotonic()
    async for _ in _moments(is_welcome, seconds):
        try:
            document = await look()
        except NotFound:
            return
        if document != last:
            if last is not None and not await run_in_threadpool(is_welcome):
                return
            last, quiet = document, time.monotonic()
            yield f"data: {json.dumps(document)}\n\n"
        if is_done(document):
            return
        if time.monotonic() - quiet >= _HEARTBEAT_S:
            quiet = time.monotonic()
            yield _HEARTBEAT


async def arrivals(
    look: Callable[[int], Awaitable[list[tuple[int, Document]]]],
    after: int,
    is_welcome: Callable[[], bool],
    *,
    seconds: float = _OPEN_S,
) -> AsyncIterator[str]:
    """Documents that arrive, an event each with its number; whoever comes back names the last.

    Args:
        look: gives what arrived behind a number, in order; NotFound ends the stream.
        after: the number behind which the stream begins.
        is_welcome: whether whoever asked would still be let in; asked now and then, and
            before anything new is told.
        seconds: after which the stream ends anyway.
    """
    yield _HEARTBEAT  # so that whoever waits knows that it is open
    quiet = time.monotonic()
    async for _ in _moments(is_welcome, seconds):
        try:
            found = await look(after)
        except NotFound:
            return
        if found and not await run_in_threadpool(is_welcome):
            return
        for number, document in found:
            after, quiet = number, time.monotonic()
            yield f"id: {number}\ndata: {json.dumps(document)}\n\n"
        if time.monotonic() - quiet >= _HEARTBEAT_S:
            quiet = time.monotonic()
            yield _HEARTBEAT


async def _moments(is_welcome: Callable[[], bool], seconds: float) -> AsyncIterator[None]:
    """Moments at which to look, until the time is over or whoever asked is no longer let in."""
    began = asked = time.monotonic()
    while time.monotonic() - began < seconds:
        if time.monotonic() - asked >= _ASK_S:
            asked = time.monotonic()
            if not await run_in_threadpool(is_welcome):
                return
        yield
        await asyncio.sleep(LOOK_S)
