"""What an index says of itself: its kind, size and quality, and whether it is what SQL holds."""

from dataclasses import dataclass, field

import numpy as np

from retrieval.protocols import Watermark
from retrieval.values import Ints


@dataclass(frozen=True, slots=True)
class Trained:
    """What lists were trained on and how right they were then, on held-out faces.

    Attributes:
        faces: in the gallery.
        imbalance: of the face lists.
        probes: held-out faces that were asked about.
        agreement: with the exact answer of the fused rule.
        faces_agreement: of the nearest face's person, with the exact nearest face's.
        recall_at_10: of faces, by distance.
        when: ISO 8601, UTC.
    """

    faces: int
    imbalance: float
    probes: int
    agreement: float
    faces_agreement: float
    recall_at_10: float
    when: str


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """What an index is and how good it was when it was last measured.

    Attributes:
        kind: exact, ivf-flat, ivf-sq8 or ivf-pq; milvus-flat or milvus-ivf-flat on a server.
        faces, people: that a search can find.
        watermark: how far the change log has been followed.
        dead_share: of the frozen rows, those that are passed over.
        recent: faces that are searched beside the frozen ones.
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
