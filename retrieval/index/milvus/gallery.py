"""A collection's faces and people on a Milvus server: the same questions, the same answers.

Processes on any number of machines share one index there. The catalogue stays the truth: it says
how far the index is, it gives the vectors by which people are scored, and from it the index is made
anew whenever the server has lost it.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np

from retrieval.errors import IndexFailed, RollcallError
from retrieval.index.clusters import Clusters, clustered
from retrieval.index.encodings import Encodings
from retrieval.index.exact import check_k, checked
from retrieval.index.milvus.candidates import search_people
from retrieval.index.milvus.checking import compared
from retrieval.index.milvus.feeding import WAIT_S, Feeder, reaches
from retrieval.index.milvus.pair import Pair, roster_of
from retrieval.index.milvus.server import CollectionLost, MilvusServer
from retrieval.index.milvus.training import Exam, Making
from retrieval.index.roster import Roster, joined, no_hits
from retrieval.index.status import Check, IndexStatus
from retrieval.index.training import LISTS_FROM, Goal, Progress, nlist_for, outgrown
from retrieval.protocols import (
    ChangeFeed,
    IndexRegistry,
    PeopleHits,
    SearchResult,
    SharedIndex,
    Watermark,
)
from retrieval.values import Ints, Vectors

logger = logging.getLogger(__name__)

T = TypeVar("T")

_ATTEMPTS = 3  # with an index that was exchanged, or lost, while it was asked
_TEND_AGAIN_S = 60.0  # after another process was found to make the lists already, or it failed
_PEOPLE_AT_ONCE = 5_000  # chosen people, who are scored by the catalogue's vectors alone
_ROW_BYTES = 16  # of an entry on the server, beside its vector: id and owner


class MilvusGallery:
    """One collection's faces and people, searched by a server.

    Args:
        feed: the collection's change log.
        registry: how far its indexes are fed.
        server: that holds them.
        fingerprint: of the collection's model.
        goal: the agreement of lists; the server has its own limits of memory.
        lists_from: faces from which lists are used instead of exact search.
        background: train lists in a thread when that is due, for processes that live long.
        wait_s: how long another process that feeds the index is waited for.
    """

    def __init__(
        self,
        feed: ChangeFeed,
        registry: IndexRegistry,
        server: MilvusServer,
        *,
        fingerprint: str = "",
        goal: Goal | None = None,
        lists_from: int = LISTS_FROM,
        background: bool = False,
        wait_s: float = WAIT_S,
    ) -> None:
        self._feed = feed
        self._server = server
        self._feeder = Feeder(
            server,
            self._feed,
            registry,
            fingerprint,
            wait_s=wait_s,
        )
        self._goal = goal or Goal()
        self._lists_from = lists_from
        self._background = background
        self._changing = threading.Lock()
        self._tending = threading.Lock()
        self._thread: threading.Thread | None = None
        self._place: SharedIndex | None = None
        self._connection = 0
        self._tend_after = 0.0

    def close(self) -> None:
        """Wait for what runs in the background; whoever shares the connection opens another."""
        self.settle()
        self._server.close()

    def settle(self) -> None:
        """Wait for what runs in the background."""
        if self._thread is not None:
            self._thread.join()

    @property
    def elsewhere(self) -> tuple[str, ...]:
        """What of deleted faces no search of files can look into, in words."""
        return (
            f"the index server at {self._server.label}: it removes the faces when it is fed, at the"
            " next question at the latest, and then is asked to write its files anew; it keeps the"
            " old ones until it has done so",
        )

    def catch_up(self) -> Watermark:
        """Follow the change log to its end: one query where nothing has changed.

        Raises:
            IndexFailed: the server does not answer, or another process feeds it for too long.
            StoreError: the catalogue cannot be read.
        """
        index = self._follow()
        self._tend(index)
        return index.watermark

    def search(self, probes: Vectors, k: int = 5, people: Ints | None = None) -> PeopleHits:
        """Find the k best people for each probe by the fused score, as of the last `catch_up`.

        Args:
            probes: (q, d) float32, rows of unit length.
            k: people per probe.
            people: ids of the people who may be found; None for all.

        Raises:
            DimensionMismatch: d is not the gallery's.
            VectorInvalid: NaN or infinities.
            SettingInvalid: k is below 1.
            IndexFailed: the server does not answer.
        """
        check_k(k)
        probes = self._checked(probes)
        if people is None:
            return self._asked(lambda pair: search_people(pair, self._feed, probes, k))
        parts, chosen = [no_hits(len(probes), k)], np.unique(people)
        for start in range(0, len(chosen), _PEOPLE_AT_ONCE):
            some = chosen[start : start + _PEOPLE_AT_ONCE]
            parts.append(roster_of(self._feed.of_people(some)).search(probes, k))
        return joined(parts, k)

    def search_faces(self, probes: Vectors, k: int, allowed: Ints | None = None) -> SearchResult:
        """Find the k nearest faces for each probe, among `allowed` ids if given.

        Raises:
            DimensionMismatch: d is not the gallery's.
            VectorInvalid: NaN or infinities.
            SettingInvalid: k is below 1.
            IndexFailed: the server does not answer.
        """
        check_k(k)
        probes = self._checked(probes)
        return self._asked(lambda pair: pair.faces.search(probes, k, allowed))

    def status(self) -> IndexStatus:
        """Describe the index as it is now."""
        index = self._follow()
        recipe = self._feeder.pair(index).recipe
        row = 4 * self._feed.dimension + _ROW_BYTES
        return IndexStatus(
            kind="milvus-flat" if recipe is None else "milvus-ivf-flat",
            faces=index.faces,
            people=index.people,
            watermark=index.watermark,
            dead_share=0.0,
            recent=0,
            bytes_a_face=row * (index.faces + index.people) / max(index.faces, 1),
            mapped_bytes_a_face=0.0,
            nlist=None if recipe is None else recipe.faces.nlist,
            nprobe=None if recipe is None else recipe.faces.nprobe,
            visited=None if recipe is None else recipe.visited,
            imbalance=None,
            trained=None if recipe is None else recipe.trained,
            due=self._due(index),
            problem=None,
        )

    def train(self, goal: Goal | None = None, progress: Progress = logger.info) -> IndexStatus:
        """Make an index with lists, measured on held-out faces; a small gallery stays exact.

        The present index answers until the new one holds everything.

        Args:
            goal: the agreement; None for the gallery's own.
            progress: is told each step in words.

        Raises:
            IndexFailed: the server failed, or another process trains already.
        """
        index = self._follow()
        if index.faces < self._lists_from:
            progress(f"{index.faces:,} faces are searched exactly: nothing to train")
            return self.status()
        exam = Exam(index, self._feed, goal or self._goal, progress)
        self._adopt(self._feeder.remake(exam))
        return self.status()

    def keep_up(self, progress: Progress = logger.info) -> None:
        """Feed what is new, and train lists where that is due: after bulk work, say.

        Args:
            progress: is told each step in words.
        """
        if self._due(self._follow()):
            self.train(progress=progress)

    def check(self) -> Check:
        """Compare the index with the catalogue, face by face.

        Once more where others changed something meanwhile: both are to be at one watermark.
        """
        for attempt in range(_ATTEMPTS):
            head = self._feed.head()
            self._follow()
            found = self._asked(lambda pair: compared(pair, self._feed))
            if found.sound or self._feed.head() == head or attempt == _ATTEMPTS - 1:
                break
        return found

    def rebuild(self, progress: Progress = logger.info) -> IndexStatus:
        """Read everything from the catalogue again into a new index; train lists if due.

        Args:
            progress: is told each step in words.
        """
        progress("reading the catalogue")
        index = self._follow()
        if index.faces >= self._lists_from:
            self.train(progress=progress)
        else:
            self._adopt(self._feeder.remake(Making()))
        self._feeder.drop_former()
        return self.status()

    def snapshot(self) -> Path | None:
        """Feed what is new, and ask the server to let go of what is gone.

        A server that does not answer does this when it is next fed.
        """
        try:
            self._follow()
            self._asked(Pair.compact)
        except IndexFailed as error:  # who is deleted is not named, whatever the server holds
            logger.warning("What is deleted stays on the index server until it is fed: %s", error)
        return None

    def clusters(self, k: int | None = None) -> Clusters:
        """The gallery as an inverted index, cluster -> faces, from the catalogue's vectors.

        Args:
            k: clusters, made by k-means; None for one a person, or for as many as there would be
                lists where there are lists.

        Raises:
            SettingInvalid: k is below 1 or above the number of faces.
        """
        recipe = self._feeder.pair(self._follow()).recipe
        parts = [roster_of(part) for part in self._feed.everything()]
        everybody = Roster.build(
            np.concatenate([part.face_ids for part in parts]),
            np.concatenate([part.people for part in parts]),
            np.concatenate([part.vectors for part in parts]),
        )
        if k is None:
            people = len(everybody.person_ids)
            k = people if recipe is None else min(people, nlist_for(len(everybody)))
        return clustered(everybody, k)

    def encodings(self, face_ids: Ints, person_ids: Ints) -> Encodings:
        """Nothing: no file of this machine holds vectors of the index."""
        return Encodings()

    def shared(self, plain: frozenset[bytes]) -> frozenset[bytes]:
        """Nothing: no file of this machine holds vectors of the index."""
        return frozenset()

    def left_packed(
        self, face_ids: Ints, person_ids: Ints, packed: frozenset[bytes]
    ) -> dict[Path, frozenset[bytes]]:
        """Nothing: no file of this machine holds vectors of the index."""
        return {}

    def _checked(self, probes: Vectors) -> Vectors:
        return checked(probes, self._feed.dimension)

    def _asked(self, ask: Callable[[Pair], T]) -> T:
        """Ask the present index; once more where it was exchanged, or lost, meanwhile."""
        for _ in range(_ATTEMPTS):
            index = self._place or self._follow()
            try:
                return ask(self._feeder.pair(index))
            except CollectionLost:
                with self._changing:
                    self._feeder.lost(index)
                    self._place = None
        raise IndexFailed(f"Milvus at {self._server.label} loses the index again and again.")

    def _follow(self) -> SharedIndex:
        """The index, at the log's end or beyond."""
        head = self._feed.head()
        index = self._place
        if self._is_good(index) and index is not None and reaches(index.watermark, head):
            return index
        with self._changing:
            good = self._is_good(self._place)
            index = self._feeder.reach(head) if good else self._feeder.verified(head)
            self._place, self._connection = index, self._server.connections
            return index

    def _is_good(self, index: SharedIndex | None) -> bool:
        """Whether the index was verified on the connection that there is."""
        return index is not None and self._connection == self._server.connections

    def _adopt(self, index: SharedIndex) -> None:
        with self._changing:
            self._place = index

    def _due(self, index: SharedIndex) -> str | None:
        """Why lists should be made now, or None."""
        if index.faces < self._lists_from:
            return None
        recipe = self._feeder.pair(index).recipe
        if recipe is None:
            return f"{index.faces:,} faces are searched sooner with lists"
        return outgrown(index.faces, recipe.trained.faces)

    def _tend(self, index: SharedIndex) -> None:
        due = self._background and time.monotonic() > self._tend_after and self._due(index)
        if due and self._tending.acquire(blocking=False):
            self._thread = threading.Thread(target=self._tend_slowly, name="index", daemon=True)
            self._thread.start()

    def _tend_slowly(self) -> None:
        with self._released():
            try:
                self.keep_up()
            except RollcallError as error:
                self._tend_after = time.monotonic() + _TEND_AGAIN_S
                logger.warning("The index was not brought up to date: %s", error)

    @contextmanager
    def _released(self) -> Iterator[None]:
        try:
            yield
        finally:
            self._tending.release()
