"""The snapshots of one index: which of them fit, what they hold, and writing the next one."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path

from retrieval.errors import SnapshotInvalid
from retrieval.files.encrypted import Encryptor
from retrieval.index import snapshot
from retrieval.index.snapshot import Stamp
from retrieval.index.view import View
from retrieval.protocols import Watermark


class SnapshotShelf:
    """The snapshots in one folder, shared by all processes and changed by none."""

    def __init__(
        self,
        folder: Path | None,
        *,
        collection: str,
        fingerprint: str,
        dimension: int,
        encryptor: Encryptor | None,
    ) -> None:
        """Look nothing up yet.

        Args:
            folder: None keeps no snapshots.
            collection: its identity, which snapshots must carry.
            fingerprint: of its model, which they must carry too.
            dimension: of its vectors.
            encryptor: encrypts the snapshots, where it has a key.
        """
        self.folder = folder
        self._collection = collection
        self._fingerprint = fingerprint
        self._dimension = dimension
        self._encryptor = encryptor

    def newest_first(self) -> list[Path]:
        """All snapshots, whether they fit or not."""
        return [] if self.folder is None else list(snapshot.newest_first(self.folder))

    def load(self, path: Path, newest: Watermark) -> View:
        """What a snapshot holds, mapped.

        Raises:
            SnapshotInvalid: damaged, of something else, or newer than `newest`.
        """
        found = snapshot.load(path, self._stamp(newest), self._encryptor)
        return View.unpacked(found.arrays, found.notes, found.stamp.watermark)

    def fitting(self, head: Watermark) -> Iterator[tuple[Path, View]]:
        """The snapshots that fit, newest first, each with what it holds."""
        for path in self.newest_first():
            with suppress(SnapshotInvalid):
                yield path, self.load(path, head)

    def at(self, watermark: Watermark) -> Path | None:
        """Another process's snapshot of just this state, if there is a sound one."""
        fitting = self.fitting(watermark)
        return next((path for path, view in fitting if view.watermark == watermark), None)

    def writing(self) -> AbstractContextManager[None]:
        """Hold other writers off; readers go on."""
        return nullcontext() if self.folder is None else snapshot.writing(self.folder)

    def write(self, view: View) -> Path:
        """Write a folded view; only while `writing`.

        Raises:
            StoreFull: no space is left; nothing has changed.
            StoreError: the folder cannot be written to.
        """
        if self.folder is None:
            raise ValueError("a gallery without a folder writes no snapshots")
        stamp = self._stamp(view.watermark)
        return snapshot.write(self.folder, stamp, *view.packed(), encryptor=self._encryptor)

    def retire(self, keep: Path | None) -> None:
        """Delete all snapshots but one, or all; only while `writing`."""
        if self.folder is not None and self.folder.is_dir():
            snapshot.retire(self.folder, keep=keep)

    def _stamp(self, watermark: Watermark) -> Stamp:
        return Stamp(
            collection=self._collection,
            fingerprint=self._fingerprint,
            dimension=self._dimension,
            epoch=watermark.epoch,
            seq=watermark.seq,
        )
