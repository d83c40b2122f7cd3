"""A collection's threshold and margin, measured on its own photos."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from retrieval.collection.calibrated_gallery import StoredCalibration
from retrieval.errors import DataInvalid, SettingInvalid
from retrieval.identities.calibrate import Calibration, calibrate, missing
from retrieval.identities.trials import Trials, ask_gallery
from retrieval.service import Service
from retrieval.upkeep.documents import CalibrationDocument
from retrieval.values import Gate


@dataclass(frozen=True, slots=True, eq=False)
class Calibrated:
    """A collection's calibration, and the searches that it was measured by.

    Attributes:
        calibration: threshold, margin and what they are worth.
        trials: the gallery's answers about its own photos.
        before: the gate until now.
    """

    calibration: Calibration
    trials: Trials
    before: Gate

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            **self.calibration.document(),
            "before": {"threshold": self.before.threshold, "source": self.before.source},
        }


def calibrate_collection(service: Service, fpir: float, *, keep: bool = True) -> Calibrated:
    """Choose a collection's threshold and margin from its own photos.

    Args:
        service: of the collection.
        fpir: wanted false positive identification rate.
        keep: whether the collection uses the result from now on, in all processes.

    Raises:
        SettingInvalid: the rate is not between 0 and 1.
        DataInvalid: there are too few photos; the collection keeps the threshold that it had.
    """
    if not 0 < fpir < 1:
        raise SettingInvalid(f"A false positive rate lies between 0 and 1; found {fpir}.")
    collection = service.active_model.collection
    before = service.gate
    _, people, vectors = service.catalogue.vectors(collection.id)
    lacking = missing(people)
    if lacking is not None:
        raise DataInvalid(
            f"{lacking[0].upper()}{lacking[1:]}. The collection keeps its threshold"
            f" {before.threshold:.3f} ({before.source}); enrol more photos and repeat."
        )
    trials = ask_gallery(vectors, people)
    result = Calibrated(
        calibrate(trials, fpir, service.active_model.calibrated.default), trials, before
    )
    if keep:
        stamp, moment = uuid4().hex, datetime.now(UTC).isoformat(timespec="seconds")
        stored = StoredCalibration(stamp, moment, result.calibration)
        model = collection.fingerprint
        service.catalogue.set_calibration(collection.id, stored.document(), model)
        service.write_index()
    return result


def forget_calibration(service: Service) -> None:
    """Let a collection use its model's default threshold again, in all processes."""
    service.catalogue.set_calibration(service.collection.id, None)
    service.write_index()


def calibration_shown(service: Service) -> CalibrationDocument:
    """The gate in use, and the calibration behind it."""
    calibrated = service.calibrated
    stored, gate = calibrated.stored, calibrated.gate()
    return {
        "threshold": gate.threshold,
        "margin": gate.margin,
        "source": gate.source,
        "measured_at": None if stored is None else stored.measured_at,
        "calibration": None if stored is None else stored.calibration,
    }
