"""A collection's faces as one process sees them: caught up before each answer, mapped, folded.

The catalogue is the truth. A gallery opens the newest snapshot that fits, applies the change log
from there, and answers from a `View`, which never changes, so that searches in other threads go
on while the next one is made. Snapshots are shared by all processes and changed by none.
"""

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from retrieval.files.encrypted import Encryptor
from retrieval.index.clusters import Clusters, by_centres, clustered
from retrieval.index.encodings import Encodings, encodings, left_in, shared
from retrieval.index.exact import check_k, checked
from retrieval.index.follower import Follower
from retrieval.index.roster import Roster
from retrieval.index.shelf import SnapshotShelf
from retrieval.index.status import Check, IndexStatus
from retrieval.index.tender import Tender
from retrieval.index.training import LISTS_FROM, Goal, Progress
from retrieval.index.view import View
from retrieval.protocols import ChangeFeed, PeopleHits, SearchResult, Watermark
from retrieval.values import Ints, Vectors

logger = logging.getLogger(__name__)


class Gallery:
    """One collection's faces and people, searched."""

    def __init__(
        self,
        feed: ChangeFeed,
        folder: Path | None,
        *,
        collection: str = "",
        fingerprint: str = "",
        threads: int = 0,
        goal: Goal | None = None,
        lists_from: int = LISTS_FROM,
        background: bool = False,
        encryptor: Encryptor | None = None,
    ) -> None:
        """Prepare a view; nothing is read before it is asked.

        Args:
            feed: the collection's change log.
            folder: of its snapshots; None for none.
            collection: its identity, which snapshots must carry.
            fingerprint: its model's, which they must carry too.
            threads: of FAISS for batches and for training; 0 for all cores.
            goal: memory and agreement of lists.
            lists_from: faces from which lists are used instead of exact search.
            background: train lists, and fold changes into them, in a thread when that is due;
                for processes that live long. Otherwise `train` and `snapshot` do it.
            encryptor: encrypts the snapshots, where it has a key.
        """
        self._shelf = SnapshotShelf(
            folder,
            collection=collection,
            fingerprint=fingerprint,
            dimension=feed.dimension,
            encryptor=encryptor,
        )
        self._follower = Follower(feed, self._shelf)
        self._tender = Tender(
            self._follower,
            self._shelf,
            goal=goal or Goal(),
            lists_from=lists_from,
            background=background,
            threads=threads,
        )
        self._tended: View | None = None

    def close(self) -> None:
        """Wait for what runs in the background and let go of the mapping."""
        self.settle()
        self._follower.forget()

    def settle(self) -> None:
        """Wait for what runs in the background."""
        self._tender.settle()

    def catch_up(self) -> Watermark:
        """Follow the change log to its end: cheap where nothing has changed.

        Raises:
            StoreError: the catalogue cannot be read.
        """
        view = self._follower.follow()
        if view is not self._tended:
            view = self._follower.let_go_of_deleted(view)
            self._tended = view
            self._tender.tend(view)
        return view.watermark

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
        """
        check_k(k)
        self._tender.use_threads(len(probes))
        return self._follower.seen().search(self._checked(probes), k, people)

    def search_faces(self, probes: Vectors, k: int, allowed: Ints | None = None) -> SearchResult:
        """Find the k nearest faces for each probe, among `allowed` ids if given.

        Raises:
            DimensionMismatch: d is not the gallery's.
            VectorInvalid: NaN or infinities.
            SettingInvalid: k is below 1.
        """
        check_k(k)
        self._tender.use_threads(len(probes))
        return self._follower.seen().search_faces(self._checked(probes), k, allowed)

    def status(self) -> IndexStatus:
        """Describe the index as it is now."""
        view = self._follower.follow()
        faces, lists = max(view.faces, 1), view.lists
        return IndexStatus(
            kind="exact" if lists is None else f"ivf-{lists.faces.recipe.coding}",
            faces=view.faces,
            people=view.people,
            watermark=view.watermark,
            dead_share=view.dead / max(len(view.frozen), 1),
            recent=len(view.recent),
            bytes_a_face=view.memory_bytes / faces,
            mapped_bytes_a_face=view.mapped_bytes / faces,
            nlist=None if lists is None else lists.faces.recipe.nlist,
            nprobe=None if lists is None else lists.faces.recipe.nprobe,
            visited=None if lists is None else lists.visited,
            imbalance=None if lists is None else lists.faces.imbalance,
            trained=None if lists is None else lists.trained,
            due=self._tender.due(view),
            problem=self._follower.problem,
        )

    def train(self, goal: Goal | None = None, progress: Progress = logger.info) -> IndexStatus:
        """Train lists by measure and answer from them; a small gallery stays exact.

        The present index answers until the new one is proven at least as right.

        Args:
            goal: memory and agreement; None for the gallery's own.
            progress: is told each step in words.

        Raises:
            SettingInvalid: the memory does not suffice.
            IndexFailed: FAISS failed.
        """
        self._tender.train(goal, progress)
        return self.status()

    def fold(self) -> None:
        """Make one frozen part of everything, with the same clusters; answers go on meanwhile."""
        self._tender.fold()

    def roster(self) -> Roster:
        """Everybody, grouped by person: for what is measured on the live gallery."""
        return self._tender.roster()

    def keep_up(self, progress: Progress = logger.info) -> None:
        """Train lists, or fold changes into them, where that is due: after bulk work, say.

        Args:
            progress: is told each step in words.
        """
        self._tender.keep_up(progress)

    def check(self) -> Check:
        """Compare the view with the catalogue, face by face, both at one watermark.

        What others change while the catalogue is read is left out: the view has yet to follow it.
        """
        with self._follower.changing:
            at, mine = self._follower.follow().watermark, self.roster()
            truth, read_at = self._follower.truth()
            touched = self._follower.touched(at, read_at)
        both = np.intersect1d(truth.face_ids, mine.face_ids)
        here, there = mine.rows_or_none(both), truth.rows_or_none(both)
        moved = mine.people_of(here) != truth.people_of(there)
        altered = (mine.vectors[here] != truth.vectors[there]).any(axis=1)
        missing = np.setdiff1d(truth.face_ids, both)
        extra = np.setdiff1d(mine.face_ids, both)
        return Check(
            faces=len(truth),
            missing=np.setdiff1d(missing, touched),
            extra=np.setdiff1d(extra, touched),
            misplaced=np.setdiff1d(both[moved], touched),
            altered=np.setdiff1d(both[altered], touched),
        )

    def encodings(self, face_ids: Ints, person_ids: Ints) -> Encodings:
        """The bytes by which this view and the snapshots hold faces, and people's templates."""
        views = [self._follower.follow(), *(view for _, view in self._written())]
        return Encodings.joined(encodings(view, face_ids, person_ids) for view in views)

    def shared(self, plain: frozenset[bytes]) -> frozenset[bytes]:
        """Those of the byte strings that stand for somebody who is here."""
        return shared(self._follower.follow(), plain)

    def left_packed(
        self, face_ids: Ints, person_ids: Ints, packed: frozenset[bytes]
    ) -> dict[Path, frozenset[bytes]]:
        """The snapshots in which these PQ codes still stand for the faces and people, or nobody."""
        found = {
            path: left_in(view, face_ids, person_ids, packed) for path, view in self._written()
        }
        return {path: codes for path, codes in found.items() if codes}

    def clusters(self, k: int | None = None) -> Clusters:
        """The gallery as an inverted index, cluster -> faces.

        Args:
            k: clusters, made by k-means; None for the trained lists, or for one a person where
                there are none.

        Raises:
            SettingInvalid: k is below 1 or above the number of faces.
        """
        view = self._follower.follow()
        everybody = self.roster()
        if k is None and view.lists is not None:
            return by_centres(everybody, view.lists.faces.centres())
        return clustered(everybody, len(everybody.person_ids) if k is None else k)

    def rebuild(self, progress: Progress = logger.info) -> IndexStatus:
        """Read everything from the catalogue again, train lists if due, write a new snapshot.

        Args:
            progress: is told each step in words.
        """
        progress("reading the catalogue")
        view = self._follower.read_anew()
        self._tender.discard()
        if self._tender.due(view):
            self.train(progress=progress)
        self.snapshot()
        return self.status()

    def snapshot(self) -> Path | None:
        """Write the present state, and delete all older ones with what they held.

        After a deletion nothing of the deleted faces is left in any file of the folder: a writer
        catches up first, and only one writes at a time. Answers go on meanwhile.

        Returns:
            The file, or None for a gallery without a folder.

        Raises:
            StoreFull: no space is left; nothing has changed.
            StoreError: the folder cannot be written to.
        """
        return None if self._shelf.folder is None else self._tender.write()

    @property
    def elsewhere(self) -> tuple[str, ...]:
        """What of deleted faces no search of files can look into: nothing."""
        return ()

    def _checked(self, probes: Vectors) -> Vectors:
        return checked(probes, self._follower.feed.dimension)

    def _written(self) -> Iterator[tuple[Path, View]]:
        """The snapshots that fit, each with what it holds."""
        return self._shelf.fitting(self._follower.feed.head())
