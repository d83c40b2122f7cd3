"""A collection's faces as one process sees them: caught up before each answer, mapped, folded.

The catalogue is the truth. A gallery opens the newest snapshot that fits, applies the change log
from there, and answers from a `View`, which never changes, so that searches in other threads go
on while the next one is made. Snapshots are shared by all processes and changed by none.
"""

import logging
import threading
from dataclasses import dataclass
from pathlib import Path

import faiss
import numpy as np

from retrieval.errors import SnapshotInvalid
from retrieval.index import snapshot
from retrieval.index.exact import check_k, checked
from retrieval.index.roster import Roster
from retrieval.index.snapshot import Stamp
from retrieval.index.view import View
from retrieval.protocols import ChangeFeed
from retrieval.values import Ints, PeopleHits, SearchResult, Vectors, Watermark

logger = logging.getLogger(__name__)

_FOLD_SHARE = 0.1  # tail and dead rows, of the sealed ones, before they are folded
_FOLD_LEAST = 2_000  # faces: below, a tail costs a search less than a millisecond
_WRITTEN_FROM = 5_000  # faces: fewer are read from the catalogue as fast as from a snapshot


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """What an index is and how good it was when it was last measured.

    Attributes:
        kind: exact, ivf-flat, ivf-sq8 or ivf-pq.
        faces, people: that a search can find.
        watermark: how far the change log has been followed.
        dead_share: of the sealed rows, those that are passed over.
        tail: faces that are searched beside the sealed ones.
        bytes_a_face: of memory that this process needs for searching.
        mapped_bytes_a_face: of exact vectors in the mapped file, which the system may drop.
        problem: why a snapshot was refused when the gallery was opened, else None.
    """

    kind: str
    faces: int
    people: int
    watermark: Watermark
    dead_share: float
    tail: int
    bytes_a_face: float
    mapped_bytes_a_face: float
    problem: str | None


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
    ) -> None:
        """Prepare a view; nothing is read before the first `catch_up`.

        Args:
            feed: the collection's change log.
            folder: of its snapshots; None for none.
            collection: its identity, which snapshots must carry.
            fingerprint: its model's, likewise.
            threads: of FAISS, in the whole process; 0 for all cores.
        """
        self._feed = feed
        self._folder = folder
        self._collection = collection
        self._fingerprint = fingerprint
        self._changing = threading.RLock()
        self._folding = threading.Lock()
        self._view: View | None = None
        self._problem: str | None = None
        if threads:
            faiss.omp_set_num_threads(threads)

    def close(self) -> None:
        """Let go of the view and its mapping."""
        with self._changing:
            self._view = None

    def catch_up(self) -> Watermark:
        """Follow the change log to its end: cheap where nothing has changed.

        Raises:
            StoreError: the catalogue cannot be read.
        """
        view = self._follow()
        if _fold_is_due(view) and self._folding.acquire(blocking=False):
            try:
                self._fold(view)
            finally:
                self._folding.release()
        return view.watermark

    def search(self, probes: Vectors, k: int = 5, people: Ints | None = None) -> PeopleHits:
        """Find the k best people for each probe by the fused score, as of the last `catch_up`.

        Args:
            probes: (q, d) float32, rows of unit length.
            k: people a probe.
            people: ids of the people who may be found; None for all.

        Raises:
            DimensionMismatch: d is not the gallery's.
            VectorInvalid: NaN or infinities.
            SettingInvalid: k is below 1.
        """
        check_k(k)
        return self._seen().search(checked(probes, self._feed.dimension), k, people)

    def search_faces(self, probes: Vectors, k: int, allowed: Ints | None = None) -> SearchResult:
        """Find the k nearest faces for each probe, among `allowed` ids if given.

        Raises:
            DimensionMismatch: d is not the gallery's.
            VectorInvalid: NaN or infinities.
            SettingInvalid: k is below 1.
        """
        check_k(k)
        return self._seen().search_faces(checked(probes, self._feed.dimension), k, allowed)

    def face_people(self, face_ids: Ints) -> Ints:
        """The person id of each face, -1 for faces that are not enrolled (or for -1)."""
        flat = np.ravel(np.asarray(face_ids, np.int64))
        return self._seen().people_of(flat).reshape(np.shape(face_ids))

    def status(self) -> IndexStatus:
        """Describe the index as it is now."""
        view = self._follow()
        faces = max(view.faces, 1)
        return IndexStatus(
            kind="exact" if view.lists is None else f"ivf-{view.lists.faces.recipe.coding}",
            faces=view.faces,
            people=view.people,
            watermark=view.watermark,
            dead_share=view.dead / max(len(view.sealed), 1),
            tail=len(view.tail),
            bytes_a_face=view.memory_bytes / faces,
            mapped_bytes_a_face=view.mapped_bytes / faces,
            problem=self._problem,
        )

    def rebuild(self) -> IndexStatus:
        """Read everything from the catalogue again and write a new snapshot."""
        with self._changing:
            self._view = self._read_catalogue()
            self._problem = None
        self._discard_snapshots()
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
        if self._folder is None:
            return None
        with snapshot.writing(self._folder):
            view = self._follow()
            path = self._newest_at(view.watermark) or self._write(self._folder, view)
            snapshot.retire(self._folder, keep=path)
            self._replace(self._load(path, view.watermark))
            return path

    def _seen(self) -> View:
        return self._view or self._follow()

    def _follow(self) -> View:
        """Bring the view to the log's end; searches in other threads keep the one they have."""
        head = self._feed.head()
        view = self._view
        if view is not None and view.watermark == head:
            return view
        with self._changing:
            view = self._view
            if view is None or not _follows(view.watermark, head):
                view = self._open(head)
            self._view = self._advance(view, head)
            return self._view

    def _advance(self, view: View, head: Watermark) -> View:
        while view.watermark != head:
            changes = self._feed.changes(view.watermark)
            view = view.apply(changes)
            if changes.complete:
                break
        return view

    def _open(self, head: Watermark) -> View:
        """Map the newest snapshot that fits, or read the catalogue."""
        self._problem = None
        for path in snapshot.newest_first(self._folder) if self._folder else []:
            try:
                return self._load(path, head)
            except SnapshotInvalid as error:
                self._problem = str(error)
                logger.warning("Snapshot refused, the index is rebuilt: %s", error)
        return self._read_catalogue()

    def _read_catalogue(self) -> View:
        parts = list(self._feed.everything())
        roster = Roster.build(
            np.concatenate([part.added for part in parts]),
            np.concatenate([part.people for part in parts]),
            np.concatenate([part.vectors for part in parts]),
        )
        return View.of(roster, parts[-1].watermark)

    def _fold(self, view: View) -> None:
        if self._folder is not None and view.faces >= _WRITTEN_FROM:
            self.snapshot()
        else:
            self._replace(view.folded())

    def _replace(self, view: View) -> None:
        """Answer from a view that may be a little behind, once it has caught up."""
        with self._changing:
            self._view = self._advance(view, self._feed.head())

    def _stamp(self, watermark: Watermark) -> Stamp:
        return Stamp(
            collection=self._collection,
            fingerprint=self._fingerprint,
            dimension=self._feed.dimension,
            epoch=watermark.epoch,
            seq=watermark.seq,
        )

    def _newest_at(self, watermark: Watermark) -> Path | None:
        """Another process's snapshot of the same state, if there is a sound one."""
        for path in snapshot.newest_first(self._folder) if self._folder else []:
            try:
                if self._load(path, watermark).watermark == watermark:
                    return path
            except SnapshotInvalid:
                continue
        return None

    def _write(self, folder: Path, view: View) -> Path:
        view = view.folded()
        return snapshot.write(folder, self._stamp(view.watermark), *view.packed())

    def _load(self, path: Path, newest: Watermark) -> View:
        found = snapshot.load(path, self._stamp(newest))
        return View.unpacked(found.arrays, found.notes, found.stamp.watermark)

    def _discard_snapshots(self) -> None:
        if self._folder is not None and self._folder.is_dir():
            with snapshot.writing(self._folder):
                snapshot.retire(self._folder, keep=None)


def _follows(watermark: Watermark, head: Watermark) -> bool:
    return watermark.epoch == head.epoch and watermark.seq <= head.seq


def _fold_is_due(view: View) -> bool:
    return len(view.tail) + view.dead > max(_FOLD_LEAST, _FOLD_SHARE * len(view.sealed))
