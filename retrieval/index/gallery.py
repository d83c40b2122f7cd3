"""A collection's faces as one process sees them: caught up before each answer, mapped, folded.

The catalogue is the truth. A gallery opens the newest snapshot that fits, applies the change log
from there, and answers from a `View`, which never changes, so that searches in other threads go
on while the next one is made. Snapshots are shared by all processes and changed by none.
"""

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import faiss
import numpy as np

from retrieval.encryption.files import Encryptor
from retrieval.errors import RollcallError, SettingInvalid, SnapshotInvalid, StoreError
from retrieval.index import snapshot
from retrieval.index.encodings import Encodings, encodings, left_in, shared
from retrieval.index.exact import ONE_PHOTO, check_k, checked
from retrieval.index.lists import Lists, Trained
from retrieval.index.roster import Roster
from retrieval.index.snapshot import Stamp
from retrieval.index.training import LISTS_FROM, Goal, Progress, due, train
from retrieval.index.view import View
from retrieval.protocols import ChangeFeed
from retrieval.scoring.space import Space, SpacedFeed
from retrieval.values import Changes, Floats, Ints, PeopleHits, SearchResult, Vectors, Watermark

logger = logging.getLogger(__name__)

# Tail and dead rows, as a share of the sealed ones and at least so many, before they are folded:
# an exact tail costs as much as the same rows sealed, beside lists it costs far more.
_FOLD = (0.1, 2_000)
_FOLD_LISTS = (0.02, 10_000)
_ROUNDING = 1e-6  # a space's products differ by less between a batch and a single vector
_WRITTEN_FROM = 5_000  # faces: fewer are read from the catalogue as fast as from a snapshot


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """What an index is and how good it was when it was last measured.

    Attributes:
        kind: exact, ivf-flat, ivf-sq8 or ivf-pq; milvus-flat or milvus-ivf-flat on a server.
        faces, people: that a search can find.
        watermark: how far the change log has been followed.
        dead_share: of the sealed rows, those that are passed over.
        tail: faces that are searched beside the sealed ones.
        bytes_a_face: of memory that searching reads before rescoring.
        mapped_bytes_a_face: of exact vectors in the mapped file, which the system may drop.
        nlist, nprobe, visited: lists, lists visited for faces, and for people; None if exact.
        imbalance: the factor by which uneven lists cost more than even ones; None if unknown.
        trained: the measurement of the lists; None if exact.
        due: why the lists should be trained (anew), None if they need not.
        problem: why a snapshot was refused when the gallery was opened, else None.
    """

    kind: str
    faces: int
    people: int
    watermark: Watermark
    dead_share: float
    recent: int
    bytes_a_face: float
    mapped_bytes_a_face: float
    nlist: int | None
    nprobe: int | None
    visited: int | None
    imbalance: float | None
    trained: Trained | None
    due: str | None
    problem: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Check:
    """A comparison of the view with the catalogue.

    Attributes:
        faces: in the catalogue.
        missing, extra: ids of faces that the view lacks, or has too many.
        misplaced: ids of faces that the view gives to another person.
        altered: ids of faces whose vectors differ.
        templates: ids of people whose template, where it is kept apart, is not that of their faces.
    """

    faces: int
    missing: Ints
    extra: Ints
    misplaced: Ints
    altered: Ints
    templates: Ints = field(default_factory=lambda: np.zeros(0, np.int64))

    @property
    def sound(self) -> bool:
        """Whether the view is exactly what the catalogue says."""
        kinds = (self.missing, self.extra, self.misplaced, self.altered, self.templates)
        return not any(map(len, kinds))


@dataclass(frozen=True, slots=True, eq=False)
class Clusters:
    """An inverted index: cluster -> faces.

    Attributes:
        faces: (n,) int64 ids.
        people: (n,) int64, the person of each face.
        labels: (n,) int64, the cluster of each face.
        distances: (n,) float32, Euclidean, of each face to its cluster's centre.
        centres: (k, d) float32.
    """

    faces: Ints
    people: Ints
    labels: Ints
    distances: Floats
    centres: Vectors


class Gallery:
    """One collection's faces and people, searched."""

    def __init__(
        self,
        feed: ChangeFeed,
        folder: Path | None,
        *,
        collection: str = "",
        fingerprint: str = "",
        space: Space | None = None,
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
            fingerprint: its model's, likewise.
            space: in which vectors and probes are compared; None for the embedder's own.
            threads: of FAISS for batches and for training; 0 for all cores.
            goal: memory and agreement of lists.
            lists_from: faces from which lists are used instead of exact search.
            background: train lists, and fold changes into them, in a thread when that is due;
                for processes that live long. Otherwise `train` and `snapshot` do it.
            sealer: encrypts the snapshots, where it has a key.
        """
        self._space = space or Space()
        self._feed = SpacedFeed(feed, self._space)
        self._folder = folder
        self._encryptor = encryptor
        self._collection = collection
        self._fingerprint = fingerprint + self._space.name
        self._goal = goal or Goal()
        self._lists_from = lists_from
        self._background = background
        self._threads = threads or len(os.sched_getaffinity(0))
        self._changing = threading.RLock()
        self._tending = threading.Lock()
        self._thread: threading.Thread | None = None
        self._view: View | None = None
        self._tended: View | None = None
        self._path: Path | None = None
        self._problem: str | None = None

    def close(self) -> None:
        """Wait for what runs in the background and let go of the mapping."""
        self.settle()
        with self._changing:
            self._view = None

    def settle(self) -> None:
        """Wait for what runs in the background."""
        if self._thread is not None:
            self._thread.join()

    def catch_up(self) -> Watermark:
        """Follow the change log to its end: cheap where nothing has changed.

        Raises:
            StoreError: the catalogue cannot be read.
        """
        view = self._follow()
        if view is not self._tended:
            view = self._let_go_of_deleted(view)
            self._tended = view
            self._tend(view)
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
        self._use_threads(len(probes))
        return self._seen().search(self._moved(probes), k, people)

    def search_faces(self, probes: Vectors, k: int, allowed: Ints | None = None) -> SearchResult:
        """Find the k nearest faces for each probe, among `allowed` ids if given.

        Raises:
            DimensionMismatch: d is not the gallery's.
            VectorInvalid: NaN or infinities.
            SettingInvalid: k is below 1.
        """
        check_k(k)
        self._use_threads(len(probes))
        return self._seen().search_faces(self._moved(probes), k, allowed)

    def face_people(self, face_ids: Ints) -> Ints:
        """The person id of each face, -1 for faces that are not enrolled (or for -1)."""
        flat = np.ravel(np.asarray(face_ids, np.int64))
        return self._seen().people_of(flat).reshape(np.shape(face_ids))

    def status(self) -> IndexStatus:
        """Describe the index as it is now."""
        view = self._follow()
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
            due=due(view, self._lists_from),
            problem=self._problem,
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
        self._use_threads(ONE_PHOTO + 1)
        view = self._follow()
        if view.faces < self._lists_from:
            progress(f"{view.faces:,} faces are searched exactly: nothing to train")
            return self.status()
        lists = train(self.roster(), goal or self._goal, old=view.lists, progress=progress)
        progress("writing the lists")
        self._fold(lists)
        return self.status()

    def fold(self) -> None:
        """Make one sealed part of everything, with the same clusters; answers go on meanwhile."""
        self._fold()

    def roster(self) -> Roster:
        """Everybody, grouped by person: for what is measured on the live gallery."""
        return replace(self._follow(), lists=None).folded().frozen

    def keep_up(self, progress: Progress = logger.info) -> None:
        """Train lists, or fold changes into them, where that is due: after bulk work, say.

        Args:
            progress: is told each step in words.
        """
        self._adopt_newer()
        if due(self._follow(), self._lists_from):
            self.train(progress=progress)
        elif _fold_is_due(self._follow()):
            progress("writing the index")
            self._fold()

    def check(self) -> Check:
        """Compare the view with the catalogue, face by face."""
        with self._changing:
            mine = self.roster()
            truth = _roster(list(self._feed.everything()))
        both = np.intersect1d(truth.face_ids, mine.face_ids)
        here, there = mine.rows_or_none(both), truth.rows_or_none(both)
        moved = mine.people_of(here) != truth.people_of(there)
        apart = np.abs(mine.vectors[here] - truth.vectors[there])
        altered = (apart > _ROUNDING).any(axis=1)
        return Check(
            faces=len(truth),
            missing=np.setdiff1d(truth.face_ids, both),
            extra=np.setdiff1d(mine.face_ids, both),
            misplaced=both[moved],
            altered=both[altered],
        )

    def encodings(self, face_ids: Ints, person_ids: Ints) -> Encodings:
        """The bytes by which this view and the snapshots hold faces, and people's templates."""
        views = [self._follow(), *(view for _, view in self._written())]
        return Encodings.joined(encodings(view, face_ids, person_ids) for view in views)

    def shared(self, plain: frozenset[bytes]) -> frozenset[bytes]:
        """Those of the byte strings that stand for somebody who is here."""
        return shared(self._follow(), plain)

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
        view = self._follow()
        everybody = self.roster()
        if k is None and view.lists is not None:
            return _clustered(everybody, view.lists.faces.centres())
        return clustered(everybody, len(everybody.person_ids) if k is None else k)

    def rebuild(self, progress: Progress = logger.info) -> IndexStatus:
        """Read everything from the catalogue again, train lists if due, write a new snapshot.

        Args:
            progress: is told each step in words.
        """
        progress("reading the catalogue")
        with self._changing:
            self._view = self._read_catalogue()
            self._problem = None
        self._discard_snapshots()
        if due(self._view, self._lists_from):
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
        return self._write() if self._folder is not None else None

    @property
    def space(self) -> Space:
        """In which vectors and probes are compared."""
        return self._space

    @property
    def elsewhere(self) -> tuple[str, ...]:
        """What of deleted faces no search of files can look into: nothing."""
        return ()

    def _moved(self, probes: Vectors) -> Vectors:
        return self._space.of(checked(probes, self._feed.dimension))

    def _use_threads(self, probes: int) -> None:
        """Tell FAISS how many threads the calling thread's next calls may use.

        OpenMP keeps the number for each thread apart, so it is said before each piece of work.
        """
        faiss.omp_set_num_threads(1 if probes <= ONE_PHOTO else self._threads)

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
            try:
                self._view = self._advance(view, head)
            except SnapshotInvalid:  # the catalogue was restored between two questions
                self._view = self._read_catalogue()
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
                view = self._load(path, head)
                self._path = path
                return view
            except SnapshotInvalid as error:
                self._problem = str(error)
                logger.warning("Snapshot refused, the index is rebuilt: %s", error)
        return self._read_catalogue()

    def _read_catalogue(self) -> View:
        parts = list(self._feed.everything())
        self._path = None
        return View.of(_roster(parts), parts[-1].watermark)

    def _tend(self, view: View) -> None:
        """Keep the index up: at once where that copies arrays alone, else in the background."""
        training = self._background and due(view, self._lists_from) is not None
        slow = training or view.lists is not None
        if not (training or _fold_is_due(view)) or (slow and not self._background):
            return
        if not self._tending.acquire(blocking=False):
            return
        if slow:
            self._thread = threading.Thread(target=self._tend_slowly, name="index", daemon=True)
            self._thread.start()
            return
        with self._released():
            try:
                self._fold()
            except StoreError as error:  # a question needs no file: answer from memory
                logger.warning("%s", error)
                self._replace(self._follow().folded(), None)

    def _tend_slowly(self) -> None:
        with self._released():
            try:
                self.keep_up()
            except RollcallError as error:
                logger.warning("The index was not brought up to date: %s", error)

    def _let_go_of_deleted(self, view: View) -> View:
        """Map the newest snapshot where the present one was deleted, with what it held."""
        if self._path is None or self._path.exists():
            return view
        self._adopt_newer()
        return self._follow()

    @contextmanager
    def _released(self) -> Iterator[None]:
        try:
            yield
        finally:
            self._tending.release()

    def _adopt_newer(self) -> None:
        """Map what another process has written since."""
        if self._folder is None:
            return
        for path in snapshot.newest_first(self._folder):
            if path == self._path:
                return
            try:
                self._replace(self._load(path, self._feed.head()), path)
            except SnapshotInvalid:
                continue
            return

    def _fold(self, trained: Lists | None = None) -> None:
        self._use_threads(ONE_PHOTO + 1)
        if self._folder is not None and self._follow().faces >= _WRITTEN_FROM:
            self._write(trained)
        else:
            self._replace(self._follow().folded(trained), None)

    def _write(self, trained: Lists | None = None) -> Path:
        folder = self._folder
        if folder is None:
            raise ValueError("a gallery without a folder writes no snapshots")
        with snapshot.writing(folder):
            view = self._follow()
            path = None if trained else self._newest_at(view.watermark)
            if path is None:
                view = view.folded(trained)
                path = snapshot.write(
                    folder, self._stamp(view.watermark), *view.packed(), encryptor=self._encryptor
                )
            snapshot.retire(folder, keep=path)
            self._replace(self._load(path, view.watermark), path)
            return path

    def _replace(self, view: View, path: Path | None) -> None:
        """Answer from a view that may be a little behind, once it has caught up."""
        with self._changing:
            self._view = self._advance(view, self._feed.head())
            self._path = path

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

    def _load(self, path: Path, newest: Watermark) -> View:
        found = snapshot.load(path, self._stamp(newest), self._encryptor)
        return View.unpacked(found.arrays, found.notes, found.stamp.watermark)

    def _written(self) -> Iterator[tuple[Path, View]]:
        """The snapshots that fit, each with what it holds."""
        head = self._feed.head()
        for path in snapshot.newest_first(self._folder) if self._folder else []:
            with suppress(SnapshotInvalid):
                yield path, self._load(path, head)

    def _discard_snapshots(self) -> None:
        if self._folder is not None and self._folder.is_dir():
            with snapshot.writing(self._folder):
                snapshot.retire(self._folder, keep=None)


def _follows(watermark: Watermark, head: Watermark) -> bool:
    return watermark.epoch == head.epoch and watermark.seq <= head.seq


def _fold_is_due(view: View) -> bool:
    share, least = _FOLD if view.lists is None else _FOLD_LISTS
    return len(view.recent) + view.dead > max(least, share * len(view.frozen))


def _roster(parts: list[Changes]) -> Roster:
    return Roster.build(
        np.concatenate([part.added for part in parts]),
        np.concatenate([part.people for part in parts]),
        np.concatenate([part.vectors for part in parts]),
    )


def clustered(roster: Roster, k: int) -> Clusters:
    """Cluster faces by k-means.

    Raises:
        SettingInvalid: k is below 1 or above the number of faces.
    """
    return _clustered(roster, _means(roster.vectors, k))


def _means(vectors: Vectors, k: int) -> Vectors:
    """Centres of k clusters, by k-means."""
    if not 1 <= k <= max(len(vectors), 1):
        raise SettingInvalid(
            f"{len(vectors)} faces make 1 to {len(vectors)} clusters; found --k {k}."
        )
    if not len(vectors):
        return vectors
    means = faiss.Kmeans(
        vectors.shape[1],
        k,
        niter=25,
        seed=0,
        min_points_per_centroid=1,
        max_points_per_centroid=256,
    )
    means.train(vectors)
    return np.asarray(means.centroids, np.float32)


def _clustered(roster: Roster, centres: Vectors) -> Clusters:
    squares, labels = np.zeros((0, 1), np.float32), np.zeros((0, 1), np.int64)
    if len(roster):
        squares, labels = faiss.knn(roster.vectors, centres, 1)
    return Clusters(
        faces=roster.face_ids,
        people=roster.people,
        labels=labels[:, 0],
        distances=np.sqrt(np.maximum(squares[:, 0], 0)),
        centres=centres,
    )
