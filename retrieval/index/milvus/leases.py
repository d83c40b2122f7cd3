"""Who may feed an index that several processes share."""

import time
from uuid import uuid4

from retrieval.protocols import IndexRegistry

LEASE_S = 60.0  # after a feeder dies, as long nobody else feeds
_MARGIN_S = 30.0  # left at the least when a write begins: longer than a call may take


class LeaseLost(Exception):
    """Another process may have taken over: stop writing."""


class Lease:
    """The right to feed, or to make anew, one index; one process at a time has it.

    A lease that is about to end is renewed before each write. A process that is stopped within a
    write may still write late; what it writes was right when it was read, answers are scored by
    the catalogue's own vectors, and `check` finds it.
    """

    def __init__(self, registry: IndexRegistry, key: str, seconds: float = LEASE_S) -> None:
        self.holder = uuid4().hex
        self.key = key
        self._registry = registry
        self._seconds = seconds
        self._until = 0.0

    def take(self) -> bool:
        """Take or renew it; False while another process has it."""
        asked = time.monotonic()
        if not self._registry.lease(self.key, self.holder, self._seconds):
            return False
        self._until = asked + self._seconds
        return True

    def keep(self) -> None:
        """Make sure that it lasts for a write.

        Raises:
            LeaseLost: it ended, and another process took it.
        """
        if time.monotonic() > self._until - min(_MARGIN_S, self._seconds / 2) and not self.take():
            raise LeaseLost(self.key)

    def give_back(self) -> None:
        """Let others feed at once."""
        self._until = 0.0
        self._registry.release(self.key, self.holder)
