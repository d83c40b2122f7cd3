"""/v1/calibration, /v1/health: what answers are worth, and what is wrong with the photos."""

from functools import partial
from typing import Any

import numpy as np

from retrieval.api.auditing import edited
from retrieval.api.bodies import WantedRate
from retrieval.api.routing import (
    ADMIN,
    HR,
    OPERATOR,
    VIEWER,
    By,
    InContext,
    InGallery,
    Once,
    router,
)
from retrieval.api.schemas import Curves, Measured
from retrieval.errors import NotFound
from retrieval.identities.calibrate import Calibration, named_rightly
from retrieval.identities.trials import Trials
from retrieval.upkeep.calibration import (
    Calibrated,
    calibrate_collection,
    calibration_shown,
    forget_calibration,
)
from retrieval.upkeep.documents import CalibrationDocument, ThresholdDocument
from retrieval.upkeep.findings import FindingDone, accept, chosen, dismiss
from retrieval.upkeep.health import Health, examine_collection

routes = router("quality")

CURVE_POINTS = 200  # as fine as a slider on a screen
BINS = 60


@routes.get("/calibration", response_model=CalibrationDocument, openapi_extra=VIEWER)
def show_calibration(service: InGallery) -> Any:
    """Show the threshold that answers use, and the calibration that it comes from, if any."""
    return calibration_shown(service)


@routes.post(
    "/calibration/measure", response_model=Measured, openapi_extra=VIEWER, dependencies=[Once]
)
async def measure_calibration(context: InContext, service: InGallery, wanted: WantedRate) -> Any:
    """Say what thresholds would be worth on the collection's own photos; change nothing."""

    def work() -> Measured:
        return _measured(calibrate_collection(service, wanted.fpir, keep=False))

    return await context.pool.run(work)


@routes.post("/calibration", response_model=Measured, openapi_extra=ADMIN, dependencies=[Once])
async def calibrate(context: InContext, caller: By, service: InGallery, wanted: WantedRate) -> Any:
    """Choose the threshold for a wanted FPIR from the collection's own photos, and use it."""

    def work() -> Measured:
        with edited(service, caller, "calibrate", partial(_calibrated, wanted.fpir)):
            return _measured(calibrate_collection(service, wanted.fpir))

    return await context.pool.run(work)


@routes.delete("/calibration", response_model=CalibrationDocument, openapi_extra=ADMIN)
async def drop_calibration(context: InContext, caller: By, service: InGallery) -> Any:
    """Use the model's default threshold again."""

    def work() -> CalibrationDocument:
        with edited(service, caller, "forget-calibration", lambda document: {}):
            forget_calibration(service)
        return calibration_shown(service)

    return await context.pool.run(work)


@routes.get("/health", response_model=Health, openapi_extra=VIEWER)
async def show_health(context: InContext, service: InGallery) -> Any:
    """Say what is wrong with the enrolled photos: findings to decide, and whom answers confuse."""
    return await context.pool.run(lambda: examine_collection(service))


@routes.post("/health/findings/{finding}/accept", response_model=FindingDone, openapi_extra=HR)
async def accept_finding(context: InContext, caller: By, service: InGallery, finding: str) -> Any:
    """Do what a finding proposes; the edits can be undone unless the finding is final."""

    def work() -> FindingDone:
        found = chosen(examine_collection(service).findings, [finding])
        with edited(service, caller, "accept-finding", lambda _: {"finding": finding}):
            done = accept(service, found)
        if not done:
            raise NotFound(f"The finding {finding!r} was dealt with meanwhile.")
        return done[0]

    return await context.pool.run(work)


@routes.post(
    "/health/findings/{finding}/dismiss", response_model=FindingDone, openapi_extra=OPERATOR
)
async def dismiss_finding(context: InContext, caller: By, service: InGallery, finding: str) -> Any:
    """Never propose a finding again; undone as every edit."""

    def work() -> FindingDone:
        found = chosen(examine_collection(service).findings, [finding])
        with edited(service, caller, "dismiss-finding", lambda _: {"finding": finding}):
            (entry,) = dismiss(service, found)
        return FindingDone.of(found[0], entry)

    return await context.pool.run(work)


def _calibrated(fpir: float, document: dict[str, Any]) -> dict[str, Any]:
    return {"fpir": fpir, "threshold": document["calibration"]["threshold"]}


def _measured(found: Calibrated) -> Measured:
    before: ThresholdDocument = {
        "threshold": found.before.threshold,
        "source": found.before.source,
    }
    curves = _curves(found.trials, found.calibration)
    return Measured(calibration=found.calibration, before=before, curves=curves)


def _curves(trials: Trials, calibration: Calibration) -> Curves:
    """What a slider shows: FPIR and FNIR at each threshold, and both score distributions."""
    genuine = trials.genuine[np.isfinite(trials.genuine)]
    low = float(min(genuine.min(), trials.strangers.min()))
    high = float(max(genuine.max(), trials.strangers.max()))
    thresholds = np.linspace(low, high, CURVE_POINTS)
    fpir = calibration.false_matches(thresholds, calibration.people) / 1000
    fnir = [1 - named_rightly(trials, t, calibration.margin).mean() for t in thresholds]
    edges = np.linspace(low, high, BINS + 1)
    return Curves(
        thresholds=thresholds.tolist(),
        fpir=fpir.tolist(),
        fnir=[float(rate) for rate in fnir],
        edges=edges.tolist(),
        genuine=np.histogram(genuine, edges)[0].tolist(),
        strangers=np.histogram(trials.strangers, edges)[0].tolist(),
    )
