"""The seams of Rollcall, and what passes through them: what stands behind each can be exchanged.

An implementation inherits nothing; it has these members and passes the contract tests under
tests/contracts/.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from retrieval.values import (
    Alignment,
    Detections,
    Floats,
    Ints,
    Photo,
    Pixels,
    Vectors,
    check_rows,
)

if TYPE_CHECKING:
    import numpy.typing as npt


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


@dataclass(frozen=True, slots=True, order=True)
class Watermark:
    """How far a view has followed the change log.

    Attributes:
        epoch: the catalogue's UUID; another one after a restore, when a view must be rebuilt.
        seq: the last change that was applied, 0 for none.
    """

    epoch: str
    seq: int


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """What happened to a collection's faces after a watermark, already folded to the net effect.

    A face that was enrolled, moved and removed again within the span is only in `removed`.

    Attributes:
        removed: (r,) int64, ids of faces that are gone (they may never have been seen).
        added: (a,) int64, ids of faces that are new or now belong to another person, ascending.
        people: (a,) int64, the person that each of `added` belongs to.
        vectors: (a, d) float32, their vectors.
        watermark: how far this reaches.
        complete: whether this reaches the end of the log; if not, ask again.
    """

    removed: Ints
    added: Ints
    people: Ints
    vectors: Vectors
    watermark: Watermark
    complete: bool

    def __post_init__(self) -> None:
        check_rows("added", self.added, (None,))
        check_rows("people", self.people, (len(self.added),))
        check_rows("vectors", self.vectors, (len(self.added), None))


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


@dataclass(frozen=True, slots=True)
class SharedIndex:
    """An index that several processes share, and how far it is fed.

    Attributes:
        id: of the index; never used twice.
        collection_id: whose faces it holds.
        key: tells the collection's indexes apart, by model and space.
        watermark: how far it is fed.
        ready: whether it may be asked; otherwise it is being made.
        faces, people: in it.
        recipe: of its lists, as JSON; None while it is searched exactly.
    """

    id: int
    collection_id: int
    key: str
    watermark: Watermark
    ready: bool
    faces: int
    people: int
    recipe: dict[str, Any] | None


class IndexRegistry(Protocol):
    """Which shared indexes a collection has, how far each is fed, and who may feed them."""

    def newest(self, key: str) -> SharedIndex | None:
        """The newest index of this key that may be asked."""

    def all(self) -> list[SharedIndex]:
        """All that were made and not dropped, oldest first."""

    def lease(self, key: str, holder: str, seconds: float) -> bool:
        """Take or renew the lease on feeding the key's indexes; False while another holds it."""

    def release(self, key: str, holder: str) -> None:
        """Give the lease back, if it is still held."""

    def begin(self, key: str, holder: str, epoch: str) -> SharedIndex | None:
        """Write an index down before it is made; None if the lease is not held."""

    def advance(self, before: SharedIndex, after: SharedIndex, holder: str) -> bool:
        """Note how far an index is, if it is still at `before` and the lease is held."""

    def forget(self, index: SharedIndex) -> None:
        """Strike out an index that is lost or dropped."""


@dataclass(frozen=True, slots=True, eq=False)
class SearchResult:
    """The nearest entries of an index for each probe.

    Attributes:
        ids: (q, k) int64, best first, -1 where fewer exist.
        scores: (q, k) float32, cosine in [-1, 1]; -inf where the id is -1.
    """

    ids: Ints
    scores: Floats

    def __post_init__(self) -> None:
        check_rows("ids", self.ids, (None, None))
        check_rows("scores", self.scores, tuple(self.ids.shape))


@dataclass(frozen=True, slots=True, eq=False)
class PeopleHits:
    """The best people of a gallery for each probe, by the fused score.

    Attributes:
        people: (q, k) int64 ids of people, best first, each once a row, -1 where fewer exist.
        scores: (q, k) float32, (nearest + template) / 2; -inf where the id is -1.
        faces: (q, k) int64, that person's face nearest to the probe.
        nearest: (q, k) float32, cosine to that face.
        templates: (q, k) float32, cosine to that person's template.
    """

    people: Ints
    scores: Floats
    faces: Ints
    nearest: Floats
    templates: Floats

    def __post_init__(self) -> None:
        for name in ("scores", "faces", "nearest", "templates"):
            check_rows(name, getattr(self, name), tuple(self.people.shape))

    def rows(self, rows: slice) -> PeopleHits:
        """Only the probes of these rows."""
        return PeopleHits(
            self.people[rows],
            self.scores[rows],
            self.faces[rows],
            self.nearest[rows],
            self.templates[rows],
        )

    def times(self, factors: Floats) -> PeopleHits:
        """With the scores of each probe multiplied by a factor (q,)."""
        scores = np.asarray(self.scores * factors[:, None], np.float32)
        return PeopleHits(self.people, scores, self.faces, self.nearest, self.templates)

    def among(self, known: Iterable[int]) -> PeopleHits:
        """Without people who are not known: whom another process deleted since the search.

        Others move up, so that the lead over the second person is one over somebody.
        """
        gone = ~np.isin(self.people, np.fromiter(known, np.int64))
        if not gone.any():
            return self
        order = np.argsort(gone, axis=1, kind="stable")
        left = np.take_along_axis(~gone, order, 1)

        def moved(values: npt.NDArray[Any], nothing: float) -> npt.NDArray[Any]:
            return np.where(left, np.take_along_axis(values, order, 1), values.dtype.type(nothing))

        return PeopleHits(
            moved(self.people, -1),
            moved(self.scores, -np.inf),
            moved(self.faces, -1),
            moved(self.nearest, -np.inf),
            moved(self.templates, -np.inf),
        )


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


@dataclass(frozen=True, slots=True)
class FailedJob:
    """A job of bulk work that was given up.

    Attributes:
        id: of the job.
        kind: what it should have done.
        error: the last line of what went wrong.
    """

    id: str
    kind: str
    error: str


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
