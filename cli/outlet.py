"""What a camera saw, given out in a thread: a receiver or event that is busy holds none up."""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from retrieval.errors import NotFound, QueueError, RollcallError, StoreError

_FIRST_PAUSE_S, _MOST_PAUSE_S = 0.5, 30.0

T = TypeVar("T")


class Outlet(Generic[T]):
    """Delivers one thing after the other; what cannot be delivered now is tried again.

    Args:
        where: it goes, in words.
        deliver: one of them. QueueError and StoreError pass by, and it is called again; NotFound
            ends it; after other errors the next one is delivered.
        tell: is told what goes wrong, once, and what goes again.
        most: that wait; further ones are dropped, and told.

    Attributes:
        gone: why nothing can be delivered any more.
    """

    def __init__(
        self, where: str, deliver: Callable[[T], None], tell: Callable[[str], None], most: int
    ) -> None:
        self.gone: NotFound | None = None
        self._where, self._deliver, self._tell, self._most = where, deliver, tell, most
        self._waiting: deque[T] = deque()
        self._changed = threading.Condition()
        self._until: float | None = None  # when it is given up, by `time.monotonic`
        self._thread = threading.Thread(target=self._work, name=where, daemon=True)
        self._thread.start()

    def put(self, one: T) -> None:
        """Deliver it soon."""
        with self._changed:
            full = len(self._waiting) >= self._most
            if not full:
                self._waiting.append(one)
                self._changed.notify()
        if full:
            self._tell(f"{self._where} does not keep up: one of {self._most + 1} was dropped")

    def close(self, wait_s: float) -> None:
        """Deliver what waits, for so long at most, and say what was not."""
        with self._changed:
            self._until = time.monotonic() + wait_s
            self._changed.notify()
        self._thread.join(wait_s + 1)
        if self._waiting and self.gone is None:
            self._tell(f"not delivered to {self._where}: {len(self._waiting)}")

    def _next(self) -> T | None:
        """The oldest that waits; None when there is none, or no time, any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._until is not None)
            late = self._until is not None and time.monotonic() >= self._until
            return None if late or not self._waiting else self._waiting[0]

    def _work(self) -> None:
        pause = 0.0
        while (one := self._next()) is not None:
            try:
                self._deliver(one)
            except (QueueError, StoreError) as error:
                if not pause:
                    self._tell(f"{error} What is for {self._where} waits meanwhile.")
                pause = min(2 * pause or _FIRST_PAUSE_S, _MOST_PAUSE_S)
                self._rest(pause)
                continue
            except NotFound as error:
                self.gone = error
                return
            except RollcallError as error:
                self._tell(str(error))
            if pause:
                pause = 0.0
                self._tell(f"{self._where}: it goes again")
            with self._changed:
                self._waiting.popleft()

    def _rest(self, pause_s: float) -> None:
        """Wait before the next try: a moment where it is to end soon."""
        with self._changed:
            if self._until is None:
                self._changed.wait_for(lambda: self._until is not None, pause_s)
                return
        time.sleep(_FIRST_PAUSE_S)
