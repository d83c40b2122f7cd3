"""An index in Milvus follows the change log, fed by whichever process holds the lease.

The catalogue keeps how far the index is (its place). A process that asks and finds the place behind
the log takes the lease and feeds; if another has it, it waits until that one has come as far as the
log was when it was asked. Each batch is written before the place moves on, so after a crash the
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
from retrieval.protocols import ChangeFeed, IndexProgress, IndexRegistry, Watermark
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
        places: how far the indexes are, and the leases.
        fingerprint: of the model.
        wait_s: how long another process that feeds is waited for.
    """

    def __init__(
        self,
        server: MilvusServer,
        feed: ChangeFeed,
        places: IndexRegistry,
        fingerprint: str,
        *,
        wait_s: float = WAIT_S,
    ) -> None:
        self.key = key_of(fingerprint)
        self._server = server
        self._feed = feed
        self._places = places
        self._wait_s = wait_s
        self._feeding = self._lease()

    def pair(self, place: IndexProgress) -> Pair:
        """The index at a place."""
        return Pair(self._server, place, self._feed.dimension)

    def place(self) -> IndexProgress | None:
        """The index that may be asked now."""
        return self._places.place(self.key)

    def reach(self, head: Watermark) -> IndexProgress:
        """An index that is at least as far as the log was at `head`.

        Raises:
            IndexFailed: another process has fed for too long, or the server failed.
        """
        deadline = time.monotonic() + self._wait_s
        for _ in range(_ATTEMPTS):
            place = self._waited_for(head, deadline)
            if place is not None:
                return place
            try:
                return self._fed()
            except LeaseLost:
                logger.warning("Another process took over feeding Milvus")
            finally:
                self._feeding.give_back()
        raise IndexFailed("The index in Milvus is taken away again and again while it is fed.")

    def verified(self, head: Watermark) -> IndexProgress:
        """As `reach`, made anew if the server holds less or more than was written.

        So a server that lost writes, or was given older files, is noticed where its numbers differ.
        """
        place = self.reach(head)
        if self._holds(place, fresh=False) or not self._feeding.take():
            return place
        try:
            newest = self.place()  # nobody feeds it now
            if newest is not None and not self._holds(newest, fresh=True):
                logger.warning("Milvus does not hold what was written to it: it is made anew")
                self._places.forget(newest)
        finally:
            self._feeding.give_back()
        return self.reach(head)

    def _holds(self, place: IndexProgress, *, fresh: bool) -> bool:
        try:
            found = self.pair(place).counted(place, fresh=fresh)
        except CollectionLost:
            return False
        return (place.faces, place.people) == (found.faces, found.people)

    def lost(self, place: IndexProgress) -> None:
        """The server does not have this index: strike it out, unless a newer one is there."""
        newest = self.place()
        if newest is not None and newest.id == place.id:
            logger.warning("Milvus has lost the index: it is made anew")
            self._places.forget(place)

    def remake(self, making: Making) -> IndexProgress:
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
        for place in self._places.places():
            if place.watermark.epoch != epoch:
                self._drop(place)

    def _lease(self, suffix: str = "") -> Lease:
        """One with a holder of its own: it excludes this process's other threads as well."""
        return Lease(self._places, self.key + suffix)

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

    def _waited_for(self, head: Watermark, deadline: float) -> IndexProgress | None:
        """The index once it is far enough; None once the lease is held and it is to be fed."""
        while True:
            place = self.place()
            if place is not None and reaches(place.watermark, head):
                return place
            if self._feeding.take():
                return None
            if time.monotonic() > deadline:
                at = "is being made" if place is None else f"is at {place.watermark.seq}"
                raise IndexFailed(
                    f"The index in Milvus {at}, the catalogue at {head.seq}: another process has"
                    f" been feeding it for {self._wait_s:.0f} s. Ask again later."
                )
            time.sleep(_POLL_S)

    def _fed(self) -> IndexProgress:
        """Feed the index to the log's end; the lease is held."""
        for _ in range(_ATTEMPTS):
            place = self.place()
            try:
                if place is None or place.watermark.epoch != self._feed.head().epoch:
                    made = self._made(self._feeding, Making())
                    return self._exchanged(made, self._feeding)
                return self._followed(place, self._feeding)
            except (CollectionLost, SnapshotInvalid) as error:
                logger.warning("The index in Milvus is made anew: %s", error)
                if place is not None:
                    self._places.forget(place)
        raise IndexFailed("Milvus loses the index again and again while it is made.")

    def _followed(self, place: IndexProgress, lease: Lease) -> IndexProgress:
        pair = self.pair(place)
        while True:
            changes = self._feed.changes(place.watermark, _ROWS)
            if changes.watermark != place.watermark:
                lease.keep()
                pair.apply(changes, self._feed)
                after = pair.counted(replace(place, watermark=changes.watermark))
                place = self._advanced(place, after, lease)
            if changes.complete:
                return place

    def _advanced(self, before: IndexProgress, after: IndexProgress, lease: Lease) -> IndexProgress:
        if not self._places.advance(before, after, lease.holder):
            raise LeaseLost(before.key)
        return after

    def _made(self, lease: Lease, making: Making) -> IndexProgress:
        """Another index with everything, that nobody asks yet."""
        place = self._places.begin(lease.key, lease.holder, self._feed.head().epoch)
        if place is None:
            raise LeaseLost(lease.key)
        recipe = None if making.recipe is None else making.recipe.document()
        pair = self.pair(made := replace(place, recipe=recipe))
        pair.create()
        people = np.zeros(0, np.int64)
        for part in self._feed.everything(_CHUNK):
            lease.keep()
            kept = making.keep(part)
            pair.faces.add(kept.added, kept.vectors, kept.people)
            people = np.union1d(people, part.people)
            made = replace(made, watermark=part.watermark)
        if made.watermark.epoch != place.watermark.epoch:
            raise SnapshotInvalid("The catalogue was restored while its index was made.")
        for some in _parts(people):
            lease.keep()
            pair.write_people(some, self._feed, without=making.held)
        made = pair.counted(making.finish(made, pair, lease.keep))
        lease.keep()
        return self._advanced(place, made, lease)

    def _exchanged(self, made: IndexProgress, lease: Lease) -> IndexProgress:
        """Bring a new index to the log's end and let it be asked in place of the older ones."""
        place = self._followed(made, lease)
        lease.keep()
        place = self._advanced(place, replace(place, key=self.key, ready=True), lease)
        epoch, keys = place.watermark.epoch, (self.key, lease.key)
        for other in self._places.places():
            if other.id < place.id and other.key in keys and other.watermark.epoch == epoch:
                self._drop(other)
        return place

    def _drop(self, place: IndexProgress) -> None:
        self.pair(place).drop()
        self._places.forget(place)


def reaches(watermark: Watermark, head: Watermark) -> bool:
    """Whether an index at this watermark holds all that the log had at `head`."""
    return watermark.epoch == head.epoch and watermark.seq >= head.seq


def _parts(people: Ints) -> list[Ints]:
    return [people[start : start + _CHUNK] for start in range(0, len(people), _CHUNK)]
