"""How often people are named, rightly: several embedders on the same photos and the same draws.

Verification asks of two photos whether they show one person; identification enrols some people and
asks about their other photos and about strangers. Nothing is asked of people or photos that it was
made from; a photo in which no face is found is counted, not left out.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

import numpy as np

from retrieval.benchmarks.face_vectors import PhotoVectors
from retrieval.benchmarks.identification import (
    FPIRS,
    OURS,
    RULES,
    Answers,
    Draw,
    answers,
    det_curve,
    draw,
    fnir_at,
    fnir_interval,
    fpir_interval,
    most_alike,
    ours,
    threshold_for,
)
from retrieval.benchmarks.planted import planted
from retrieval.benchmarks.progress import Advance, silent
from retrieval.benchmarks.verification import Verification, verify
from retrieval.errors import DataInvalid
from retrieval.identities.calibrate import calibrate, missing
from retrieval.identities.fairness import rates_by_group
from retrieval.identities.trials import ask_gallery
from retrieval.values import Gate

PHOTOS_ENROLLED = (1, 2, 3, 5)
PEOPLE = (30, 100, 300, 600)
_CURVE = np.geomspace(0.001, 0.1, 41)


class Contender(NamedTuple):
    """An embedder on the folder's photos.

    Attributes:
        name: as it was asked for.
        faces: what it made of the photos.
        gate: its default threshold and margin.
        pass_ms: a face, mirror image included.
        megabytes: of its files.
    """

    name: str
    faces: PhotoVectors
    gate: Gate
    pass_ms: float
    megabytes: float


class Operation(TypedDict):
    """What a threshold did to people that it was not made from, over the draws.

    Attributes:
        fpir, fpir_sd: share of the strangers that are named.
        fpir_interval: 95 % confidence, by a bootstrap over strangers.
        fnir: share of the known people's photos that are not named rightly.
        fnir_fixed: FNIR of one threshold for all draws that names as many strangers.
        misnamed: known people's photos that are given another name.
        held: share of draws whose FPIR lies in the stated interval; None for a default threshold.
    """

    fpir: float
    fpir_sd: float
    fpir_interval: tuple[float, float]
    fnir: float
    fnir_fixed: float
    misnamed: float
    held: float | None


class Result(TypedDict):
    """One embedder's figures; `alike` is of `most_alike`, `planted` empty without a threshold."""

    name: str
    model: str
    found: float
    rank1: float
    fnir: dict[str, float]
    fnir_sd: float
    fnir_interval: tuple[float, float]
    curve: list[float]
    rules: dict[str, tuple[float, float]]
    by_photos: dict[str, float]
    by_people: dict[str, float]
    verification: dict[str, Any]
    default: Operation
    calibrated: Operation | None
    not_calibrated: str | None
    evidence_at: float
    pass_ms: float
    photo_ms: float
    megabytes: float
    groups: dict[str, list[dict[str, Any]]]
    alike: list[tuple[str, str, float]]
    planted: list[dict[str, Any]]


class Accuracy(TypedDict):
    """The benchmark's result."""

    photos: int
    people: int
    known: int
    asked: int
    strangers: int
    enrolled: int
    draws: int
    seed: int
    wanted_fpir: float
    curve_fpir: list[float]
    results: list[Result]


def run(
    contenders: Sequence[Contender],
    folder: Path,
    files: list[str],
    *,
    draws: int = 10,
    photos: int = 3,
    people: int | None = None,
    seed: int = 0,
    fpir: float = 0.01,
    groups: Mapping[str, str] | None = None,
    advance: Advance = silent,
) -> Accuracy:
    """Measure embedders on a folder's photos.

    Args:
        contenders: of the same photos, in the same order.
        folder: of the photos, which may hold a pairs.txt.
        files: the photos' names.
        draws: of people and photos, the same for each.
        photos: enrolled of each known person.
        people: known; None for all who have photos enough.
        seed: of the draws.
        fpir: wanted of the calibration.
        groups: of people by name, to compare rates between them.
        advance: told of every embedder.

    Raises:
        DataInvalid: there are too few people or photos.
    """
    first = contenders[0].faces
    shown = draw(first, photos, people, np.random.default_rng([seed, 0]))
    results = []
    for contender in contenders:
        result = _result(contender, folder, files, draws, photos, people, seed, fpir)
        if groups:
            drawn = [
                draw(contender.faces, photos, people, np.random.default_rng([seed, n]))
                for n in range(draws)
            ]
            result["groups"] = _by_group(contender.faces, drawn, groups)
        results.append(result)
        advance(1)
    return Accuracy(
        photos=len(first.people),
        people=len(first.names),
        known=int(shown.asked_owners.max()) + 1,
        asked=len(shown.asked),
        strangers=len(shown.strangers),
        enrolled=photos,
        draws=draws,
        seed=seed,
        wanted_fpir=fpir,
        curve_fpir=_CURVE.tolist(),
        results=results,
    )


def _result(
    contender: Contender,
    folder: Path,
    files: list[str],
    draws: int,
    photos: int,
    people: int | None,
    seed: int,
    fpir: float,
) -> Result:
    faces = contender.faces
    drawn = [draw(faces, photos, people, np.random.default_rng([seed, n])) for n in range(draws)]
    found = [answers(faces, one, ours) for one in drawn]
    rates = np.array([[fnir_at(one, rate) for rate in FPIRS] for one in found])
    calibrated, lacking = _calibrated(contender, drawn, found, fpir)
    comparison: Verification = verify(faces, folder, files, seed)
    return Result(
        name=contender.name,
        model=faces.model,
        found=float(faces.found.mean()),
        rank1=float(np.mean([one.right.mean() for one in found])),
        fnir={f"{rate:g}": float(rates[:, i].mean()) for i, rate in enumerate(FPIRS)},
        fnir_sd=float(rates[:, 0].std()),
        fnir_interval=fnir_interval(found, drawn, FPIRS[0], seed=seed),
        curve=np.mean([det_curve(one, _CURVE) for one in found], axis=0).tolist(),
        rules=_rules(faces, drawn, found),
        by_photos=_sweep(
            faces, [(n, people) for n in PHOTOS_ENROLLED], draws, seed, by_people=False
        ),
        by_people=_sweep(faces, [(photos, n) for n in PEOPLE], draws, seed, by_people=True),
        verification=comparison._asdict(),
        default=_operation(found, drawn, [contender.gate] * draws),
        calibrated=calibrated,
        not_calibrated=lacking,
        evidence_at=float(np.mean([threshold_for(one.strangers, FPIRS[0]) for one in found])),
        pass_ms=contender.pass_ms,
        photo_ms=faces.ms,
        megabytes=contender.megabytes,
        groups={},
        alike=most_alike(faces, found, drawn),
        planted=_planted(contender, draws, seed),
    )


def _planted(contender: Contender, draws: int, seed: int) -> list[dict[str, Any]]:
    unlike = contender.gate.unlike
    if unlike is None:
        return []
    return [each._asdict() for each in planted(contender.faces, unlike, draws, seed)]


def _by_group(
    faces: PhotoVectors, drawn: Sequence[Draw], groups: Mapping[str, str]
) -> dict[str, list[dict[str, Any]]]:
    """FNIR and FPIR by group, at the one threshold of each draw that names 1 % of all strangers."""
    people = len(faces.names)
    asked, missed, shown, named = np.zeros((4, people), np.float32)
    for one in drawn:
        found = answers(faces, one, ours)
        limit = threshold_for(found.strangers, FPIRS[0])
        whose = faces.people[one.asked]
        asked += np.bincount(whose, minlength=people)
        missed += np.bincount(whose[~(found.right & (found.known > limit))], minlength=people)
        shown += np.bincount(one.stranger_owners, minlength=people)
        named += np.bincount(one.stranger_owners[found.strangers > limit], minlength=people)
    group_of = [groups.get(name) for name in faces.names]
    asked, missed, shown, named = (
        np.asarray(sums / len(drawn), np.float32) for sums in (asked, missed, shown, named)
    )
    fnir = rates_by_group(group_of, asked, missed)
    fpir = rates_by_group(group_of, shown, named)
    return {
        "fnir": [rate.document() for rate in fnir],
        "fpir": [rate.document() for rate in fpir],
    }


def _rules(
    faces: PhotoVectors, drawn: Sequence[Draw], found: Sequence[Answers]
) -> dict[str, tuple[float, float]]:
    """Rank-1 and FNIR at FPIR 1 % of each rule."""
    rates = {}
    for name, rule in RULES.items():
        every = found if name == OURS else [answers(faces, one, rule) for one in drawn]
        rank1 = float(np.mean([one.right.mean() for one in every]))
        rates[name] = rank1, float(np.mean([fnir_at(one, FPIRS[0]) for one in every]))
    return rates


def _sweep(
    faces: PhotoVectors,
    cases: Sequence[tuple[int, int | None]],
    draws: int,
    seed: int,
    *,
    by_people: bool,
) -> dict[str, float]:
    """FNIR at FPIR 1 % by photos enrolled, or by known people; only what the folder can show."""
    rates: dict[str, float] = {}
    for photos, people in cases:
        try:
            drawn = [
                draw(faces, photos, people, np.random.default_rng([seed, n])) for n in range(draws)
            ]
        except DataInvalid:
            continue
        known = int(drawn[0].asked_owners.max()) + 1
        rates[str(known if by_people else photos)] = float(
            np.mean([fnir_at(answers(faces, one, ours), FPIRS[0]) for one in drawn])
        )
    return rates


def _calibrated(
    contender: Contender, drawn: Sequence[Draw], found: Sequence[Answers], fpir: float
) -> tuple[Operation | None, str | None]:
    """Each draw's gallery calibrated on its own photos, as the product does it."""
    lacking = missing(drawn[0].owners)
    if lacking is not None:
        return None, lacking
    calibrations = [
        calibrate(
            ask_gallery(contender.faces.vectors[one.gallery], one.owners), fpir, contender.gate
        )
        for one in drawn
    ]
    gates = [made.gate(made.people) for made in calibrations]
    operation = _operation(found, drawn, gates)
    held = [
        made.fpir_interval[0] <= _stranger_named(one, gate).mean() <= made.fpir_interval[1]
        for made, one, gate in zip(calibrations, found, gates, strict=True)
    ]
    return Operation(**{**operation, "held": float(np.mean(held))}), None


def _stranger_named(found: Answers, gate: Gate) -> Any:
    return _named(found.strangers, found.stranger_leads, gate)


def _named(evidence: Any, leads: Any, gate: Gate) -> Any:
    """As `identities.decide` names per photo's only face."""
    return (evidence >= gate.threshold) & (leads >= gate.margin) & (leads > 0)


def _fnir_fixed(found: Sequence[Answers], fpir: float) -> float:
    """FNIR of the one threshold that names this share of all draws' strangers."""
    strangers = np.concatenate([one.strangers for one in found])
    limit = threshold_for(strangers, min(fpir, 1 - 1 / len(strangers)))
    return float(np.mean([1 - (one.right & (one.known > limit)).mean() for one in found]))


def _operation(found: Sequence[Answers], drawn: Sequence[Draw], gates: Sequence[Gate]) -> Operation:
    strangers = [_stranger_named(one, gate) for one, gate in zip(found, gates, strict=True)]
    fpirs = [float(passed.mean()) for passed in strangers]
    named = [_named(one.known, one.leads, gate) for one, gate in zip(found, gates, strict=True)]
    missed = [1 - (passed & one.right).mean() for one, passed in zip(found, named, strict=True)]
    wrong = [(passed & ~one.right).mean() for one, passed in zip(found, named, strict=True)]
    return Operation(
        fpir=float(np.mean(fpirs)),
        fpir_sd=float(np.std(fpirs)),
        fpir_interval=fpir_interval(strangers, drawn),
        fnir=float(np.mean(missed)),
        fnir_fixed=_fnir_fixed(found, float(np.mean(fpirs))),
        misnamed=float(np.mean(wrong)),
        held=None,
    )
