"""The newest view of a collection's faces: opened from a snapshot or SQL, kept at the log's end."""

import logging
import threading
from pathlib import Path

import numpy as np

from retrieval.errors import SnapshotInvalid
from retrieval.index.roster import Roster
from retrieval.index.shelf import SnapshotShelf
from retrieval.index.snapshot import SnapshotOutdated
from retrieval.index.view import View
from retrieval.protocols import ChangeFeed, Changes, Watermark
from retrieval.values import Ints

logger = logging.getLogger(__name__)


class Follower:
    """Holds one view, which never changes, and makes the next one from the change log.

    Attributes:
        path: the snapshot that the view maps; None where it is in memory alone.
        problem: why a snapshot was refused when the view was opened, else None.
        changing: held while the view is exchanged; searches need no lock.
    """

    def __init__(self, feed: ChangeFeed, shelf: SnapshotShelf) -> None:
        self.feed = feed
        self.path: Path | None = None
        self.problem: str | None = None
        self.changing = threading.RLock()
        self._shelf = shelf
        self._view: View | None = None

    def forget(self) -> None:
        """Let go of the view and its mapping."""
        with self.changing:
            self._view = None

    def seen(self) -> View:
        """The view as it was last followed, or followed now where there is none."""
        return self._view or self.follow()

    def follow(self) -> View:
        """Bring the view to the log's end; searches in other threads keep the one they have."""
        head = self.feed.head()
        view = self._view
        if view is not None and view.watermark == head:
            return view
        with self.changing:
            head = self.feed.head()  # another thread may have gone on beyond the one before
            view = self._view
            if view is None or not _follows(view.watermark, head):
                view = self._open()
            try:
                self._view = self._advance(view, head)
            except SnapshotInvalid:  # the catalogue was restored between two questions
                self._view = self._read_catalogue()
            return self._view

    def replace(self, view: View, path: Path | None) -> None:
        """Answer from a view that may be a little behind, once it has caught up."""
        with self.changing:
            self._view = self._advance(view, self.feed.head())
            self.path = path

    def read_anew(self) -> View:
        """Read everything from the catalogue again."""
        with self.changing:
            self._view = view = self._read_catalogue()
            self.problem = None
            return view

    def adopt_newer(self) -> None:
        """Map what another process has written since."""
        for path in self._shelf.newest_first():
            if path == self.path:
                return
            try:
                self.replace(self._shelf.load(path, self.feed.head()), path)
            except SnapshotInvalid:
                continue
            return

    def let_go_of_deleted(self, view: View) -> View:
        """Map the newest snapshot where the present one was deleted, with what it held."""
        if self.path is None or self.path.exists():
            return view
        self.adopt_newer()
        return self.follow()

    def truth(self) -> tuple[Roster, Watermark]:
        """What the catalogue holds, read face by face, and at which watermark."""
        parts = list(self.feed.everything())
        return _roster(parts), parts[-1].watermark

    def touched(self, since: Watermark, upto: Watermark) -> Ints:
        """The faces to which something happened after `since`, up to `upto` or a little later."""
        touched = [np.zeros(0, np.int64)]
        while _behind(since, upto):
            changes = self.feed.changes(since)
            touched += [changes.removed, changes.added]
            since = changes.watermark
        return np.unique(np.concatenate(touched))

    def _advance(self, view: View, head: Watermark) -> View:
        while view.watermark != head:
            changes = self.feed.changes(view.watermark)
            view = view.apply(changes)
            if changes.complete:
                break
        return view

    def _open(self) -> View:
        """Map the newest snapshot that fits, or read the catalogue."""
        self.problem = None
        paths = self._shelf.newest_first()
        head = self.feed.head()  # after the listing: no snapshot that is listed can be ahead of it
        for path in paths:
            try:
                view = self._shelf.load(path, head)
                self.path = path
                return view
            except SnapshotOutdated as error:
                logger.info("The index is made anew: %s", error)
            except SnapshotInvalid as error:
                self.problem = str(error)
                logger.warning("Snapshot refused, the index is rebuilt: %s", error)
        return self._read_catalogue()

    def _read_catalogue(self) -> View:
        parts = list(self.feed.everything())
        self.path = None
        return View.of(_roster(parts), parts[-1].watermark)


def _behind(watermark: Watermark, upto: Watermark) -> bool:
    return watermark.epoch != upto.epoch or watermark.seq < upto.seq


def _follows(watermark: Watermark, head: Watermark) -> bool:
    return watermark.epoch == head.epoch and watermark.seq <= head.seq


def _roster(parts: list[Changes]) -> Roster:
    return Roster.build(
        np.concatenate([part.added for part in parts]),
        np.concatenate([part.people for part in parts]),
        np.concatenate([part.vectors for part in parts]),
    )
