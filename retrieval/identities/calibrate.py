"""Threshold and margin from a collection's own photos, and what scores mean there (pure).

    calibration = calibrate(ask_gallery(vectors, people), fpir=0.01)

How the threshold follows a growing gallery: the more people, the more alike the best of them is to
a stranger. How much more is measured on the gallery itself, by asking every stranger's search
against a random half of the people too; the rise from half to whole is taken again for each
doubling. Half the lead over the second person is part of the evidence, and it shrinks as the score
grows, so the rise is small.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from retrieval.identities.tail import Tail, fit_tail
from retrieval.identities.trials import Trials
from retrieval.scoring.rule import RULE, grouped
from retrieval.values import Floats, Gate, Ints

LEAST_PEOPLE = 10  # with fewer, FPIR was 1.6 times the wanted one and more on ORL
VERIFY_FMR = 1e-3  # false match rate of 1:1 comparisons: one of ISO/IEC 19795's usual points
# Strangers of the stated prediction: a hundred faces, as many as show whether 1 % was kept.
ASKED_PEOPLE, ASKED_PHOTOS = 10, 10
# Few people place a threshold badly: with mobilefacenet-dlib 30 people vary it by 0.019, where the
# right one varies by 0.003. So one that comes out below the network's own is believed by how sure
# it is, against how far other photos may lie from it: a quarter of the distance from the threshold
# of a search down to that of two photos. Its variance is 2.5 times what a bootstrap of 15 to 60
# people says (LFW, 30 draws). A higher one is believed as it is: photos may be harder.
_DEFAULT_FPIR = 0.01  # for which the networks' own thresholds are
_OTHER_PHOTOS, _UNSAID = 0.25, 2.5
_LEVEL_SPREADS = 3.29  # standard deviations from end to end of a 90 % interval
_CURVE_POINTS = 64
_DRAWS = 400
_WRONG_COST = 10  # a wrong name is as bad as so many faces that stay unnamed


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a collection's own photos say about its scores. Made of numbers only, kept as JSON.

    Attributes:
        fpir: wanted false positive identification rate.
        threshold: evidence that reaches it at `people` enrolled people.
        threshold_interval: 90 % confidence, by a bootstrap over people.
        margin: lead over the second person below which wrong names would cost more than they gain.
        fpir_interval: FPIR among the next 100 faces of 10 strangers lies in here with 90 %.
        fnir: share of the known people's photos that are not named rightly at the threshold.
        fnir_interval: 90 % confidence, by a bootstrap over people.
        people, faces: the gallery's size at the time.
        growth: rise of the threshold for each e-fold of people.
        curve: evidence, ascending, and the share of strangers' faces that reach it.
        photo_threshold, person_threshold: 1:1 scores with a false match rate of 0.1 %, of photo
            with photo and of photo with person.
        rule: of the scores that were measured, see `scoring.rule.RULE`.
    """

    fpir: float
    threshold: float
    threshold_interval: tuple[float, float]
    margin: float
    fpir_interval: tuple[float, float]
    fnir: float
    fnir_interval: tuple[float, float]
    people: int
    faces: int
    growth: float
    curve: tuple[tuple[float, ...], tuple[float, ...]]
    photo_threshold: float
    person_threshold: float
    rule: int = RULE

    def threshold_at(self, people: int) -> float:
        """The threshold when so many people are enrolled; it never falls as people leave."""
        return self.threshold + self._rise(people)

    def gate(self, people: int) -> Gate:
        """What decisions ask for when so many people are enrolled."""
        source = f"calibrated for FPIR {self.fpir:.3g} on {self.people} people"
        stale = self.stale(people)
        return Gate(
            self.threshold_at(people),
            self.margin,
            source if stale is None else f"{source}; stale: {stale}",
            self.photo_threshold,
            self.person_threshold,
        )

    def false_matches(self, evidence: npt.ArrayLike, people: int) -> Floats:
        """Expected false matches among 1,000 strangers' faces at each evidence, any shape."""
        scores, rates = (np.array(part) for part in self.curve)
        logs = np.interp(np.asarray(evidence) - self._rise(people), scores, np.log(rates))
        return np.asarray(1000 * np.exp(logs), np.float32)

    def stale(self, people: int) -> str | None:
        """Why this should be measured anew, or None."""
        if self.rule != RULE:
            return "scores are made in another way now: calibrate again"
        if self.people / 2 <= people <= self.people * 2:
            return None
        return f"now there are {people}: calibrate again"

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """From `document`, also after it has been JSON."""
        numbers = {"rule": 1, **document}  # documents of the first rule do not name it
        for name in ("threshold_interval", "fpir_interval", "fnir_interval"):
            numbers[name] = tuple(numbers[name])
        numbers["curve"] = tuple(tuple(part) for part in numbers["curve"])
        return cls(**numbers)

    def _rise(self, people: int) -> float:
        return self.growth * float(np.log(max(people / self.people, 1.0)))


def missing(people: Ints) -> str | None:
    """What a gallery lacks for a calibration, in words, or None.

    Args:
        people: (n,) int64, the person of each face.
    """
    sizes = np.unique(people, return_counts=True)[1]
    several = int((sizes > 1).sum())
    if several >= LEAST_PEOPLE:
        return None
    return (
        f"calibration needs {LEAST_PEOPLE} people with two photos or more, found {several}"
        f" (of {len(sizes)} people)"
    )


def strangers_tail(trials: Trials) -> Tail:
    """The tail of the evidence that strangers reach."""
    return fit_tail(trials.strangers, trials.people)


def calibrate(trials: Trials, fpir: float, default: Gate) -> Calibration:
    """Choose threshold and margin for a wanted FPIR, and say how good they are.

    Args:
        trials: the gallery's answers about its own photos, of 10 people or more.
        fpir: wanted false positive identification rate, above 0 and below 1.
        default: the network's own thresholds, which few people's photos are weighed against.
    """
    tail = strangers_tail(trials)
    tail = tail.moved(_too_low_by(tail, default))
    threshold = tail.threshold(fpir)
    margin = _margin(trials, threshold)
    fnir, fnir_interval = _fnir(trials, threshold, margin)
    return Calibration(
        fpir=fpir,
        threshold=threshold,
        threshold_interval=tail.threshold_interval(fpir),
        margin=margin,
        fpir_interval=tail.rate_interval(threshold, ASKED_PEOPLE, ASKED_PHOTOS),
        fnir=fnir,
        fnir_interval=fnir_interval,
        people=trials.gallery_people,
        faces=trials.gallery_faces,
        growth=_growth(trials),
        curve=_curve(trials, tail),
        photo_threshold=_pair_threshold(trials.photo_pairs, trials.people),
        person_threshold=_pair_threshold(trials.person_pairs, trials.people),
    )


def _too_low_by(tail: Tail, default: Gate) -> float:
    """By how much a few people's photos place the tail too low, as the network is known; 0 or more.

    The mean of a normal prior and of a normal measurement, by their variances.
    """
    found = tail.threshold(_DEFAULT_FPIR)
    low, high = tail.threshold_interval(_DEFAULT_FPIR)
    prior = (_OTHER_PHOTOS * (default.threshold - default.of_photos)) ** 2
    if prior <= 0 or found >= default.threshold:
        return 0.0
    measured = _UNSAID * ((high - low) / _LEVEL_SPREADS) ** 2
    return float((default.threshold - found) * measured / (measured + prior))


def named_rightly(trials: Trials, threshold: float, margin: float) -> npt.NDArray[np.bool_]:
    """Of the photos whose person has others, which are named, and rightly."""
    tried = np.isfinite(trials.own_scores)
    right = (trials.leads >= margin) & (trials.leads > 0) & (trials.genuine >= threshold)
    return np.asarray(right[tried])


def _margin(trials: Trials, threshold: float) -> float:
    """The lead at which names missed and names wrong, counted ten times, cost the least.

    So a mislabelled photo, which is "named wrongly" with any lead, does not silence everybody.
    """
    wrong = (trials.leads < 0) & (trials.mistaken >= threshold) & np.isfinite(trials.own_scores)
    margins = np.append(0.0, np.nextafter(-trials.leads[wrong], np.float32(np.inf)))
    costs = [
        (~named_rightly(trials, threshold, margin)).sum()
        + _WRONG_COST * (-trials.leads[wrong] >= margin).sum()
        for margin in margins
    ]
    return float(margins[np.argmin(costs)])


def _fnir(trials: Trials, threshold: float, margin: float) -> tuple[float, tuple[float, float]]:
    right = named_rightly(trials, threshold, margin)
    people = trials.people[np.isfinite(trials.own_scores)]
    owners, order, starts = grouped(people)
    hits = np.add.reduceat(right[order].astype(np.int64), starts)
    sizes = np.diff(starts, append=len(people))
    drawn = np.random.default_rng(0).integers(0, len(owners), (_DRAWS, len(owners)))
    rates = 1 - hits[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.quantile(rates, [0.05, 0.95])
    return float(1 - right.mean()), (float(low), float(high))


def _growth(trials: Trials) -> float:
    """How much higher strangers score for each e-fold of people, never below 0."""
    both = np.isfinite(trials.halves) & np.isfinite(trials.strangers)
    rise = float((trials.strangers[both] - trials.halves[both]).mean(dtype=np.float64))
    return max(rise / float(np.log(2)), 0.0)


def _curve(trials: Trials, tail: Tail) -> tuple[tuple[float, ...], tuple[float, ...]]:
    low, high = float(trials.strangers.min()), tail.threshold(1e-7)
    scores = np.linspace(low, high, _CURVE_POINTS)
    return tuple(scores.tolist()), tuple(tail.rate(scores).tolist())


def _pair_threshold(scores: Floats, people: Ints) -> float:
    rows = np.repeat(people, scores.shape[1])
    return fit_tail(scores.ravel(), rows).threshold(VERIFY_FMR)
