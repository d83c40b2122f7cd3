"""How likely a stranger's score is, beyond the few that were seen (pure).

Thirty people give 150 searches of strangers; a false positive rate of 1 % lies at the second
highest of them. Reading the threshold off there ("naive quantile") lets through more than twice as
many strangers as wanted. Instead a normal tail is fitted, again and again to people drawn anew (a
bootstrap over people, since the photos of one person come together), and the rates that the fits
give are averaged: what is not known about the tail then counts as risk. docs/accuracy.md has the
comparison.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retrieval.scoring.rule import grouped
from retrieval.values import Ints

Numbers = npt.NDArray[np.float64]

DRAWS = 200  # bootstrap samples: a threshold moves by a hundredth of its interval with the seed
# The fit uses the upper half of the scores, of many scores the highest 200, and at least a tenth.
# The lower half is skewed and would bend the tail: with it, FPIR on ORL came to 0.4 % where 1 % was
# wanted, and a false match rate of 0.1 % to nothing.
_MOST_SHARE, _LEAST_SHARE, _TAIL_SCORES = 0.5, 0.1, 200


@dataclass(frozen=True, slots=True, eq=False)
class Tail:
    """A population of strangers' scores: one normal tail a bootstrap sample of people.

    Attributes:
        centres, spreads: (b,) float64.
        likeness: (b,) float64 in [0, 1), the share of the variance that lies between people: how
            much the scores of one stranger's photos go together.
    """

    centres: Numbers
    spreads: Numbers
    likeness: Numbers

    def rate(self, scores: npt.ArrayLike) -> Numbers:
        """Share of strangers' faces that reach each score, any shape."""
        above = (np.asarray(scores, np.float64)[..., None] - self.centres) / self.spreads
        from scipy.special import ndtr  # as below: 0.2 s and more that no question needs

        rates: Numbers = ndtr(-above).mean(axis=-1)
        return rates

    def threshold(self, rate: float) -> float:
        """The score that this share of strangers' faces reaches."""
        from scipy.optimize import brentq

        ends = self._quantiles(rate)
        low, high = ends.min() - 1e-6, self._quantiles(rate / len(ends)).max() + 1e-6
        tiny = np.finfo(np.float64).tiny
        return float(brentq(lambda s: np.log(max(float(self.rate(s)), tiny) / rate), low, high))

    def moved(self, by: float) -> "Tail":
        """The same tail, higher by so much."""
        return Tail(self.centres + by, self.spreads, self.likeness)

    def threshold_interval(self, rate: float) -> tuple[float, float]:
        """Where that score lies, with a confidence of 90 %."""
        return _middle(self._quantiles(rate))

    def rate_interval(self, threshold: float, people: int, photos: int) -> tuple[float, float]:
        """Between which rates the next measurement will lie, with a probability of 90 %.

        Args:
            threshold: a score.
            people, photos: the measurement: so many strangers, with so many photos each.
        """
        rng = np.random.default_rng(0)
        shape = len(self.centres), people, photos
        shared = np.sqrt(self.likeness)[:, None, None] * rng.standard_normal((*shape[:2], 1))
        own = np.sqrt(1 - self.likeness)[:, None, None] * rng.standard_normal(shape)
        limits = ((threshold - self.centres) / self.spreads)[:, None, None]
        return _middle((shared + own >= limits).mean(axis=(1, 2)))

    def _quantiles(self, rate: float) -> Numbers:
        quantiles: Numbers = self.centres + self.spreads * _upper_quantiles(rate)
        return quantiles


def fit_tail(scores: npt.NDArray[np.floating], people: Ints) -> Tail:
    """Fit the tail of strangers' scores.

    Args:
        scores: (n,) a score per face.
        people: (n,) whose face it is; four people or more.
    """
    owners, order, starts = grouped(people)
    values = scores[order].astype(np.float64)
    groups = np.repeat(np.arange(len(owners)), np.diff(starts, append=len(values)))
    highest_first = np.argsort(-values, kind="stable")
    rng = np.random.default_rng(0)
    share = float(np.clip(_TAIL_SCORES / len(values), _LEAST_SHARE, _MOST_SHARE))
    fits = np.empty((DRAWS, 3))
    for fit in fits:
        times = np.bincount(rng.integers(0, len(owners), len(owners)), minlength=len(owners))
        drawn = np.repeat(highest_first, times[groups[highest_first]])
        fit[:2] = _normal_tail(values[drawn], share)
        fit[2] = _likeness(values, groups, times)
    return Tail(fits[:, 0], fits[:, 1] * _inflation(len(owners), share), fits[:, 2])


def _normal_tail(highest_first: Numbers, share: float) -> tuple[float, float]:
    """Centre and spread of the line through the highest scores in a normal probability plot."""
    count = len(highest_first)
    kept = max(int(np.ceil(share * count)), 3)
    quantiles = _upper_quantiles((np.arange(kept) + 0.5) / count)
    scores = highest_first[:kept]
    from_middle = quantiles - quantiles.mean()
    slope = from_middle @ (scores - scores.mean()) / (from_middle @ from_middle)
    return float(scores.mean() - slope * quantiles.mean()), max(float(slope), 1e-9)


def _likeness(values: Numbers, groups: Ints, times: Ints) -> float:
    """Intraclass correlation of the drawn people, by one-way analysis of variance."""
    sizes = np.bincount(groups)
    means = np.bincount(groups, values) / sizes
    residuals = np.bincount(groups, (values - means[groups]) ** 2)
    people, faces = times.sum(), times @ sizes
    typical = (faces - times @ sizes**2 / faces) / (people - 1)
    between = times @ (sizes * (means - times @ (sizes * means) / faces) ** 2) / (people - 1)
    within = times @ residuals / max(faces - people, 1)
    total = between + (typical - 1) * within
    return float(np.clip((between - within) / max(total, 1e-12), 0, 0.99))


def _inflation(people: int, share: float) -> float:
    """Makes up for what a bootstrap of few people leaves out of the spread.

    The variance of a new score given n observed ones is (n - 1) / (n - 3) of theirs (Student's t);
    a resample's is (n - 1) / n on average. A line through a share of the scores is less sure than
    one through all, by about the root of the share (found on ORL, with 10 and with 30 people).
    """
    return float(np.sqrt(people / max(people - 3 / np.sqrt(share), 1)))


def _middle(values: Numbers) -> tuple[float, float]:
    """Between which nine tenths of the values lie."""
    low, high = np.quantile(values, [0.05, 0.95])
    return float(low), float(high)


def _upper_quantiles(shares: npt.ArrayLike) -> Numbers:
    """The numbers that these shares of a standard normal distribution exceed."""
    from scipy.special import ndtri

    quantiles: Numbers = -ndtri(np.asarray(shares, np.float64))
    return quantiles
