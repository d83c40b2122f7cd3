"""What makes answers trustworthy: a collection calibrated on its own photos, and checked."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import numpy as np

from retrieval.errors import DataInvalid, SettingInvalid
from retrieval.identities.calibrate import Calibration, calibrate, missing
from retrieval.identities.trials import Trials, ask_gallery
from retrieval.lens import Stored
from retrieval.service import Service
from retrieval.space import fit_space
from retrieval.values import Gate


@dataclass(frozen=True, slots=True, eq=False)
class Calibrated:
    """A collection's calibration, and the searches that it was measured by.

    Attributes:
        calibration: threshold, margin and what they are worth.
        trials: the gallery's answers about its own photos.
        before: the gate until now.
        fitted: whether vectors are compared in a space of the gallery's own.
    """

    calibration: Calibration
    trials: Trials
    before: Gate
    fitted: bool

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            **self.calibration.document(),
            "fitted_space": self.fitted,
            "before": {"threshold": self.before.threshold, "source": self.before.source},
        }


def calibrate_collection(
    service: Service, fpir: float, *, fit: bool = True, keep: bool = True
) -> Calibrated:
    """Choose a collection's threshold and margin from its own photos.

    Args:
        service: of the collection.
        fpir: wanted false positive identification rate.
        fit: whether a space may be fitted to the gallery.
        keep: whether the collection uses the result from now on, in all processes.

    Raises:
        SettingInvalid: the rate is not between 0 and 1.
        DataInvalid: there are too few photos; the collection keeps the threshold that it had.
    """
    if not 0 < fpir < 1:
        raise SettingInvalid(f"A false positive rate lies between 0 and 1; found {fpir}.")
    collection = service.collection
    before = service.gate
    _, people, vectors = service.catalogue.vectors(collection.id)
    lacking = missing(people)
    if lacking is not None:
        raise DataInvalid(
            f"{lacking[0].upper()}{lacking[1:]}. The collection keeps its threshold"
            f" {before.threshold:.3f} ({before.source}); enrol more photos and repeat."
        )
    matrix = fit_space(vectors, people).matrix if fit else None
    trials = ask_gallery(vectors, people, fitted=matrix is not None)
    result = Calibrated(calibrate(trials, fpir), trials, before, matrix is not None)
    if keep:
        stamp, moment = uuid4().hex, datetime.now(UTC).isoformat(timespec="seconds")
        stored = Stored(stamp, moment, result.calibration)
        space = None if matrix is None else np.ascontiguousarray(matrix).tobytes()
        service.catalogue.set_calibration(collection.id, stored.document(), space)
        service.gallery.snapshot()
    return result


def forget_calibration(service: Service) -> None:
    """Let a collection use its model's default threshold again, in all processes."""
    service.catalogue.set_calibration(service.collection.id, None)
    service.gallery.snapshot()
