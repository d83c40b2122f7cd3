"""A gallery with its calibration, which are exchanged together when another process calibrates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from retrieval.identities.calibrate import Calibration
from retrieval.index.people_index import PeopleIndex
from retrieval.values import Decision, Gate


@dataclass(frozen=True, slots=True)
class StoredCalibration:
    """What the catalogue keeps of a calibration.

    Attributes:
        stamp: another one after each calibration.
        measured_at: ISO 8601.
        calibration: its results.
    """

    stamp: str
    measured_at: str
    calibration: Calibration

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "stamp": self.stamp,
            "measured_at": self.measured_at,
            "calibration": self.calibration.document(),
        }

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """From `document`."""
        calibration = Calibration.from_document(document["calibration"])
        return cls(document["stamp"], document["measured_at"], calibration)


@dataclass(frozen=True, slots=True, eq=False)
class CalibratedGallery:
    """The index of a collection, and how its scores are judged.

    Attributes:
        gallery: the index.
        stored: the calibration, or None.
        default: the gate where there is none.
    """

    gallery: PeopleIndex
    stored: StoredCalibration | None
    default: Gate

    @property
    def stamp(self) -> str | None:
        """Which calibration it is of."""
        return None if self.stored is None else self.stored.stamp

    def gate(self, threshold: float | None = None) -> Gate:
        """What decisions ask for, as many people as there are now.

        Args:
            threshold: given with the question, in place of the collection's own.
        """
        own = self.default
        if self.stored is not None:
            own = self.stored.calibration.gate(self.gallery.status().people)
        if threshold is None:
            return own
        source = "given with the question"
        return replace(own, threshold=threshold, person_threshold=None, source=source)

    def false_matches(self, decisions: Sequence[Decision], gate: Gate) -> list[float | None]:
        """Expected false matches among 1,000 strangers' faces at each decision's evidence.

        Args:
            decisions: made with `gate`.
            gate: the threshold that they were compared with.

        Returns:
            None for faces without a candidate, and for all where nothing is calibrated.
        """
        if self.stored is None:
            return [None] * len(decisions)
        people = self.gallery.status().people
        above = [np.nan if d.score is None else d.score - d.threshold for d in decisions]
        evidence = gate.threshold + np.array(above)
        counts = self.stored.calibration.false_matches(evidence, people).tolist()
        return [None if np.isnan(count) else count for count in counts]


def stamp_of(document: Mapping[str, Any] | None) -> str | None:
    """Which calibration a document is of."""
    return None if document is None else str(document["stamp"])
