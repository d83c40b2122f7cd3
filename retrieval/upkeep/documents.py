"""The JSON of a calibration: of command line and HTTP alike."""

from typing_extensions import TypedDict  # Pydantic asks for this one below Python 3.12

from retrieval.identities.calibrate import Calibration


class ThresholdDocument(TypedDict):
    """A threshold, and where it comes from."""

    threshold: float
    source: str


class CalibrationDocument(ThresholdDocument):
    """The threshold that answers use, and the calibration that it comes from, if any."""

    margin: float
    measured_at: str | None
    calibration: Calibration | None
