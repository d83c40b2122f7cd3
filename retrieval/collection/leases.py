"""Things that are replaced while somebody uses them: closed when the last of those users has gone.

Whoever begins later uses what came in their place, so a thing that was retired is never used
longer than the uses that had begun by then.
"""

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from retrieval.errors import try_each

Close = Callable[[], None]


class Leases:
    """Who uses something, and what waits for them to end. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._users: set[int] = set()
        self._retired: list[tuple[set[int], Close]] = []

    @property
    def users(self) -> int:
        """How many uses there are."""
        return len(self._users)

    @contextmanager
    def use(self) -> Iterator[None]:
        """Use what there is now, until the end of the block."""
        with self._lock:
            number = next(self._numbers)
            self._users.add(number)
        try:
            yield
        finally:
            self._end(number)

    def retire(self, close: Close) -> None:
        """Close something when all uses that have begun are over; at once if there are none."""
        with self._lock:
            if self._users:
                self._retired.append((set(self._users), close))
                return
        close()

    def close(self) -> None:
        """Close all that waits, whoever uses it."""
        with self._lock:
            waiting, self._retired = [close for _, close in self._retired], []
        try_each(*waiting)

    def _end(self, number: int) -> None:
        with self._lock:
            self._users.discard(number)
            for users, _ in self._retired:
                users.discard(number)
            free = [close for users, close in self._retired if not users]
            self._retired = [entry for entry in self._retired if entry[0]]
        try_each(*free)
