"""The collections that the HTTP service answers for: opened when asked for, let go when idle.

To open is not to load: listing, editing and deleting need no network. Models are loaded by the
request that needs them first, or in the background, each collection's under a lock of its own, so
that nobody's question waits for another collection.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from retrieval.errors import NotFound, RollcallError, try_each
from retrieval.service import Service

logger = logging.getLogger(__name__)

OpenService = Callable[[str], Service]

IDLE_S = 600.0  # until the service of a collection that nobody asks about is let go
MOST_IDLE = 8  # that are kept open meanwhile


@dataclass(slots=True)
class _Open:
    service: Service
    loading: threading.Lock = field(default_factory=threading.Lock)
    used_at: float = 0.0
    trouble: RollcallError | None = None  # what kept its models from being loaded


class Services:
    """One service per collection. Safe to share between threads.

    Args:
        open_service: opens the service of a collection; loads nothing.
        idle_s: until one that nobody uses is let go.
    """

    def __init__(self, open_service: OpenService, idle_s: float = IDLE_S) -> None:
        self._open_service = open_service
        self._idle_s = idle_s
        self._lock = threading.Lock()  # held for no longer than it takes to look
        self._services: dict[str, _Open] = {}
        self._loading: list[threading.Thread] = []

    @contextmanager
    def lease(self, name: str, *, create: bool = False) -> Iterator[Service]:
        """Use the service of a collection until the end of the block; loads nothing.

        Args:
            name: of the collection.
            create: make it where it does not exist.

        Raises:
            NotFound: there is no such collection.
        """
        try:
            with self._using(name) as entry:
                service = entry.service
                try:
                    _ = service.ensure_collection() if create else service.collection
                except NotFound:
                    self._retire(name, entry)
                    raise
                if _is_current(service):
                    yield service
                    return
                self._retire(name, entry)
            with self.lease(name, create=create) as service:
                yield service
        finally:
            self._let_idle_go()

    @contextmanager
    def made(self, name: str) -> Iterator[Service]:
        """As `lease`, of a collection that is made where it does not exist.

        One that this makes is gone again at the end of the block if nothing came into it.
        """
        new = False
        try:
            with self.lease(name):
                pass
        except NotFound:
            new = True
        with self.lease(name, create=True) as service:
            try:
                yield service
            finally:
                if new:
                    service.drop_if_empty()

    @contextmanager
    def loaded(self, name: str) -> Iterator[Service]:
        """As `lease`, with models and index loaded.

        Raises:
            NotFound: there is no such collection.
            ModelError: the models are not on this machine, or are others.
        """
        with self.lease(name) as service:
            if not service.is_loaded():
                self._load(name, service)
            yield service

    def load_in_background(self, name: str) -> None:
        """Load a collection's models while others are answered; what fails is kept to be told."""

        def load() -> None:
            try:
                with self.loaded(name):
                    pass
            except NotFound:
                return  # nobody is enrolled yet
            except RollcallError as error:
                logger.warning("The models of %s cannot be loaded: %s", name, error)

        thread = threading.Thread(target=load, name=f"load {name}", daemon=True)
        self._loading.append(thread)
        thread.start()

    def trouble(self, name: str) -> RollcallError | None:
        """What kept a collection's models from being loaded, when it was last tried."""
        with self._lock:
            entry = self._services.get(name)
            return None if entry is None else entry.trouble

    def close(self) -> None:
        """Close them all, when what is being loaded in the background is loaded."""
        for thread in self._loading:
            thread.join()
        with self._lock:
            entries, self._services = list(self._services.values()), {}
        try_each(*(entry.service.close for entry in entries))

    @contextmanager
    def _using(self, name: str) -> Iterator[_Open]:
        with ExitStack() as used:
            entry = self._used(name, used)
            if entry is None:
                made = _Open(self._open_service(name))  # a slow catalogue holds up nobody else
                with self._lock:
                    self._services.setdefault(name, made)
                entry = self._used(name, used)
                if entry is not made:
                    made.service.close()
            assert entry is not None
            try:
                yield entry
            finally:
                entry.used_at = time.monotonic()

    def _used(self, name: str, used: ExitStack) -> _Open | None:
        """The open service, in use from now on, so that nobody closes it."""
        with self._lock:
            entry = self._services.get(name)
            if entry is not None:
                used.enter_context(entry.service.using())
            return entry

    def _load(self, name: str, service: Service) -> None:
        """Load a service's models, once for all who wait for them."""
        with self._lock:
            entry = self._services.get(name)
        if entry is None or entry.service is not service:  # it was retired just now
            service.load()
            return
        with entry.loading:
            try:
                service.load()
            except RollcallError as error:
                entry.trouble = error
                raise
            entry.trouble = None

    def _retire(self, name: str, entry: _Open) -> None:
        with self._lock:
            if self._services.get(name) is not entry:
                return
            del self._services[name]
        entry.service.retire()

    def _let_idle_go(self) -> None:
        """Let go of services that nobody has used for long, and of all but a few others."""
        now = time.monotonic()
        with self._lock:
            idle = [item for item in self._services.items() if not item[1].service.users]
            idle.sort(key=lambda item: -item[1].used_at)
            old = [item for item in idle[:MOST_IDLE] if now - item[1].used_at > self._idle_s]
        for name, entry in (*old, *idle[MOST_IDLE:]):
            self._retire(name, entry)


def _is_current(service: Service) -> bool:
    """Whether the collection is still the one that was opened, not deleted and made again."""
    try:
        return service.catalogue.collection(service.collection.name).id == service.collection.id
    except NotFound:
        return False
