"""What a collection's faces and people are to those who ask about them, wherever they are kept."""

from pathlib import Path
from typing import Protocol

from retrieval.index.clusters import Clusters
from retrieval.index.encodings import Encodings
from retrieval.index.status import Check, IndexStatus
from retrieval.index.training import Goal, Progress
from retrieval.protocols import PeopleHits, SearchResult, Watermark
from retrieval.values import Ints, Vectors


class PeopleIndex(Protocol):
    """One collection's faces and people, searched: in this process's memory, or on a server."""

    @property
    def elsewhere(self) -> tuple[str, ...]:
        """What of deleted faces no search of files can look into, in words."""

    def close(self) -> None:
        """Wait for what runs in the background and let go."""

    def catch_up(self) -> Watermark:
        """Follow the change log to its end: cheap where nothing has changed."""

    def search(self, probes: Vectors, k: int = 5, people: Ints | None = None) -> PeopleHits:
        """Find the k best people for each probe by the fused score, among `people` if given."""

    def search_faces(self, probes: Vectors, k: int, allowed: Ints | None = None) -> SearchResult:
        """Find the k nearest faces for each probe, among `allowed` ids if given."""

    def status(self) -> IndexStatus:
        """Describe the index as it is now."""

    def train(self, goal: Goal | None = None, progress: Progress = ...) -> IndexStatus:
        """Train lists by measure and answer from them; a small gallery stays exact."""

    def keep_up(self, progress: Progress = ...) -> None:
        """Do what is due after bulk work."""

    def check(self) -> Check:
        """Compare the index with the catalogue, face by face."""

    def rebuild(self, progress: Progress = ...) -> IndexStatus:
        """Read everything from the catalogue again."""

    def snapshot(self) -> Path | None:
        """Leave nothing of what was deleted, as far as that is possible at once."""

    def clusters(self, k: int | None = None) -> Clusters:
        """The gallery as an inverted index, cluster -> faces; None for as many as suit it."""

    def encodings(self, face_ids: Ints, person_ids: Ints) -> Encodings:
        """The bytes by which files of this machine hold faces, and people's templates."""

    def shared(self, plain: frozenset[bytes]) -> frozenset[bytes]:
        """Those of the byte strings that stand for somebody who is here."""

    def left_packed(
        self, face_ids: Ints, person_ids: Ints, packed: frozenset[bytes]
    ) -> dict[Path, frozenset[bytes]]:
        """The files in which packed codes still stand for the faces and people, or nobody."""
