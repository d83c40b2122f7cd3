"""Error rates by groups of people, with intervals, and whether one group's differ (pure).

Which groups there are, and who is in which, is what the caller says: nothing of it is inferred from
a face. People are what is sampled, not photos: somebody's photos are missed together.

Sources: Wilson, "Probable inference", JASA 1927, with the effective number of photos of Korn and
Graubard, Survey Methodology 1998; Newcombe, "Interval estimation for the difference between
independent proportions", Statistics in Medicine 1998, method 10.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any, Literal

import numpy as np

from retrieval.values import Floats

Verdict = Literal["as the others", "higher", "lower", "too small to tell"]

LEAST_PEOPLE = 10  # fewer say nothing about a group, whatever their photos say
_TIMES = 2.0  # a group that may be missed so many times as often as the others is not "as" they are
_LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class GroupRate:
    """How often a group's photos come out wrong.

    Attributes:
        group: its name.
        people, photos: that were asked about.
        rate: share of the photos that came out wrong; None without any.
        low, high: 95 % confidence, people being what is sampled.
        verdict: against all other groups together, right in 95 of 100 lists of groups.
    """

    group: str
    people: int
    photos: int
    rate: float | None
    low: float
    high: float
    verdict: Verdict

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def rates_by_group(
    groups: Sequence[str | None], asked: Floats, wrong: Floats
) -> tuple[GroupRate, ...]:
    """Compare each group with all others.

    Args:
        groups: of each person; people in None are left out.
        asked: (p,) photos of each person that were asked about; may be a mean over repetitions.
        wrong: (p,) how many of them came out wrong.

    Returns:
        A rate per group, by name.
    """
    whose = np.array([group if group is not None else "" for group in groups], dtype=object)
    there = np.array([group is not None for group in groups]) & (asked > 0)
    names = sorted({group for group in groups if group is not None})
    z = NormalDist().inv_cdf(1 - (1 - _LEVEL) / 2 / max(len(names), 1))
    found = []
    for name in names:
        own, others = there & (whose == name), there & (whose != name)
        sample = _Sample.of(asked[own], wrong[own])
        low, high = sample.interval(NormalDist().inv_cdf((1 + _LEVEL) / 2))
        found.append(
            GroupRate(
                name,
                int(own.sum()),
                round(float(asked[own].sum())),
                sample.rate if own.any() else None,
                low,
                high,
                _verdict(sample, _Sample.of(asked[others], wrong[others]), z),
            )
        )
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Sample:
    """A share, and how many photos of as many people would show it as surely."""

    people: int
    rate: float
    effective: float

    @classmethod
    def of(cls, asked: Floats, wrong: Floats) -> "_Sample":
        people, total = len(asked), float(asked.sum())
        if not people:
            return cls(0, 0.0, 0.0)
        rate = float(wrong.sum()) / total
        spread = float(((wrong - rate * asked) ** 2).sum()) * people / max(people - 1, 1)
        if people < 2 or spread == 0 or not 0 < rate < 1:
            return cls(people, rate, float(people))
        return cls(people, rate, min(rate * (1 - rate) * total**2 / spread, total))

    def interval(self, z: float) -> tuple[float, float]:
        """Wilson's, at so many standard deviations; all there is where nobody was asked."""
        if not self.effective:
            return 0.0, 1.0
        share = z**2 / self.effective
        middle = (self.rate + share / 2) / (1 + share)
        half = (
            z
            * float(
                np.sqrt(self.rate * (1 - self.rate) / self.effective + share / 4 / self.effective)
            )
            / (1 + share)
        )
        return max(middle - half, 0.0), min(middle + half, 1.0)


def _verdict(own: _Sample, others: _Sample, z: float) -> Verdict:
    if min(own.people, others.people) < LEAST_PEOPLE:
        return "too small to tell"
    (low, high), (others_low, others_high) = own.interval(z), others.interval(z)
    difference = own.rate - others.rate
    least = difference - float(np.hypot(own.rate - low, others_high - others.rate))
    most = difference + float(np.hypot(high - own.rate, others.rate - others_low))
    if least > 0:
        return "higher"
    if most < 0:
        return "lower"
    return "too small to tell" if most >= (_TIMES - 1) * others.rate else "as the others"
