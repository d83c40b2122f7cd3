"""How often people are named, rightly: many draws of known people and strangers from a folder.

Each draw enrols some photos of some people, calibrates on these alone, and asks about their other
photos and about the strangers, through the product's own index, space, calibration and decisions.
Other rules answer the same draws. No rule sees the people or photos that it is tested on.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, TypedDict

import numpy as np
import numpy.typing as npt

from retrieval.benchmarks.draws import Draw, drawn, usable_people
from retrieval.benchmarks.face_folder import FaceFolder
from retrieval.benchmarks.progress import Advance, silent
from retrieval.errors import DataInvalid
from retrieval.identities.calibrate import Calibration, calibrate
from retrieval.identities.decide import decide
from retrieval.identities.trials import Trials, ask_gallery
from retrieval.index.gallery import Gallery
from retrieval.scoring.rule import evidence, grouped, templates
from retrieval.scoring.space import Space, SpacedFeed, fit_space
from retrieval.values import Changes, Floats, Gate, Ints, Outcome, PeopleHits, Vectors, Watermark

Bools = npt.NDArray[np.bool_]

FPIRS = (0.01, 0.001)
OURS = "score + lead, fitted space (Rollcall)"
_CANDIDATES = 5
_LEAST_KNOWN = 12  # a third of them, 4, is the least that a tail is fitted to
_PASSED = 21  # a curve lets 0 to 20 of the strangers' queries through


class Rule(TypedDict):
    """One rule's means over the draws and their standard deviations."""

    rule: str
    rank1: float
    rank1_sd: float
    fnir: dict[str, float]
    fnir_sd: dict[str, float]
    curve: list[float]


class Operation(TypedDict):
    """What the calibrated threshold did to people that calibration never saw, over the draws.

    Attributes:
        wanted_fpir: asked of the calibration.
        fpir, fpir_sd: of strangers' queries, those answered with a name.
        naive_fpir: where the threshold is the quantile of the strangers' searches.
        held: share of draws whose FPIR lies in the stated 90 % interval.
        upper_end: of that interval, on average.
        fnir, fnir_stated: queries of known people that are not answered with the right name, and
            what the calibration said.
        misnamed: queries of known people that are answered with a wrong name.
        grown_fpir, grown_fpir_as_is: calibrated on a third of the people, measured with all, with
            the threshold extrapolated and without.
    """

    wanted_fpir: float
    fpir: float
    fpir_sd: float
    naive_fpir: float
    held: float
    upper_end: float
    fnir: float
    fnir_stated: float
    misnamed: float
    grown_fpir: float
    grown_fpir_as_is: float


class Accuracy(TypedDict):
    """The benchmark's result."""

    data: dict[str, object]
    known: int
    strangers: int
    photos: int
    draws: int
    seed: int
    fpirs: list[float]
    rules: list[Rule]
    operation: Operation
    measured_fpir: list[float]
    known_evidence: list[float]
    stranger_evidence: list[float]


class Answers(NamedTuple):
    """A rule's answers to a draw: was a known person's query rightly named; evidence of both."""

    right: Bools
    known: Floats
    strangers: Floats


class _Measured(NamedTuple):
    """`Operation` of one draw."""

    fpir: float
    naive_fpir: float
    held: bool
    upper_end: float
    fnir: float
    fnir_stated: float
    misnamed: float
    grown_fpir: float
    grown_fpir_as_is: float


def run(
    faces: FaceFolder,
    draws: int = 60,
    photos: int = 5,
    seed: int = 0,
    fpir: float = 0.01,
    advance: Advance = silent,
) -> Accuracy:
    """Measure on a folder's faces.

    Args:
        faces: a folder's.
        draws: of people and photos, the same for each rule.
        photos: a person in the gallery; the others are queries.
        seed: of the draws.
        fpir: wanted of the calibration.
        advance: told of every draw.

    Raises:
        DataInvalid: too few people have more photos than are enrolled.
    """
    usable, known = usable_people(faces, photos)
    if photos < 2 or known < _LEAST_KNOWN:
        raise DataInvalid(
            f"Calibration is measured with {_LEAST_KNOWN} known people or more, of 2 photos each;"
            f" found {known} people with more than {photos} photos. Give a larger folder."
        )
    answers: dict[str, list[Answers]] = {}
    operations: list[_Measured] = []
    for number in range(draws):
        draw = drawn(faces, usable, known, photos, np.random.default_rng([seed, number]))
        product = _Product(draw, fpir)
        for name, rule in _RULES.items():
            answers.setdefault(name, []).append(rule(draw, product.space))
        answers.setdefault(OURS, []).append(product.answers())
        operations.append(product.operation())
        advance(1)
    return Accuracy(
        data=faces.facts(),
        known=known,
        strangers=len(usable) - known,
        photos=photos,
        draws=draws,
        seed=seed,
        fpirs=list(FPIRS),
        rules=[_summary(name, found) for name, found in answers.items()],
        operation=_operation(operations, fpir),
        measured_fpir=[found.fpir for found in operations],
        known_evidence=_every(answers[OURS], "known"),
        stranger_evidence=_every(answers[OURS], "strangers"),
    )


class _Product:
    """A draw enrolled, calibrated and asked as the product does it."""

    def __init__(self, draw: Draw, fpir: float) -> None:
        self._draw, self._fpir = draw, fpir
        self._trials = _ask(draw.gallery, draw.owners)
        self._calibration = calibrate(self._trials, fpir)
        self.space = fit_space(draw.gallery, draw.owners)
        self._known = _hits(draw, draw.queries, self.space)
        self._strangers = _hits(draw, draw.strangers, self.space)

    def answers(self) -> Answers:
        return Answers(
            self._known.people[:, 0] == self._draw.asked,
            evidence(self._known.scores)[:, 0],
            evidence(self._strangers.scores)[:, 0],
        )

    def operation(self) -> _Measured:
        people = len(np.unique(self._draw.owners))
        gate = self._calibration.gate(people)
        named, passed = _named(self._known, gate), _named(self._strangers, gate)
        found = self.answers().strangers
        fpir = float((passed >= 0).mean())
        low, high = self._calibration.fpir_interval
        grown, later = self._of_a_third()
        return _Measured(
            fpir=fpir,
            naive_fpir=float((found >= self._naive_threshold()).mean()),
            held=low <= fpir <= high,
            upper_end=high,
            fnir=float((named != self._draw.asked).mean()),
            fnir_stated=self._calibration.fnir,
            misnamed=float(((named >= 0) & (named != self._draw.asked)).mean()),
            grown_fpir=float((later >= grown.threshold_at(people)).mean()),
            grown_fpir_as_is=float((later >= grown.threshold).mean()),
        )

    def _naive_threshold(self) -> float:
        return float(np.quantile(self._trials.strangers, 1 - self._fpir))

    def _of_a_third(self) -> tuple[Calibration, Floats]:
        """Calibrated with a third of the people; the strangers' evidence once all are enrolled."""
        draw = self._draw
        few = draw.owners < (draw.owners.max() + 1) // 3
        space = fit_space(draw.gallery[few], draw.owners[few])
        grown = calibrate(_ask(draw.gallery[few], draw.owners[few]), self._fpir)
        return grown, evidence(_hits(draw, draw.strangers, space).scores)[:, 0]


def _hits(draw: Draw, queries: Vectors, space: Space) -> PeopleHits:
    gallery = Gallery(SpacedFeed(_Enrolled(draw), space), None)
    gallery.catch_up()
    return gallery.search(space.of(queries), _CANDIDATES)


def _ask(vectors: Vectors, owners: Ints) -> Trials:
    return ask_gallery(vectors, owners, fitted=True)


def _named(hits: PeopleHits, gate: Gate) -> Ints:
    """Whom each query, a photo with one face, is answered with; -1 for nobody."""
    rows = [slice(row, row + 1) for row in range(len(hits.people))]
    decisions = [
        decide(
            PeopleHits(
                hits.people[row],
                hits.scores[row],
                hits.faces[row],
                hits.nearest[row],
                hits.templates[row],
            ),
            [None],
            gate,
        )[0]
        for row in rows
    ]
    return np.array(
        [d.person_id if d.outcome is Outcome.MATCH else -1 for d in decisions], np.int64
    )


class _Enrolled:
    """A draw's gallery as a change log."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw

    @property
    def dimension(self) -> int:
        return int(self._draw.gallery.shape[1])

    def head(self) -> Watermark:
        return Watermark("draw", 1)

    def changes(self, since: Watermark, limit: int = 100_000) -> Changes:
        ids = np.arange(1, len(self._draw.owners) + 1)
        return Changes(
            np.zeros(0, np.int64), ids, self._draw.owners, self._draw.gallery, self.head(), True
        )

    def everything(self, chunk: int = 50_000) -> Iterator[Changes]:
        yield self.changes(self.head())

    def of_people(self, people: Ints) -> Changes:
        every = self.changes(self.head())
        own = np.isin(every.people, people)
        return replace(
            every, added=every.added[own], people=every.people[own], vectors=every.vectors[own]
        )


# Other rules, on the same draws


def _scored(weight: float, lead: bool, fitted: bool) -> Callable[[Draw, Space], Answers]:
    """A rule: `weight` of the nearest photo, the rest of the template, the lead, the space."""

    def answers(draw: Draw, space: Space) -> Answers:
        space = space if fitted else Space()
        gallery = space.of(draw.gallery)
        _, order, starts = grouped(draw.owners)
        means = templates(gallery, draw.owners)[1]

        def best(queries: Vectors) -> tuple[Ints, Floats]:
            probes = space.of(queries)
            nearest = np.maximum.reduceat(probes @ gallery[order].T, starts, axis=1)
            scores = np.float32(weight) * nearest + np.float32(1 - weight) * (probes @ means.T)
            top = -np.sort(-scores, axis=1)[:, :3]
            return scores.argmax(axis=1), (evidence(top) if lead else top)[:, 0]

        people, known = best(draw.queries)
        return Answers(people == draw.asked, known, best(draw.strangers)[1])

    return answers


_RULES: Mapping[str, Callable[[Draw, Space], Answers]] = {
    "nearest photo": _scored(1.0, lead=False, fitted=False),
    "template": _scored(0.0, lead=False, fitted=False),
    "score (nearest photo + template)": _scored(0.5, lead=False, fitted=False),
    "score + lead": _scored(0.5, lead=True, fitted=False),
    "score, fitted space": _scored(0.5, lead=False, fitted=True),
}


# Summing up


def fnir_at(answers: Answers, passed: int) -> float:
    """FNIR at the threshold that lets so many of the strangers' queries through.

    Source: ISO/IEC 19795-1.
    """
    threshold = np.sort(answers.strangers)[::-1][passed]
    return float(1 - (answers.right & (answers.known > threshold)).mean())


def _summary(name: str, found: Sequence[Answers]) -> Rule:
    rank1 = np.array([answers.right.mean() for answers in found])
    strangers = len(found[0].strangers)
    fnir = {
        f"{fpir:g}": np.array([fnir_at(a, int(fpir * len(a.strangers))) for a in found])
        for fpir in FPIRS
    }
    points = range(min(_PASSED, strangers))
    return Rule(
        rule=name,
        rank1=float(rank1.mean()),
        rank1_sd=float(rank1.std()),
        fnir={fpir: float(rates.mean()) for fpir, rates in fnir.items()},
        fnir_sd={fpir: float(rates.std()) for fpir, rates in fnir.items()},
        curve=[float(np.mean([fnir_at(a, passed) for a in found])) for passed in points],
    )


def _operation(found: Sequence[_Measured], fpir: float) -> Operation:
    def mean(name: str) -> float:
        return float(np.mean([getattr(measured, name) for measured in found]))

    return Operation(
        wanted_fpir=fpir,
        fpir=mean("fpir"),
        fpir_sd=float(np.std([measured.fpir for measured in found])),
        naive_fpir=mean("naive_fpir"),
        held=mean("held"),
        upper_end=mean("upper_end"),
        fnir=mean("fnir"),
        fnir_stated=mean("fnir_stated"),
        misnamed=mean("misnamed"),
        grown_fpir=mean("grown_fpir"),
        grown_fpir_as_is=mean("grown_fpir_as_is"),
    )


def _every(found: Sequence[Answers], name: str) -> list[float]:
    values = np.concatenate([getattr(answers, name) for answers in found])
    return [round(float(value), 4) for value in values]
