"""The seams of Rollcall: what stands behind each can be exchanged without the rest noticing.

An implementation inherits nothing; it has these members and passes the contract tests under
tests/contracts/.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from retrieval.values import (
    Alignment,
    Changes,
    Detections,
    FailedJob,
    IndexProgress,
    Ints,
    Photo,
    Pixels,
    SearchResult,
    Vectors,
    Watermark,
)


class PhotoSizes(Protocol):
    """A photo that can be had at any size, decoded when it is asked for."""

    def at_least(self, longer_px: int | None) -> Photo:
        """The upright photo with at least so many pixels on its longer side, if it has them.

        None stands for its full size. Whoever asks twice gets the same array, or a larger one.
        """


class Detector(Protocol):
    """Finds faces in an image. Safe to share between threads."""

    @property
    def name(self) -> str:
        """As in the manifest: yunet, mtcnn or haar."""

    @property
    def clear_score(self) -> float:
        """A score that only faces reach which are upright, in the pictures that it was tried on."""

    def detect(self, pixels: Pixels, *, longest_px: int | None = None) -> Detections:
        """Find the faces of one image (h, w, 3) RGB uint8, best score first.

        Args:
            pixels: the image.
            longest_px: the longer side that it is shrunk to, in place of the detector's own.
        """


class Embedder(Protocol):
    """Turns aligned face chips into vectors."""

    @property
    def dimension(self) -> int:
        """Numbers per vector."""

    @property
    def alignments(self) -> tuple[Alignment, ...]:
        """How faces are cut out: one way, or one for each network of several."""

    @property
    def fingerprint(self) -> str:
        """Names weights, preprocessing, precision and alignment: vectors of two never meet."""

    def embed(self, chips: Pixels) -> Vectors:
        """Embed (n, s, s, 3) RGB uint8 chips to (n, d) float32 rows of unit length.

        Where there are several alignments: (n, numbers), the chips of all of them side by side.
        """


class ChangeFeed(Protocol):
    """One collection's change log, as an index reads it."""

    @property
    def dimension(self) -> int:
        """Numbers per vector."""

    def head(self) -> Watermark:
        """The newest change of the log: cheap, asked before every answer."""

    def changes(self, since: Watermark, limit: int = 100_000) -> Changes:
        """The net effect of at most `limit` log rows after `since` (of the same epoch)."""

    def everything(self, chunk: int = 50_000) -> Iterator[Changes]:
        """All faces that exist now, in ascending chunks with one common watermark: for rebuilding.

        Chunks come from one read transaction; an empty collection yields one empty chunk.
        """

    def of_people(self, people: Ints) -> Changes:
        """All faces that some people have now; nothing of people who are gone."""


class IndexRegistry(Protocol):
    """Which shared indexes a collection has, how far each is fed, and who may feed them."""

    def place(self, key: str) -> IndexProgress | None:
        """The newest index of this key that may be asked."""

    def places(self) -> list[IndexProgress]:
        """All that were made and not dropped, oldest first."""

    def lease(self, key: str, holder: str, seconds: float) -> bool:
        """Take or renew the lease on feeding the key's indexes; False while another holds it."""

    def release(self, key: str, holder: str) -> None:
        """Give the lease back, if it is still held."""

    def begin(self, key: str, holder: str, epoch: str) -> IndexProgress | None:
        """Write an index down before it is made; None if the lease is not held."""

    def advance(self, before: IndexProgress, after: IndexProgress, holder: str) -> bool:
        """Move an index's place on, if it is still at `before` and the lease is held."""

    def forget(self, place: IndexProgress) -> None:
        """Strike out an index that is lost or dropped."""


class VectorIndex(Protocol):
    """Searches vectors by cosine. Ids are the caller's and are never used twice."""

    def __len__(self) -> int:
        """Entries that a search can return."""

    def add(self, ids: Ints, vectors: Vectors) -> None:
        """Add (n,) ids with (n, d) unit vectors; an id that is there already is replaced."""

    def remove(self, ids: Ints) -> int:
        """Remove ids, ignoring unknown ones; return how many were there."""

    def search(self, probes: Vectors, k: int, allowed: Ints | None = None) -> SearchResult:
        """Find the k most similar entries for each probe, among `allowed` ids if given."""


class JobQueue(Protocol):
    """Bulk work: batches of photos by path or hash, done by workers."""

    def enqueue(self, kind: str, payloads: Sequence[dict[str, Any]], run_id: str) -> list[str]:
        """Queue jobs of `kind` ("enrol", ...) with JSON payloads; waits while it is full."""

    def cancel(self, run_id: str) -> int:
        """Drop the run's jobs that no worker has begun; return how many."""

    def pending(self, run_id: str) -> int:
        """Jobs of the run that are queued, deferred, scheduled or begun."""

    def workers(self) -> int:
        """How many workers there are."""

    def waiting(self) -> int:
        """Jobs of all runs that no worker has begun."""

    def failed(self, run_id: str) -> list[FailedJob]:
        """The run's jobs that were given up."""

    def forget_failed(self, run_id: str) -> int:
        """Forget them; return how many there were."""
