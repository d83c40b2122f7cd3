"""What is left of deletions when rows are gone, done in the background, with a receipt kept.

A large home folder takes minutes to be searched, which is no time for a request.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from retrieval.api.services import Services
from retrieval.catalogue.catalogue import Catalogue
from retrieval.catalogue.records import KeptReceipt
from retrieval.errors import NotFound, RollcallError
from retrieval.people.deletions import Deletion, failed, finish_interrupted
from retrieval.service import Service

logger = logging.getLogger(__name__)

Documents = Mapping[str, dict[str, Any]]  # of receipts, by their id


class Deletions:
    """Does what is left of deletions, one after another. Safe to share.

    Args:
        catalogue: that keeps the receipts.
        home: the folder whose files are searched.
    """

    def __init__(self, catalogue: Catalogue, home: Path) -> None:
        self._receipts = catalogue.receipts
        self._home = home
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="deletion")
        self._lock = threading.Lock()
        self._working: set[str] = set()

    def begin(self, service: Service, delete: Callable[[], Deletion]) -> Deletion:
        """Delete rows now, and have the rest done; the service stays open for it."""
        with ExitStack() as held:
            held.enter_context(service.using())
            deletion = delete()
            self._submit(deletion.begun, deletion.finish, held.pop_all())
        return deletion

    def put_off(self) -> None:
        """Say that this process still works on what it has begun; to be called in time."""
        with self._lock:
            working = sorted(self._working)
        self._receipts.put_off(working)

    def take_over(self, services: Services) -> None:
        """Finish what processes that are gone have begun."""
        for kept in self._receipts.take_over():

            def finish(kept: KeptReceipt = kept) -> Documents:
                try:
                    with services.lease(kept.collection) as service:
                        return {kept.id: finish_interrupted(service, self._home, kept)}
                except NotFound:
                    return {kept.id: finish_interrupted(None, self._home, kept)}

            self._submit({kept.id: kept.document}, finish, ExitStack())

    def close(self) -> None:
        """Finish what is being done; what waits is finished by another process, or at the start."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _submit(self, begun: Documents, finish: Callable[[], Documents], held: ExitStack) -> None:
        with self._lock:
            self._working.update(begun)
        self._threads.submit(self._finish, begun, finish, held)

    def _finish(self, begun: Documents, finish: Callable[[], Documents], held: ExitStack) -> None:
        try:
            with held:
                try:
                    documents = finish()
                except RollcallError as error:
                    documents = {receipt: failed(each, error) for receipt, each in begun.items()}
                self._receipts.finish(documents)
        except Exception:
            # They are taken over when their claim ends, and said to be unproven then.
            logger.exception("The receipts %s could not be finished", ", ".join(begun))
        finally:
            with self._lock:
                self._working.difference_update(begun)
