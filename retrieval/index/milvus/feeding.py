"""An index in Milvus follows the change log, fed by whichever process holds the lease.

The catalogue keeps how far the index is fed. A process that asks and finds it behind
the log takes the lease and feeds; if another has it, it waits until that one has come as far as the
log was when it was asked. Each batch is written before that is moved on, so after a crash the
next feeder writes it again, which changes nothing.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from retrieval.errors import IndexFailed, SnapshotInvalid
from retrieval.index.milvus.leases import Lease, LeaseLost
from retrieval.index.milvus.pair import Pair, key_of
from retrieval.index.milvus.server import CollectionLost, MilvusServer
from retrieval.index.milvus.training import Making
from retrieval.protocols import ChangeFeed, IndexRegistry, SharedIndex, Watermark
from retrieval.values import Ints

logger = logging.getLogger(__name__)

WAIT_S = 30.0  # for another process that feeds
_POLL_S = 0.05
_ROWS = 5_000  # of the log a batch: seconds of work, well within a lease
_CHUNK = 10_000  # faces at a time when everything is read
_ATTEMPTS = 3  # with an index that is lost again and again


class Feeder:
    """Keeps one index of a collection up to its change log.

    Args:
        server: that holds the index.
        feed: the change log.
        registry: how far the indexes are fed, and the leases.
        fingerprint: of the model.
        wait_s: how long another process that feeds is waited for.
    """

    def __init__(
        self,
        server: MilvusServer,
        feed: ChangeFeed,
        registry: IndexRegistry,
        fingerprint: str,
        *,
        wait_s: float = WAIT_S,
    ) -> None:
        self.key = key_of(fingerprint)
        self._server = server
        self._feed = feed
        self._registry = registry
        self._wait_s = wait_s
        self._feeding = self._lease()

    def pair(self, index: SharedIndex) -> Pair:
        """The two collections of an index."""
        return Pair(self._server, index, self._feed.dimension)

    def newest(self) -> SharedIndex | None:
        """The index that may be asked now."""
        return self._registry.newest(self.key)

    def reach(self, head: Watermark) -> SharedIndex:
        """An index that is at least as far as the log was at `head`.

        Raises:
            IndexFailed: another process has fed for too long, or the server failed.
        """
        deadline = time.monotonic() + self._wait_s
        for _ in range(_ATTEMPTS):
            index = self._waited_for(head, deadline)
            if index is not None:
                return index
            try:
                return self._fed()
            except LeaseLost:
                logger.warning("Another process took over feeding Milvus")
            finally:
                self._feeding.give_back()
        raise IndexFailed("The index in Milvus is taken away again and again while it is fed.")

    def verified(self, head: Watermark) -> SharedIndex:
        """As `reach`, made anew if the server holds less or more than was written.

        So a server that lost writes, or was given older files, is noticed where its numbers differ.
        """
        index = self.reach(head)
        if self._holds(index, fresh=False) or not self._feeding.take():
            return index
        try:
            newest = self.newest()  # nobody feeds it now
            if newest is not None and not self._holds(newest, fresh=True):
                logger.warning("Milvus does not hold what was written to it: it is made anew")
                self._registry.forget(newest)
        finally:
            self._feeding.give_back()
        return self.reach(head)

    def _holds(self, index: SharedIndex, *, fresh: bool) -> bool:
        try:
            found = self.pair(index).counted(index, fresh=fresh)
        except CollectionLost:
            return False
        return (index.faces, index.people) == (found.faces, found.people)

    def lost(self, index: SharedIndex) -> None:
        """The server does not have this index: strike it out, unless a newer one is there."""
        newest = self.newest()
        if newest is not None and newest.id == index.id:
            logger.warning("Milvus has lost the index: it is made anew")
            self._registry.forget(index)

    def remake(self, making: Making) -> SharedIndex:
        """Make another index beside the present one, which answers meanwhile; then exchange them.

        Args:
            making: how.

        Raises:
            IndexFailed: another process makes one already.
        """
        lease = self._lease("~")
        if not lease.take():
            raise IndexFailed(
                "Another process is making this index anew. Wait for it, then look at"
                " rollcall index status."
            )
        try:
            made = self._made(lease, making)
            with self._only_feeder(lease):
                return self._exchanged(made, lease)
        except (LeaseLost, CollectionLost, SnapshotInvalid) as error:
            raise IndexFailed(
                f"The index was changed while another was made ({error}); the present one goes on"
                " answering. Try again."
            ) from error
        finally:
            lease.give_back()

    def drop_former(self) -> None:
        """Drop what is left from before a restore.

        That is not done unasked: the catalogue may be a copy, and the index its original's.
        """
        epoch = self._feed.head().epoch
        for index in self._registry.all():
            if index.watermark.epoch != epoch:
                self._drop(index)

    def _lease(self, suffix: str = "") -> Lease:
        """One with a holder of its own: it excludes this process's other threads as well."""
        return Lease(self._registry, self.key + suffix)

    @contextmanager
    def _only_feeder(self, making: Lease) -> Iterator[None]:
        feeding = self._lease()
        deadline = time.monotonic() + self._wait_s
        while not feeding.take():
            making.keep()
            if time.monotonic() > deadline:
                raise IndexFailed("Another process feeds the index without an end. Try again.")
            time.sleep(_POLL_S)
        try:
            yield
        finally:
            feeding.give_back()

    def _waited_for(self, head: Watermark, deadline: float) -> SharedIndex | None:
        """The index once it is far enough; None once the lease is held and it is to be fed."""
        while True:
            index = self.newest()
            if index is not None and reaches(index.watermark, head):
                return index
            if self._feeding.take():
                return None
            if time.monotonic() > deadline:
                at = "is being made" if index is None else f"is at {index.watermark.seq}"
                raise IndexFailed(
                    f"The index in Milvus {at}, the catalogue at {head.seq}: another process has"
                    f" been feeding it for {self._wait_s:.0f} s. Ask again later."
                )
            time.sleep(_POLL_S)

    def _fed(self) -> SharedIndex:
        """Feed the index to the log's end; the lease is held."""
        for _ in range(_ATTEMPTS):
            index = self.newest()
            try:
                if index is None or index.watermark.epoch != self._feed.head().epoch:
                    made = self._made(self._feeding, Making())
                    return self._exchanged(made, self._feeding)
                return self._followed(index, self._feeding)
            except (CollectionLost, SnapshotInvalid) as error:
                logger.warning("The index in Milvus is made anew: %s", error)
                if index is not None:
                    self._registry.forget(index)
        raise IndexFailed("Milvus loses the index again and again while it is made.")

    def _followed(self, index: SharedIndex, lease: Lease) -> SharedIndex:
        pair = self.pair(index)
        while True:
            changes = self._feed.changes(index.watermark, _ROWS)
            if changes.watermark != index.watermark:
                lease.keep()
                pair.apply(changes, self._feed)
                after = pair.counted(replace(index, watermark=changes.watermark))
                index = self._advanced(index, after, lease)
            if changes.complete:
                return index

    def _advanced(self, before: SharedIndex, after: SharedIndex, lease: Lease) -> SharedIndex:
        if not self._registry.advance(before, after, lease.holder):
            raise LeaseLost(before.key)
        return after

    def _made(self, lease: Lease, making: Making) -> SharedIndex:
        """Another index with everything, that nobody asks yet."""
        index = self._registry.begin(lease.key, lease.holder, self._feed.head().epoch)
        if index is None:
            raise LeaseLost(lease.key)
        recipe = None if making.recipe is None else making.recipe.document()
        pair = self.pair(made := replace(index, recipe=recipe))
        pair.create()
        people = np.zeros(0, np.int64)
        for part in self._feed.everything(_CHUNK):
            lease.keep()
            kept = making.keep(part)
            pair.faces.add(kept.added, kept.vectors, kept.people)
            people = np.union1d(people, part.people)
            made = replace(made, watermark=part.watermark)
        if made.watermark.epoch != index.watermark.epoch:
            raise SnapshotInvalid("The catalogue was restored while its index was made.")
        for some in _parts(people):
            lease.keep()
            pair.write_people(some, self._feed, without=making.held)
        made = pair.counted(making.finish(made, pair, lease.keep))
        lease.keep()
        return self._advanced(index, made, lease)

    def _exchanged(self, made: SharedIndex, lease: Lease) -> SharedIndex:
        """Bring a new index to the log's end and let it be asked in place of the older ones."""
        index = self._followed(made, lease)
        lease.keep()
        index = self._advanced(index, replace(index, key=self.key, ready=True), lease)
        epoch, keys = index.watermark.epoch, (self.key, lease.key)
        for other in self._registry.all():
            if other.id < index.id and other.key in keys and other.watermark.epoch == epoch:
                self._drop(other)
        return index

    def _drop(self, index: SharedIndex) -> None:
        self.pair(index).drop()
        self._registry.forget(index)


def reaches(watermark: Watermark, head: Watermark) -> bool:
    """Whether an index at this watermark holds all that the log had at `head`."""
    return watermark.epoch == head.epoch and watermark.seq >= head.seq


def _parts(people: Ints) -> list[Ints]:
    return [people[start : start + _CHUNK] for start in range(0, len(people), _CHUNK)]
