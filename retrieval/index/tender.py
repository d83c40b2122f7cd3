"""Keeping an index up: folding changes into its frozen part, training its lists, writing it."""

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import faiss

from retrieval.errors import RollcallError, StoreError
from retrieval.index.exact import ONE_PHOTO
from retrieval.index.follower import Follower
from retrieval.index.lists import Lists
from retrieval.index.roster import Roster
from retrieval.index.shelf import SnapshotShelf
from retrieval.index.training import Goal, Progress, due, train
from retrieval.index.view import View

logger = logging.getLogger(__name__)

# Recent and dead rows, as a share of the frozen ones and at least so many, before they are folded:
# an exact recent part costs as much as the same rows frozen, beside lists it costs far more.
_FOLD = (0.1, 2_000)
_FOLD_LISTS = (0.02, 10_000)
_WRITTEN_FROM = 5_000  # faces: fewer are read from the catalogue as fast as from a snapshot


class Tender:
    """Makes the frozen part of a follower's view anew, at once or in the background."""

    def __init__(
        self,
        follower: Follower,
        shelf: SnapshotShelf,
        *,
        goal: Goal,
        lists_from: int,
        background: bool,
        threads: int,
    ) -> None:
        """Do nothing yet.

        Args:
            follower: whose view is tended.
            shelf: where snapshots are written.
            goal: memory and agreement of lists.
            lists_from: faces from which lists are used instead of exact search.
            background: train and fold in a thread when that is due.
            threads: of FAISS for batches and for training; 0 for all cores.
        """
        self._follower = follower
        self._shelf = shelf
        self._goal = goal
        self._lists_from = lists_from
        self._background = background
        self._threads = threads or len(os.sched_getaffinity(0))
        self._tending = threading.Lock()
        self._thread: threading.Thread | None = None

    def use_threads(self, probes: int) -> None:
        """Tell FAISS how many threads the calling thread's next calls may use.

        OpenMP keeps the number for each thread apart, so it is said before each piece of work.
        """
        faiss.omp_set_num_threads(1 if probes <= ONE_PHOTO else self._threads)

    def settle(self) -> None:
        """Wait for what runs in the background."""
        if self._thread is not None:
            self._thread.join()

    def due(self, view: View) -> str | None:
        """Why lists should be trained (anew), None if they need not."""
        return due(view, self._lists_from)

    def tend(self, view: View) -> None:
        """Keep the index up: at once where that copies arrays alone, else in the background."""
        training = self._background and self.due(view) is not None
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
                self.fold()
            except StoreError as error:  # a question needs no file: answer from memory
                logger.warning("%s", error)
                self._follower.replace(self._follower.follow().folded(), None)

    def keep_up(self, progress: Progress = logger.info) -> None:
        """Train lists, or fold changes into them, where that is due."""
        self._follower.adopt_newer()
        if self.due(self._follower.follow()):
            self.train(None, progress)
        elif _fold_is_due(self._follower.follow()):
            progress("writing the index")
            self.fold()

    def train(self, goal: Goal | None, progress: Progress) -> None:
        """Train lists by measure and answer from them; few faces stay exact."""
        self.use_threads(ONE_PHOTO + 1)
        view = self._follower.follow()
        if view.faces < self._lists_from:
            progress(f"{view.faces:,} faces are searched exactly: nothing to train")
            return
        lists = train(self.roster(), goal or self._goal, old=view.lists, progress=progress)
        progress("writing the lists")
        self.fold(lists)

    def roster(self) -> Roster:
        """Everybody of the newest view, grouped by person."""
        return replace(self._follower.follow(), lists=None).folded().frozen

    def fold(self, trained: Lists | None = None) -> None:
        """Make one frozen part of everything, by other lists or with the same clusters."""
        self.use_threads(ONE_PHOTO + 1)
        if self._shelf.folder is not None and self._follower.follow().faces >= _WRITTEN_FROM:
            self.write(trained)
        else:
            self._follower.replace(self._follower.follow().folded(trained), None)

    def write(self, trained: Lists | None = None) -> Path:
        """Write the present state, delete all older snapshots, and answer from the file."""
        with self._shelf.writing():
            view = self._follower.follow()
            path = None if trained else self._shelf.at(view.watermark)
            if path is None:
                view = view.folded(trained)
                path = self._shelf.write(view)
            self._shelf.retire(keep=path)
            self._follower.replace(self._shelf.load(path, view.watermark), path)
            return path

    def discard(self) -> None:
        """Delete all snapshots."""
        if self._shelf.folder is not None and self._shelf.folder.is_dir():
            with self._shelf.writing():
                self._shelf.retire(keep=None)

    def _tend_slowly(self) -> None:
        with self._released():
            try:
                self.keep_up()
            except RollcallError as error:
                logger.warning("The index was not brought up to date: %s", error)

    @contextmanager
    def _released(self) -> Iterator[None]:
        try:
            yield
        finally:
            self._tending.release()


def _fold_is_due(view: View) -> bool:
    share, least = _FOLD if view.lists is None else _FOLD_LISTS
    return len(view.recent) + view.dead > max(least, share * len(view.frozen))
