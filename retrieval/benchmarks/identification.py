"""Identification on a folder of people: known people, strangers, and the rates they are judged by.

Each draw enrols some photos of each known person, asks about other photos of them, and about one
photo of each stranger. A photo without a usable face is never enrolled, a known person's such photo
counts as missed, a stranger's as not named. Everything is computed on whole arrays.

Source: ISO/IEC 19795-1 (FPIR, FNIR); ISO/IEC 19795-2 (DET).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from retrieval.benchmarks.face_vectors import PhotoVectors
from retrieval.errors import DataInvalid
from retrieval.scoring.rule import evidence, fuse, grouped, templates
from retrieval.values import Floats, Ints, Vectors

Bools = npt.NDArray[np.bool_]

FPIRS = (0.01, 0.001)
MOST_ASKED = 10  # photos of one person: those of whom there are hundreds would weigh too much
LEAST_KNOWN = 12
_LEAST_STRANGERS = 20
_FEW_STRANGERS = 500  # where there are fewer, each is asked about with more than one photo
_KNOWN_SHARE = 0.75  # of a folder where everybody has photos enough to be known
_ENDS = 0.025, 0.975  # of a confidence interval of 95 %
_MOST_ALIKE = 5  # pairs that are shown
_RESAMPLES = 200
_BLOCK_ROWS = 2048


class Draw(NamedTuple):
    """Rows of `PhotoVectors`; people are 0, 1, ... in the gallery.

    Attributes:
        gallery, owners: what is enrolled, and whose it is, ascending.
        asked, asked_owners: the known people's other photos.
        strangers, stranger_owners: photos of the others.
    """

    gallery: Ints
    owners: Ints
    asked: Ints
    asked_owners: Ints
    strangers: Ints
    stranger_owners: Ints


class Answers(NamedTuple):
    """A rule's answers to a draw.

    Attributes:
        right: (q,) whether a known person's photo has that person as its best.
        known: (q,) evidence, -inf where no face was found.
        leads: (q,) of the best person over the second.
        strangers: (s,) evidence.
        stranger_leads: (s,) as `leads`.
        stranger_best: (s,) the best known person, as in `Draw.owners`.
    """

    right: Bools
    known: Floats
    leads: Floats
    strangers: Floats
    stranger_leads: Floats
    stranger_best: Ints


def draw(faces: PhotoVectors, photos: int, people: int | None, rng: np.random.Generator) -> Draw:
    """Draw the known people, what is enrolled of them, and what is asked.

    Args:
        faces: of a folder.
        photos: enrolled of each person.
        people: known; None for all who have more photos than are enrolled.
        rng: of the draw.

    Raises:
        DataInvalid: there are too few people.
    """
    sizes = np.bincount(faces.people)
    usable = rng.permutation(np.flatnonzero(sizes > photos))
    spare = int((sizes > 0).sum()) - len(usable)
    most = len(usable) if spare >= len(usable) / 4 else round(_KNOWN_SHARE * len(usable))
    wanted = most if people is None else min(people, most)
    if wanted < LEAST_KNOWN or spare + len(usable) - wanted < _LEAST_STRANGERS / 4:
        raise DataInvalid(
            f"This needs {LEAST_KNOWN} known people with more than {photos} photos each, and some"
            f" strangers; found {len(usable)} people with as many. Give a larger folder."
        )
    rank = np.full(len(sizes), -1)
    rank[usable[:wanted]] = np.arange(wanted)
    owners = rank[faces.people]
    shuffled = rng.permutation(len(owners))
    place = _places(owners[shuffled])
    gallery = shuffled[(owners[shuffled] >= 0) & (place < photos)]
    gallery = gallery[faces.found[gallery]]
    gallery = gallery[np.argsort(owners[gallery], kind="stable")]
    last = photos + MOST_ASKED
    asked = shuffled[(owners[shuffled] >= 0) & (place >= photos) & (place < last)]
    strangers, own = _strangers(faces, sizes, rank, usable[wanted:], photos, shuffled)
    return Draw(gallery, owners[gallery], asked, owners[asked], strangers, own)


def _strangers(
    faces: PhotoVectors, sizes: Ints, rank: Ints, left: Ints, photos: int, shuffled: Ints
) -> tuple[Ints, Ints]:
    """Photos of people who have too few to be known; of the others, too, where those are few."""
    few = np.flatnonzero((sizes > 0) & (sizes <= photos) & (rank < 0))
    unknown = np.union1d(few, left) if len(few) < _FEW_STRANGERS else few
    each = 1 if len(unknown) >= _FEW_STRANGERS else MOST_ASKED
    whose = np.where(np.isin(faces.people, unknown), faces.people, -1)[shuffled]
    rows = shuffled[(whose >= 0) & (_places(whose) < each)]
    return rows, faces.people[rows]


def _places(owners: Ints) -> Ints:
    """The how-manieth row of its owner each row is: 0, 1, ..."""
    _, order, starts = grouped(owners)
    sizes = np.diff(starts, append=len(owners))
    places = np.empty(len(owners), np.int64)
    places[order] = np.arange(len(owners)) - np.repeat(starts, sizes)
    return places


Rule = Callable[[Vectors, Vectors, Ints], tuple[Ints, Floats, Floats]]


def answers(faces: PhotoVectors, drawn: Draw, rule: Rule) -> Answers:
    """Ask a draw's questions by a rule."""
    gallery = faces.vectors[drawn.gallery]

    def ask(rows: Ints) -> tuple[Ints, Floats, Floats]:
        starts = range(0, len(rows), _BLOCK_ROWS)
        parts = [
            rule(faces.vectors[rows[at : at + _BLOCK_ROWS]], gallery, drawn.owners) for at in starts
        ]
        best, scores, leads = (np.concatenate(column) for column in zip(*parts, strict=True))
        return best, np.where(faces.found[rows], scores, -np.inf), leads

    best, known, leads = ask(drawn.asked)
    stranger_best, strangers, stranger_leads = ask(drawn.strangers)
    right = (best == drawn.asked_owners) & (known > -np.inf)
    return Answers(right, known, leads, strangers, stranger_leads, stranger_best)


def ours(probes: Vectors, gallery: Vectors, owners: Ints) -> tuple[Ints, Floats, Floats]:
    """The product's rule: best person, evidence, lead."""
    people, scores = _scores(probes, gallery, owners, fuse)
    return _best(people, scores, with_lead=True)


def _scored(combine: Callable[[Floats, Floats], Floats]) -> Rule:
    def rule(probes: Vectors, gallery: Vectors, owners: Ints) -> tuple[Ints, Floats, Floats]:
        people, scores = _scores(probes, gallery, owners, combine)
        return _best(people, scores, with_lead=False)

    return rule


def _scores(
    probes: Vectors, gallery: Vectors, owners: Ints, combine: Callable[[Floats, Floats], Floats]
) -> tuple[Ints, Floats]:
    people, order, starts = grouped(owners)
    nearest = np.maximum.reduceat(probes @ gallery[order].T, starts, axis=1)
    return people, combine(nearest, probes @ templates(gallery, owners)[1].T)


def _best(people: Ints, scores: Floats, *, with_lead: bool) -> tuple[Ints, Floats, Floats]:
    top = -np.sort(np.partition(-scores, 2, axis=1)[:, :3], axis=1)
    best = people[scores.argmax(axis=1)]
    return best, (evidence(top) if with_lead else top)[:, 0], top[:, 0] - top[:, 1]


def _two_centres(probes: Vectors, gallery: Vectors, owners: Ints) -> tuple[Ints, Floats, Floats]:
    """Two centres per person by k-means, begun at the two photos that are least alike."""
    people, order, starts = grouped(owners)
    rows, whose = gallery[order], np.searchsorted(people, owners[order])
    centres = np.stack([rows[starts], rows[starts]], axis=1)
    far = np.einsum("nd,nd->n", rows, rows[starts][whose])
    worst = np.lexsort((far, whose))[starts]
    centres[:, 1] = rows[worst]
    for _ in range(10):
        nearer = np.einsum("nd,ncd->nc", rows, centres[whose]).argmax(axis=1)
        sums = np.zeros_like(centres)
        np.add.at(sums, (whose, nearer), rows)
        lengths = np.linalg.norm(sums, axis=2, keepdims=True)
        centres = np.where(lengths > 0, sums / np.maximum(lengths, 1e-12), centres)
    scores = np.maximum(probes @ centres[:, 0].T, probes @ centres[:, 1].T)
    return _best(people, scores.astype(np.float32), with_lead=False)


def _linear_classifier(
    probes: Vectors, gallery: Vectors, owners: Ints
) -> tuple[Ints, Floats, Floats]:
    """One against all by ridge regression: what a classifier head of one layer learns."""
    people, whose = np.unique(owners, return_inverse=True)
    targets = np.eye(len(people), dtype=np.float64)[whose]
    products = gallery.T.astype(np.float64) @ gallery
    weights = np.linalg.solve(
        products + np.eye(len(products)), gallery.T.astype(np.float64) @ targets
    )
    return _best(people, (probes @ weights).astype(np.float32), with_lead=False)


OURS = "score + lead (Rollcall)"
RULES: Mapping[str, Rule] = {
    "nearest photo": _scored(lambda nearest, template: nearest),
    "template": _scored(lambda nearest, template: template),
    "two k-means centres": _two_centres,
    "linear classifier": _linear_classifier,
    "score": _scored(fuse),
    OURS: ours,
}


def threshold_for(strangers: Floats, fpir: float) -> float:
    """The evidence that must be exceeded so that this share of the strangers passes."""
    return float(np.sort(strangers)[::-1][int(fpir * len(strangers))])


def fnir_at(found: Answers, fpir: float) -> float:
    """Share of the known people's photos not named rightly where this share of strangers is."""
    passed = found.known > threshold_for(found.strangers, fpir)
    return float(1 - (found.right & passed).mean())


def det_curve(found: Answers, fpirs: npt.NDArray[np.float64]) -> Floats:
    """FNIR at each FPIR."""
    order = np.sort(found.strangers)[::-1]
    limits = order[np.minimum((fpirs * len(order)).astype(np.int64), len(order) - 1)]
    right = np.sort(found.known[found.right])
    named = len(right) - np.searchsorted(right, limits, side="right")
    return np.asarray(1 - named / len(found.right), np.float32)


def fnir_interval(
    found: list[Answers], draws: list[Draw], fpir: float, seed: int = 0
) -> tuple[float, float]:
    """95 % confidence interval of the mean FNIR over the draws, by a bootstrap over people.

    Known people and strangers are drawn anew, each with all photos; the threshold follows.
    """
    rng = np.random.default_rng(seed)
    totals = np.zeros(_RESAMPLES)
    for one, drawn in zip(found, draws, strict=True):
        order = np.argsort(-one.strangers, kind="stable")
        own = np.unique(drawn.stranger_owners, return_inverse=True)[1][order]
        times = _times(rng, int(own.max()) + 1)[:, own].cumsum(axis=1)
        first_refused = (times <= fpir * times[:, -1:]).sum(axis=1)
        limits = one.strangers[order][np.minimum(first_refused, len(order) - 1)]
        weights = _times(rng, int(drawn.asked_owners.max()) + 1)[:, drawn.asked_owners]
        named = one.right & (one.known > limits[:, None])
        totals += 1 - (weights * named).sum(axis=1) / np.maximum(weights.sum(axis=1), 1)
    low, high = np.quantile(totals / len(found), _ENDS)
    return float(low), float(high)


def fpir_interval(named: Sequence[Bools], draws: Sequence[Draw]) -> tuple[float, float]:
    """95 % confidence interval of the mean FPIR over the draws, by a bootstrap over strangers.

    Args:
        named: which of each draw's strangers' photos are given a name.
        draws: as many.
    """
    people = 1 + max(int(drawn.stranger_owners.max()) for drawn in draws)
    asked, passed = np.zeros((2, people))
    for one, drawn in zip(named, draws, strict=True):
        asked += np.bincount(drawn.stranger_owners, minlength=people) / len(one)
        passed += np.bincount(drawn.stranger_owners, one, minlength=people) / len(one)
    there = np.flatnonzero(asked)
    times = _times(np.random.default_rng(0), len(there))
    low, high = np.quantile((times @ passed[there]) / (times @ asked[there]), _ENDS)
    return float(low), float(high)


def most_alike(
    faces: PhotoVectors, found: Sequence[Answers], draws: Sequence[Draw]
) -> list[tuple[str, str, float]]:
    """Strangers who look like one known person in every draw: perhaps one under two names.

    Returns:
        the stranger's name, the known person's, and the least evidence over the draws; most first.
    """
    least: dict[tuple[int, int], float] = {}
    for number, (one, drawn) in enumerate(zip(found, draws, strict=True)):
        person = np.zeros(int(drawn.owners.max()) + 1, np.int64)
        person[drawn.owners] = faces.people[drawn.gallery]
        pairs = zip(drawn.stranger_owners.tolist(), person[one.stranger_best].tolist(), strict=True)
        here = dict(zip(pairs, one.strangers.tolist(), strict=True))
        if number == 0:
            least = here
        least = {pair: min(least[pair], here[pair]) for pair in least.keys() & here.keys()}
    order = sorted(least.items(), key=lambda item: -item[1])[:_MOST_ALIKE]
    return [(faces.names[a], faces.names[b], evidence) for (a, b), evidence in order]


def _times(rng: np.random.Generator, people: int) -> Ints:
    """How often each person is drawn, one row per resample."""
    return rng.multinomial(people, np.full(people, 1 / people), _RESAMPLES).astype(np.int64)
